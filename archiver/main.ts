// Wiring of the worker: configuration to stores, evidence, catalogue and trust, as one value with a
// lifetime. Every command opens it; nothing else names an adapter.
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { ConfigError } from '#shared/errors.ts';
import { openHttpSender } from '#shared/io/http-sender.ts';
import { loadCertificates } from '#shared/io/trust-files.ts';
import type { Catalogue } from '#shared/ports/catalogue.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import type { Clock, EventSink, RandomSource } from '#shared/ports/runtime.ts';
import type { StatusSource } from '#shared/ports/status-source.ts';
import type { TrustAnchor } from '#shared/trust/anchors.ts';
import { type SignerTrust, signersUnder } from '#shared/validation/signer-trust.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import { makeFolder } from '#shared/io/make-folder.ts';
import {
  configuredStatusSource,
  heldStatusSource,
  loadConfiguredStatus,
} from './adapters/configured-status-source.ts';
import { loadDocumentAnchors } from './adapters/document-anchors.ts';
import { fetchingStatusSource } from './adapters/fetching-status-source.ts';
import { openFolderStore } from './adapters/folder-store.ts';
import {
  openHttpTimestampSource,
  type HttpTimestampSource,
} from './adapters/http-timestamp-source.ts';
import { isProcessGone, thisProcess } from './adapters/process-identity.ts';
import { openSqliteCatalogue } from './adapters/sql-catalogue.ts';
import { openStatusCache } from './adapters/status-cache.ts';
import type { ArchiverConfig, StoreConfig } from './config.ts';
import { openEvidenceStore, type EvidenceStore } from './evidence-store.ts';
import type { StampingTsa } from './evidence/types.ts';
import type { NightDependencies } from './night/dependencies.ts';
import type { SkippedObject } from './stages/scan.ts';
import { horizonRules, trustAnchors } from './trust.ts';

export type ArchiverOptions = {
  readonly clock: Clock;
  readonly random?: RandomSource;
  readonly events: EventSink;
  readonly signal: AbortSignal;
  /** Whether an archive may be started where there is none. */
  readonly create: boolean;
  /** Another file than the configuration's: the catalogue that a rebuild fills. */
  readonly catalogueFile?: string | undefined;
};

/** The archiver with everything open. */
export type Archiver = AsyncDisposable & {
  readonly config: ArchiverConfig;
  readonly stores: ReadonlyMap<string, ObjectStore>;
  readonly evidence: EvidenceStore;
  readonly catalogue: Catalogue;
  /** What a run stands on; anchors and CRLs are read anew each time. */
  readonly night: (signal: AbortSignal) => Promise<NightDependencies>;
  /**
   * Trust data of signers as the last night had it, or as it is now.
   * @throws ConfigError ERR_CONFIG_INVALID: it cannot be read
   */
  readonly signerTrust: () => Promise<SignerTrust>;
};

/** So many objects that a listing leaves out are named one by one. */
const maxSkipped = 1000;

/** A store as configured: documents are only read, but where they come in; evidence is written. */
export async function openStore(
  settings: StoreConfig,
  access: 'read' | 'write',
  options: Pick<ArchiverOptions, 'events' | 'signal'>,
  skippedObjects: SkippedObject[] = [],
): Promise<ObjectStore> {
  if (settings.kind === 's3') {
    // The SDK costs every command a third of a second: loaded where a store wants it.
    const { openS3Store } = await import('./adapters/s3-store.ts');
    return openS3Store({ ...settings, access, signal: options.signal });
  }
  return openFolderStore({
    name: settings.name,
    folder: settings.path,
    access,
    onSkipped: (skipped) => {
      if (skippedObjects.length < maxSkipped) skippedObjects.push(skipped);
      options.events({
        level: 'warn',
        name: 'archiver.store.skipped',
        store: settings.name,
        ...skipped,
      });
    },
  });
}

/**
 * Two tokens under one trust anchor are one witness, and the second is not worth its price.
 * @throws ConfigError ERR_CONFIG_INVALID
 */
function requireIndependent(
  anchors: readonly Certificate[],
  secondAnchors: readonly Certificate[],
): void {
  const shared = secondAnchors.find(({ subject }) =>
    anchors.some((anchor) => anchor.subject.text === subject.text),
  );
  if (shared)
    throw new ConfigError(
      'ERR_CONFIG_INVALID',
      `tsa and secondTsa share the trust anchor ${shared.subject.text}: they are one witness, and nothing is bought for it`,
    );
}

