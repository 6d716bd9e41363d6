// Decades on a simulated clock: the real run against real stores and real TSAs over loopback. Nights
// on which nothing changes are proved empty by the planner and skipped; at least one run every 90
// days reads all documents and leaf tables.
import path from 'node:path';
import { InvariantError } from '#shared/errors.ts';
import type { DocumentRow } from '#shared/ports/catalogue.ts';
import type { Clock, EventSink } from '#shared/ports/runtime.ts';
import { earlier, isBefore } from '#shared/time.ts';
import {
  addDocument,
  alterDocument,
  copyDocuments,
  loseLeafTable,
  writeExport,
} from '../adapters/simulated-files.ts';
import { openSqliteCatalogue } from '../adapters/sql-catalogue.ts';
import { parseArchiverConfig, type ArchiverConfig } from '../config.ts';
import { assembleEvidenceRecord } from '../evidence/assemble.ts';
import { judgeRecord } from '../evidence/judge-record.ts';
import { openArchiver, type Archiver } from '../main.ts';
import { rebuildInto } from '../rebuild.ts';
import type { RunSummary } from '../reports/report.ts';
import { planFromCatalogue } from '../night/plan-catalogue.ts';
import { runNight } from '../run.ts';
import { nextReread } from '../stages/fixity.ts';
import { readDocument } from '../stages/read-document.ts';
import type { Scenario, ScenarioEvent } from './scenario.ts';
import type { TimelineEntry } from './timeline.ts';
import type { SimulatedTsas } from './tsas.ts';

export type SimulationOptions = {
  readonly scenario: Scenario;
  /** Folder whose files are the documents; only read. */
  readonly documents: string;
  /** Where everything is kept; empty or not there. */
  readonly state: string;
  readonly retention: unknown;
  readonly clock: SettableClock;
  readonly tsas: SimulatedTsas;
  readonly events: EventSink;
  readonly signal: AbortSignal;
  /** End of each of these years: every document's record is written to `state/export/YEAR`. */
  readonly exportYears: readonly number[];
  readonly onProgress: (progress: {
    readonly at: Temporal.Instant;
    readonly runs: number;
    readonly skipped: number;
  }) => void;
};

/** The clock that everything in the simulation shares. */
export type SettableClock = Clock & { readonly set: (instant: Temporal.Instant) => void };

export function settableClock(start: Temporal.Instant): SettableClock {
  let now = start;
  return {
    now: () => now,
    set: (instant) => {
      now = instant;
    },
  };
}

export type SimulationResult = {
  readonly runs: number;
  readonly skippedNights: number;
  readonly documents: number;
  readonly verified: number;
  readonly notVerified: readonly { readonly key: string; readonly reason: string }[];
  readonly damaged: readonly string[];
  readonly damageFound: readonly {
    readonly what: string;
    readonly planted: string;
    readonly found: string | undefined;
    /** 1: by the first run that read it. */
    readonly runsAfter: number | undefined;
  }[];
  readonly tokensBought: number;
  readonly tokensMade: number;
  /** Longest time between two runs, in days. */
  readonly longestGapDays: number;
  readonly rebuildDiffers: readonly string[];
  readonly timeline: readonly TimelineEntry[];
};

const night = Temporal.Duration.from({ hours: 24 });
const fixityDays = 90;

type Planted = {
  readonly what: string;
  readonly key: string;
  readonly planted: Temporal.Instant;
  /** Runs that read such an object, before it was damaged. */
  readonly readBefore: number;
  found?: Temporal.Instant;
  runsAfter?: number;
};

class Simulation {
  readonly #options: SimulationOptions;
  readonly #documents: string;
  readonly #timeline: TimelineEntry[] = [];
  readonly #planted: Planted[] = [];
  #pending: ScenarioEvent[];
  #config: ArchiverConfig;
  #archiver: Archiver | undefined;
  #downNights = 0;
  #runs = 0;
  #skipped = 0;
  #bought = 0;
  #added = 0;
  #longestGap = 0;
  #wholeRuns = 0;
  #wholeRead: Temporal.Instant;

