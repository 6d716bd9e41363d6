// One RFC 4998 evidence record over a document, as of an instant: each archive timestamp as of the next,
// the last as of now, tree hashes by policy. The arithmetic stands in shared/ers.
import type { DigestAlgorithm } from '#shared/crypto/digest.ts';
import type { EvidenceRecord } from '#shared/ers/evidence-record.ts';
import type { EvidenceDataObject, EvidenceRecordVerdict } from '#shared/ers/verdict.ts';
import { verifyEvidenceRecord } from '#shared/ers/verify.ts';
import { acceptableAt, askProfile } from '#shared/policy/algorithm-policy.ts';
import { earlier } from '#shared/time.ts';
import { judgeToken, type TokenJudgement } from '#shared/validation/judge-token.ts';
import type { ValidationMaterial } from '#shared/validation/validation-material.ts';

export type RecordJudgement = EvidenceRecordVerdict<TokenJudgement>;

/**
 * Judges a record as of `at`. Where it is valid, its data objects existed at `initialTime`. `existsSince`: proved of
 * the record and all that it is over, so that the hash of its newest chain need be good no longer than until then.
 * @see RFC 4998 §5.3, EN 319 102-1 §5.6.2.5
 */
export function judgeRecord(
  record: EvidenceRecord,
  dataObjects: readonly EvidenceDataObject[],
  at: Temporal.Instant,
  material: ValidationMaterial,
  existsSince: Temporal.Instant = at,
): RecordJudgement {
  const { algorithmPolicy } = material;
  return verifyEvidenceRecord({
    record,
    dataObjects,
    at,
    // The next archive timestamp is the proof of the one before, and the instant of its judgement.
    verifyToken: (token, instant, imprint) => judgeToken(token, imprint, instant, material),
    ...(algorithmPolicy && {
      digestSecure: (digest: DigestAlgorithm, instant: Temporal.Instant) =>
        acceptableAt(
          askProfile(algorithmPolicy, { kind: 'digest', digest }),
          instant.equals(at) ? earlier(existsSince, at) : instant,
        ),
    }),
  });
}
