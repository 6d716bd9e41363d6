// The stages of one night in order, with one runAt: finish what was left, scan and take in, plan,
// renew, verify by reading back, re-read a slice, report. Running the night again buys nothing and
// changes nothing.
import { InvariantError, TokiwaError, type FormatError } from '#shared/errors.ts';
import type { BatchRow, Catalogue, RunRow } from '#shared/ports/catalogue.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import type { Clock, EventSink, RandomSource } from '#shared/ports/runtime.ts';
import type { StatusSource } from '#shared/ports/status-source.ts';
import { isBefore } from '#shared/time.ts';
import type { GivenMaterial } from '#shared/validation/validation-material.ts';
import type { HorizonRules } from '#shared/validation/proof-horizon.ts';
import { toHex } from '#shared/bytes.ts';
import type { ArchiverConfig } from './config.ts';
import { loadChainIndex, type ChainIndex } from './evidence/chains.ts';
import { checkStored } from './evidence/check-stored.ts';
import { checkBatch, damageOf } from './evidence/link-check.ts';
import { readObjectList } from './evidence/object-list.ts';
import { healBatch } from './evidence/rebuild-leaf-table.ts';
import { recoverPending } from './evidence/recover.ts';
import { remakeManifest } from './evidence/remake-manifest.ts';
import type {
  AnchorNumber,
  BatchManifest,
  Damage,
  EvidenceContext,
  StampingTsa,
  TokenVerification,
} from './evidence/types.ts';
import { createChainVerifier, type ChainVerifier } from './evidence/verify-chain.ts';
import { evidenceStoreName, type EvidenceStore } from './evidence-store.ts';
import type { Lease, LeaseRequest } from './lease.ts';
import type { FindingLine, RunSummary } from './reports/report.ts';
import { applyManifest, refreshHorizons } from './stages/catalogue.ts';
import {
  recheckBroken,
  rereadSlice,
  type FixityDependencies,
  type RereadScope,
} from './stages/fixity.ts';
import { collectValidationData, recheckValidationData } from './stages/collect.ts';
import { findDistrusted, type DistrustDependencies } from './stages/distrusted.ts';
import { countGroupsWithoutAnchor, countWaitingGroups } from './stages/groups.ts';
import { planNight, type Plan, type PlanRules } from './stages/plan.ts';
import { carryOut } from './stages/renew.ts';
import { refreshRetention } from './stages/refresh-retention.ts';
import { scanStores, skippedFinding, type SkippedObject } from './stages/scan.ts';

export type NightDependencies = {
  readonly config: ArchiverConfig;
  readonly stores: ReadonlyMap<string, ObjectStore>;
  /** What listings of documents left out since this was last asked. */
  readonly takeSkipped: () => readonly SkippedObject[];
  readonly evidence: EvidenceStore;
  /** Who asks for the lease, and how it is told that an earlier holder on this machine has ended. */
  readonly lease: Pick<LeaseRequest, 'holder' | 'isGone'>;
  readonly catalogue: Catalogue;
  readonly tsa: StampingTsa;
  /** Anchors each document a second time. */
  readonly secondTsa?: StampingTsa | undefined;
  /** What time the TSA's own clock says, where it can be asked without buying. */
  readonly tsaClock?: ((signal: AbortSignal) => Promise<Temporal.Instant | undefined>) | undefined;
  readonly secondTsaClock?: NightDependencies['tsaClock'];
  /** What the documents' own signatures are judged with. */
  readonly signerMaterial: GivenMaterial;
  /** Where validation data of signers comes from beside `signerMaterial`. */
  readonly signerStatus: StatusSource;
  readonly horizonRules: HorizonRules;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly events: EventSink;
};

export type NightOptions = {
  readonly runAt: Temporal.Instant;
  readonly signal: AbortSignal;
  /** An operator's word for this run: more tokens than the ceiling. */
  readonly allowTokens?: number | undefined;
  /** What of the archive is re-read tonight: its nightly slice, all of it, or nothing. */
  readonly reread?: RereadScope | undefined;
};

/** What the planner needs of the configuration. */
export function planRules(config: ArchiverConfig): PlanRules {
  return {
    profile: config.profile,
    digestAlgorithms: [config.digestAlgorithm, config.nextDigestAlgorithm],
    leadTime: config.leadTime,
    timeZone: config.timeZone,
    maxLeaves: config.maxLeaves,
    price: config.tsa.price,
    second: config.secondTsa && { price: config.secondTsa.price },
    ceiling: config.ceiling,
  };
}

