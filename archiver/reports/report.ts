// The report as data: per document and in total, verifiable now, until when, through which element,
// next renewal, and whether it holds through retention. Computed from the catalogue alone; the same
// state and instant give the same values. Rendering is beside it.
import { instantAfter } from '#shared/policy/retention-rule.ts';
import type {
  BatchRow,
  Catalogue,
  DocumentRow,
  DocumentState,
  IntakeStatus,
  RetentionFacts,
} from '#shared/ports/catalogue.ts';
import { isBefore } from '#shared/time.ts';
import type { HorizonElement } from '#shared/validation/proof-horizon.ts';
import { dueAt } from '../stages/plan.ts';

/**
 * Whether a document stays provable through its retention.
 * covered: its horizon lies behind the last day · by-renewal: renewals carry it there · open-ended:
 * the end is unknown or on hold, renewed without end · not-yet: no token yet · ended: the last day
 * is past · no: broken, missing, changed or overdue.
 */
export type RetentionOutlook = 'covered' | 'by-renewal' | 'open-ended' | 'not-yet' | 'ended' | 'no';

/** Until the accreditation list is loaded every token is this. */
export type Accreditation = 'timestamped, accreditation not shown';

export type SignatureLine = {
  readonly id: string;
  readonly status: string;
  readonly subIndication?: string | undefined;
  readonly signer?: string | undefined;
  readonly signerNotAfter?: string | undefined;
};

export type EvidenceLine = {
  readonly kind: 'RFC 4998';
  readonly batchId: string;
  readonly digestAlgorithm: string;
  /** Tokens of the current chain. */
  readonly archiveTimeStamps: number;
  readonly firstTime: string;
  readonly newestTime: string;
  readonly accreditation: Accreditation;
};

export type DocumentLine = {
  readonly store: string;
  readonly key: string;
  readonly versionId: string;
  readonly sha256: string;
  readonly size: number;
  readonly format: string;
  readonly level: string | undefined;
  readonly problems: readonly string[];
  readonly attachedTo: string | undefined;
  readonly state: DocumentState;
  readonly stateSince: string;
  readonly stateReason: string | undefined;
  readonly intake: IntakeStatus;
  readonly signatures: readonly SignatureLine[];
  readonly evidence: readonly EvidenceLine[];
  readonly verifiableNow: boolean;
  readonly provableUntil: string | undefined;
  readonly element: HorizonElement | undefined;
  readonly nextRenewal: string | undefined;
  readonly retention: RetentionFacts;
  readonly outlook: RetentionOutlook;
  /** Renewals until the last day at the pace of the present horizon; absent where the end is unknown. */
  readonly renewalsLeft: number | undefined;
  readonly lastRead: string;
  /** Requirement numbers that this line answers. */
  readonly requirements: readonly string[];
};

export type ReportRules = {
  readonly leadTime: Temporal.Duration;
  readonly timeZone: string;
};

/** One token's path and the batches under it, loaded once: batches are few, documents many. */
export type BatchIndex = ReadonlyMap<string, BatchRow>;

export async function loadBatchIndex(catalogue: Catalogue): Promise<BatchIndex> {
  const index = new Map<string, BatchRow>();
  for await (const batch of catalogue.batches()) index.set(batch.batchId, batch);
  return index;
}

function latestHorizon(batches: readonly BatchRow[]): BatchRow | undefined {
  const far = '9999-12-31T00:00:00Z';
  return batches.toSorted((a, b) =>
    Temporal.Instant.compare(
      b.horizon ?? Temporal.Instant.from(far),
      a.horizon ?? Temporal.Instant.from(far),
    ),
  )[0];
}

function outlookOf(
  document: DocumentRow,
  best: BatchRow | undefined,
  at: Temporal.Instant,
  rules: ReportRules,
): RetentionOutlook {
  const { lastDay, hold } = document.retention;
  const end =
    lastDay === undefined || hold
      ? undefined
      : instantAfter(Temporal.PlainDate.from(lastDay), rules.timeZone);
  if (end && isBefore(end, at)) return 'ended';
  if (document.state === 'waiting') return 'not-yet';
  if (document.state !== 'protected' || !best || best.state === 'broken') return 'no';
  if (best.horizon && isBefore(best.horizon, at)) return 'no';
  if (!end) return 'open-ended';
  return best.horizon === undefined || !isBefore(best.horizon, end) ? 'covered' : 'by-renewal';
}

function renewalsLeft(
  best: BatchRow | undefined,
  document: DocumentRow,
  rules: ReportRules,
): number | undefined {
  const { lastDay, hold } = document.retention;
  if (!best?.horizon || lastDay === undefined || hold) return undefined;
  const end = instantAfter(Temporal.PlainDate.from(lastDay), rules.timeZone);
  if (!isBefore(best.horizon, end)) return 0;
  const pace =
    best.horizon.since(Temporal.Instant.from(best.newestToken.genTime)).total('hours') -
    24 * rules.leadTime.total('days');
  return Math.max(1, Math.ceil(end.since(best.horizon).total('hours') / Math.max(pace, 24)));
}

