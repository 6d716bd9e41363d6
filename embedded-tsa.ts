// Wiring of the embedded proxy with its local TSU beside the archiver: for `npm start`, commands and
// tests. The two programs meet here and over HTTP, nowhere else.
import { randomBytes } from 'node:crypto';
import type { EmbeddedTsa } from '#archiver/embedded-tsa.ts';
import { SourceError } from '#shared/errors.ts';
import { openHttpSender } from '#shared/io/http-sender.ts';
import { localTsaConfig } from '#tsa/config/config.ts';
import { startTsa } from '#tsa/main.ts';

/** Whether something answers there; what it is the tokens will tell. */
async function answers(url: string, signal: AbortSignal): Promise<boolean> {
  await using sender = openHttpSender();
  try {
    const limits = {
      connectMs: 1000,
      firstByteMs: 2000,
      totalMs: 3000,
      maxAnswerBytes: 1024 * 1024,
    };
    await sender.send({ url, method: 'GET', addresses: 'any', limits, signal });
    return true;
  } catch (error) {
    if (error instanceof SourceError && !signal.aborted) return false;
    throw error;
  }
}

const nothing: AsyncDisposable = { [Symbol.asyncDispose]: () => Promise.resolve() };

/** @throws SourceError ERR_SOURCE_UNREACHABLE: the port is taken by something else */
export const startEmbeddedTsa: EmbeddedTsa = async (
  { tsa, profile },
  { clock, events, signal },
) => {
  if (!tsa.local || (await answers(tsa.url, signal))) return nothing;
  return startTsa({
    config: localTsaConfig({
      stateDir: tsa.local.state,
      port: tsa.local.port,
      algorithmPolicy: profile,
    }),
    clock,
    random: (length) => new Uint8Array(randomBytes(length)),
    // Whom to call is a question to who runs a service; beside its own archiver nobody calls.
    events: (event) => {
      if (event.name !== 'tsa.contact.missing') events(event);
    },
    signal,
  });
};
