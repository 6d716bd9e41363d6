// RFC 4998 verification, §4.3 and §5.3 complete: facts by walk.ts, demands by checks.ts, each token by
// a function of the caller as of the next archive timestamp's time. Trust and policy are not decided
// here, and nothing of the writing side is imported.
import { evidenceRecordChecks, type CheckOptions, type EvidenceRecordCheck } from './checks.ts';
import type { EvidenceRecord } from './evidence-record.ts';
import type { NodeHasher } from './reduce.ts';
import type {
  ArchiveTimeStampVerdict,
  ArchiveTokenVerdict,
  ArchiveTokenVerifier,
  EvidenceDataObject,
  EvidenceRecordVerdict,
} from './verdict.ts';
import { walkEvidenceRecord, type WalkedArchiveTimeStamp } from './walk.ts';
import type { Finding } from '#shared/trust/finding.ts';
import type { SubIndication } from '#shared/trust/sub-indication.ts';

export type EvidenceRecordVerification<V extends ArchiveTokenVerdict> = {
  readonly record: EvidenceRecord;
  readonly dataObjects: readonly EvidenceDataObject[];
  readonly verifyToken: ArchiveTokenVerifier<V>;
  /** The instant as of which the last archive timestamp must be valid. */
  readonly at: Temporal.Instant;
  /** The data objects are the whole group: other values in the first list are refused (§4.3, §5.3 end). */
  readonly exactGroup?: boolean | undefined;
  /** Whether a tree hash is secure at an instant (§5.3 step 2 d); absent: not judged. */
  readonly digestSecure?: CheckOptions['digestSecure'];
  /** Another way to the nodes of hash trees, for many records that share them (`rememberNodes`). */
  readonly hashNode?: NodeHasher | undefined;
  /** For tests of the list itself. */
  readonly checks?: readonly EvidenceRecordCheck[] | undefined;
};

type Judged = { readonly finding: Finding; readonly subIndication: SubIndication | undefined };

/** §5.3 steps 2 b and 3 b, and of the last archive timestamp its validity at the time of verification. */
function judgeToken(
  step: WalkedArchiveTimeStamp,
  verdict: ArchiveTokenVerdict,
): Judged | undefined {
  if (verdict.status === 'valid') return undefined;
  return {
    finding: {
      check: 'token-valid-until-renewal',
      clause: 'RFC 4998 §5.3 step 2 b',
      level: verdict.status === 'invalid' ? 'error' : 'unknown',
      message: `The timestamp is ${verdict.status} as of the time by which it had to be renewed.`,
      facts: tokenFacts(step),
    },
    subIndication: verdict.subIndication,
  };
}

function tokenFacts(step: WalkedArchiveTimeStamp): Readonly<Record<string, string>> {
  return {
    chain: `${step.chainIndex + 1}`,
    archiveTimeStamp: `${step.index + 1}`,
    verifiedAt: step.verifiedAt.toString(),
  };
}

function judgeRecord(
  checks: readonly EvidenceRecordCheck[],
  ...input: Parameters<EvidenceRecordCheck['run']>
): readonly Judged[] {
  const judged: Judged[] = [];
  for (const check of checks)
    for (const { level, message, facts, subIndication } of check.run(...input))
      judged.push({
        finding: { check: check.name, clause: check.clause, level, message, facts },
        subIndication: subIndication ?? check.subIndication,
      });
  return judged;
}

/** Whether a data object stands in the initial archive timestamp, and in every chain after it. */
function dataObjectVerdict(
  name: string,
  steps: readonly WalkedArchiveTimeStamp[],
): EvidenceRecordVerdict['dataObjects'][number] {
  const holds = (step: WalkedArchiveTimeStamp): boolean =>
    step.covers.kind === 'previous-token' || step.covers.found.includes(name);
  return { name, found: steps.slice(0, 1).every(holds), intact: steps.every(holds) };
}

function withoutInternals<V extends ArchiveTokenVerdict>(
  step: WalkedArchiveTimeStamp,
  tokenVerdict: V,
): ArchiveTimeStampVerdict<V> {
  return {
    kind: step.kind,
    genTime: step.genTime,
    imprint: step.imprint,
    imprintIntact: step.imprintIntact,
    listSizes: step.listSizes,
    covers: step.covers,
    coversPrevious: step.coversPrevious,
    orphanDigests: step.orphanDigests,
    verifiedAt: step.verifiedAt,
    tokenVerdict,
  };
}

/**
 * Verifies a whole record as of `at`. Wrong is `invalid`, what cannot be decided (no data object, no
 * digest under a chain's algorithm, a token whose verdict is indeterminate) is `indeterminate`; the
 * sub-indication is that of the first finding that decides. Later tokens are verified even where an
 * earlier one fails, so that a report can show everything.
 * @see RFC 4998 §4.3, §5.3
 */
export function verifyEvidenceRecord<V extends ArchiveTokenVerdict>(
  verification: EvidenceRecordVerification<V>,
): EvidenceRecordVerdict<V> {
  const { record, dataObjects, verifyToken, at, checks = evidenceRecordChecks } = verification;
  const { exactGroup = false, digestSecure } = verification;
  const walk = walkEvidenceRecord(record, dataObjects, at, verification.hashNode);
  const archiveTimeStamps = walk.steps.map((step) => ({
    step,
    tokenVerdict: verifyToken(step.archiveTimeStamp.token, step.verifiedAt, {
      algorithm: step.imprint.algorithm,
      digest: step.expectedImprint ?? step.imprint.digest,
    }),
  }));
  const judged = [
    ...judgeRecord(checks, walk, { exactGroup, digestSecure }),
    ...archiveTimeStamps.flatMap(({ step, tokenVerdict }) => judgeToken(step, tokenVerdict) ?? []),
  ];
  // A token's own findings are shown, but its status alone decides.
  const tokenFindings = archiveTimeStamps.flatMap(({ step, tokenVerdict }) =>
    tokenVerdict.findings.map((finding) => ({
      ...finding,
      facts: { ...finding.facts, ...tokenFacts(step) },
    })),
  );
  const error = judged.find(({ finding }) => finding.level === 'error');
  const unknown = judged.find(({ finding }) => finding.level === 'unknown');
  return {
    status: error ? 'invalid' : unknown ? 'indeterminate' : 'valid',
    subIndication: (error ?? unknown)?.subIndication,
    findings: [...judged.map(({ finding }) => finding), ...tokenFindings],
    chains: record.sequence.chains.map(({ digestAlgorithm }, chainIndex) => ({
      digestAlgorithm,
      archiveTimeStamps: archiveTimeStamps
        .filter(({ step }) => step.chainIndex === chainIndex)
        .map(({ step, tokenVerdict }) => withoutInternals(step, tokenVerdict)),
    })),
    dataObjects: dataObjects.map(({ name }) => dataObjectVerdict(name, walk.steps)),
    orphanDigests: walk.steps[0]?.orphanDigests ?? [],
    initialTime: walk.steps[0]?.genTime ?? at,
    lastTime: walk.steps.at(-1)?.genTime ?? at,
  };
}
