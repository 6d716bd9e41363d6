// The report page on a free loopback port over a catalogue in memory, for tests of what it answers.
import { serveReport } from '#archiver/web/server.ts';
import type { RunStatus, WebOptions } from '#archiver/web/options.ts';
import type { Event } from '#shared/ports/runtime.ts';
import { at, catalogueOf, everyState, rules } from '../reports/_archive.ts';

export type Served = AsyncDisposable & {
  readonly url: string;
  readonly events: readonly Event[];
  readonly runs: () => number;
  readonly get: (path: string, headers?: Readonly<Record<string, string>>) => Promise<Response>;
  readonly post: (
    form: Readonly<Record<string, string>>,
    headers?: Readonly<Record<string, string>>,
  ) => Promise<Response>;
  /** The token in the page's form. */
  readonly token: () => Promise<string>;
};

/** The catalogue stays open between requests: one in memory would be gone after the first. */
export async function serve(change: Partial<WebOptions> = {}): Promise<Served> {
  const catalogue = await catalogueOf(everyState);
  const kept = new Proxy(catalogue, {
    get: (target, name) => {
      if (name === Symbol.asyncDispose) return () => Promise.resolve();
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
  const events: Event[] = [];
  let runs = 0;
  const status: RunStatus = { running: false };
  const server = await serveReport({
    config: { host: '127.0.0.1', port: 0 },
    openCatalogue: () => Promise.resolve(kept),
    archiveId: 'archive-1',
    rules: () => Promise.resolve(rules),
    runNow: () => {
      runs++;
      return Promise.resolve();
    },
    status: () => status,
    evidenceOf: (document) => Promise.resolve(new TextEncoder().encode(document.key)),
    clock: { now: () => at },
    random: (length) => new Uint8Array(length).fill(7),
    events: (event) => {
      events.push(event);
    },
    ...change,
  });
  const get: Served['get'] = (path, headers = {}) =>
    fetch(new URL(path, server.url), { headers, redirect: 'manual' });
  return {
    url: server.url,
    events,
    runs: () => runs,
    get,
    post: (form, headers = {}) =>
      fetch(new URL('/run', server.url), {
        method: 'POST',
        body: new URLSearchParams(form),
        headers,
        redirect: 'manual',
      }),
    token: async () => {
      const page = await (await get('/')).text();
      return /name="token" value="([0-9a-f]+)"/.exec(page)?.[1] ?? '';
    },
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]();
      await catalogue[Symbol.asyncDispose]();
    },
  };
}