async function countLacking(catalogue: Catalogue): Promise<ReadonlyMap<AnchorNumber, number>> {
  const counts = new Map<AnchorNumber, number>();
  for (const anchor of [1, 2] as const)
    counts.set(anchor, await countGroupsWithoutAnchor(catalogue, anchor));
  return counts;
}

/** The plan as of an instant, from the catalogue as it stands. */
export async function planFromCatalogue(
  deps: Pick<NightDependencies, 'catalogue' | 'config' | 'horizonRules'>,
  runAt: Temporal.Instant,
): Promise<Plan> {
  const { catalogue, config, horizonRules } = deps;
  const batches = await refreshHorizons(catalogue, horizonRules);
  const demand = new Map(
    (await Array.fromAsync(catalogue.batchDemand())).map((row) => [row.batchId, row]),
  );
  return planNight({
    runAt,
    rules: planRules(config),
    batches,
    demand,
    waitingGroups: await countWaitingGroups(catalogue),
    lackingAnchor: config.secondTsa && (await countLacking(catalogue)),
  });
}

class Night {
  readonly #deps: NightDependencies;
  readonly #options: NightOptions;
  readonly #runId: string;
  readonly #findings: FindingLine[] = [];
  #scanned = 0;
  #added = 0;
  #protected = 0;
  #timestampRenewals = 0;
  #hashTreeRenewals = 0;
  #bought = 0;
  #spent = 0;
  #reread = 0;
  #nextDue: Temporal.Instant | undefined;

  constructor(deps: NightDependencies, options: NightOptions, runId: string) {
    this.#deps = deps;
    this.#options = options;
    this.#runId = runId;
  }

