// RFC 3161 over HTTP (§3.4), the pure half: what to send, and whether an answer is one. Sending is for
// an adapter; what the answer says is for response.ts and verify-token.ts.
import { SourceError } from '#shared/errors.ts';

export const queryMediaType = 'application/timestamp-query';
export const replyMediaType = 'application/timestamp-reply';

/** A token with its certificates takes a few thousand octets; with CRLs inside, more. */
export const maxReplyOctets = 4 * 1024 * 1024;

/** Headers of a query; the body is the TimeStampReq itself. */
export const queryHeaders: Readonly<Record<string, string>> = {
  'Content-Type': queryMediaType,
  Accept: replyMediaType,
};

/**
 * Leaves out of a TSA's words what an Authorization header said to it: one that repeats what it was told tells
 * our logs, reports and clients nothing.
 * @see RFC 7617 §2, RFC 6750 §2.1
 */
export function withoutCredentials(authorization: string | undefined): (text: string) => string {
  const [scheme = '', sent = ''] = (authorization ?? '').split(' ');
  const pair = scheme === 'Basic' ? Buffer.from(sent, 'base64').toString() : '';
  const password = pair.slice(pair.indexOf(':') + 1);
  const secrets = [sent, password].filter((one) => one !== '');
  return (text) => secrets.reduce((rest, secret) => rest.replaceAll(secret, '…'), text);
}

/** An HTTP answer as received; header names in lower case. */
export type HttpAnswer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Uint8Array;
};

/** Seconds of a Retry-After header in either form (RFC 9110 §10.2.3). */
function retryAfter(value: string | undefined, now: Temporal.Instant): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d{1,9}$/.test(value.trim())) return Number(value);
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : Math.max(0, Math.ceil((at - now.epochMilliseconds) / 1000));
}

/** Statuses after which the same query may succeed later. */
const retryableStatuses: readonly number[] = [408, 425, 429, 500, 502, 503, 504];

/**
 * The octets of the TimeStampResp in an HTTP answer, unchanged.
 *
 * A 200 of another media type is still refused, although some servers mean well: an HTML error page
 * with status 200 is more common than a mislabelled token.
 * @throws SourceError ERR_SOURCE_REFUSED (HTTP says no), ERR_SOURCE_ANSWER (no timestamp reply)
 * @see RFC 3161 §3.4
 */
export function replyOctets(answer: HttpAnswer, now: Temporal.Instant): Uint8Array {
  const { status, headers, body } = answer;
  if (status !== 200) {
    throw new SourceError('ERR_SOURCE_REFUSED', `the TSA answered with HTTP status ${status}`, {
      retryable: retryableStatuses.includes(status),
      retryAfterSeconds: retryAfter(headers['retry-after'], now),
      // A gateway that gave up may have passed the query on.
      outcomeUnknown: status >= 500,
    });
  }
  const mediaType = headers['content-type']?.split(';')[0]?.trim().toLowerCase() ?? '';
  if (mediaType !== replyMediaType) {
    throw new SourceError(
      'ERR_SOURCE_ANSWER',
      `the TSA answered with ${mediaType === '' ? 'no media type' : mediaType}, not ${replyMediaType}`,
      { retryable: true, outcomeUnknown: true },
    );
  }
  if (body.length === 0 || body.length > maxReplyOctets) {
    throw new SourceError('ERR_SOURCE_ANSWER', `the TSA answered with ${body.length} octets`, {
      retryable: true,
      outcomeUnknown: true,
    });
  }
  return body;
}
