// An archive that takes documents and digests over HTTP, on a temporary folder with a real proxy: what a program
// sends, and what it is answered.
import type { IntakePlace } from '#archiver/intake/service.ts';
import { runIntake, runNight } from '#archiver/run.ts';
import { createRunner, type Runner } from '#archiver/runner.ts';
import { startWeb } from '#archiver/web.ts';
import { createArchive, type TestArchive } from '../night/_night.ts';

const { signal } = new AbortController();

export type Answer = {
  readonly status: string;
  readonly key: string;
  readonly sha256: string;
  readonly state: string;
  readonly location: string;
  readonly records: readonly {
    readonly anchor: number;
    readonly batchId: string;
    readonly provableUntil: string;
    readonly record: string;
  }[];
};

export type Served = AsyncDisposable & {
  readonly archive: TestArchive;
  readonly url: string;
  readonly runner: Runner;
  readonly post: (
    key: string,
    content: string | ReadableStream<Uint8Array>,
    headers?: Readonly<Record<string, string>>,
  ) => Promise<Response>;
  readonly get: (key: string, headers?: Readonly<Record<string, string>>) => Promise<Response>;
  /** Posts a value to `/digests`; a text as it is. */
  readonly state: (value: unknown, headers?: Readonly<Record<string, string>>) => Promise<Response>;
  readonly stated: (key: string) => Promise<Response>;
};

/** `runs`: made into what the page's runs are. */
export async function serveArchive(
  intake: Readonly<Record<string, unknown>> = {},
  options: {
    readonly archive?: Parameters<typeof createArchive>[1];
    readonly settings?: Readonly<Record<string, unknown>>;
    readonly takeIn?: (own: () => Promise<unknown>) => Promise<unknown>;
  } = {},
): Promise<Served> {
  const archive = await createArchive(
    { intake: { store: 'documents', intervalSeconds: 0, ...intake }, ...options.settings },
    options.archive,
  );
  const archiver = await archive.open();
  const run = () => ({ runAt: archive.clock.now(), signal });
  const runner = createRunner({
    night: async () => runNight(await archiver.night(signal), run()),
    intake: async (places) => runIntake(await archiver.night(signal), run(), places),
  });
  const takeIn = (places: readonly IntakePlace[]): Promise<unknown> => {
    const own = (): Promise<unknown> => runner.takeIn(places);
    return options.takeIn ? options.takeIn(own) : own();
  };
  const web = await startWeb({
    archiver: { ...archiver, config: { ...archiver.config, web: { host: '127.0.0.1', port: 0 } } },
    ...{ run: runner.run, running: runner.running, takeIn },
    clock: archive.clock,
    events: (event) => archive.events.push(event),
  });
  const place = (key: string): string => `${web.url}documents?key=${encodeURIComponent(key)}`;
  return {
    ...{ archive, url: web.url, runner },
    post: (key, content, headers = {}) =>
      // Undici asks for this word where the body is a stream.
      fetch(place(key), { method: 'POST', body: content, headers, duplex: 'half' }),
    get: (key, headers = {}) => fetch(place(key), { headers }),
    state: (value, headers = {}) =>
      fetch(`${web.url}digests`, {
        method: 'POST',
        body: typeof value === 'string' ? value : JSON.stringify(value),
        headers: { 'content-type': 'application/json', ...headers },
      }),
    stated: (key) => fetch(`${web.url}digests?key=${encodeURIComponent(key)}`),
    [Symbol.asyncDispose]: async () => {
      await web[Symbol.asyncDispose]();
      await archive[Symbol.asyncDispose]();
    },
  };
}