  #find(finding: FindingLine): void {
    this.#findings.push(finding);
    const { level, kind, message } = finding;
    this.#deps.events({
      level: level === 'info' ? 'info' : level === 'warning' ? 'warn' : 'error',
      name: 'archiver.finding',
      kind,
      message,
      batchId: finding.batchId,
    });
  }

  readonly #journal = async (
    entries: Parameters<EvidenceStore['journal']['append']>[0],
  ): Promise<void> => {
    if (entries.length > 0)
      await this.#deps.evidence.journal.append(entries, {
        at: this.#options.runAt,
        run: this.#runId,
        signal: this.#options.signal,
      });
  };

  #stage(name: string): void {
    this.#options.signal.throwIfAborted();
    this.#deps.events({ level: 'info', name: `archiver.run.${name}`, run: this.#runId });
  }

  /** Design, invariant 9: a clock before the newest genTime, or away from the TSA's, buys nothing. */
  async #clockIsSane(): Promise<boolean> {
    const { catalogue, tsaClock, secondTsaClock, config } = this.#deps;
    const { runAt } = this.#options;
    const newest = await catalogue.newestGenTime();
    if (newest && isBefore(runAt, newest)) {
      this.#find({
        kind: 'clock',
        level: 'error',
        message: `this clock says ${runAt.toString()}, but a token of ${newest.toString()} is already held: nothing is bought until the clock is right`,
      });
      return false;
    }
    const agreed = await this.#agreesWith(tsaClock, config.tsa.clockToleranceSeconds);
    const { secondTsa } = config;
    return (
      agreed &&
      (!secondTsa || (await this.#agreesWith(secondTsaClock, secondTsa.clockToleranceSeconds)))
    );
  }

  async #agreesWith(tsaClock: NightDependencies['tsaClock'], limit: number): Promise<boolean> {
    const { signal } = this.#options;
    const theirs = await tsaClock?.(signal).catch((error: unknown) => {
      if (signal.aborted || !(error instanceof TokiwaError)) throw error;
      return undefined;
    });
    const distance = theirs && Math.abs(theirs.since(this.#deps.clock.now()).total('seconds'));
    if (!theirs || distance === undefined || distance <= limit) return true;
    this.#find({
      kind: 'clock',
      level: 'error',
      message: `this clock differs from the TSA’s (${theirs.toString()}) by ${Math.round(distance)} s, the limit is ${limit} s: nothing is bought`,
    });
    return false;
  }

  readonly #accept = async (manifest: BatchManifest): Promise<void> => {
    const { catalogue, evidence, horizonRules } = this.#deps;
    const { signal } = this.#options;
    await applyManifest(catalogue, manifest, {
      rules: horizonRules,
      objectList: (batchId) => readObjectList(evidence.objects, batchId, signal),
      signal,
    });
  };

  async run(): Promise<void> {
    const { config, evidence, catalogue, tsa, stores, clock, random, events } = this.#deps;
    const { secondTsa } = this.#deps;
    const { runAt, signal, allowTokens } = this.#options;
    const { chains, incomplete } = await this.#loadChains();
    let left = allowTokens ?? config.ceiling.tokens;
    const budget = {
      take: (tokens: number): boolean => {
        if (tokens > left) return false;
        left -= tokens;
        return true;
      },
    };
    const context: EvidenceContext = {
      store: evidence.objects,
      chains,
      tsa,
      run: { runAt, clock, random, budget, events, signal },
    };
    const second: EvidenceContext | undefined = secondTsa && {
      ...context,
      anchor: 2,
      tsa: secondTsa,
    };

    this.#stage('recover');
    // Committed, and the run ended before the catalogue moved.
    for (const manifest of [...chains.manifests.values()].toSorted((a, b) =>
      a.id.localeCompare(b.id),
    ))
      await this.#accept(manifest);
    const mayBuy = await this.#clockIsSane();
    if (mayBuy) {
      const recovered = await recoverPending(context, second);
      for (const manifest of recovered.committed) await this.#accept(manifest);
      this.#count(recovered.committed);
      for (const pending of recovered.pending) {
        this.#find({
          kind: 'no-token',
          level: 'error',
          batchId: pending.id,
          message: `a token was asked for and is not there yet: ${pending.reason}`,
        });
      }
    }

    this.#stage('scan');
    await refreshRetention(catalogue, config, evidence, signal, this.#findJournalDamage);
    const scan = await scanStores({
      config,
      stores,
      catalogue,
      journal: this.#journal,
      intake: {
        runAt,
        digestAlgorithm: config.digestAlgorithm,
        inspectLimitBytes: config.inspectLimitBytes,
        material: this.#deps.signerMaterial,
      },
      runAt,
      events,
      signal,
    });
    this.#scanned = scan.scanned;
    this.#added = scan.added;
    scan.findings.forEach((finding) => {
      this.#find(finding);
    });
    for (const skipped of this.#deps.takeSkipped()) this.#find(skippedFinding(skipped));

    await this.#collect();

    this.#stage('plan');
    const checks = this.#checks(context);
    if (!incomplete) {
      const rechecked = { ...checks(true), catalogue, journal: this.#journal, runAt };
      for (const finding of await recheckBroken(rechecked)) this.#find(finding);
      const distrusted = { ...this.#trust(context), catalogue, journal: this.#journal, runAt };
      for (const finding of await findDistrusted(distrusted)) this.#find(finding);
    }
    const plan = await planFromCatalogue(this.#deps, runAt);
    this.#nextDue = plan.nextDue;
    const allowed = plan.allowed || (allowTokens !== undefined && plan.tokens <= allowTokens);
    for (const finding of plan.findings) {
      if (finding.kind === 'above-ceiling' && allowed) continue;
      this.#find({
        kind: finding.kind,
        level: finding.kind === 'renewal-does-not-help' ? 'warning' : 'error',
        message: finding.message,
        batchId: finding.batchId,
      });
    }
    // Without every manifest nobody knows which chains go on where: only new documents are stamped.
    const actions = incomplete
      ? plan.actions.filter(({ kind }) => kind === 'protect' || kind === 'anchor')
      : plan.actions;
    if (mayBuy && allowed) await this.#renew(actions, context, second);

    this.#stage('fixity');
    const fixity = await rereadSlice({
      ...checks(false),
      withBatches: !incomplete,
      catalogue,
      stores,
      journal: this.#journal,
      checkValidationData: (row) =>
        recheckValidationData(row, {
          catalogue,
          evidence: evidence.objects,
          journal: this.#journal,
          runAt,
          signal,
        }),
      runAt,
      fixityDays: config.fixityDays,
      scope: this.#options.reread ?? 'slice',
      signal,
    });
    await this.#rereadJournal();
    this.#reread = fixity.reread;
    fixity.findings.forEach((finding) => {
      this.#find(finding);
    });
    await this.#findUnprotected();
    if (this.#nextDue === undefined || plan.actions.length > 0)
      this.#nextDue = (await planFromCatalogue(this.#deps, runAt)).nextDue;
  }

  /** Without anchors of signers no status can be told, and intake has said so. */
  async #collect(): Promise<void> {
    const { config, catalogue, evidence, stores, signerMaterial, signerStatus } = this.#deps;
    if (signerMaterial.signerAnchors.length === 0) return;
    this.#stage('collect');
    const { findings } = await collectValidationData({
      catalogue,
      stores,
      evidence: evidence.objects,
      journal: this.#journal,
      material: signerMaterial,
      source: signerStatus,
      digestAlgorithm: config.digestAlgorithm,
      inspectLimitBytes: config.inspectLimitBytes,
      leadTime: config.leadTime,
      ...this.#options,
    });
    for (const finding of findings) this.#find(finding);
  }

  #count(committed: readonly BatchManifest[]): void {
    this.#bought += committed.length;
    for (const { price } of committed) this.#spent += price?.amount ?? 0;
  }

  async #renew(
    actions: Plan['actions'],
    context: EvidenceContext,
    second: EvidenceContext | undefined,
  ): Promise<void> {
    const { catalogue, stores, config } = this.#deps;
    const renewedTonight = new Set<string>();
    const healTables = this.#heal(context.chains);
    for (const action of actions) {
      this.#stage(`renew.${action.kind}`);
      const result = await carryOut(action, {
        context,
        second,
        renewedTonight,
        catalogue,
        // Validation data is a member of groups like any other.
        stores: new Map([...stores, [evidenceStoreName, context.store]]),
        journal: this.#journal,
        maxLeaves: config.maxLeaves,
        blind: config.blind,
        healBatch: healTables,
        accept: this.#accept,
      });
      result.findings.forEach((finding) => {
        this.#find(finding);
      });
      this.#count(result.committed);
      this.#bought += result.refusedTokens;
      this.#spent += result.refusedTokens * (config.tsa.price?.amount ?? 0);
      for (const manifest of result.committed) {
        // Each group once, though two TSAs stamp it.
        if (manifest.kind === 'initial' && manifest.sameTreeAs !== undefined) continue;
        if (manifest.kind === 'initial') this.#protected += manifest.groupCount;
        else if (manifest.kind === 'timestamp-renewal')
          this.#timestampRenewals += manifest.groupCount;
        else this.#hashTreeRenewals += manifest.groupCount;
      }
    }
  }

  #heal(chains: ChainIndex): (batchId: string) => Promise<boolean> {
    const { objects } = this.#deps.evidence;
    const { signal } = this.#options;
    return async (batchId) => (await healBatch(objects, chains, batchId, { signal })).length === 0;
  }

  readonly #findJournalDamage = (error: FormatError): void => {
    const lost = 'put it back from a copy; until then the catalogue is the only place of its words';
    this.#findOnce({
      kind: 'broken-evidence',
      level: 'error',
      message: `${error.message}: ${lost}`,
    });
  };

  #findOnce(finding: FindingLine): void {
    if (!this.#findings.some(({ message }) => message === finding.message)) this.#find(finding);
  }

  /** The whole journal within the fixity period: a rebuild will want every object of it. */
  async #rereadJournal(): Promise<void> {
    const { catalogue, evidence, config } = this.#deps;
    const { runAt, signal, reread } = this.#options;
    const last = await catalogue.getCache('journal-read');
    const due = last && Temporal.Instant.from(last).add({ hours: 24 * config.fixityDays });
    if (reread === 'none' || (reread !== 'whole' && due && isBefore(runAt, due))) return;
    const records = evidence.journal.readFrom(1, signal, this.#findJournalDamage);
    const reading = records[Symbol.asyncIterator]();
    while (!(await reading.next()).done) signal.throwIfAborted();
    await catalogue.setCache('journal-read', runAt.toString());
  }

  /** Every manifest; a damaged one is made again from request and answer, or left out. */
  async #loadChains(): Promise<{ readonly chains: ChainIndex; readonly incomplete: boolean }> {
    const { evidence } = this.#deps;
    const { signal, runAt } = this.#options;
    let incomplete = false;
    const chains = await loadChainIndex(evidence.objects, signal, async (batchId, error) => {
      const part = 'manifest';
      const { message } = error;
      const at = runAt.toString();
      const made = await this.#remakeManifest(batchId);
      await this.#journal([{ kind: 'evidence-damage', batchId, part, message, at }]);
      if (made) {
        await this.#journal([{ kind: 'evidence-healed', batchId, part, at }]);
        const healed = `${message}; made again from request and answer`;
        this.#find({ kind: 'healed', level: 'warning', batchId, message: healed });
      } else {
        incomplete = true;
        const lost = `${message}, and request and answer do not give it: put it back from a copy; until then nothing is renewed`;
        this.#find({ kind: 'broken-evidence', level: 'error', batchId, message: lost });
      }
      return made;
    });
    return { chains, incomplete };
  }

  /** Whose it is a damaged manifest does not say: only under its own TSA's anchors is it made again. */
  async #remakeManifest(batchId: string): Promise<BatchManifest | undefined> {
    const { evidence, tsa, secondTsa } = this.#deps;
    const { signal } = this.#options;
    for (const each of secondTsa ? [tsa, secondTsa] : [tsa]) {
      const sources = { store: evidence.objects, verification: each.verification, signal };
      const made = await remakeManifest(sources, batchId);
      if (made) return made;
    }
    return undefined;
  }

  /** Trust in the TSA of a batch as of tonight, and a verifier under it. */
  #trust(context: EvidenceContext): Pick<DistrustDependencies, 'verificationOf' | 'verifierOf'> {
    const { store, chains } = context;
    const { signal, runAt } = this.#options;
    const verifiers = new Map<number, ChainVerifier>();
    const verificationOf = ({ anchor }: BatchRow): TokenVerification | undefined =>
      (anchor === 2 ? this.#deps.secondTsa : this.#deps.tsa)?.verification;
    return {
      verificationOf,
      verifierOf: (batch) => {
        const verification = verificationOf(batch);
        const known = verifiers.get(batch.anchor);
        if (known || !verification) return known;
        const made = createChainVerifier(store, chains, { verification, at: runAt, signal });
        verifiers.set(batch.anchor, made);
        return made;
      },
    };
  }

  /**
   * Checks of a batch's stored objects, over the store as it is now. Strict: as before a renewal, its
   * newest token valid as of tonight; otherwise an expired one is no damage.
   */
  #checks(
    context: EvidenceContext,
  ): (strict: boolean) => Pick<FixityDependencies, 'checkBatch' | 'healBatch'> {
    const { store, chains, tsa, run } = context;
    const { signal, runAt } = run;
    return (strict) => {
      let trust = this.#trust(context);
      const storedOf = (batch: BatchRow) => {
        // Without its TSA nothing is said of the token: the links are looked at all the same.
        const verification = trust.verificationOf(batch) ?? tsa.verification;
        return { store, chains, verification, signal };
      };
      const check = async (batch: BatchRow): Promise<readonly Damage[]> => {
        const { batchId, horizon, newestToken } = batch;
        const stored = storedOf(batch);
        const other = await checkStored(stored, batchId);
        const lapsed = horizon !== undefined && isBefore(horizon, runAt);
        const verifier = trust.verifierOf(batch);
        if (strict && !lapsed && verifier) {
          const verdict = await verifier.verify(batchId);
          return [...(verdict.kind === 'broken' ? verdict.damage : []), ...other];
        }
        const links = await checkBatch(store, chains, batchId, { signal });
        // What has lapsed, as a renewal does once later ones cover it, is judged as of when it was made.
        const verification = { ...stored.verification, revocationMode: 'none' } as const;
        const at = Temporal.Instant.from(newestToken.genTime);
        const judging =
          verifier && lapsed
            ? createChainVerifier(store, chains, { verification, at, signal })
            : verifier;
        const newest = await judging?.newest(batchId);
        const invalid = newest?.verdict.status === 'invalid' ? newest.verdict.findings : [];
        return [
          ...links,
          ...invalid.slice(0, 1).map(({ message }) => damageOf('token', batchId, message)),
          ...other,
        ];
      };
      return {
        checkBatch: check,
        healBatch: async (batch) => {
          await healBatch(store, chains, batch.batchId, { signal });
          const damage = await checkStored(storedOf(batch), batch.batchId);
          const remade =
            damage.some(({ part }) => part === 'manifest') &&
            (await remakeManifest(storedOf(batch), batch.batchId)) !== undefined;
          trust = this.#trust(context);
          const left = await check(batch);
          return remade ? left.filter(({ part }) => part !== 'manifest') : left;
        },
      };
    };
  }

  /** A document that waits longer than its rule allows is an alarm. */
  async #findUnprotected(): Promise<void> {
    const { runAt } = this.#options;
    for await (const row of this.#deps.catalogue.documents({ states: ['waiting'] })) {
      const hours = row.retention.protectWithinHours;
      if (isBefore(runAt, row.firstSeen.add({ minutes: Math.round(hours * 60) }))) continue;
      this.#find({
        kind: 'waiting',
        level: 'error',
        key: row.key,
        message: `it has had no token since ${row.firstSeen.toString()}, its rule allows ${hours} hours`,
      });
    }
  }

  fail(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    this.#find({
      kind: error instanceof TokiwaError ? error.code : 'internal',
      level: 'error',
      message: `the run stopped: ${message}`,
    });
  }

  summary(outcome: RunSummary['outcome'], finishedAt: Temporal.Instant): RunSummary {
    const { price } = this.#deps.config.tsa;
    return {
      runId: this.#runId,
      startedAt: this.#options.runAt.toString(),
      finishedAt: finishedAt.toString(),
      outcome,
      scanned: this.#scanned,
      added: this.#added,
      protectedGroups: this.#protected,
      timestampRenewals: this.#timestampRenewals,
      hashTreeRenewals: this.#hashTreeRenewals,
      tokensBought: this.#bought,
      cost: price && { amount: this.#spent, currency: price.currency },
      reread: this.#reread,
      findings: this.#findings,
      nextDue: this.#nextDue?.toString(),
    };
  }

  hasErrors(): boolean {
    return this.#findings.some((finding) => finding.level === 'error');
  }
}

