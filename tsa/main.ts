// The proxy as one value with a lifetime: wiring of configuration, journal, providers and server. Used by
// `tokiwa tsa serve`, by `npm start` and by the simulation; knows no protocol itself.
import path from 'node:path';
import { toHex } from '#shared/bytes.ts';
import { digest } from '#shared/crypto/digest.ts';
import type { Clock, EventSink, RandomSource } from '#shared/ports/runtime.ts';
import { openListener } from './adapters/listener.ts';
import { openPublicFiles, type PublicFiles } from './adapters/public-files.ts';
import type { AuditEntry } from './audit-line.ts';
import { createAuditStamper } from './audit-stamp.ts';
import { openBooks, type Books } from './books.ts';
import type { TsaConfig } from './config.ts';
import { openProviderSet, type ProviderSet } from './provider-set.ts';
import { createRefusalLog } from './refusals.ts';
import { errorFields } from './replies.ts';
import { createTsaApp } from './server.ts';
import { createStampService, type StampService } from './stamp.ts';

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
  /**
   * Renews TSU certificates and CRLs that are due by the clock, and has the audit log's head stamped where that is
   * due; also done by itself hourly.
   */
  readonly upkeep: () => Promise<void>;
  /** Stops taking requests, lets those in hand end, closes the journal. Safe to call twice. */
  readonly close: () => Promise<void>;
};

const upkeepPeriodMs = 3_600_000;

type Parts = {
  readonly books: Books;
  readonly set: ProviderSet;
  readonly service: StampService;
  readonly publicFiles: PublicFiles;
};

function createApp(options: StartTsaOptions, { books, set, service, publicFiles }: Parts) {
  const { journal, audit } = books;
  return createTsaApp({
    ...options,
    service,
    audit,
    providers: set.providers,
    refuse: createRefusalLog({ ...options, audit }),
    newId: () => toHex(options.random(8)),
    writable: () => ({ journal: journal.writable(), audit: audit.writable() }),
    anchorsPem: publicFiles.anchorsPem,
    certificateList: async () => {
      const [first] = set.authorities;
      await first?.upkeep(options.clock.now());
      return first?.certificateLists().at(-1);
    },
  });
}

function createService(
  options: StartTsaOptions,
  { books, set }: Pick<Parts, 'books' | 'set'>,
  shutdown: AbortSignal,
): StampService {
  const { audit } = books;
  return createStampService({
    ...options,
    ...options.config,
    ...books,
    providers: set.providers,
    onLate: ({ provider, serialNumber, genTime, id }) => {
      const token = { provider, serialNumber, genTime: genTime.toString() };
      // The journal has the token; a line that cannot be written is an event already.
      audit.append({ event: 'late', request: id, ...token }).catch(() => undefined);
    },
    shutdown,
  });
}

function createUpkeep(
  options: StartTsaOptions,
  { books, set, service }: Omit<Parts, 'publicFiles'>,
): () => Promise<void> {
  const { config, clock } = options;
  const profile = config.profiles[config.audit.stampProfile ?? ''];
  const { audit: log, auditFiles: files } = books;
  const stampHead = profile && createAuditStamper({ ...options, log, files, service, profile });
  return async () => {
    for (const authority of set.authorities) await authority.upkeep(clock.now());
    await stampHead?.();
  };
}

/** SHA-256 of the settings in force: two starts with equal ones had the same. */
function configurationDigest(config: TsaConfig): string {
  return toHex(digest('SHA-256', Buffer.from(JSON.stringify(config))));
}

/**
 * Starts the proxy and resolves when it accepts connections.
 * @throws ConfigError ERR_CONFIG_INVALID: a file, folder or address that the configuration names cannot be used
 */
export async function startTsa(options: StartTsaOptions): Promise<RunningTsa> {
  const { config, events } = options;
  await using stack = new AsyncDisposableStack();
  const shutdown = new AbortController();
  const publicFiles = await openPublicFiles(path.join(config.stateDir, 'public'));
  const books = stack.use(await openBooks(options));
  const set = stack.use(
    await openProviderSet({ ...options, ...books, publicFiles, signal: shutdown.signal }),
  );
  const service = createService(options, { books, set }, shutdown.signal);
  const upkeep = createUpkeep(options, { books, set, service });
  // A disk that is full now has its event, and `/readyz` says so.
  const note = (entry: AuditEntry) => books.audit.append(entry).catch(() => undefined);
  await note({ event: 'started', configuration: configurationDigest(config) });
  stack.defer(async () => {
    await note({ event: 'stopped' });
  });
  stack.defer(async () => {
    shutdown.abort();
    await service.idle();
  });
  await upkeep();
  const app = createApp(options, { books, set, service, publicFiles });
  // express answers every error itself; what it returns is not a promise to wait for.
  const { url, close: closeListener } = await openListener(config.listen, (request, response) => {
    app(request, response);
  });
  stack.defer(() => closeListener(config.deadlineMs));
  const timer = setInterval(() => {
    upkeep().catch((error: unknown) => {
      events({ level: 'error', name: 'tsa.upkeep.failed', ...errorFields(error) });
    });
  }, upkeepPeriodMs);
  timer.unref();
  stack.defer(() => {
    clearInterval(timer);
  });
  events({ level: 'info', name: 'tsa.started', url });

  const owned = stack.move();
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= owned.disposeAsync().then(() => {
      events({ level: 'info', name: 'tsa.stopped', url });
    });
    return closing;
  };
  options.signal.addEventListener('abort', () => void close(), { once: true });
  if (options.signal.aborted) await close();
  return {
    url,
    get anchorsPem() {
      return publicFiles.anchorsPem();
    },
    anchorsPath: publicFiles.anchorsPath,
    crlPath: publicFiles.crlFolder,
    upkeep,
    close,
    [Symbol.asyncDispose]: close,
  };
}
