// What one night found and did, counted as it goes: the run's summary is made from it.
import type { EventSink } from '#shared/ports/runtime.ts';
import { groupsOf } from '../evidence/manifest.ts';
import type { BatchManifest } from '../evidence/types.ts';
import type { AugmentSummary } from '../stages/augment.ts';
import { FindingList } from '../reports/finding-list.ts';
import type { FindingLine, Price, RunSummary } from '../reports/report.ts';

export class NightTally {
  readonly #findings = new FindingList();
  scanned = 0;
  added = 0;
  reread = 0;
  nextDue: Temporal.Instant | undefined;
  readonly #events: EventSink;
  #protected = 0;
  #timestampRenewals = 0;
  #hashTreeRenewals = 0;
  #bought = 0;
  #spent = 0;

  constructor(events: EventSink) {
    this.#events = events;
  }

  readonly find = (finding: FindingLine): void => {
    this.#findings.push(finding);
    const { level, kind, message, batchId, cause, count } = finding;
    this.#events({
      level: level === 'info' ? 'info' : level === 'warning' ? 'warn' : 'error',
      name: 'archiver.finding',
      kind,
      message,
      batchId,
      ...(cause !== undefined && { cause }),
      ...(count !== undefined && { count }),
    });
  };

  findAll(findings: readonly FindingLine[]): void {
    for (const finding of findings) this.find(finding);
  }

  findOnce(finding: FindingLine): void {
    if (!this.#findings.says(finding.message)) this.find(finding);
  }

  /** Tokens that became part of evidence. */
  countTokens(committed: readonly BatchManifest[]): void {
    this.#bought += committed.length;
    for (const { price } of committed) this.#spent += price?.amount ?? 0;
  }

  /** New versions with archive timestamps of their own. */
  countAugmented({ tokens, augmented, findings }: AugmentSummary): void {
    this.#bought += tokens;
    if (augmented > 0)
      this.find({
        kind: 'augmented',
        level: 'info',
        message: `${augmented} documents were augmented: a new version of each holds the earlier one and an archive timestamp over it`,
      });
    this.findAll(findings);
  }

  /** Tokens that were paid for and refused. */
  countRefused(tokens: number, price: Price | undefined): void {
    this.#bought += tokens;
    this.#spent += tokens * (price?.amount ?? 0);
  }

  countGroups(committed: readonly BatchManifest[]): void {
    for (const manifest of committed) {
      // Each group once, though two TSAs stamp it.
      if (manifest.kind === 'initial' && manifest.sameTreeAs !== undefined) continue;
      if (manifest.kind === 'initial') this.#protected += manifest.groupCount;
      else if (manifest.kind === 'timestamp-renewal')
        this.#timestampRenewals += manifest.previous.length;
      else if (manifest.kind === 'hash-tree-renewal') this.#hashTreeRenewals += groupsOf(manifest);
    }
  }

  hasErrors(): boolean {
    return this.#findings.hasErrors();
  }

  summary(run: {
    readonly runId: string;
    readonly startedAt: Temporal.Instant;
    readonly finishedAt: Temporal.Instant;
    readonly outcome: RunSummary['outcome'];
    readonly price: Price | undefined;
  }): RunSummary {
    const { runId, startedAt, finishedAt, outcome, price } = run;
    return {
      runId,
      startedAt: startedAt.toString(),
      finishedAt: finishedAt.toString(),
      outcome,
      scanned: this.scanned,
      added: this.added,
      protectedGroups: this.#protected,
      timestampRenewals: this.#timestampRenewals,
      hashTreeRenewals: this.#hashTreeRenewals,
      tokensBought: this.#bought,
      cost: price && { amount: this.#spent, currency: price.currency },
      reread: this.reread,
      findings: this.#findings.lines(),
      nextDue: this.nextDue?.toString(),
    };
  }
}
