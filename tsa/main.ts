// The proxy as one value with a lifetime: wiring of configuration, journal, providers and server. Used by
// `tokiwa tsa serve`, by `npm start` and by the simulation; knows no protocol itself.
import path from 'node:path';
import { toHex } from '#shared/bytes.ts';
import { digest } from '#shared/crypto/digest.ts';
import type { Clock, EventSink, RandomSource } from '#shared/ports/runtime.ts';
import { loadCredentials } from './adapters/client-file.ts';
import { openEvidenceFiles } from './adapters/evidence-files.ts';
import { createPasswordChecker } from './adapters/password.ts';
import { openPublicFiles, type PublicFiles } from './adapters/public-files.ts';
import { createAdministration } from './clients/administration.ts';
import { createAdmission } from './clients/admission.ts';
import type { AuditEntry } from './audit/audit-line.ts';
import { createAuditStamper } from './audit/audit-stamp.ts';
import { budgetsOf, openBooks, type Books } from './books.ts';
import { createCrlWatch } from './clients/client-crls.ts';
import { listClients } from './clients/client-list.ts';
import { createClockGuard } from './local/clock-guard.ts';
import { noteApprovals } from './clients/approvals.ts';
import type { Profile, TsaConfig } from './config/config.ts';
import { missingContacts, withContacts } from './contacts.ts';
import { dayOf } from './days.ts';
import { createApps, openListeners } from './server/doors.ts';
import { openEvidenceService, type EvidenceService } from './evidence/service.ts';
import type { TokenRecord } from './journal/journal-line.ts';
import {
  openLocalUnits,
  openSettings,
  type LocalUnits,
  type Settings,
} from './providers/provider-set.ts';
import { createSwitch } from './reload.ts';
import { errorFields } from './replies.ts';
import { algorithmEditions, daysUntil, endingSoon, type Snapshot } from './status/snapshot.ts';
import { createStampService, type StampService } from './stamp.ts';
import { createTally } from './status/tally.ts';

export type StartTsaOptions = {
  readonly config: TsaConfig;
  readonly clock: Clock;
  /** Milliseconds of a clock that only ever runs forward: with it, a local unit notices that `clock` was set. */
  readonly steadyClock?: () => number;
  readonly random: RandomSource;
  readonly events: EventSink;
  /** Reads the configuration file anew, for those who may have the proxy reload over HTTP. */
  readonly loadConfig?: () => Promise<TsaConfig>;
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
   * Renews TSU certificates and CRLs that are due by the clock, has the audit log's head stamped where that is due, and
   * removes what is too old; also done by itself hourly. A clock that was just set puts it off.
   */
  readonly upkeep: () => Promise<void>;
  /**
   * Takes over another configuration, with certificates, anchors, keys and passwords read anew; no request is dropped.
   * @throws ConfigError ERR_CONFIG_INVALID: it cannot be used, or asks for a restart; the old one stays
   */
  readonly reload: (config: TsaConfig) => Promise<void>;
  /** Stops taking requests, lets those in hand end, closes the journal. Safe to call twice. */
  readonly close: () => Promise<void>;
};

const upkeepPeriodMs = 3_600_000;

type Parts = {
  readonly books: Books;
  readonly local: LocalUnits;
  readonly settings: () => Settings;
  readonly service: StampService;
  readonly evidence: EvidenceService;
  readonly publicFiles: PublicFiles;
};

function createService(
  options: StartTsaOptions,
  { books, settings }: Pick<Parts, 'books' | 'settings'>,
  shutdown: AbortSignal,
): StampService {
  const { audit } = books;
  const note = (event: 'late' | 'second', record: TokenRecord): void => {
    const { provider, serialNumber, genTime, id: request } = record;
    const token = { provider, serialNumber, genTime: genTime.toString() };
    // The journal has the token; a line that cannot be written is an event already.
    audit.append({ event, request, ...token }).catch(() => undefined);
  };
  return createStampService({
    ...options,
    ...books,
    settings,
    onNewTsu: ({ name: provider }, { subject: { text: subject }, fingerprint, notAfter }) => {
      const tsu = { provider, subject, fingerprint, notAfter: notAfter.toString() };
      options.events({ level: 'warn', name: 'tsa.provider.new-tsu', ...tsu });
      audit.append({ event: 'new-tsu', ...tsu }).catch(() => undefined);
    },
    onLate: (record) => {
      note('late', record);
    },
    onSecond: (record) => {
      note('second', record);
    },
    shutdown,
  });
}

function createUpkeep(
  options: StartTsaOptions,
  parts: Omit<Parts, 'publicFiles'>,
): () => Promise<void> {
  const { books, local, service, settings, evidence } = parts;
  const { audit: log } = books;
  const profile = (): Profile | undefined => {
    const { profiles, audit } = settings().config;
    return profiles[audit.stampProfile ?? ''];
  };
  const stampHead = createAuditStamper({ ...options, ...books, log, service, profile });
  const guard = createClockGuard();
  const { clock, steadyClock, events } = options;
  return async () => {
    // By a wrong clock promises would be given up and lines removed before their time.
    const jumpMs = steadyClock && guard.check(clock.now(), steadyClock());
    if (jumpMs !== undefined) {
      events({ level: 'warn', name: 'tsa.upkeep.put-off', now: clock.now().toString(), jumpMs });
      return;
    }
    for (const authority of local.authorities) await authority.upkeep(options.clock.now());
    await stampHead();
    await evidence.upkeep();
    await books.tidy();
  };
}

