// Until when the archive timestamps inside of a document hold, from its facts alone: nothing is read for it. Design,
// proof horizon: of the newest archive timestamp of each signature, and of those the first that ends.
import { isDigestAlgorithm } from '#shared/crypto/digest.ts';
import { compareInstants } from '#shared/time.ts';
import type { Facts, TimestampFacts } from '#shared/validation/facts.ts';
import {
  type HorizonRules,
  type HorizonToken,
  type ProofHorizon,
  proofHorizon,
} from '#shared/validation/proof-horizon.ts';

export type EmbeddedHorizon = ProofHorizon & { readonly token: HorizonToken };

/** The token as a proof horizon asks for it. How certificates above it are signed, facts do not say. */
function tokenOf(timestamp: TimestampFacts, { certificates }: Facts): HorizonToken | undefined {
  const { tsu, key, imprintAlgorithm, digestAlgorithm, signatureAlgorithm } = timestamp;
  if (!tsu || !key || signatureAlgorithm === undefined) return undefined;
  if (!isDigestAlgorithm(imprintAlgorithm)) return undefined;
  // As the facts follow a path: by name alone.
  const path = [certificates.find(({ fingerprint }) => fingerprint === tsu.fingerprint)];
  while (path.length < tsu.chainNotAfter.length)
    path.push(certificates.find(({ subject }) => subject === path.at(-1)?.issuer));
  return {
    genTime: timestamp.genTime.toString(),
    imprintAlgorithm,
    tsaPolicy: timestamp.tsaPolicy,
    serialNumber: timestamp.serialNumber,
    signature: {
      name: signatureAlgorithm,
      key,
      ...(digestAlgorithm !== undefined &&
        isDigestAlgorithm(digestAlgorithm) && { digest: digestAlgorithm }),
    },
    chain: tsu.chainNotAfter.map((notAfter, index) => ({
      fingerprint: path[index]?.fingerprint ?? '',
      subject: path[index]?.subject ?? '',
      notAfter: notAfter.toString(),
    })),
  };
}

/**
 * `undefined` where a signature has no archive timestamp that is over what it should be over.
 * @see EN 319 102-1 §5.6.3
 */
export function embeddedHorizon(facts: Facts, rules: HorizonRules): EmbeddedHorizon | undefined {
  const horizons: EmbeddedHorizon[] = [];
  for (const { id, countersigns } of facts.signatures) {
    if (countersigns !== undefined) continue;
    const newest = facts.timestamps
      .filter(({ of, type, imprintIntact }) => of === id && type === 'archive' && imprintIntact)
      .toSorted((a, b) => compareInstants(a.genTime, b.genTime))
      .at(-1);
    const token = newest && tokenOf(newest, facts);
    if (!token) return undefined;
    horizons.push({ ...proofHorizon(token, token.imprintAlgorithm, rules), token });
  }
  // What has no known end is no end of the document.
  return horizons
    .filter(({ at }) => at !== undefined)
    .toSorted((a, b) => (a.at && b.at ? compareInstants(a.at, b.at) : 0))
    .concat(horizons)[0];
}
