// What the archiver asks of an embedded TSA: to be there over HTTP while something runs. Who starts
// one is wiring; the archiver reaches a TSA over RFC 3161 like anyone else.
import type { Clock, EventSink } from '#shared/ports/runtime.ts';
import type { ArchiverConfig } from './config.ts';

/**
 * Starts the proxy of `tsa.local` unless one answers at `tsa.url` already or none is configured. The archive's
 * algorithm policy is its own: its unit signs under nothing that would end within its certificate's life.
 */
export type EmbeddedTsa = (
  config: Pick<ArchiverConfig, 'tsa' | 'profile'>,
  options: { readonly clock: Clock; readonly events: EventSink; readonly signal: AbortSignal },
) => Promise<AsyncDisposable>;
