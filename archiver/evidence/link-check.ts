// Links of archive timestamp chains as they are stored: each leaf table leads to its root, each token is
// over that root, each renewal holds the tokens before it (RFC 4998 §5.2). Reads no document and judges
// no certificate: verify-chain.ts does.
import { compareBytes, equalBytes, fromHex, toHex } from '#shared/bytes.ts';
import { digest } from '#shared/crypto/digest.ts';
import { newestArchiveTimeStamp } from '#shared/ers/continuation.ts';
import { FormatError, SourceError, UnsupportedError } from '#shared/errors.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import { parseTimeStampToken } from '#shared/tsp/token.ts';
import { createAssembler } from './assemble.ts';
import { batchKey, readSmall } from './batch-objects.ts';
import type { ChainIndex } from './chains.ts';
import { checkLeafTable } from './leaf-table-check.ts';
import { openLeafTable } from './leaf-table-reader.ts';
import { leafTableOf, xmlGroupIndex } from './manifest.ts';
import { timestampRenewalOf } from './renewed-groups.ts';
import { loadTakenOverRecord } from './taken-over.ts';
import type { BatchId, BatchManifest, Damage } from './types.ts';

export type LinkChecker = {
  /** A batch, its renewals and, below a hash-tree renewal, the chains before it. Empty: all fits. */
  readonly check: (id: BatchId) => Promise<readonly Damage[]>;
  /** The stored evidence form; throws where it cannot be read. */
  readonly token: (id: BatchId) => Promise<Uint8Array>;
};

/**
 * What is damaged in the stored evidence of one batch: for the fixity slice of a night.
 * @throws what the store throws, an absent object aside, which is damage
 */
export function checkBatch(
  store: ObjectStore,
  chains: ChainIndex,
  id: BatchId,
  options: { readonly signal: AbortSignal },
): Promise<readonly Damage[]> {
  return createLinkChecker(store, chains, options.signal).check(id);
}