/** Documents are written to only where they come over HTTP, or a rule has new versions made of them. */
export function accessTo(
  { rules, intake }: Pick<ArchiverConfig, 'rules' | 'intake'>,
  { name }: Pick<StoreConfig, 'name'>,
): 'read' | 'write' {
  const augments = rules.some(({ renewal }) => renewal !== 'evidence-record');
  return augments || name === intake?.store ? 'write' : 'read';
}

/** The evidence store alone, whatever is in it: for an import. The default folder is made. */
export async function openEvidenceObjects(
  config: ArchiverConfig,
  options: Pick<ArchiverOptions, 'events' | 'signal'>,
): Promise<ObjectStore> {
  if (config.evidence.kind === 'folder') await makeFolder(config.evidence.path);
  return openStore(config.evidence, 'write', options);
}

/** Every document store by name, to be read; `lifetime` closes them. */
export async function openDocuments(
  config: ArchiverConfig,
  options: Pick<ArchiverOptions, 'events' | 'signal'>,
  lifetime: AsyncDisposableStack,
): Promise<ReadonlyMap<string, ObjectStore>> {
  const stores = new Map<string, ObjectStore>();
  for (const settings of config.stores)
    stores.set(settings.name, lifetime.use(await openStore(settings, 'read', options)));
  return stores;
}

/**
 * A document store that may be changed, for an operator who deletes.
 * @throws ConfigError ERR_CONFIG_USAGE: no such store
 */
export async function openDocumentsForDeletion(
  config: ArchiverConfig,
  name: string,
  options: Pick<ArchiverOptions, 'events' | 'signal'>,
): Promise<ObjectStore> {
  const settings = config.stores.find((each) => each.name === name);
  if (settings) return openStore(settings, 'write', options);
  throw new ConfigError('ERR_CONFIG_USAGE', `the store ${name} is not configured`);
}

export function catalogueFile(config: ArchiverConfig): string {
  return path.join(config.state, 'catalogue.sqlite');
}

/**
 * Opens stores, evidence and catalogue.
 * @throws ConfigError ERR_CONFIG_ARCHIVE_ID: the evidence store is not that of this archive
 * @throws SourceError: a store cannot be reached
 */
