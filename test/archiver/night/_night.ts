// Whole nights on a temporary folder: real stores, the real proxy with its local TSU over loopback,
// and a clock that the test moves. Every test ends with `assertSound`: the catalogue equals one made
// from the stores alone, and every protected document's record is judged as a stranger would.
import { randomBytes } from 'node:crypto';
import { cp, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { openSqliteCatalogue } from '#archiver/adapters/sql-catalogue.ts';
import { evidenceOf } from '#archiver/commands/evidence.ts';
import { parseArchiverConfig, type ArchiverConfig } from '#archiver/config.ts';
import { judgeRecord } from '#archiver/evidence/judge-record.ts';
import { verificationFor } from '#archiver/evidence/tokens.ts';
import { openArchiver, type Archiver } from '#archiver/main.ts';
import { rebuildInto } from '#archiver/rebuild.ts';
import type { RunSummary } from '#archiver/reports/report.ts';
import type { NightDependencies, NightOptions } from '#archiver/night/dependencies.ts';
import { runNight } from '#archiver/run.ts';
import { settableClock, type SettableClock } from '#archiver/simulation/simulate.ts';
import { readDocument } from '#archiver/stages/read-document.ts';
import { fromHex } from '#shared/bytes.ts';
import type { DigestAlgorithm } from '#shared/crypto/digest.ts';
import type { DocumentRow } from '#shared/ports/catalogue.ts';
import type { Event } from '#shared/ports/runtime.ts';
import type { TimestampSource } from '#shared/ports/timestamp-source.ts';
import { localTsaConfig } from '#tsa/config/config.ts';
import { startTsa, type RunningTsa } from '#tsa/main.ts';

const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
const { signal } = new AbortController();

/** A proxy with its local TSU; `tokens` counts what it made, repeats not counted. */
export type TestTsa = AsyncDisposable & {
  readonly running: RunningTsa;
  readonly tokens: () => number;
};

export async function startNightTsa(
  stateDir: string,
  clock: SettableClock,
  options: { readonly tsuDays: number; readonly signatureDigest?: 'SHA-256' | 'SHA-512' },
): Promise<TestTsa> {
  let tokens = 0;
  const running = await startTsa({
    config: localTsaConfig({
      stateDir,
      stampAudit: false,
      local: {
        tsuLifeDays: options.tsuDays,
        caLifeDays: 3 * options.tsuDays,
        signatureDigest: options.signatureDigest ?? 'SHA-256',
      },
    }),
    clock,
    random,
    events: ({ name }) => {
      if (name === 'tsa.token.journalled') tokens++;
    },
    signal,
  });
  return {
    running,
    tokens: () => tokens,
    [Symbol.asyncDispose]: () => running.close(),
  };
}

function settingsOf({ running }: TestTsa): object {
  return {
    url: running.url,
    anchors: [running.anchorsPath],
    crls: [running.crlPath],
    revocation: 'require',
  };
}

export type Settings = Readonly<Record<string, unknown>>;

export type NightOverrides = Partial<Omit<NightOptions, 'signal'>> & {
  readonly signal?: AbortSignal;
  /** Other dependencies for this one night: faulty stores, another source. */
  readonly deps?: (deps: NightDependencies) => NightDependencies;
};

/** One archive in a folder of its own, its TSA beside it. */
export class TestArchive {
  readonly folder: string;
  readonly clock: SettableClock;
  readonly tsa: TestTsa;
  /** Anchors every document a second time. */
  readonly second: TestTsa | undefined;
  readonly events: Event[] = [];
  /** What every night's dependencies are made into. */
  always: (deps: NightDependencies) => NightDependencies = (deps) => deps;
  #settings: Settings;
  #archiver: Archiver | undefined;

  constructor(
    folder: string,
    clock: SettableClock,
    { tsa, second }: { readonly tsa: TestTsa; readonly second?: TestTsa | undefined },
    settings: Settings,
  ) {
    this.folder = folder;
    this.clock = clock;
    this.tsa = tsa;
    this.second = second;
    this.#settings = settings;
  }

  get documents(): string {
    return path.join(this.folder, 'documents');
  }

  get evidence(): string {
    return path.join(this.folder, 'state', 'evidence');
  }

  get configFile(): string {
    return path.join(this.folder, 'tokiwa.yaml');
  }

  #configText(): string {
    const { tsa, ...rest } = this.#settings;
    return JSON.stringify({
      state: 'state',
      stores: [{ kind: 'folder', name: 'documents', path: 'documents' }],
      tsa: { ...settingsOf(this.tsa), ...(tsa as object | undefined) },
      ...(this.second && { secondTsa: settingsOf(this.second) }),
      ...rest,
    });
  }

  config(): ArchiverConfig {
    return parseArchiverConfig(this.#configText(), this.configFile);
  }

  /** For a process of its own. */
  async writeConfig(): Promise<string> {
    await writeFile(this.configFile, this.#configText());
    return this.configFile;
  }

  async open(create = true): Promise<Archiver> {
    this.#archiver ??= await openArchiver(this.config(), {
      clock: this.clock,
      events: (event) => this.events.push(event),
      signal,
      create,
    });
    return this.#archiver;
  }

  async close(): Promise<void> {
    await this.#archiver?.[Symbol.asyncDispose]();
    this.#archiver = undefined;
  }

  /** Settings from now on, over those before, as an edited configuration file. */
  async configure(settings: Settings): Promise<void> {
    await this.close();
    this.#settings = { ...this.#settings, ...settings };
  }

  /** Puts back the second TSA after `configure({ secondTsa: undefined })`. */
  async joinSecond(): Promise<void> {
    await this.close();
    const kept = Object.entries(this.#settings).filter(([name]) => name !== 'secondTsa');
    this.#settings = Object.fromEntries(kept);
  }

  async put(key: string, content: string | Uint8Array): Promise<void> {
    const file = path.join(this.documents, key);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, content);
  }

  async night({ deps, ...options }: NightOverrides = {}): Promise<RunSummary> {
    const archiver = await this.open();
    const own = this.always(await archiver.night(signal));
    return runNight(deps ? deps(own) : own, { runAt: this.clock.now(), signal, ...options });
  }

  /** So many days later, a night. */
  async nightAfter(days: number, overrides: NightOverrides = {}): Promise<RunSummary> {
    this.clock.set(this.clock.now().add({ hours: 24 * days }));
    await this.upkeep();
    return this.night(overrides);
  }

  /** New TSU certificates and CRLs where they are due. */
  async upkeep(): Promise<void> {
    for (const tsa of [this.tsa, this.second]) await tsa?.running.upkeep();
  }

  async rows(): Promise<readonly DocumentRow[]> {
    return Array.fromAsync((await this.open()).catalogue.documents());
  }

  async row(key: string): Promise<DocumentRow> {
    const found = (await this.rows()).findLast((row) => row.key === key);
    if (!found) throw new Error(`no document ${key}`);
    return found;
  }

  async states(): Promise<Readonly<Record<string, string>>> {
    return Object.fromEntries((await this.rows()).map((row) => [row.key, row.state]));
  }

  async record(key: string, anchor?: number): Promise<Uint8Array> {
    return evidenceOf(await this.open(), await this.row(key), signal, { anchor });
  }

  /** Folders of batches, oldest first. */
  async batches(): Promise<readonly string[]> {
    return (await readdir(path.join(this.evidence, 'batches'))).toSorted();
  }

  batchFile(batchId: string, name: string): string {
    return path.join(this.evidence, 'batches', batchId, name);
  }

  /** Everything in the evidence store by path, lock files left out. */
  async evidenceTree(): Promise<ReadonlyMap<string, string>> {
    const entries = await readdir(this.evidence, { recursive: true, withFileTypes: true });
    const files = entries
      .filter((entry) => entry.isFile())
      .map((entry) => path.join(entry.parentPath, entry.name));
    const tree = new Map<string, string>();
    for (const file of files.toSorted()) {
      const name = path.relative(this.evidence, file);
      if (!name.startsWith('.')) tree.set(name, (await readFile(file)).toString('base64'));
    }
    return tree;
  }

  /** Keeps a copy of stores and state, to be gone back to, as often as it is asked. */
  async snapshot(): Promise<() => Promise<void>> {
    const copy = `${this.folder}-copy`;
    await this.close();
    const options = { recursive: true, preserveTimestamps: true };
    for (const part of ['state', 'documents'])
      await cp(path.join(this.folder, part), path.join(copy, part), options);
    return async () => {
      await this.close();
      for (const part of ['state', 'documents']) {
        await rm(path.join(this.folder, part), { recursive: true, force: true });
        await cp(path.join(copy, part), path.join(this.folder, part), options);
      }
    };
  }

  /** Rows in which a catalogue made from the stores alone differs (design §1.4). */
  async rebuildDifferences(): Promise<readonly string[]> {
    const archiver = await this.open();
    const { horizonRules } = await archiver.night(signal);
    await using fresh = await openSqliteCatalogue(':memory:');
    await rebuildInto(fresh, {
      config: archiver.config,
      stores: archiver.stores,
      evidence: archiver.evidence,
      horizonRules,
      signal,
    });
    const before = new Set(await Array.fromAsync(archiver.catalogue.dump()));
    const after = new Set(await Array.fromAsync(fresh.dump()));
    return [
      ...[...before].filter((row) => !after.has(row)).map((row) => `only before: ${row}`),
      ...[...after].filter((row) => !before.has(row)).map((row) => `only rebuilt: ${row}`),
    ];
  }

  /** Why the record of a document does not hold, judged by itself now; `valid` where it does. */
  async judge(key: string, anchor?: 1 | 2): Promise<string> {
    const archiver = await this.open();
    const row = await this.row(key);
    const { tsa, secondTsa, stores } = await archiver.night(signal);
    const by = anchor === 2 ? secondTsa : tsa;
    if (!by) return 'no second TSA';
    const places = await archiver.catalogue.memberships(row.id);
    const batches = await Promise.all(
      places.map(({ batchId }) => archiver.catalogue.getBatch(batchId)),
    );
    const kind = batches.some((batch) => batch?.kind === 'taken-over') ? 'taken-over' : 'initial';
    const store = stores.get(row.store);
    if (!store) return `no store ${row.store}`;
    const { digests } = await readDocument(store, key, {
      versionId: row.versionId === '' ? undefined : row.versionId,
      algorithms: ['SHA-256', 'SHA-512'],
      keep: 0,
      signal,
    });
    const digest = (algorithm: DigestAlgorithm): Uint8Array | undefined =>
      fromHex(digests[algorithm] ?? '') ?? undefined;
    const verdict = await judgeRecord({
      record: await this.record(key, anchor),
      dataObjects: [{ name: key, digest }],
      exactGroup: false,
      verification: verificationFor(by.verification, kind),
      at: this.clock.now(),
      signal,
    });
    return verdict.status === 'valid'
      ? 'valid'
      : `${verdict.status}: ${verdict.findings.map(({ message }) => message).join('; ')}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
    await this.tsa[Symbol.asyncDispose]();
    await this.second?.[Symbol.asyncDispose]();
    await rm(this.folder, { recursive: true, force: true });
    await rm(`${this.folder}-copy`, { recursive: true, force: true });
  }
}

/** An archive that starts empty, its clock at `start`. */
export async function createArchive(
  settings: Settings = {},
  options: {
    readonly start?: string;
    readonly tsuDays?: number;
    readonly signatureDigest?: 'SHA-256' | 'SHA-512';
    readonly second?: boolean;
  } = {},
): Promise<TestArchive> {
  const folder = await mkdtemp(path.join(tmpdir(), 'tokiwa-night-'));
  await mkdir(path.join(folder, 'documents'));
  const clock = settableClock(Temporal.Instant.from(options.start ?? '2027-01-10T02:00:00Z'));
  const { tsuDays = 1000, signatureDigest = 'SHA-256' } = options;
  const tsa = await startNightTsa(path.join(folder, 'tsa'), clock, { tsuDays, signatureDigest });
  const second = options.second
    ? await startNightTsa(path.join(folder, 'second'), clock, { tsuDays, signatureDigest })
    : undefined;
  return new TestArchive(folder, clock, { tsa, second }, settings);
}

/** Kinds of what a night found, each once, in order of the alphabet. */
export function kindsOf(summary: RunSummary): readonly string[] {
  return [...new Set(summary.findings.map(({ kind }) => kind))].toSorted();
}

/** The first messages that say a finding of this kind, for reading in a failed test. */
export function messageOf(summary: RunSummary, kind: string): string {
  return summary.findings.find((finding) => finding.kind === kind)?.message ?? '';
}

/** The end of every test: nothing is lost, and the catalogue is what the stores say. */
export async function assertSound(
  t: ExecutionContext,
  archive: TestArchive,
  options: { readonly notJudged?: readonly string[] } = {},
): Promise<void> {
  t.deepEqual(await archive.rebuildDifferences(), []);
  for (const row of await archive.rows())
    if (row.state === 'protected' && options.notJudged?.includes(row.key) !== true)
      for (const anchor of archive.second ? ([1, 2] as const) : ([1] as const))
        t.is(await archive.judge(row.key, anchor), 'valid', `${row.key} by TSA ${anchor}`);
}

/** One octet in the middle changed. */
/** `at`: which octet; without it the one in the middle. */
export async function flipFile(
  file: string,
  at = (octets: Buffer): number => Math.floor(octets.length / 2),
): Promise<void> {
  const octets = await readFile(file);
  const position = at(octets);
  octets[position] = (octets[position] ?? 0) ^ 1;
  await writeFile(file, octets);
}

export async function truncateFile(file: string): Promise<void> {
  const octets = await readFile(file);
  await writeFile(file, octets.subarray(0, Math.floor(octets.length / 2)));
}

/** A night whose queries to the TSA go by way of `exchange`; `own` is what would have been asked. */
export function askedBy(
  exchange: (
    own: TimestampSource,
    ...query: Parameters<TimestampSource['exchange']>
  ) => Promise<Uint8Array>,
): (deps: NightDependencies) => NightDependencies {
  return (deps) => {
    const own = deps.tsa.source;
    const source: TimestampSource = { ...own, exchange: (...query) => exchange(own, ...query) };
    return { ...deps, tsa: { ...deps.tsa, source } };
  };
}
