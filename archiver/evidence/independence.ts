// Whether two tokens are two witnesses: by one TSU, under one CA or one trust anchor they are the word of
// one TSA and count once (design §3, "Dual anchoring").
import type { Finding } from '#shared/trust/finding.ts';
import type { ChainIndex } from './chains.ts';
import type { PreparedBatch, TokenFacts } from './types.ts';

type Chain = TokenFacts['chain'];

/** What both paths hold: a certificate, or trust anchors of one name. `undefined`: they are independent. */
function sharedAuthority(a: Chain, b: Chain): string | undefined {
  const known = new Set(a.map(({ fingerprint }) => fingerprint));
  const certificate = b.find(({ fingerprint }) => known.has(fingerprint));
  if (certificate) return certificate.subject;
  // A trust anchor that was issued again is another certificate and the same authority.
  const [top, other] = [a.at(-1), b.at(-1)];
  return top && top.subject === other?.subject ? top.subject : undefined;
}

/** How many TSAs stand behind these tokens. */
export function countWitnesses(chains: readonly Chain[]): number {
  const witnesses: Chain[] = [];
  for (const chain of chains)
    if (!witnesses.some((other) => sharedAuthority(other, chain) !== undefined))
      witnesses.push(chain);
  return witnesses.length;
}

/** Why a token is no second witness of a tree that another TSA stamped; it is refused then. */
export function independenceFinding(
  chains: ChainIndex,
  { id, sameTreeAs }: PreparedBatch,
  chain: Chain,
): Finding | undefined {
  for (const other of chains.manifests.values()) {
    if (other.id !== sameTreeAs && other.sameTreeAs !== id) continue;
    const shared = sharedAuthority(other.token.chain, chain);
    if (shared === undefined) continue;
    return {
      check: 'independent-tsa',
      clause: 'design §3',
      level: 'error',
      message: `The token comes from the TSA that stamped this tree already (${shared}): two tokens of one TSA are one witness.`,
      facts: { batchId: other.id, subject: shared },
    };
  }
  return undefined;
}