export async function openArchiver(
  config: ArchiverConfig,
  options: ArchiverOptions,
): Promise<Archiver> {
  const { clock, events, signal, create } = options;
  const random: RandomSource = options.random ?? ((length) => new Uint8Array(randomBytes(length)));
  await using opened = new AsyncDisposableStack();
  await makeFolder(config.state);
  // The default evidence folder is ours to make; a configured one that is not there is a mistake.
  const evidenceFolder = path.join(config.state, 'evidence');
  if (create && config.evidence.kind === 'folder' && config.evidence.path === evidenceFolder)
    await makeFolder(evidenceFolder);
  const stores = new Map<string, ObjectStore>();
  const skipped: SkippedObject[] = [];
  for (const settings of config.stores) {
    const access = accessTo(config, settings);
    const store = opened.use(await openStore(settings, access, options, skipped));
    if (access === 'write' && !store.capabilities.conditionalWrites)
      throw new ConfigError(
        'ERR_CONFIG_INVALID',
        `store ${settings.name} cannot keep two writers apart: it takes no documents (intake) and no new versions of them (augmentation)`,
      );
    stores.set(settings.name, store);
  }
  const evidenceObjects = opened.use(await openStore(config.evidence, 'write', options));
  const catalogue = opened.use(
    await openSqliteCatalogue(options.catalogueFile ?? catalogueFile(config)),
  );
  const known = config.archiveId ?? (await catalogue.getMeta('archive-id'));
  const evidence = await openEvidenceStore({
    store: evidenceObjects,
    prefix: config.evidence.prefix,
    expectedArchiveId: known,
    create,
    at: clock.now(),
    random,
    signal,
  });
  await catalogue.setMeta('archive-id', evidence.archiveId);
  const source = opened.use(await openHttpTimestampSource(config.tsa, clock));
  const second = config.secondTsa && {
    settings: config.secondTsa,
    source: opened.use(await openHttpTimestampSource(config.secondTsa, clock)),
  };
  const sender = opened.use(openHttpSender());

  /** One for each night, so that what does not answer is asked again the next. */
  const asking = async (base: StatusSource): Promise<StatusSource> => {
    const { fetch, allowedHosts } = config.status;
    if (!fetch) return base;
    const cache = await openStatusCache(path.join(config.state, 'status'), clock.now());
    return fetchingStatusSource({ base, sender, cache, allowedHosts, random, events });
  };

  const stamping = async (
    settings: NonNullable<ArchiverConfig['secondTsa']>,
    asked: HttpTimestampSource,
    anchors: readonly Certificate[],
    documentAnchors: readonly TrustAnchor[],
  ): Promise<StampingTsa> => ({
    source: asked,
    verification: {
      anchors: trustAnchors(config, anchors),
      certificates: anchors,
      statusSource: await asking(
        configuredStatusSource({ sources: settings.crls, sender, events }, anchors),
      ),
      revocationMode: settings.revocation,
      algorithmPolicy: config.profile,
      clockToleranceSeconds: settings.clockToleranceSeconds,
      takenOver: {
        anchors: documentAnchors,
        certificates: documentAnchors.map(({ certificate }) => certificate),
        statusSource: await asking(
          configuredStatusSource(
            { sources: [...settings.crls, ...config.signers.crls], sender, events },
            documentAnchors.map(({ certificate }) => certificate),
          ),
        ),
        revocationMode: 'require',
        algorithmPolicy: config.profile,
        clockToleranceSeconds: settings.clockToleranceSeconds,
      },
    },
    tsaPolicy: settings.tsaPolicy,
    price: settings.price,
  });

  const trustIn = (anchors: readonly TrustAnchor[]): SignerTrust =>
    signersUnder(anchors, config.signers.testCertificates);
  let trustOfSigners: SignerTrust | undefined;
  const signerTrust = async (): Promise<SignerTrust> =>
    (trustOfSigners ??= trustIn((await loadDocumentAnchors(config, clock.now(), events)).signer));

  const night = async (runSignal: AbortSignal): Promise<NightDependencies> => {
    const tsaAnchors = await loadCertificates(config.tsa.anchors);
    const secondAnchors = second ? await loadCertificates(second.settings.anchors) : [];
    requireIndependent(tsaAnchors, secondAnchors);
    const listed = await loadDocumentAnchors(config, clock.now(), events);
    const { signer: anchorsOfSigners } = listed;
    trustOfSigners = trustIn(anchorsOfSigners);
    const timestampAnchors =
      config.signers.tsuAnchors.length === 0
        ? []
        : await loadCertificates(config.signers.tsuAnchors);
    const tsuAnchors = [
      ...trustAnchors(config, [...tsaAnchors, ...secondAnchors, ...timestampAnchors]),
      ...listed.tsu,
    ];
    const signerStatus = await loadConfiguredStatus(
      { sources: config.signers.crls, sender, events },
      runSignal,
    );
    return {
      config,
      stores,
      takeSkipped: () => skipped.splice(0),
      evidence,
      lease: { holder: thisProcess(), isGone: isProcessGone },
      catalogue,
      tsa: await stamping(config.tsa, source, tsaAnchors, tsuAnchors),
      secondTsa:
        second && (await stamping(second.settings, second.source, secondAnchors, tsuAnchors)),
      tsaClock: (clockSignal) => source.clock(clockSignal),
      secondTsaClock: second && ((clockSignal) => second.source.clock(clockSignal)),
      signerMaterial: {
        signerAnchors: anchorsOfSigners,
        testCertificates: config.signers.testCertificates,
        // What is asked of the status of a TSU is what its TSA's configuration says.
        tsuAnchors: [
          ...trustAnchors(config, tsaAnchors, config.tsa.revocation),
          ...(second ? trustAnchors(config, secondAnchors, second.settings.revocation) : []),
          ...trustAnchors(config, timestampAnchors),
          ...listed.tsu,
        ],
        certificates: [],
        ...signerStatus,
        revocationMode: 'require',
        algorithmPolicy: config.profile,
      },
      signerStatus: await asking(
        heldStatusSource(
          signerStatus,
          anchorsOfSigners.map(({ certificate }) => certificate),
        ),
      ),
      horizonRules: horizonRules(config),
      clock,
      random,
      events,
    };
  };
  const lifetime = opened.move();
  return {
    config,
    stores,
    evidence,
    catalogue,
    night,
    signerTrust,
    [Symbol.asyncDispose]: () => lifetime.disposeAsync(),
  };
}