function runRow(summary: RunSummary, runAt: Temporal.Instant, finished: boolean): RunRow {
  return {
    runId: summary.runId,
    startedAt: runAt,
    finishedAt: finished ? Temporal.Instant.from(summary.finishedAt) : undefined,
    outcome: finished ? summary.outcome : 'running',
    tokensBought: summary.tokensBought,
    report: JSON.stringify(summary),
  };
}

/** Long enough for a stalled store call, short enough that a dead holder elsewhere is waited out. */
const leaseDuration = Temporal.Duration.from({ minutes: 15 });
const leaseRenewalMs = 5 * 60_000;

/** Prolongs the lease while the run goes on; a lease that is lost aborts the run through `lost`. */
function keepLease(lease: Lease, clock: Clock, signal: AbortSignal): AsyncDisposable {
  const timer = setInterval(() => {
    // A failed renewal shows in `lost`; a store that cannot be reached shows in the run itself.
    lease.renew(clock.now(), signal).catch(() => undefined);
  }, leaseRenewalMs);
  timer.unref();
  return {
    [Symbol.asyncDispose]: () => {
      clearInterval(timer);
      return Promise.resolve();
    },
  };
}

/**
 * One nightly run under the archive's lease. Errors of stores and sources end up in the summary;
 * what was committed before stays.
 * @throws ConflictError ERR_CONFLICT_LEASE: another run is at work
 * @throws InvariantError: our own promise broke
 */
