// What the simulation asks of its TSAs: real ones over loopback on the simulated clock. Who starts
// them is wiring; the archiver knows only their address.
import type { Clock, EventSink } from '#shared/ports/runtime.ts';
import type { SimulatedProvider } from './scenario.ts';

/** Providers behind a proxy that fails over between them. */
export type SimulatedTsas = AsyncDisposable & {
  /** The proxy that the archiver asks. */
  readonly url: string;
  /** Anchor files of every provider that ever was. */
  readonly anchors: () => readonly string[];
  readonly crls: () => readonly string[];
  /** Providers from now on, first choice first; what came before stays trusted for what it stamped. */
  readonly use: (providers: readonly SimulatedProvider[]) => Promise<void>;
  /** The provider stops answering; the proxy still lists it. */
  readonly lose: (name: string) => Promise<void>;
  /** Nothing answers while `down`. */
  readonly setDown: (down: boolean) => Promise<void>;
  /** Certificates and CRLs that are due by the clock. */
  readonly upkeep: () => Promise<void>;
  /** Tokens that providers made, repeats of the same request not counted. */
  readonly tokensMade: () => number;
};

export type StartSimulatedTsas = (options: {
  readonly stateDir: string;
  readonly clock: Clock;
  readonly tsuLifeDays: number;
  readonly caLifeDays: number;
  readonly events: EventSink;
  readonly signal: AbortSignal;
}) => Promise<SimulatedTsas>;
