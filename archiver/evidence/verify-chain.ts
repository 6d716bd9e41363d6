// Verify before renewing (design §1, invariant 2): the newest token of a batch in full as of now, every
// link below it, and every root recomputed from its stored leaf table. Reads no document. What many
// batches share (a renewal's token and table) is judged once.
import type { ObjectStore } from '#shared/ports/object-store.ts';
import type { Finding } from '#shared/trust/finding.ts';
import type { ChainIndex } from './chains.ts';
import { createLinkChecker, damageOf, readable, remembered } from './link-check.ts';
import { imprintOf, judgeToken, verificationFor, type JudgedToken } from './tokens.ts';
import type { BatchId, Damage, TokenVerification } from './types.ts';

/** What verifying one batch's chain came to. `unknown`: all holds but revocation is not known now. */
export type ChainVerdict =
  | { readonly kind: 'valid' }
  | { readonly kind: 'unknown'; readonly findings: readonly Finding[] }
  | { readonly kind: 'broken'; readonly damage: readonly Damage[] };

export type ChainVerifier = {
  /** The batch's current chain; of earlier chains the links and tables. */
  readonly verify: (id: BatchId) => Promise<ChainVerdict>;
  /** The newest token of a batch as judged now; `undefined` where it cannot be read. */
  readonly newest: (id: BatchId) => Promise<JudgedToken | undefined>;
};

type Setting = {
  readonly verification: TokenVerification;
  readonly at: Temporal.Instant;
  readonly signal: AbortSignal;
};

/** A verifier over one state of the store; it remembers what it judged, so it is for one run. */
export function createChainVerifier(
  store: ObjectStore,
  chains: ChainIndex,
  { verification, at, signal }: Setting,
): ChainVerifier {
  const links = createLinkChecker(store, chains, signal);
  const judged = new Map<BatchId, Promise<JudgedToken | Damage>>();

  const judge = (id: BatchId): Promise<JudgedToken | Damage> =>
    remembered(judged, id, async () => {
      const manifest = chains.manifest(id);
      const stored = await readable(async () =>
        judgeToken(
          await links.token(id),
          { imprint: imprintOf(manifest) },
          verificationFor(verification, manifest.kind),
          { at, signal },
        ),
      );
      return stored.kind === 'read' ? stored.value : damageOf('token', id, stored.message);
    });

  const newestId = (id: BatchId): BatchId => chains.renewalsOf(id).at(-1)?.batchId ?? id;

  return {
    newest: async (id) => {
      const result = await judge(newestId(id));
      return 'part' in result ? undefined : result;
    },
    verify: async (id) => {
      const damage = [...(await links.check(id))];
      const result = await judge(newestId(id));
      if ('part' in result) return { kind: 'broken', damage: [...damage, result] };
      const { status, findings } = result.verdict;
      const holds = status === 'valid' || result.revocationUnknown;
      if (!holds) damage.push({ part: 'token', batchId: newestId(id), findings });
      if (damage.length > 0) return { kind: 'broken', damage };
      return status === 'valid' ? { kind: 'valid' } : { kind: 'unknown', findings };
    },
  };
}
