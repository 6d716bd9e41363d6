// Wiring of the report page: an open archiver to a server on its configured address. Bound to the
// loopback address by default; the page has no users and no passwords.
import { randomBytes } from 'node:crypto';
import { ConfigError } from '#shared/errors.ts';
import type { DocumentRow } from '#shared/ports/catalogue.ts';
import type { Clock, EventSink } from '#shared/ports/runtime.ts';
import { loadLastSuccess } from './adapters/report-files.ts';
import { openSqliteCatalogue } from './adapters/sql-catalogue.ts';
import { catalogueFile, type Archiver } from './main.ts';
import { createRecordReader } from './intake/answer.ts';
import { createIntakeService, type IntakePlace, type IntakeService } from './intake/service.ts';
import type { ReportRules } from './reports/report.ts';
import { reportRules } from './reports/write.ts';
import type { WebDigests } from './web/digests.ts';
import type { WebIntake } from './web/documents.ts';
import type { WebOptions, WebServer } from './web/options.ts';
import type { Progress } from './web/progress.ts';
import { serveReport } from './web/server.ts';

export type StartWebOptions = {
  readonly archiver: Archiver;
  /** Starts a run, or joins the one at work. */
  readonly run: () => Promise<unknown>;
  readonly running: () => boolean;
  /** Takes in and stamps what came over HTTP; absent: nothing comes so. */
  readonly takeIn?: ((places: readonly IntakePlace[]) => Promise<unknown>) | undefined;
  /** How far it is; absent: the page only says that it runs. */
  readonly progress?: Progress | undefined;
  /** DER of a document's evidence record. */
  readonly evidence?: ((document: DocumentRow) => Promise<Uint8Array>) | undefined;
  readonly timeline?: WebOptions['timeline'];
  /** When the schedule starts the next run. */
  readonly nextRun?: (() => Temporal.Instant | undefined) | undefined;
  readonly clock: Clock;
  readonly events: EventSink;
};

/** A run is an upload's own wait and a token's: longer, and its sender is told to come again. */
const runMs = 60_000;

/** What the configuration says comes in over HTTP, and how it is collected. */
function openIntake(
  { archiver, takeIn, clock, events }: StartWebOptions,
  stack: AsyncDisposableStack,
): {
  readonly service?: IntakeService;
  readonly intake?: WebIntake;
  readonly digests?: WebDigests;
} {
  const { config, stores, evidence } = archiver;
  if (!config.intake || !takeIn) return {};
  const { intervalSeconds, maxGroups, maxWaiting, maxBytes, maxUploads } = config.intake;
  const service = stack.use(
    createIntakeService({
      ...{ intervalMs: intervalSeconds * 1000, maxGroups, maxWaiting },
      ...{ run: takeIn, clock, events },
    }),
  );
  const { signal } = new AbortController();
  const recordsOf = createRecordReader(evidence.objects, signal);
  const store = stores.get(config.intake.store ?? '');
  const settings = config.stores.find(({ name }) => name === store?.name);
  const { detachedSuffixes, profile, leadTime, digestAlgorithm, nextDigestAlgorithm } = config;
  return {
    service,
    ...(store &&
      settings && {
        intake: {
          ...{ service, store, maxBytes, maxUploads, runMs, detachedSuffixes, recordsOf },
          prefix: settings.prefix,
        },
      }),
    ...(config.intake.digests && {
      digests: {
        ...{ service, runMs, recordsOf, profile, leadTime, clock },
        store: evidence.objects,
        algorithm: digestAlgorithm,
        next: nextDigestAlgorithm,
      },
    }),
  };
}

/** With trust data that cannot be read the page still opens, and says why no night comes about. */
async function currentRules({ config, signerTrust }: Archiver): Promise<ReportRules> {
  try {
    return reportRules(config, await signerTrust());
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return reportRules(config);
  }
}

/**
 * The report page of an archive, until it is disposed of.
 * @throws SourceError ERR_SOURCE_REFUSED: the address or port cannot be had
 */
export async function startWeb(options: StartWebOptions): Promise<WebServer> {
  const { archiver, clock, events, running, progress } = options;
  const { config } = archiver;
  let lastError: string | undefined;
  await using stack = new AsyncDisposableStack();
  const { service, ...routes } = openIntake(options, stack);
  const server = await serveReport({
    ...routes,
    config: config.web,
    openCatalogue: () => openSqliteCatalogue(catalogueFile(config)),
    archiveId: archiver.evidence.archiveId,
    rules: () => currentRules(archiver),
    runNow: async () => {
      try {
        await options.run();
        lastError = undefined;
      } catch (error) {
        lastError = error instanceof Error ? error.message : String(error);
        throw error;
      }
    },
    status: () => ({
      running: running(),
      ...(running() && progress?.stage()),
      nextRun: options.nextRun?.()?.toString(),
      lastError,
    }),
    evidenceOf: options.evidence,
    timeline: options.timeline,
    lastSuccess: () => loadLastSuccess(config.state),
    clock,
    random: (length) => new Uint8Array(randomBytes(length)),
    events,
  });
  const owned = stack.move();
  return {
    url: server.url,
    [Symbol.asyncDispose]: async () => {
      // Who waits for a record is told to come again; what is collected waits in its store.
      service?.release();
      await server[Symbol.asyncDispose]();
      await owned.disposeAsync();
    },
  };
}