  constructor(options: SimulationOptions) {
    this.#options = options;
    this.#documents = path.join(options.state, 'documents');
    this.#pending = options.scenario.events.toSorted((a, b) =>
      Temporal.Instant.compare(a.at, b.at),
    );
    this.#config = this.#configure();
    this.#wholeRead = options.scenario.start;
  }

  #configure(): ArchiverConfig {
    const { state, scenario } = this.#options;
    const text = JSON.stringify({
      state: 'archive',
      stores: [{ kind: 'folder', name: 'documents', path: 'documents' }],
      tsa: {
        url: 'http://127.0.0.1:1/',
        anchors: ['unused'],
        clockToleranceSeconds: 300,
        revocation: 'require',
      },
      fixityDays,
      retention: { rules: this.#options.retention },
    });
    return {
      ...parseArchiverConfig(text, path.join(state, 'simulation.yaml')),
      profile: scenario.profile,
    };
  }

  #note(kind: TimelineEntry['kind'], text: string, details: Partial<TimelineEntry> = {}): void {
    this.#timeline.push({
      at: this.#options.clock.now().toString({ smallestUnit: 'second' }),
      kind,
      text,
      ...details,
    });
  }

  async #open(): Promise<Archiver> {
    const { tsas, clock, events, signal } = this.#options;
    await this.#archiver?.[Symbol.asyncDispose]();
    const tsa = { ...this.#config.tsa, url: tsas.url, anchors: tsas.anchors(), crls: tsas.crls() };
    this.#config = { ...this.#config, tsa, secondTsa: undefined };
    this.#archiver = await openArchiver(this.#config, { clock, events, signal, create: true });
    return this.#archiver;
  }

  #current(): Archiver {
    if (!this.#archiver)
      throw new InvariantError('ERR_INVARIANT_STATE', 'the simulated archive is not open');
    return this.#archiver;
  }

  async #happen(event: ScenarioEvent): Promise<void> {
    const { tsas } = this.#options;
    this.#note('event', event.text);
    switch (event.kind) {
      case 'providers':
        await tsas.use(event.providers);
        await this.#open();
        break;
      case 'provider-gone':
        await tsas.lose(event.name);
        break;
      case 'no-tsa':
        this.#downNights = event.nights;
        await tsas.setDown(true);
        break;
      case 'policy': {
        const { profile } = this.#config;
        this.#config = {
          ...this.#config,
          profile: { ...profile, overrides: [...profile.overrides, event.override] },
        };
        await this.#open();
        break;
      }
      case 'new-document':
        this.#added++;
        await addDocument(
          this.#documents,
          `added-${String(this.#added).padStart(3, '0')}.txt`,
          `simulated document ${this.#added}\n`,
        );
        break;
      case 'alter-document':
        await this.#alterDocument();
        break;
      case 'lose-leaf-table':
        await this.#loseLeafTable();
        break;
    }
  }

  async #alterDocument(): Promise<void> {
    for await (const row of this.#current().catalogue.documents({
      states: ['protected'],
      attached: false,
    })) {
      if (row.size === 0) continue;
      await alterDocument(this.#documents, row.key);
      this.#planted.push({
        what: 'altered document',
        key: row.key,
        planted: this.#options.clock.now(),
        readBefore: this.#runs,
      });
      return;
    }
  }

  async #loseLeafTable(): Promise<void> {
    for await (const batch of this.#current().catalogue.batches()) {
      if (batch.kind === 'timestamp-renewal' || batch.state !== 'valid') continue;
      await loseLeafTable(path.join(this.#config.state, 'evidence'), batch.batchId);
      this.#planted.push({
        what: 'lost leaf table',
        key: batch.batchId,
        planted: this.#options.clock.now(),
        readBefore: this.#wholeRuns,
      });
      return;
    }
  }

  async #night(): Promise<RunSummary> {
    const { clock, tsas, signal } = this.#options;
    await tsas.upkeep();
    const archiver = this.#current();
    // All of it at once and at least every 90 days, so that the nights between have nothing to read.
    const due = await nextReread(archiver.catalogue, fixityDays);
    const whole =
      !isBefore(clock.now(), this.#wholeRead.add({ hours: 24 * 30 })) ||
      (due !== undefined && !isBefore(clock.now(), due));
    if (whole) {
      this.#wholeRead = clock.now();
      this.#wholeRuns++;
    }
    const summary = await runNight(await archiver.night(signal), {
      runAt: clock.now(),
      signal,
      reread: whole ? 'whole' : 'none',
    });
    this.#runs++;
    this.#bought += summary.tokensBought;
    for (const planted of this.#planted) {
      const found = summary.findings.some(
        (finding) => finding.key === planted.key || finding.batchId === planted.key,
      );
      if (found && !planted.found) {
        planted.found = clock.now();
        const readers = planted.what === 'lost leaf table' ? this.#wholeRuns : this.#runs;
        planted.runsAfter = readers - planted.readBefore;
      }
    }
    const did = [
      summary.protectedGroups > 0 ? `${summary.protectedGroups} protected` : '',
      summary.timestampRenewals > 0
        ? `timestamp renewal of ${summary.timestampRenewals} batches`
        : '',
      summary.hashTreeRenewals > 0
        ? `hash-tree renewal of ${summary.hashTreeRenewals} documents`
        : '',
    ].filter((text) => text !== '');
    if (did.length > 0)
      this.#note('stamp', did.join(', '), {
        tokens: summary.tokensBought,
        horizon: await this.#horizon(),
      });
    for (const finding of summary.findings) {
      this.#note(
        'finding',
        `${finding.kind}${finding.key === undefined ? '' : ` ${finding.key}`}: ${finding.message}`,
      );
    }
    return summary;
  }

  /** The earliest end among what still counts. */
  async #horizon(): Promise<string | undefined> {
    let first: Temporal.Instant | undefined;
    for await (const batch of this.#current().catalogue.batches()) {
      if (batch.kind === 'timestamp-renewal' || batch.state === 'retired' || !batch.horizon)
        continue;
      first = first ? earlier(first, batch.horizon) : batch.horizon;
    }
    return first?.toString({ smallestUnit: 'second' });
  }

  /** The next night that has anything to do; the ones before it are proved empty. */
  async #nextNight(summary: RunSummary): Promise<Temporal.Instant> {
    const { clock, scenario } = this.#options;
    const now = clock.now();
    const tomorrow = now.add(night);
    if (this.#downNights > 0) {
      this.#downNights--;
      if (this.#downNights === 0) await this.#options.tsas.setDown(false);
      return tomorrow;
    }
    const archiver = this.#current();
    // Something still waits for its token: tried again every night.
    if (
      (await planFromCatalogue(await archiver.night(this.#options.signal), now)).actions.length > 0
    )
      return tomorrow;
    const reread = await nextReread(archiver.catalogue, fixityDays);
    const candidates = [
      scenario.end,
      this.#pending[0]?.at,
      reread,
      summary.nextDue === undefined ? undefined : Temporal.Instant.from(summary.nextDue),
    ];
    let next = candidates.reduce<Temporal.Instant>(
      (soonest, at) => (at ? earlier(soonest, at) : soonest),
      scenario.end,
    );
    if (isBefore(next, tomorrow)) next = tomorrow;
    const skipped = Math.floor(next.since(now).total('hours') / 24) - 1;
    if (skipped > 0) {
      const plan = await planFromCatalogue(
        await archiver.night(this.#options.signal),
        next.subtract(night),
      );
      if (plan.actions.length > 0)
        throw new InvariantError(
          'ERR_INVARIANT_STATE',
          `the night before ${next.toString()} was skipped, but has ${plan.actions.length} actions`,
        );
      this.#skipped += skipped;
    }
    return next;
  }

  async #rows(): Promise<readonly DocumentRow[]> {
    return Array.fromAsync(this.#current().catalogue.documents());
  }

  async #recordOf(row: DocumentRow): Promise<Uint8Array | undefined> {
    const archiver = this.#current();
    const place = (await archiver.catalogue.memberships(row.id))
      .filter((membership) => membership.active)
      .at(-1);
    return (
      place &&
      assembleEvidenceRecord(
        archiver.evidence.objects,
        { batchId: place.batchId, index: place.groupIndex },
        { signal: this.#options.signal },
      )
    );
  }

  async #export(year: number): Promise<void> {
    const records = new Map<string, Uint8Array>();
    const list: unknown[] = [];
    for (const [index, row] of (await this.#rows()).entries()) {
      const record = await this.#recordOf(row);
      if (!record || row.state !== 'protected') continue;
      const file = `${String(index).padStart(4, '0')}.ers`;
      records.set(file, record);
      list.push({ record: file, document: row.key, sha256: row.sha256 });
    }
    await writeExport(path.join(this.#options.state, 'export', String(year)), {
      records,
      list: { at: this.#options.clock.now().toString(), records: list },
      anchors: this.#options.tsas.anchors(),
    });
  }

  /** Every document's record judged as a stranger would, as of the end. */
  async #verifyAll(): Promise<{
    readonly verified: number;
    readonly notVerified: { key: string; reason: string }[];
  }> {
    const { signal, clock } = this.#options;
    const archiver = this.#current();
    const { tsa } = await archiver.night(signal);
    const notVerified: { key: string; reason: string }[] = [];
    let verified = 0;
    const damaged = new Set(
      this.#planted
        .filter((planted) => planted.what === 'altered document')
        .map((planted) => planted.key),
    );
    for (const row of await this.#rows()) {
      if (damaged.has(row.key)) continue;
      const store = archiver.stores.get(row.store);
      const record = await this.#recordOf(row);
      if (!store || !record || row.state !== 'protected') {
        notVerified.push({ key: row.key, reason: row.state });
        continue;
      }
      const reading = await readDocument(store, row.key, {
        algorithms: ['SHA-256', 'SHA-512'],
        keep: 0,
        signal,
      });
      const digests = new Map(
        Object.entries(reading.digests).map(([name, hex]) => [
          name,
          new Uint8Array(Buffer.from(hex, 'hex')),
        ]),
      );
      const dataObjects = [
        { name: row.key, digest: (algorithm: string) => digests.get(algorithm) },
      ];
      const verdict = await judgeRecord({
        record,
        dataObjects,
        exactGroup: false,
        verification: tsa.verification,
        at: clock.now(),
        signal,
      });
      if (verdict.status === 'valid') verified++;
      else
        notVerified.push({
          key: row.key,
          reason: verdict.findings.map((finding) => finding.message).join('; ') || verdict.status,
        });
    }
    return { verified, notVerified };
  }

  /** Rows in which a catalogue made from the stores alone differs (design §1.4). */
  async #compareRebuilt(): Promise<readonly string[]> {
    const archiver = this.#current();
    const { horizonRules } = await archiver.night(this.#options.signal);
    await using fresh = await openSqliteCatalogue(':memory:');
    await rebuildInto(fresh, {
      config: this.#config,
      stores: archiver.stores,
      evidence: archiver.evidence,
      horizonRules,
      signal: this.#options.signal,
    });
    const [before, after] = [
      await Array.fromAsync(archiver.catalogue.dump()),
      await Array.fromAsync(fresh.dump()),
    ];
    const known = new Set(after);
    const differing = before.filter((row) => !known.has(row));
    return before.length === after.length || differing.length > 0
      ? differing
      : [`${before.length} rows before, ${after.length} after`];
  }

  async run(): Promise<SimulationResult> {
    const { scenario, clock, documents, tsas, signal, onProgress } = this.#options;
    await copyDocuments(documents, this.#documents);
    const years = [...this.#options.exportYears].toSorted((a, b) => a - b);
    let now = scenario.start;
    try {
      while (isBefore(now, scenario.end)) {
        signal.throwIfAborted();
        clock.set(now);
        while (this.#pending[0] && !isBefore(now, this.#pending[0].at)) {
          const event = this.#pending.shift();
          if (event) await this.#happen(event);
        }
        const summary = await this.#night();
        onProgress({ at: now, runs: this.#runs, skipped: this.#skipped });
        const next = await this.#nextNight(summary);
        while (years[0] !== undefined && years[0] < next.toZonedDateTimeISO('UTC').year) {
          await this.#export(years[0]);
          years.shift();
        }
        this.#longestGap = Math.max(this.#longestGap, next.since(now).total('hours') / 24);
        now = next;
      }
      clock.set(scenario.end);
      await tsas.upkeep();
      const { verified, notVerified } = await this.#verifyAll();
      return {
        runs: this.#runs,
        skippedNights: this.#skipped,
        documents: (await this.#rows()).length,
        verified,
        notVerified,
        damaged: this.#planted.map((planted) => planted.key),
        damageFound: this.#planted.map(({ what, key, planted, found, runsAfter }) => ({
          what: `${what} ${key}`,
          planted: planted.toString(),
          found: found?.toString(),
          runsAfter,
        })),
        tokensBought: this.#bought,
        tokensMade: tsas.tokensMade(),
        longestGapDays: this.#longestGap,
        rebuildDiffers: await this.#compareRebuilt(),
        timeline: this.#timeline,
      };
    } finally {
      await this.#archiver?.[Symbol.asyncDispose]();
    }
  }
}

/** Lives through a scenario. @throws InvariantError: a skipped night had something to do */
export function simulate(options: SimulationOptions): Promise<SimulationResult> {
  return new Simulation(options).run();
}
