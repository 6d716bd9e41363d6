// A TSA over HTTP as the archiver's timestamp source: the request's octets go out unchanged, the
// answer's come back unchanged (RFC 3161 §3.4).
import { readFile } from 'node:fs/promises';
import { ConfigError } from '#shared/errors.ts';
import { openHttpSender, type HttpSender } from '#shared/io/http-sender.ts';
import type { Clock } from '#shared/ports/runtime.ts';
import type { TimestampSource } from '#shared/ports/timestamp-source.ts';
import {
  maxReplyOctets,
  queryHeaders,
  replyOctets,
  withoutCredentials,
} from '#shared/tsp/http-exchange.ts';
import type { ArchiverConfig } from '../config.ts';

export type HttpTimestampSource = TimestampSource &
  AsyncDisposable & {
    /** What the TSA's own clock says, from the Date of an answer to GET; nothing is bought. */
    readonly clock: (signal: AbortSignal) => Promise<Temporal.Instant | undefined>;
  };

async function authorization(
  auth: ArchiverConfig['tsa']['auth'],
): Promise<Readonly<Record<string, string>>> {
  if (auth.kind === 'none') return {};
  try {
    const password = (await readFile(auth.passwordFile, 'utf8')).replace(/\r?\n$/, '');
    return { Authorization: `Basic ${Buffer.from(`${auth.user}:${password}`).toString('base64')}` };
  } catch (error) {
    throw new ConfigError(
      'ERR_CONFIG_INVALID',
      `the password file ${auth.passwordFile} cannot be read`,
      { cause: error },
    );
  }
}

function clockOf(sender: HttpSender, url: string): HttpTimestampSource['clock'] {
  return async (signal) => {
    const answer = await sender.send({
      url,
      method: 'GET',
      addresses: 'any',
      limits: { connectMs: 5000, firstByteMs: 5000, totalMs: 10_000, maxAnswerBytes: 1024 * 1024 },
      signal,
    });
    const date = Date.parse(answer.headers['date'] ?? '');
    return Number.isNaN(date) ? undefined : Temporal.Instant.fromEpochMilliseconds(date);
  };
}

/** @throws ConfigError ERR_CONFIG_INVALID: the password file cannot be read */
export async function openHttpTimestampSource(
  tsa: NonNullable<ArchiverConfig['secondTsa']>,
  clock: Clock,
): Promise<HttpTimestampSource> {
  const sent = await authorization(tsa.auth);
  const headers = { ...queryHeaders, ...sent };
  const sender = openHttpSender();
  return {
    name: new URL(tsa.url).host,
    exchange: async (request, { signal }) => {
      const answer = await sender.send({
        url: tsa.url,
        method: 'POST',
        headers,
        body: request,
        addresses: 'any',
        limits: {
          connectMs: 10_000,
          firstByteMs: tsa.responseMs,
          totalMs: tsa.responseMs,
          maxAnswerBytes: maxReplyOctets,
        },
        signal,
      });
      return replyOctets(answer, clock.now());
    },
    conceal: withoutCredentials(sent['Authorization']),
    clock: clockOf(sender, tsa.url),
    [Symbol.asyncDispose]: () => sender[Symbol.asyncDispose](),
  };
}
