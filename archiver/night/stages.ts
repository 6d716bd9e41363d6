// The stages of one night in order, with one runAt: finish what was left, scan and take in, collect,
// plan, renew, re-read a slice. Running the night again buys nothing and changes nothing.
import { refuseRestored } from './restored.ts';
import { TokiwaError, type FormatError } from '#shared/errors.ts';
import { isBefore } from '#shared/time.ts';
import { readObjectList } from '../evidence/object-list.ts';
import { decides } from '../evidence/check-stored.ts';
import type { RunSecond } from '../evidence/batch-objects.ts';
import { recoverPending } from '../evidence/recover.ts';
import type { BatchManifest, EvidenceContext } from '../evidence/types.ts';
import { evidenceStoreName, type EvidenceStore } from '../evidence-store.ts';
import { digestStoreName, readStatement, statementKey } from '../intake/digest-statement.ts';
import type { RunSummary } from '../reports/report.ts';
import {
  augmentDocuments,
  type AugmentDependencies,
  recoverAugmentations,
} from '../stages/augment.ts';
import { bothSources } from '../stages/status-sources.ts';
import { applyManifest } from '../stages/catalogue.ts';
import { finishDeletions } from '../delete.ts';
import { collectValidationData, recheckValidationData } from '../stages/collect.ts';
import { findDistrusted } from '../stages/distrusted.ts';
import { recheckBroken, rereadSlice } from '../stages/fixity.ts';
import type { Plan } from '../stages/plan.ts';
import { refreshRetention } from '../stages/refresh-retention.ts';
import { carryOut } from '../stages/renew.ts';
import {
  scanStores,
  skippedFinding,
  takeInObjects,
  type ScanDependencies,
} from '../stages/scan.ts';
import { takeInDigests } from '../stages/take-digests.ts';
import { takeOverRecords } from '../stages/take-over.ts';
import { clockOffence } from './clock.ts';
import type { NightDependencies, NightOptions } from './dependencies.ts';
import { batchChecks, trustBatches } from './evidence-checks.ts';
import { loadChains, type LoadedChains } from './load-chains.ts';
import { planFromCatalogue, planProtection } from './plan-catalogue.ts';
import { noteSettled, settledBefore } from './settled.ts';
import { NightTally } from './tally.ts';
import { findUnprotected } from './unprotected.ts';

/** The evidence that a night works on; `second`: of the second TSA, where there is one. */
type Evidence = LoadedChains & {
  readonly context: EvidenceContext;
  readonly second: EvidenceContext | undefined;
};

export class Night {
  readonly #deps: NightDependencies;
  readonly #options: NightOptions;
  readonly #runId: string;
  readonly #tally: NightTally;

