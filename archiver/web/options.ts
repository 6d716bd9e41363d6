// What the report page is given from outside: where to listen, how to read the catalogue, what its
// button and links do. Types only; the server is in server.ts, its wiring in archiver/web.ts.
import type { Catalogue, DocumentRow } from '#shared/ports/catalogue.ts';
import type { Clock, EventSink, RandomSource } from '#shared/ports/runtime.ts';
import type { ReportRules } from '../reports/report.ts';
import type { WebDigests } from './digests.ts';
import type { WebIntake } from './documents.ts';

/** How far a run is, for the progress line. */
export type RunStatus = {
  readonly running: boolean;
  /** The stage's event name without `archiver.run.`: recover, scan, collect, plan, renew.…, fixity, report. */
  readonly stage?: string | undefined;
  /** Documents or groups done in this stage, and of how many, where known. */
  readonly done?: number | undefined;
  readonly total?: number | undefined;
  /** When the schedule starts the next one. */
  readonly nextRun?: string | undefined;
  /** Why the newest run could not be carried out at all, such as another one holding the lease. */
  readonly lastError?: string | undefined;
};

export type WebOptions = {
  /** Port 0: any free one. */
  readonly config: { readonly host: string; readonly port: number };
  /** Opened for each request and disposed of after it, so that `rebuild` may replace the file. */
  readonly openCatalogue: () => Promise<Catalogue>;
  readonly archiveId: string;
  /** As they are when a page is asked for. */
  readonly rules: () => Promise<ReportRules>;
  /** Starts a run unless one is at work; settles when it ends. */
  readonly runNow: () => Promise<unknown>;
  readonly status: () => RunStatus;
  /**
   * DER of a document's evidence record.
   * @throws SourceError ERR_SOURCE_NOT_FOUND: it has none yet
   */
  readonly evidenceOf?: ((document: DocumentRow) => Promise<Uint8Array>) | undefined;
  /** A timeline as SVG, such as a simulation's; absent: no such section. */
  readonly timeline?: (() => Promise<string | undefined>) | undefined;
  /** Documents over HTTP; absent: none are taken. */
  readonly intake?: WebIntake | undefined;
  /** Digests over HTTP; absent: none are taken. */
  readonly digests?: WebDigests | undefined;
  /** The instant at which a run last ended well. */
  readonly lastSuccess?: (() => Promise<string | undefined>) | undefined;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly events: EventSink;
};

/** Listens until it is disposed of. */
export type WebServer = AsyncDisposable & {
  /** Address of the page: http://127.0.0.1:3180/ */
  readonly url: string;
};