/** Says which certificates end within the time in which somebody has to see to it. */
function warnOfEnds(snapshot: Snapshot, events: EventSink): void {
  for (const { use, notAfter } of endingSoon(snapshot)) {
    const days = daysUntil(notAfter, snapshot.at);
    const level = days < 7 ? 'error' : 'warn';
    const end = { use, notAfter: notAfter.toString(), days };
    events({ level, name: 'tsa.certificate.ending', ...end });
  }
}

/** An unfilled contact is no fault and no order either. */
function warnOfContacts(config: TsaConfig, events: EventSink): void {
  for (const party of missingContacts(config))
    events({ level: 'warn', name: 'tsa.contact.missing', party });
}

/** SHA-256 of the settings in force: two starts with equal ones had the same. */
function configurationDigest(config: TsaConfig): string {
  return toHex(digest('SHA-256', Buffer.from(JSON.stringify(config))));
}

/**
 * Starts the proxy and resolves when it accepts connections.
 * @throws ConfigError ERR_CONFIG_INVALID: a file, folder or address that the configuration names cannot be used
 */
export async function startTsa(given: StartTsaOptions): Promise<RunningTsa> {
  const { config } = given;
  let inForce = config;
  const events = withContacts(given.events, () => inForce);
  const options = { ...given, events };
  await using stack = new AsyncDisposableStack();
  const shutdown = new AbortController();
  const publicFiles = await openPublicFiles(path.join(config.stateDir, 'public'));
  const books = stack.use(await openBooks(options));
  const providerOptions = { ...options, ...books, publicFiles, signal: shutdown.signal };
  const local = stack.use(await openLocalUnits(config, providerOptions));
  const { settings, prepare } = createSwitch(
    await openSettings(config, local, providerOptions),
    (next, before) => openSettings(next, local, providerOptions, before),
    stack,
  );
  const service = createService(options, { books, settings }, shutdown.signal);
  // A disk that is full now has its event, and `/readyz` says so.
  const note = (entry: AuditEntry) => books.audit.append(entry).catch(() => undefined);
  await note({ event: 'started', configuration: configurationDigest(config) });
  await noteApprovals(config.oversight, undefined, note);
  warnOfContacts(config, events);
  stack.defer(async () => {
    await note({ event: 'stopped' });
  });
  stack.defer(async () => {
    shutdown.abort();
    await service.idle();
  });
  const evidence = stack.use(
    await openEvidenceService({
      ...options,
      ...books,
      files: await openEvidenceFiles(path.join(config.stateDir, 'evidence')),
      service,
      settings,
    }),
  );
  const upkeep = createUpkeep(options, { books, local, service, settings, evidence });
  await upkeep();
  const clients = listClients(config, await loadCredentials(config.credentialsFile));
  const checkPassword = createPasswordChecker();
  const admission = createAdmission({ ...options, ...books, clients, checkPassword });
  const administration = createAdministration({
    audit: books.audit,
    config: () => inForce,
    now: options.clock.now,
    loadConfig: options.loadConfig,
    reload: (next) => reloadInTurn(next),
    onCredentials: (credentials) => {
      admission.replace(listClients(inForce, credentials));
    },
  });
  const tally = createTally();
  const parts = { books, local, settings, service, evidence, publicFiles, administration, tally };
  const apps = createApps(options, parts, admission);
  const { plain, secure } = await openListeners(options, apps, stack);
  // First of all: who waits for records is told where to fetch them.
  stack.defer(evidence.release);
  warnOfEnds(await apps.snapshot(), events);
  const watchCrls = createCrlWatch(events);
  const lookAtCrls = (): void => {
    watchCrls(
      secure.flatMap((one) => one.clientCrls()),
      options.clock.now(),
    );
  };
  lookAtCrls();
  const { url } = plain;
  let warnedOn = dayOf(options.clock.now());
  const timer = setInterval(() => {
    const today = dayOf(options.clock.now());
    const isNewDay = today !== warnedOn;
    warnedOn = today;
    lookAtCrls();
    const work = async (): Promise<void> => {
      if (isNewDay) warnOfEnds(await apps.snapshot(), events);
      await upkeep();
    };
    work().catch((error: unknown) => {
      events({ level: 'error', name: 'tsa.upkeep.failed', ...errorFields(error) });
    });
  }, upkeepPeriodMs);
  timer.unref();
  stack.defer(() => {
    clearInterval(timer);
  });
  events({ level: 'info', name: 'tsa.started', url, algorithmPolicy: algorithmEditions(config) });

  const reload = async (next: TsaConfig): Promise<void> => {
    const others = listClients(next, await loadCredentials(next.credentialsFile));
    const commits: (() => void)[] = [];
    for (const listener of secure) commits.push(await listener.prepareReload());
    commits.push(local.preparePolicy(next.algorithmPolicy));
    commits.push(await prepare(next));
    for (const commit of commits) commit();
    lookAtCrls();
    const before = inForce;
    inForce = next;
    admission.replace(others);
    books.budgets.replace(budgetsOf(next));
    const configuration = configurationDigest(next);
    await note({ event: 'reloaded', configuration });
    await noteApprovals(next.oversight, before.oversight, note);
    warnOfContacts(next, events);
    const algorithmPolicy = algorithmEditions(next);
    events({ level: 'info', name: 'tsa.reloaded', configuration, algorithmPolicy });
  };

  // One at a time: the second finds what the first left.
  let reloading: Promise<void> = Promise.resolve();
  const reloadInTurn = (next: TsaConfig): Promise<void> => {
    reloading = reloading.then(() => reload(next));
    const result = reloading;
    reloading = reloading.catch(() => undefined);
    return result;
  };
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
    reload: reloadInTurn,
    close,
    [Symbol.asyncDispose]: close,
  };
}
