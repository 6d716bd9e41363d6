// A client's side of one stamp: digest of a file, query, answer, and the checks that a client can make (RFC 3161
// §2.2). Whether the TSA is trusted is checked where anchors are given.
import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { createDigest, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import { ConfigError, SourceError } from '#shared/errors.ts';
import { openHttpSender } from '#shared/io/http-sender.ts';
import { maxReplyOctets, queryHeaders, replyOctets } from '#shared/tsp/http-exchange.ts';
import { buildTimeStampReq, parseTimeStampReq } from '#shared/tsp/request.ts';
import { parseTimeStampResp, printableText } from '#shared/tsp/response.ts';
import { parseTimeStampToken, type TimeStampToken } from '#shared/tsp/token.ts';
import { verifyToken } from '#shared/tsp/verify-token.ts';
import type { Certificate } from '#shared/x509/certificate.ts';

const limits = {
  connectMs: 5000,
  firstByteMs: 60_000,
  totalMs: 60_000,
  maxAnswerBytes: maxReplyOctets,
};

async function digestFile(file: string, algorithm: DigestAlgorithm): Promise<Uint8Array> {
  const running = createDigest(algorithm);
  try {
    for await (const chunk of createReadStream(file) as AsyncIterable<Uint8Array>)
      running.update(chunk);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError('ERR_CONFIG_USAGE', `${file} cannot be read: ${reason}`, {
      cause: error,
    });
  }
  return running.finish();
}

export type StampedFile = {
  /** The TimeStampResp as received. */
  readonly response: Uint8Array;
  readonly token: TimeStampToken;
  /** Whether the TSU's path was verified to one of the anchors. */
  readonly trusted: boolean;
};

/**
 * Has the digest of a file stamped by the TSA at `url`.
 * @throws ConfigError ERR_CONFIG_USAGE: the file cannot be read
 * @throws SourceError: the TSA cannot be reached, refuses, or answers with what does not prove this file
 */
export async function stampFile(options: {
  readonly file: string;
  readonly url: string;
  readonly algorithm: DigestAlgorithm;
  /** Empty: the signature is checked, the path is not. */
  readonly anchors: readonly Certificate[];
  readonly now: Temporal.Instant;
  readonly signal: AbortSignal;
}): Promise<StampedFile> {
  const { file, url, algorithm, anchors, now, signal } = options;
  const imprint = await digestFile(file, algorithm);
  // A clear first bit: the nonce is positive without padding.
  const nonce = BigInt(`0x${randomBytes(8).toString('hex')}`) >> 1n;
  const request = buildTimeStampReq({ algorithm, digest: imprint, nonce, certReq: true });
  await using sender = openHttpSender();
  const answer = await sender.send({
    url,
    method: 'POST',
    headers: queryHeaders,
    body: request,
    addresses: 'any',
    limits,
    signal,
  });
  const response = replyOctets(answer, now);
  const {
    status,
    statusName,
    statusString,
    failInfo,
    token: octets,
  } = parseTimeStampResp(response);
  if ((statusName !== 'granted' && statusName !== 'grantedWithMods') || !octets) {
    const text = printableText([...failInfo, ...statusString].join('; '));
    throw new SourceError(
      'ERR_SOURCE_REFUSED',
      `${url} answered ${statusName ?? status}: ${text}`,
      {
        retryable: false,
        pkiStatus: status,
        failInfo,
      },
    );
  }
  const token = parseTimeStampToken(octets);
  const verdict = verifyToken(token, {
    request: parseTimeStampReq(request),
    anchors: anchors.map((certificate) => ({ certificate })),
    revocationMode: 'soft',
  });
  // Without anchors no path can end: that one doubt is allowed, everything else must hold.
  const onlyPathMissing =
    verdict.subIndication === 'NO_CERTIFICATE_CHAIN_FOUND' &&
    verdict.status === 'indeterminate' &&
    verdict.signatureIntact &&
    verdict.messageDigestIntact;
  const acceptable = verdict.status === 'valid' || (anchors.length === 0 && onlyPathMissing);
  if (!acceptable) {
    const reasons = verdict.findings
      .filter(({ level }) => level === 'error' || level === 'unknown')
      .map(({ message }) => message);
    throw new SourceError(
      'ERR_SOURCE_ANSWER',
      `${url} gave a token that is ${verdict.status}: ${reasons.join('; ')}`,
      { retryable: false },
    );
  }
  return { response, token, trusted: anchors.length > 0 };
}
