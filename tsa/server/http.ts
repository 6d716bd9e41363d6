// Reading requests and writing answers, with their limits (RFC 3161 §3.4, RFC 9110): what every address of the proxy
// shares.
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { createByteCollector } from '#shared/bytes.ts';
import { SourceError } from '#shared/errors.ts';
import { queryMediaType, replyMediaType } from '#shared/tsp/http-exchange.ts';
import { plainAnswers, type PlainAnswer } from '../replies.ts';

/** Sends a sentence with its status. */
export function sendPlain(response: ServerResponse, answer: PlainAnswer): void {
  const body = Buffer.from(`${answer.text}\n`);
  response.writeHead(answer.status, {
    // What was not read of a refused body is not read at all: the connection ends.
    ...(answer.status === 404 ? {} : { connection: 'close' }),
    'cache-control': 'no-store',
    'content-type': 'text/plain; charset=utf-8',
    'content-length': String(body.length),
    ...answer.headers,
  });
  response.end(body);
}

/** Sends a TimeStampResp. */
export function sendReply(
  response: ServerResponse,
  octets: Uint8Array,
  retryAfterSeconds?: number,
): void {
  const headers: OutgoingHttpHeaders = {
    ...(retryAfterSeconds === undefined ? {} : { 'retry-after': String(retryAfterSeconds) }),
    'content-type': replyMediaType,
    'content-length': octets.length,
    'cache-control': 'no-store',
  };
  response.writeHead(200, headers).end(octets);
}

/** Fields that a request has once: of two, others on its way may have looked at the other one. */
const singleFields: readonly string[] = ['host', 'content-type', 'authorization'];

/** What node:http lets through of a request that another server may read otherwise (RFC 9112 §2.3, §3.2, §6.1). */
export function ambiguityOf(request: IncomingMessage): PlainAnswer | undefined {
  const { rawHeaders, headers, httpVersionMajor } = request;
  if (httpVersionMajor !== 1) return plainAnswers.otherVersion();
  const coding = headers['transfer-encoding'];
  if (coding !== undefined && coding.toLowerCase() !== 'chunked')
    return plainAnswers.unknownCoding();
  for (const name of singleFields) {
    let count = 0;
    for (let i = 0; i < rawHeaders.length; i += 2) {
      const field = rawHeaders[i] ?? '';
      if (field.length === name.length && field.toLowerCase() === name) count++;
    }
    if (count > 1) return plainAnswers.saidTwice(name);
  }
  return undefined;
}

/** What the request says its body is; `undefined` where it is packed, or does not say. */
export function mediaTypeOf(request: IncomingMessage): string | undefined {
  const encoding = request.headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
  if (encoding !== 'identity') return undefined;
  return request.headers['content-type']?.split(';')[0]?.trim().toLowerCase();
}

/** Whether the request says that its body is a query, unpacked. */
export function isQuery(request: IncomingMessage): boolean {
  return mediaTypeOf(request) === queryMediaType;
}

/**
 * The body, or `undefined` as soon as it is longer than `limit`: the rest is never read, however long.
 * @throws SourceError ERR_SOURCE_UNREACHABLE: the client went away in the middle
 */
export function readBody(
  request: IncomingMessage,
  response: ServerResponse,
  limit: number,
): Promise<Uint8Array | undefined> {
  if (Number(request.headers['content-length'] ?? 0) > limit) return Promise.resolve(undefined);
  // Other expectations were refused by node:http, and one of HTTP/1.0 is none.
  if (request.headers.expect !== undefined && request.httpVersion === '1.1')
    response.writeContinue();
  // By events: an async iterator costs about as much as the rest of the exchange.
  return new Promise((resolve, reject) => {
    const body = createByteCollector();
    const take = (part: Uint8Array): void => {
      body.add(part);
      if (body.length() <= limit) return;
      request.off('data', take);
      request.pause();
      resolve(undefined);
    };
    const giveUp = (): void => {
      if (request.readableEnded) return;
      const why = 'the client went away before its request was complete';
      reject(new SourceError('ERR_SOURCE_UNREACHABLE', why, { retryable: true }));
    };
    // Without a listener for errors none is emitted: the end of the connection says enough.
    request.once('close', giveUp);
    request.once('end', () => {
      resolve(body.octets());
    });
    request.on('data', take);
    if (request.destroyed) giveUp();
  });
}
