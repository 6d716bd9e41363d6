// How long evidence over digests alone goes on: whoever has no document can put a new timestamp over the old one, but
// not the document under a new hash (RFC 4998 §5.2, hash-tree renewal). Only the owner can, and has to know until when.
import type { DigestAlgorithm } from '#shared/crypto/digest.ts';
import { askProfile, type AlgorithmProfile } from '#shared/policy/algorithm-policy.ts';
import { isBefore } from '#shared/time.ts';

export type DigestOnlyTerms = {
  /** By then the owner has to send digests under `next`, or the evidence ends. */
  readonly sendDigestsBy: Temporal.Instant;
  readonly next: DigestAlgorithm;
};

/**
 * The terms of digests under `algorithm`; `undefined` as long as no end of it is known. An algorithm that the policy
 * does not list has ended already.
 */
export function digestOnlyTerms(options: {
  readonly algorithm: DigestAlgorithm;
  readonly next: DigestAlgorithm;
  readonly profile: AlgorithmProfile;
  /** How long before the algorithm's end digests are wanted. */
  readonly leadTime: Temporal.Duration;
  readonly at: Temporal.Instant;
}): DigestOnlyTerms | undefined {
  const { algorithm, next, profile, leadTime, at } = options;
  const answer = askProfile(profile, { kind: 'digest', digest: algorithm });
  if (answer.kind === 'absent') return { sendDigestsBy: at, next };
  const end = answer.endExclusive?.subtract({ hours: leadTime.total('hours') });
  if (!end) return undefined;
  return { sendDigestsBy: isBefore(end, at) ? at : end, next };
}