function requirementsOf(document: DocumentRow): string[] {
  const signed = document.facts.signatures.length > 0;
  return [
    'R-09',
    'R-12',
    'R-24',
    'R-25',
    'R-26',
    'R-27',
    ...(signed ? ['R-01', 'R-14'] : []),
  ].toSorted();
}

/** One document's line. `batches`: those of its active memberships. */
export function documentLine(
  document: DocumentRow,
  batches: readonly BatchRow[],
  attachedTo: string | undefined,
  at: Temporal.Instant,
  rules: ReportRules,
): DocumentLine {
  const best =
    latestHorizon(batches.filter((batch) => batch.state !== 'broken')) ?? latestHorizon(batches);
  const outlook = outlookOf(document, best, at, rules);
  const due =
    best &&
    dueAt(
      best,
      {
        batchId: best.batchId,
        documents: 1,
        openEnded: document.retention.lastDay === undefined || document.retention.hold,
        latestLastDay: document.retention.lastDay,
      },
      rules,
    );
  return {
    store: document.store,
    key: document.key,
    versionId: document.versionId,
    sha256: document.sha256,
    size: document.size,
    format: document.facts.format,
    level: document.facts.level,
    problems: document.facts.problems.map((problem) => `${problem.code}: ${problem.message}`),
    attachedTo,
    state: document.state,
    stateSince: document.stateSince.toString(),
    stateReason: document.stateReason,
    intake: document.intake.status,
    signatures: document.intake.signatures.map(
      ({ id, status, subIndication, signer, signerNotAfter }) => ({
        id,
        status,
        subIndication,
        signer,
        signerNotAfter,
      }),
    ),
    evidence: batches.map((batch) => ({
      kind: 'RFC 4998',
      batchId: batch.batchId,
      digestAlgorithm: batch.digestAlgorithm,
      archiveTimeStamps: batch.tokenCount,
      firstTime: batch.genTime.toString(),
      newestTime: batch.newestToken.genTime,
      accreditation: 'timestamped, accreditation not shown',
    })),
    verifiableNow: document.state === 'protected' && outlook !== 'no',
    provableUntil: best?.horizon?.toString(),
    element: best?.horizonElement,
    nextRenewal: document.state === 'protected' ? due?.toString() : undefined,
    retention: document.retention,
    outlook,
    renewalsLeft: renewalsLeft(best, document, rules),
    lastRead: document.lastRead.toString(),
    requirements: requirementsOf(document),
  };
}

/** Every document's line, one at a time: the archive is never held whole. */
export async function* documentLines(
  catalogue: Catalogue,
  at: Temporal.Instant,
  rules: ReportRules,
): AsyncIterable<DocumentLine> {
  const index = await loadBatchIndex(catalogue);
  for await (const document of catalogue.documents()) {
    const main =
      document.attachedTo === undefined
        ? undefined
        : await catalogue.getDocument(document.attachedTo);
    // An attached object is proved in the group of its document.
    const memberships = await catalogue.memberships(document.id);
    const batches = memberships.flatMap((membership) => {
      const batch = membership.active ? index.get(membership.batchId) : undefined;
      return batch ? [batch] : [];
    });
    yield documentLine(document, batches, main?.key, at, rules);
  }
}

/** A certificate or algorithm and the documents that hang on it, by end date. */
export type DependencyLine = {
  readonly kind: 'certificate' | 'algorithm';
  readonly name: string;
  readonly role: string;
  readonly end: string | undefined;
  readonly documents: number;
};

/** Something an operator has to know or do; `key` names the document where one is meant. */
export type FindingLine = {
  readonly kind: string;
  readonly level: 'error' | 'warning' | 'info';
  readonly message: string;
  readonly key?: string | undefined;
  readonly batchId?: string | undefined;
};

/** What one nightly run did. */
export type RunSummary = {
  readonly runId: string;
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly outcome: 'ok' | 'findings' | 'failed' | 'stopped';
  readonly scanned: number;
  readonly added: number;
  readonly protectedGroups: number;
  readonly timestampRenewals: number;
  readonly hashTreeRenewals: number;
  readonly tokensBought: number;
  readonly cost: { readonly amount: number; readonly currency: string } | undefined;
  readonly reread: number;
  readonly findings: readonly FindingLine[];
  /** The first instant at which a batch falls due. */
  readonly nextDue: string | undefined;
};

export type ReportTotals = {
  readonly documents: number;
  readonly byState: Readonly<Record<DocumentState, number>>;
  readonly byOutlook: Readonly<Record<RetentionOutlook, number>>;
  readonly byIntake: Readonly<Record<IntakeStatus, number>>;
};

/** Everything but the document lines, which stream beside it. */
export type ReportHead = {
  readonly format: 'tokiwa-report';
  readonly version: 1;
  readonly archiveId: string;
  readonly at: string;
  /** The editions that the figures stand on. */
  readonly editions: {
    readonly algorithmProfile: string;
    readonly algorithmPolicies: readonly string[];
    readonly retentionPresets: string;
    readonly guideline: string;
  };
  readonly run: RunSummary | undefined;
  readonly lastSuccess: string | undefined;
};
