// The one place where reasons become answers: PKIStatusInfo inside of a TimeStampResp (RFC 3161 §2.4.2), and HTTP
// statuses with a plain sentence for what is no timestamp query at all (RFC 9110 §15).
import {
  ConfigError,
  ConflictError,
  FormatError,
  InvariantError,
  SourceError,
  UnsupportedError,
} from '#shared/errors.ts';
import { buildTimeStampResp, printableText, type PKIFailureInfo } from '#shared/tsp/response.ts';

/** The failure bits that RFC 3161 §2.4.2 defines; an answer of ours sets exactly one. */
const failureBits = [
  'badAlg',
  'badRequest',
  'badDataFormat',
  'timeNotAvailable',
  'unacceptedPolicy',
  'unacceptedExtension',
  'addInfoNotAvailable',
  'systemFailure',
] as const satisfies readonly PKIFailureInfo[];
export type FailureBit = (typeof failureBits)[number];

/** The bit as RFC 3161 has it; one of the others of RFC 4210 says no more than badRequest. */
export function failureBitOf(name: PKIFailureInfo): FailureBit {
  return failureBits.find((bit) => bit === name) ?? 'badRequest';
}

/** A refusal with its bit and one English sentence for whoever reads the client's log. */
export type Rejection = {
  readonly kind: 'rejected';
  readonly failureBit: FailureBit;
  readonly message: string;
};

/** A TimeStampResp that refuses. The text may quote a provider, so it is made printable. */
export function buildRejection(rejection: Omit<Rejection, 'kind'>): Uint8Array {
  return buildTimeStampResp({
    status: 'rejection',
    statusString: printableText(rejection.message),
    failInfo: [rejection.failureBit],
  });
}

/**
 * The refusal that an error stands for. What is our own fault says nothing about its inside: the log
 * has it.
 */
export function rejectionOf(error: unknown): Rejection {
  if (error instanceof FormatError) {
    const message = `not a TimeStampReq: ${error.message}`;
    return { kind: 'rejected', failureBit: 'badDataFormat', message };
  }
  if (error instanceof UnsupportedError)
    return { kind: 'rejected', failureBit: 'badAlg', message: error.message };
  if (error instanceof SourceError)
    return { kind: 'rejected', failureBit: 'timeNotAvailable', message: error.message };
  return { kind: 'rejected', failureBit: 'systemFailure', message: 'the server failed; try again' };
}

/** What an event may say of an error: class, code and message. */
export function errorFields(error: unknown): { readonly code?: string; readonly reason: string } {
  if (
    error instanceof FormatError ||
    error instanceof UnsupportedError ||
    error instanceof SourceError ||
    error instanceof ConflictError ||
    error instanceof ConfigError ||
    error instanceof InvariantError
  )
    return { code: error.code, reason: printableText(error.message) };
  return { reason: error instanceof Error ? printableText(error.message) : 'unknown' };
}

/** An HTTP answer to what is no query: a status and a sentence. */
export type PlainAnswer = {
  readonly status: 400 | 401 | 403 | 404 | 405 | 406 | 413 | 415 | 429 | 500 | 501 | 503 | 505;
  readonly text: string;
  readonly headers?: Readonly<Record<string, string>>;
};

