// Which hash a new stamp uses where nobody named one: the strongest that the TSA takes (guideline 5.2, 6.12 B).
// A TSA is asked by querying it, since RFC 3161 has no other way: badAlg buys nothing (§2.4.2).
import type { DigestAlgorithm } from '#shared/crypto/digest.ts';
import { SourceError } from '#shared/errors.ts';

/** In the order in which they are tried; less than SHA-256 is for nothing new. */
export const strongestFirst = [
  'SHA-512',
  'SHA-384',
  'SHA-256',
] as const satisfies readonly DigestAlgorithm[];

export type StrongestDigest = (typeof strongestFirst)[number];

export type ByStrongestDigest<T> = {
  readonly value: T;
  readonly algorithm: StrongestDigest;
  /** For the log: why this one. */
  readonly reason: string;
};

/**
 * What `ask` gives for the first algorithm that is not answered with badAlg.
 * @throws whatever `ask` throws otherwise; for the last algorithm also badAlg
 */
export async function byStrongestDigest<T>(
  ask: (algorithm: StrongestDigest) => Promise<T>,
): Promise<ByStrongestDigest<T>> {
  const refused: StrongestDigest[] = [];
  for (;;) {
    const [algorithm = 'SHA-256', ...weaker] = strongestFirst.slice(refused.length);
    try {
      const value = await ask(algorithm);
      const reason =
        refused.length === 0
          ? 'the strongest that is asked for, and the TSA takes it'
          : `the TSA answered badAlg to ${refused.join(' and ')}`;
      return { value, algorithm, reason };
    } catch (error) {
      const isTooStrong = error instanceof SourceError && error.failInfo.includes('badAlg');
      if (!isTooStrong || weaker.length === 0) throw error;
      refused.push(algorithm);
    }
  }
}