  constructor(deps: NightDependencies, options: NightOptions, runId: string) {
    this.#deps = deps;
    this.#options = options;
    this.#runId = runId;
    this.#tally = new NightTally(deps.events);
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

  readonly #findJournalDamage = (error: FormatError): void => {
    const lost = 'put it back from a copy; until then the catalogue is the only place of its words';
    this.#tally.findOnce({
      kind: 'broken-evidence',
      level: 'error',
      message: `${error.message}: ${lost}`,
    });
  };

  #stage(name: string, more: Readonly<Record<string, string>> = {}): void {
    this.#options.signal.throwIfAborted();
    this.#deps.events({ level: 'info', name: `archiver.run.${name}`, run: this.#runId, ...more });
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
    await settledBefore(this.#deps.catalogue, this.#options.runAt);
    await refuseRestored(this.#deps, this.#options);
    const evidence = await this.#load();
    const mayBuy = await this.#recover(evidence);
    this.#tally.countAugmented(await recoverAugmentations(this.#augmenting(evidence)));
    this.#tally.findAll(await finishDeletions(this.#deps, this.#options.signal));
    await this.#scan();
    await this.#collect();
    await this.#takeOver(evidence);
    const { plan, allowed } = await this.#plan(evidence);
    // Without every manifest nobody knows which chains go on where: only new documents are stamped.
    const actions = evidence.incomplete
      ? plan.actions.filter(({ kind }) => kind === 'protect' || kind === 'anchor')
      : plan.actions;
    if (mayBuy && allowed) await this.#renew(actions, evidence);
    await this.#reread(evidence);
    const { catalogue } = this.#deps;
    this.#tally.findAll(await findUnprotected(catalogue, this.#options.runAt));
    if (plan.nextDue === undefined || plan.actions.length > 0)
      this.#tally.nextDue = (await planFromCatalogue(this.#deps, this.#options.runAt)).nextDue;
  }

  /**
   * Between nights: what was just stored is taken in and stamped, with whatever else waits for a token. Of the
   * batches only those that are not settled are looked at, so that it costs no more as they become many.
   */
  async takeIn(places: Parameters<typeof takeInObjects>[1]): Promise<void> {
    const { runAt, signal } = this.#options;
    const since = await settledBefore(this.#deps.catalogue, runAt);
    await refuseRestored(this.#deps, { signal, since });
    const evidence = await this.#load(since);
    const mayBuy = await this.#recover(evidence);
    this.#stage('intake');
    const deps = this.#scanDependencies();
    const keys = places.filter(({ store }) => store === digestStoreName).map(({ key }) => key);
    for (const { added, findings } of [
      await takeInObjects(deps, places),
      await takeInDigests(deps, this.#deps.evidence.objects, keys),
    ]) {
      this.#tally.added += added;
      this.#tally.findAll(findings);
    }
    const plan = await planProtection(this.#deps, runAt);
    for (const finding of plan.findings) this.#tally.find({ level: 'error', ...finding });
    if (mayBuy && plan.allowed) await this.#renew(plan.actions, evidence);
  }

  async #load(since?: RunSecond): Promise<Evidence> {
    const { config, evidence, tsa, secondTsa, clock, random, events } = this.#deps;
    const { runAt, signal, allowTokens } = this.#options;
    const loaded = await loadChains({
      ...this.#deps,
      runAt,
      signal,
      since,
      journal: this.#journal,
      find: this.#tally.find,
    });
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
      chains: loaded.chains,
      tsa,
      run: { runAt, clock, random, budget, events, since, signal },
    };
    return { ...loaded, context, second: secondTsa && { ...context, anchor: 2, tsa: secondTsa } };
  }

  /** Finishes what an earlier run began; gives whether the clock may be trusted with a purchase. */
  async #recover({ chains, incomplete, context, second }: Evidence): Promise<boolean> {
    this.#stage('recover');
    // Committed, and the run ended before the catalogue moved.
    const counting = [...chains.manifests.keys()].sort();
    for (const batchId of counting) await this.#accept(chains.manifest(batchId));
    const offence = await clockOffence(this.#deps, this.#options);
    if (offence) {
      this.#tally.find(offence);
      return false;
    }
    const recovered = await recoverPending(context, second);
    for (const manifest of recovered.committed) await this.#accept(manifest);
    this.#tally.countTokens(recovered.committed);
    for (const pending of recovered.pending) {
      this.#tally.find({
        kind: 'no-token',
        level: 'error',
        batchId: pending.id,
        message: `a token was asked for and is not there yet: ${pending.reason}`,
      });
    }
    if (!incomplete) {
      const { catalogue } = this.#deps;
      const pending = recovered.pending.map(({ id }) => id);
      await noteSettled(catalogue, this.#options.runAt, { counting, pending });
    }
    return true;
  }

  #augmenting({ context }: Pick<Evidence, 'context'>): AugmentDependencies {
    const { config, catalogue, stores, signerMaterial, signerStatus, horizonRules } = this.#deps;
    const { verification } = context.tsa;
    return {
      config,
      catalogue,
      stores,
      context,
      journal: this.#journal,
      horizonRules,
      material: {
        ...signerMaterial,
        certificates: [
          ...signerMaterial.certificates,
          ...[...signerMaterial.signerAnchors, ...signerMaterial.tsuAnchors].map(
            ({ certificate }) => certificate,
          ),
        ],
      },
      statusSource: bothSources(signerStatus, verification.statusSource),
    };
  }

  #scanDependencies(): ScanDependencies {
    const { config, stores, catalogue, events, signerMaterial } = this.#deps;
    const { runAt, signal } = this.#options;
    return {
      config,
      stores,
      catalogue,
      journal: this.#journal,
      intake: {
        runAt,
        digestAlgorithm: config.digestAlgorithm,
        inspectLimitBytes: config.inspectLimitBytes,
        material: signerMaterial,
      },
      runAt,
      events,
      signal,
    };
  }

  async #scan(): Promise<void> {
    const { config, catalogue, evidence } = this.#deps;
    const { signal } = this.#options;
    this.#stage('scan');
    await refreshRetention(catalogue, config, evidence, signal, this.#findJournalDamage);
    const deps = this.#scanDependencies();
    for (const { scanned, added, findings } of [
      await scanStores(deps),
      await takeInDigests(deps, evidence.objects),
    ]) {
      this.#tally.scanned += scanned;
      this.#tally.added += added;
      this.#tally.findAll(findings);
    }
    for (const skipped of this.#deps.takeSkipped()) this.#tally.find(skippedFinding(skipped));
  }

  /** Without anchors of signers no status can be told, and intake has said so. */
  async #collect(): Promise<void> {
    const { config, catalogue, evidence, stores, tsa, signerMaterial, signerStatus } = this.#deps;
    const { takenOver, statusSource } = tsa.verification;
    this.#stage('collect');
    const { findings } = await collectValidationData({
      catalogue,
      stores,
      evidence: evidence.objects,
      journal: this.#journal,
      material: signerMaterial,
      source: signerStatus,
      tsuSource: bothSources(signerStatus, takenOver?.statusSource ?? statusSource),
      digestAlgorithm: config.digestAlgorithm,
      inspectLimitBytes: config.inspectLimitBytes,
      leadTime: config.leadTime,
      ...this.#options,
    });
    this.#tally.findAll(findings);
  }

  #checks({ context, second }: Pick<Evidence, 'context' | 'second'>, strict: boolean) {
    const { catalogue, stores } = this.#deps;
    return batchChecks(context, second, { strict, catalogue, stores });
  }

  /** Records of other products beside documents, before the plan: one that is due is renewed tonight. */
  async #takeOver({ incomplete, context }: Evidence): Promise<void> {
    if (incomplete) return;
    this.#stage('take-over');
    const { catalogue, stores, config } = this.#deps;
    const { findings } = await takeOverRecords({
      context,
      catalogue,
      stores,
      inspectLimitBytes: config.inspectLimitBytes,
      accept: this.#accept,
    });
    this.#tally.findAll(findings);
  }

  async #plan({ incomplete, context, second }: Evidence): Promise<{
    readonly plan: Plan;
    /** Within the ceiling, or an operator's word allows it. */
    readonly allowed: boolean;
  }> {
    const { catalogue } = this.#deps;
    const { runAt, allowTokens } = this.#options;
    this.#stage('plan');
    if (!incomplete) {
      const common = { catalogue, journal: this.#journal, runAt };
      const checks = this.#checks({ context, second }, true);
      this.#tally.findAll(await recheckBroken({ ...checks, ...common }));
      this.#tally.findAll(await findDistrusted({ ...trustBatches(context, second), ...common }));
    }
    const plan = await planFromCatalogue(this.#deps, runAt);
    this.#tally.nextDue = plan.nextDue;
    const { newDigest } = plan;
    if (newDigest && plan.actions.length > 0)
      this.#deps.events({ level: 'info', name: 'archiver.hash.chosen', ...newDigest });
    const allowed = plan.allowed || (allowTokens !== undefined && plan.tokens <= allowTokens);
    for (const { kind, message, batchId } of plan.findings) {
      if (kind === 'above-ceiling' && allowed) continue;
      const level = kind === 'renewal-does-not-help' ? 'warning' : 'error';
      this.#tally.find({ kind, level, message, batchId });
    }
    return { plan, allowed };
  }

  async #renew(actions: Plan['actions'], { context, second }: Evidence): Promise<void> {
    const { catalogue, stores, config } = this.#deps;
    const renewedTonight = new Set<string>();
    for (const action of actions) {
      this.#stage(`renew.${action.kind}`);
      if (action.kind === 'augment') {
        const augmenting = this.#augmenting({ context });
        this.#tally.countAugmented(await augmentDocuments(augmenting, action.digestAlgorithm));
        continue;
      }
      const { findings, committed, refusedTokens } = await carryOut(action, {
        context,
        second,
        renewedTonight,
        catalogue,
        // Validation data is a member of groups like any other.
        stores: new Map([...stores, [evidenceStoreName, context.store]]),
        journal: this.#journal,
        maxLeaves: config.maxLeaves,
        blind: config.blind,
        xmlRecords: config.xmlRecords,
        healBatch: async (batchId) => {
          const batch = await catalogue.getBatch(batchId);
          const checks = this.#checks({ context, second }, true);
          return batch !== undefined && !(await checks.healBatch(batch)).some(decides);
        },
        accept: this.#accept,
      });
      this.#tally.findAll(findings);
      this.#tally.countTokens(committed);
      this.#tally.countRefused(refusedTokens, config.tsa.price);
      this.#tally.countGroups(committed);
    }
  }

  async #reread({ incomplete, context, second }: Evidence): Promise<void> {
    const { config, catalogue, stores, evidence } = this.#deps;
    const { runAt, signal, reread = 'slice' } = this.#options;
    this.#stage('fixity', { scope: reread });
    const common = { catalogue, journal: this.#journal, runAt, signal };
    const fixity = await rereadSlice({
      ...this.#checks({ context, second }, false),
      ...common,
      withBatches: !incomplete,
      stores,
      statedOf: async (key) =>
        (await readStatement(evidence.objects, statementKey(key), signal))?.statement.digests,
      checkValidationData: (row) =>
        recheckValidationData(row, { ...common, evidence: evidence.objects }),
      fixityDays: config.fixityDays,
      scope: reread,
    });
    await this.#rereadJournal();
    this.#tally.reread = fixity.reread;
    this.#tally.findAll(fixity.findings);
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

  /** What stopped the run is its last finding. */
  fail(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    this.#tally.find({
      kind: error instanceof TokiwaError ? error.code : 'internal',
      level: 'error',
      message: `the run stopped: ${message}`,
    });
  }

  hasErrors(): boolean {
    return this.#tally.hasErrors();
  }

  summary(outcome: RunSummary['outcome'], finishedAt: Temporal.Instant): RunSummary {
    return this.#tally.summary({
      runId: this.#runId,
      startedAt: this.#options.runAt,
      finishedAt,
      outcome,
      price: this.#deps.config.tsa.price,
    });
  }
}
