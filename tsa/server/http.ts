// Reading requests and writing answers, with their limits (RFC 3161 §3.4, RFC 9110): what every address of the proxy
// shares.
import type { Request, Response } from 'express';
import { concatBytes } from '#shared/bytes.ts';
import { queryMediaType, replyMediaType } from '#shared/tsp/http-exchange.ts';
import type { PlainAnswer } from '../replies.ts';

/** Sends a sentence with its status. */
export function sendPlain(response: Response, answer: PlainAnswer): void {
  // What was not read of a refused body is not read at all: the connection ends.
  if (answer.status !== 404) response.set('connection', 'close');
  response
    .status(answer.status)
    .set({ 'cache-control': 'no-store', ...answer.headers })
    .type('text/plain')
    .send(`${answer.text}\n`);
}

/** Sends a TimeStampResp. */
export function sendReply(
  response: Response,
  octets: Uint8Array,
  retryAfterSeconds?: number,
): void {
  if (retryAfterSeconds !== undefined) response.set('retry-after', String(retryAfterSeconds));
  // Without a charset, which express would add to text types only.
  response.set({ 'content-type': replyMediaType, 'cache-control': 'no-store' });
  response.status(200).end(octets);
}

/** What the request says its body is; `undefined` where it is packed, or does not say. */
export function mediaTypeOf(request: Request): string | undefined {
  const encoding = request.headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
  if (encoding !== 'identity') return undefined;
  return request.headers['content-type']?.split(';')[0]?.trim().toLowerCase();
}

/** Whether the request says that its body is a query, unpacked. */
export function isQuery(request: Request): boolean {
  return mediaTypeOf(request) === queryMediaType;
}

/**
 * The body, or `undefined` as soon as it is longer than `limit`: the rest is never read, however long.
 * @throws the connection's error where the client went away
 */
export async function readBody(request: Request, limit: number): Promise<Uint8Array | undefined> {
  if (Number(request.headers['content-length'] ?? 0) > limit) return undefined;
  const parts: Uint8Array[] = [];
  let length = 0;
  // Leaving the loop must not take the connection along, on which the answer goes out.
  const chunks = request.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>;
  for await (const chunk of chunks) {
    length += chunk.length;
    if (length > limit) return undefined;
    parts.push(chunk);
  }
  return concatBytes(...parts);
}
