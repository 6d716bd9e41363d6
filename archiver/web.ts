// The report page and what it needs, over HTTP: page, JSON, progress, the button that runs a night,
// evidence records. Bound to the loopback address by default; it has no users and no passwords.
import type { WebOptions, WebServer } from './web/options.ts';

export type { RunStatus, WebOptions, WebServer } from './web/options.ts';

/**
 * Listens until `close` or the signal.
 * @throws SourceError ERR_SOURCE_REFUSED: the address cannot be had
 */
export async function startWeb(options: WebOptions): Promise<WebServer> {
  await Promise.reject(new Error(`not listening on ${options.config.host} yet`));
  return { url: '', close: () => Promise.resolve() };
}
