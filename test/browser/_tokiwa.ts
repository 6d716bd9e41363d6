// A Tokiwa of its own for the browser to look at: `tokiwa start` as a newcomer runs it, in folders that
// are removed afterwards, on ports that were free.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { freePort } from '../_free-port.ts';

export type StartedTokiwa = AsyncDisposable & {
  /** Address of the report page. */
  readonly url: string;
  /** Address of the proxy, whose status page is there. */
  readonly tsaUrl: string;
  /** The document folder. */
  readonly documents: string;
  /** Presses Ctrl-C and waits for the end; gives the exit code. */
  readonly stop: () => Promise<number | null>;
};

const root = path.resolve(import.meta.dirname, '../..');
const startLimitMs = 120_000;

export async function startTokiwa(): Promise<StartedTokiwa> {
  const folder = await mkdtemp(path.join(tmpdir(), 'tokiwa-browser-'));
  const documents = path.join(folder, 'documents');
  const tsaPort = await freePort();
  const process_ = spawn(
    process.execPath,
    [
      path.join(root, 'cli.ts'),
      'start',
      ...['--state', path.join(folder, 'state'), '--documents', documents],
      ...['--port', String(await freePort()), '--tsa-port', String(tsaPort)],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let output = '';
  const url = Promise.withResolvers<string>();
  const read = (part: string): void => {
    output += part;
    const found = /^report: (http:\S+)$/m.exec(output)?.[1];
    if (found !== undefined) url.resolve(found);
  };
  process_.stdout.setEncoding('utf8').on('data', read);
  process_.stderr.setEncoding('utf8').on('data', read);
  const ended = once(process_, 'exit') as Promise<[number | null]>;
  void ended.then(([code]) => {
    url.reject(new Error(`tokiwa ended with ${String(code)}:\n${output}`));
  });
  const limit = setTimeout(() => {
    url.reject(new Error(`no report address within ${startLimitMs} ms:\n${output}`));
  }, startLimitMs);
  const stop = async (): Promise<number | null> => {
    process_.kill('SIGINT');
    return (await ended)[0];
  };
  const remove = async (): Promise<void> => {
    clearTimeout(limit);
    if (process_.exitCode === null) await stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    return {
      url: await url.promise,
      tsaUrl: `http://127.0.0.1:${tsaPort}/`,
      documents,
      stop,
      [Symbol.asyncDispose]: remove,
    };
  } catch (error) {
    process_.kill('SIGKILL');
    await remove();
    throw error;
  } finally {
    clearTimeout(limit);
  }
}
