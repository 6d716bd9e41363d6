// The proxy as one value with a lifetime: wiring of configuration, journal, providers and server. Used by
// `tokiwa tsa serve`, by `npm start` and by the simulation; knows no protocol itself.
import type { Clock, EventSink, RandomSource } from '#shared/ports/runtime.ts';
import { InvariantError } from '#shared/errors.ts';
import type { TsaConfig } from './config.ts';

export type StartTsaOptions = {
  readonly config: TsaConfig;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly events: EventSink;
  /** Aborting it stops the proxy as `close` does. */
  readonly signal: AbortSignal;
};

/** A proxy that answers. */
export type RunningTsa = AsyncDisposable & {
  /** Base address with a final slash, such as `http://127.0.0.1:3161/`: POST there for the default profile. */
  readonly url: string;
  /** Anchors of every local TSU, all generations, as PEM; empty without one. Read it again after a rollover. */
  readonly anchorsPem: string;
  /** The same as a file that is kept current. */
  readonly anchorsPath: string;
  /** Folder with one DER CRL per local authority, reissued daily. */
  readonly crlPath: string;
  /** Renews TSU certificates and CRLs that are due by the clock; also done by itself before each token and hourly. */
  readonly upkeep: () => Promise<void>;
  /** Stops taking requests, lets those in hand end, closes the journal. Safe to call twice. */
  readonly close: () => Promise<void>;
};

/**
 * Starts the proxy and resolves when it accepts connections.
 * @throws ConfigError ERR_CONFIG_INVALID: files that the configuration names cannot be used
 * @throws SourceError ERR_SOURCE_UNREACHABLE: the address cannot be listened on
 */
export function startTsa(options: StartTsaOptions): Promise<RunningTsa> {
  return Promise.reject(
    new InvariantError('ERR_INVARIANT_STATE', `not wired yet for ${options.config.stateDir}`),
  );
}