/** A checker over one state of the store; it remembers what it read, so it is for one run. */
export function createLinkChecker(
  store: ObjectStore,
  chains: ChainIndex,
  signal: AbortSignal,
): LinkChecker {
  const links = new Map<string, Promise<readonly Damage[]>>();
  const tokens = new Map<BatchId, Promise<Uint8Array>>();
  const assembler = createAssembler(store, chains, { signal });

  const token = (id: BatchId): Promise<Uint8Array> =>
    remembered(tokens, id, async () => {
      const { octets } = await readSmall(store, batchKey(id, 'token'), { signal });
      return octets;
    });

  /** A batch by itself: its table leads to its root, its token is over that root. */
  const ownLink = (id: BatchId): Promise<readonly Damage[]> =>
    remembered(links, id, async () => {
      const manifest = chains.manifest(id);
      if (manifest.kind === 'taken-over') return takenOverLink(manifest);
      const findings = await checkLeafTable(store, leafTableOf(manifest), signal);
      const damage: Damage[] =
        findings.length > 0 ? [{ part: 'leaf-table', batchId: id, findings }] : [];
      const stored = await readable(async () => parseTimeStampToken(await token(id)));
      if (stored.kind === 'unreadable') damage.push(damageOf('token', id, stored.message));
      else {
        const { messageImprint } = stored.value.tstInfo;
        const root = fromHex(manifest.root) ?? new Uint8Array(0);
        if (
          messageImprint.algorithm !== manifest.digestAlgorithm ||
          !equalBytes(messageImprint.hashedMessage, root)
        )
          damage.push(damageOf('link', id, `The token of batch ${id} is over another root.`));
      }
      return damage;
    });

  /** A record of another product is as it was taken over, and its newest token is the one that is kept. */
  const takenOverLink = async ({
    id,
    receivedSha256,
  }: BatchManifest): Promise<readonly Damage[]> => {
    const found = await readable(() => loadTakenOverRecord(store, id, { signal }));
    if (found.kind === 'unreadable') return [damageOf('record', id, found.message)];
    const record = found.value;
    if (toHex(digest('SHA-256', record.raw)) !== receivedSha256)
      return [damageOf('record', id, `The record of batch ${id} is not as it was taken over.`)];
    const stored = await readable(async () => parseTimeStampToken(await token(id)));
    if (stored.kind === 'unreadable') return [damageOf('token', id, stored.message)];
    return equalBytes(stored.value.tstInfo.raw, newestArchiveTimeStamp(record).token.tstInfo.raw)
      ? []
      : [damageOf('link', id, `The token of batch ${id} is not the newest of its record.`)];
  };

  /** RFC 4998 §5.2: renewal number `count` of a batch holds every token of the chain before it. */
  const renewalLink = async (id: BatchId, count: number): Promise<readonly Damage[]> => {
    const chain = chains.renewalsOf(id);
    const renewal = chain[count];
    if (!renewal) return [];
    const manifest = chains.manifest(renewal.batchId);
    const stored = await readable(async () => {
      const covered = { batchId: id, renewals: count };
      const expected = await timestampRenewalOf(
        { store, chains, assembler, token, signal },
        covered,
      );
      const reader = openLeafTable(store, leafTableOf(manifest), { signal });
      const { members } = await reader.group(renewal.index);
      if (!sameDigests(members, expected.members)) return false;
      const inXml = xmlGroupIndex(manifest, renewal.index);
      return (
        inXml === undefined || sameDigests((await reader.group(inXml)).members, expected.inXml)
      );
    });
    if (stored.kind === 'unreadable')
      return [damageOf('leaf-table', renewal.batchId, stored.message)];
    if (stored.value) return [];
    return [
      damageOf(
        'link',
        id,
        `Renewal ${renewal.batchId} does not cover the tokens of batch ${id} as they are stored.`,
      ),
    ];
  };

  /** Links and tables of a chain and, below a hash-tree renewal, of the chains before it. */
  const chainLinks = async (id: BatchId, count: number): Promise<readonly Damage[]> => {
    const damage: Damage[] = [...(await ownLink(id))];
    for (const [i, { batchId }] of chains.renewalsOf(id).slice(0, count).entries())
      damage.push(...(await ownLink(batchId)), ...(await renewalLink(id, i)));
    const manifest = chains.manifest(id);
    if (manifest.kind === 'hash-tree-renewal')
      for (const { batchId, renewals } of manifest.previous)
        damage.push(
          ...(await remembered(links, `${batchId}/${renewals}`, () =>
            chainLinks(batchId, renewals),
          )),
        );
    return damage;
  };

  return { check: (id) => chainLinks(id, chains.renewalsOf(id).length), token };
}

/** One part of a batch's evidence that does not hold. */
export function damageOf(part: Damage['part'], batchId: BatchId, message: string): Damage {
  const finding = {
    check: `${part}-intact`,
    clause: 'RFC 4998 §5.3',
    level: 'error',
    message,
    facts: { batchId },
  } as const;
  return { part, batchId, findings: [finding] };
}

export type Readable<T> =
  | { readonly kind: 'read'; readonly value: T }
  | { readonly kind: 'unreadable'; readonly message: string };

/** What cannot be read because it is gone or not as written is damage; the store's trouble is not. */
export async function readable<T>(read: () => Promise<T>): Promise<Readable<T>> {
  try {
    return { kind: 'read', value: await read() };
  } catch (error) {
    const gone = error instanceof SourceError && error.code === 'ERR_SOURCE_NOT_FOUND';
    if (gone || error instanceof FormatError || error instanceof UnsupportedError)
      return { kind: 'unreadable', message: error.message };
    throw error;
  }
}

function sameDigests(a: readonly Uint8Array[], b: readonly Uint8Array[]): boolean {
  const left = a.toSorted(compareBytes);
  const right = b.toSorted(compareBytes);
  return (
    left.length === right.length &&
    left.every((value, i) => equalBytes(value, right[i] ?? new Uint8Array(0)))
  );
}

export function remembered<V>(map: Map<string, V>, key: string, make: () => V): V {
  const found = map.get(key);
  if (found !== undefined) return found;
  const made = make();
  map.set(key, made);
  return made;
}