export async function runNight(
  deps: NightDependencies,
  options: NightOptions,
): Promise<RunSummary> {
  const { catalogue, evidence, random, clock } = deps;
  const { runAt } = options;
  const runId = `${runAt.toString({ smallestUnit: 'second' }).replace(/[-:]/g, '')}-${toHex(random(4))}`;
  await using lease = await evidence.acquireLease({
    ...deps.lease,
    run: runId,
    at: clock.now(),
    duration: leaseDuration,
    signal: options.signal,
  });
  const signal = AbortSignal.any([options.signal, lease.lost]);
  await using _renewal = keepLease(lease, clock, signal);
  const night = new Night(deps, { ...options, signal }, runId);
  await catalogue.putRun(runRow(night.summary('ok', runAt), runAt, false));
  let outcome: RunSummary['outcome'];
  try {
    await night.run();
    outcome = night.hasErrors() ? 'findings' : 'ok';
    const { startedAt, finishedAt, tokensBought } = night.summary(outcome, clock.now());
    await evidence.journal.append(
      [{ kind: 'run-finished', runId, startedAt, finishedAt, outcome, tokensBought }],
      { at: runAt, run: runId, signal },
    );
  } catch (error) {
    outcome = signal.aborted ? 'stopped' : 'failed';
    if (!signal.aborted) night.fail(error);
    if (error instanceof InvariantError) {
      await catalogue.putRun(runRow(night.summary('failed', clock.now()), runAt, true));
      throw error;
    }
    if (!signal.aborted && !(error instanceof TokiwaError)) throw error;
  }
  const summary = night.summary(outcome, clock.now());
  await catalogue.putRun(runRow(summary, runAt, true));
  return summary;
}
