// The proxy as one value with a lifetime: wiring of configuration, journal, providers and server. Used by
// `tokiwa tsa serve`, by `npm start` and by the simulation; knows no protocol itself.
import type { RequestListener } from 'node:http';
import path from 'node:path';
import { toHex } from '#shared/bytes.ts';
import { digest } from '#shared/crypto/digest.ts';
import type { Clock, EventSink, RandomSource } from '#shared/ports/runtime.ts';
import { loadCredentials } from './adapters/client-file.ts';
import {
  openListener,
  openTlsListener,
  peerCertificate,
  type Listener,
  type TlsListener,
} from './adapters/listener.ts';
import { createPasswordChecker } from './adapters/password.ts';
import { openPublicFiles, type PublicFiles } from './adapters/public-files.ts';
import { createAdmission, type Admission, type Door } from './admission.ts';
import type { AuditEntry } from './audit-line.ts';
import { createAuditStamper } from './audit-stamp.ts';
import { openBooks, type Books } from './books.ts';
import { listClients } from './client-list.ts';
import type { TsaConfig } from './config.ts';
import { openProviderSet, type ProviderSet, type Settings } from './provider-set.ts';
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
  /** The same of each TLS listener, in the order of the configuration. */
  readonly secureUrls: readonly string[];
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
  readonly settings: () => Settings;
  readonly service: StampService;
  readonly publicFiles: PublicFiles;
};

/** Makes the application behind each listener; what they share is made once. */
function createApps(options: StartTsaOptions, parts: Parts, admission: Admission) {
  const { books, set, publicFiles } = parts;
  const { journal, audit } = books;
  const refuse = createRefusalLog({ ...options, audit });
  const newId = (): string => toHex(options.random(8));
  const appFor = (door: Door, administrative: boolean): RequestListener => {
    const app = createTsaApp({
      ...options,
      ...parts,
      audit,
      refuse,
      admission,
      door,
      administrative,
      certificateOf: peerCertificate,
      newId,
      writable: () => ({ journal: journal.writable(), audit: audit.writable() }),
      anchorsPem: publicFiles.anchorsPem,
      certificateList: async () => {
        const [first] = set.authorities;
        await first?.upkeep(options.clock.now());
        return first?.certificateLists().at(-1);
      },
    });
    // express answers every error itself; what it returns is not a promise to wait for.
    return (request, response) => {
      app(request, response);
    };
  };
  const onHandshakeFailed = (address: string, reason: string): void => {
    void refuse({ id: newId(), address, status: 0, reason });
  };
  return { appFor, onHandshakeFailed };
}

/** Opens every listener, or none. */
async function openListeners(
  { config }: StartTsaOptions,
  { appFor, onHandshakeFailed }: ReturnType<typeof createApps>,
  stack: AsyncDisposableStack,
) {
  const { listen, listeners, deadlineMs } = config;
  const closing = <T extends Listener>(listener: T): T => {
    stack.defer(() => listener.close(deadlineMs));
    return listener;
  };
  const door = listen.anonymous ? 'anonymous' : 'credentials';
  const plain = closing(await openListener(listen, appFor(door, true)));
  const secure: TlsListener[] = [];
  for (const one of listeners) {
    const app = appFor(one.authentication, false);
    secure.push(closing(await openTlsListener(one, app, onHandshakeFailed)));
  }
  return { plain, secure };
}

function createService(
  options: StartTsaOptions,
  { books, settings }: Pick<Parts, 'books' | 'settings'>,
  shutdown: AbortSignal,
): StampService {
  const { audit } = books;
  return createStampService({
    ...options,
    ...books,
    settings,
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
  { books, set, service }: Pick<Parts, 'books' | 'set' | 'service'>,
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
  const settings = (): Settings => ({ config, providers: set.providers });
  const service = createService(options, { books, settings }, shutdown.signal);
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
  const clients = listClients(config, await loadCredentials(config.credentialsFile));
  const checkPassword = createPasswordChecker();
  const admission = createAdmission({ ...options, clients, checkPassword });
  const parts = { books, set, settings, service, publicFiles };
  const { plain, secure } = await openListeners(
    options,
    createApps(options, parts, admission),
    stack,
  );
  const { url } = plain;
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
    secureUrls: secure.map((one) => one.url),
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
