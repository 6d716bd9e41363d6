// Checks of a batch's stored objects and of its newest token, and the repair of what can be made again:
// as before a renewal, and as re-reading asks.
import type { BatchRow } from '#shared/ports/catalogue.ts';
import { isBefore } from '#shared/time.ts';
import { checkStored } from '../evidence/check-stored.ts';
import { remakeToken } from '../evidence/freeze.ts';
import { checkBatch, damageOf } from '../evidence/link-check.ts';
import { healBatch } from '../evidence/rebuild-leaf-table.ts';
import { remakeManifest } from '../evidence/remake-manifest.ts';
import type { Damage, DamagedPart, EvidenceContext, TokenVerification } from '../evidence/types.ts';
import { verificationFor } from '../evidence/tokens.ts';
import { createChainVerifier, type ChainVerifier } from '../evidence/verify-chain.ts';
import type { DistrustDependencies } from '../stages/distrusted.ts';
import type { FixityDependencies } from '../stages/fixity.ts';
import { remakeObjectList, type ObjectListSources } from '../stages/remake-object-list.ts';
import { remakeRecord } from '../stages/remake-record.ts';

/** Trust in the TSA of a batch as of tonight, and a verifier under it. */
export type BatchTrust = Pick<DistrustDependencies, 'verificationOf' | 'verifierOf'>;

/** `second`: absent where there is one TSA only. */
export function trustBatches(
  { store, chains, tsa, run }: EvidenceContext,
  second: EvidenceContext | undefined,
): BatchTrust {
  const verifiers = new Map<number, ChainVerifier>();
  const ofAnchor = ({ anchor }: BatchRow): TokenVerification | undefined =>
    (anchor === 2 ? second?.tsa : tsa)?.verification;
  const verificationOf = (batch: BatchRow): TokenVerification | undefined => {
    const verification = ofAnchor(batch);
    // Once it is renewed, its newest token is this TSA's.
    const kind = batch.newestBatchId === batch.batchId ? batch.kind : 'timestamp-renewal';
    return verification && verificationFor(verification, kind);
  };
  return {
    verificationOf,
    verifierOf: (batch) => {
      const verification = ofAnchor(batch);
      const known = verifiers.get(batch.anchor);
      if (known || !verification) return known;
      const { runAt: at, signal } = run;
      const made = createChainVerifier(store, chains, { verification, at, signal });
      verifiers.set(batch.anchor, made);
      return made;
    },
  };
}

/** `strict`: as before a renewal. The rest is what damaged objects are made again from. */
export type BatchChecking = Pick<ObjectListSources, 'catalogue' | 'stores'> & {
  readonly strict: boolean;
};

/**
 * Over the store as it is now. Strict: as before a renewal, its newest token valid as of tonight;
 * otherwise an expired one is no damage.
 */
export function batchChecks(
  context: EvidenceContext,
  second: EvidenceContext | undefined,
  { strict, ...sources }: BatchChecking,
): Pick<FixityDependencies, 'checkBatch' | 'healBatch'> {
  const { store, chains, tsa, run } = context;
  const { signal, runAt } = run;
  let trust = trustBatches(context, second);
  const storedOf = (batch: BatchRow) => {
    // Without its TSA nothing is said of the token: the links are looked at all the same.
    const verification = trust.verificationOf(batch) ?? tsa.verification;
    return { store, chains, verification, signal };
  };
  const check = async (batch: BatchRow): Promise<readonly Damage[]> => {
    const { batchId, horizon, newestToken } = batch;
    const stored = storedOf(batch);
    const other = await checkStored(stored, batchId);
    const lapsed = horizon !== undefined && isBefore(horizon, runAt);
    const verifier = trust.verifierOf(batch);
    if (strict && !lapsed && verifier) {
      const verdict = await verifier.verify(batchId);
      return [...(verdict.kind === 'broken' ? verdict.damage : []), ...other];
    }
    const links = await checkBatch(store, chains, batchId, { signal });
    // What has lapsed, as a renewal does once later ones cover it, is judged as of when it was made.
    const verification = { ...stored.verification, revocationMode: 'none' } as const;
    const at = Temporal.Instant.from(newestToken.genTime);
    const judging =
      verifier && lapsed
        ? createChainVerifier(store, chains, { verification, at, signal })
        : verifier;
    const newest = await judging?.newest(batchId);
    const invalid = newest?.verdict.status === 'invalid' ? newest.verdict.findings : [];
    return [
      ...links,
      ...invalid.slice(0, 1).map(({ message }) => damageOf('token', batchId, message)),
      ...other,
    ];
  };
  /** Each damaged object from what it was made of; which parts were made. */
  const remake = async (
    damage: readonly Damage[],
    batch: BatchRow,
  ): Promise<ReadonlySet<DamagedPart>> => {
    const made = new Set<DamagedPart>();
    const all = { evidence: store, chains, signal, ...sources };
    const makers: Partial<Record<DamagedPart, (batchId: string) => Promise<boolean>>> = {
      manifest: async (batchId) => (await remakeManifest(storedOf(batch), batchId)) !== undefined,
      record: (batchId) => remakeRecord(all, chains.manifest(batchId)),
      token: (batchId) => remakeToken(batch.anchor === 2 && second ? second : context, batchId),
      'object-list': (batchId) => remakeObjectList(all, batchId),
    };
    const makerOf = (part: DamagedPart) => makers[part === 'validation-data' ? 'token' : part];
    for (const { part, batchId } of damage) if (await makerOf(part)?.(batchId)) made.add(part);
    return made;
  };
  return {
    checkBatch: check,
    healBatch: async (batch) => {
      const { batchId } = batch;
      await healBatch(store, chains, batchId, { signal });
      const damage = await check(batch);
      const remade = await remake(damage, batch);
      trust = trustBatches(context, second);
      const left = await check(batch);
      return remade.has('manifest') ? left.filter(({ part }) => part !== 'manifest') : left;
    },
  };
}