export const plainAnswers = {
  unknownProfile: (name: string): PlainAnswer => ({
    status: 404,
    text: `There is no profile "${printableText(name, 64)}" here. The address of a profile is /tsa/NAME.`,
  }),
  unknownAddress: (): PlainAnswer => ({
    status: 404,
    text: 'There is nothing at this address. Timestamp queries are sent to / or to /tsa/NAME.',
  }),
  wrongMethod: (): PlainAnswer => ({
    status: 405,
    text: 'Timestamp queries are sent with POST (RFC 3161 section 3.4).',
    headers: { allow: 'GET, HEAD, POST' },
  }),
  readOnly: (): PlainAnswer => ({
    status: 405,
    text: 'This address can only be read.',
    headers: { allow: 'GET, HEAD' },
  }),
  wrongType: (): PlainAnswer => ({
    status: 415,
    text: 'A timestamp query has the content type application/timestamp-query and no content encoding.',
    headers: { accept: 'application/timestamp-query' },
  }),
  tooLarge: (limit: number): PlainAnswer => ({
    status: 413,
    text: `A timestamp query holds a digest, not the document: more than ${limit} octets are not taken.`,
  }),
  saidTwice: (field: string): PlainAnswer => ({
    status: 400,
    text: `A request has one header field ${field} (RFC 9110 section 5.3).`,
  }),
  unknownCoding: (): PlainAnswer => ({
    status: 501,
    text: 'The only transfer coding that is known here is chunked (RFC 9112 section 6.1).',
  }),
  otherVersion: (): PlainAnswer => ({
    status: 505,
    text: 'HTTP/1.1 is spoken here.',
  }),
  brokenRequest: (): PlainAnswer => ({
    status: 400,
    text: 'The request ended before its body was complete.',
  }),
  /** What a client may have is used up: RFC 9110 §10.2.3 says when it may come again. */
  limited: (
    { message, until }: { readonly message: string; readonly until: Temporal.Instant },
    now: Temporal.Instant,
  ): PlainAnswer => ({
    status: 429,
    text: `${message}. It can be tried again at ${until.toString({ smallestUnit: 'second' })}.`,
    headers: {
      'retry-after': String(
        Math.max(1, Math.ceil((until.epochMilliseconds - now.epochMilliseconds) / 1000)),
      ),
    },
  }),
  /** No word of what was wrong: the audit log has it. */
  unknownClient: (): PlainAnswer => ({
    status: 401,
    text: 'A key or a password of a client is needed here.',
    headers: { 'www-authenticate': 'Bearer realm="Tokiwa", Basic realm="Tokiwa", charset="UTF-8"' },
  }),
  notAllowed: (): PlainAnswer => ({
    status: 403,
    text: 'This client is not allowed here.',
  }),
  busy: (): PlainAnswer => ({
    status: 503,
    text: 'Too many clients come with passwords just now. The query can be sent again.',
    headers: { 'retry-after': '5' },
  }),
  wrongEvidenceType: (): PlainAnswer => ({
    status: 415,
    text: 'Digests are sent as application/json, or one of them as application/timestamp-query, with no content encoding.',
    headers: { accept: 'application/json, application/timestamp-query' },
  }),
  tooManyDigests: (limit: number): PlainAnswer => ({
    status: 413,
    text: `More than ${limit} octets are not taken at once: send fewer digests in more requests.`,
  }),
  notUnderstood: (message: string): PlainAnswer => ({
    status: 400,
    text: `This cannot be taken in: ${printableText(message, 300)}.`,
  }),
  notAsOctets: (): PlainAnswer => ({
    status: 406,
    text: 'Only a request of one group is answered as application/octet-stream; ask for application/json.',
  }),
  unknownEvidence: (): PlainAnswer => ({
    status: 404,
    text: 'There is nothing under this name: it was never taken in, or its records are no longer kept. Send the digests again.',
  }),
  full: (retryAfterSeconds: number): PlainAnswer => ({
    status: 503,
    text: 'As many digests as may wait are waiting. Nothing was taken in.',
    headers: { 'retry-after': String(retryAfterSeconds) },
  }),
  notDurable: (): PlainAnswer => ({
    status: 503,
    text: 'The digests could not be made durable, and nothing is promised. Send them again.',
    headers: { 'retry-after': '30' },
  }),
  ourFault: (): PlainAnswer => ({
    status: 500,
    text: 'The server failed. The query can be sent again.',
  }),
} as const;

/** What a person finds who opens the address for digests in a browser. */
export function evidenceText(profile: {
  readonly name: string;
  readonly hashAlgorithms: readonly string[];
}): string {
  return [
    'Digests that are sent here are collected, and each gets an evidence record (RFC 4998).',
    '',
    `Profile: ${profile.name}. Digest algorithms: ${profile.hashAlgorithms.join(', ')}.`,
    '',
    '  curl -H "Content-Type: application/json" -o record.json ADDRESS \\',
    `    -d '{"hashAlgorithm":"SHA-256","digests":["DIGEST"]}'`,
    '',
  ].join('\n');
}

/** What a person finds who opens the address in a browser. */
export function endpointText(profile: {
  readonly name: string;
  readonly hashAlgorithms: readonly string[];
  readonly notAccredited: boolean;
}): string {
  return [
    'This is a time-stamping authority (RFC 3161), run by Tokiwa.',
    '',
    `Profile: ${profile.name}. Digest algorithms: ${profile.hashAlgorithms.join(', ')}.`,
    ...(profile.notAccredited
      ? ['Its tokens may come from a local unit that is not accredited by anyone.']
      : []),
    '',
    'Programs send a TimeStampReq here by POST, as application/timestamp-query. By hand:',
    '',
    '  openssl ts -query -data FILE -sha256 -cert -out FILE.tsq',
    '  curl -H "Content-Type: application/timestamp-query" --data-binary @FILE.tsq -o FILE.tsr ADDRESS',
    '',
  ].join('\n');
}
