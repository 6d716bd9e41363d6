// Heals a lost or damaged leaf table: made again from what it was made of (the object list or the documents,
// earlier sequences, covered tokens), and kept only if it leads to the root that the token is over.
import { equalBytes, fromHex, toHex } from '#shared/bytes.ts';
import type { DigestAlgorithm } from '#shared/crypto/digest.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import type { Finding } from '#shared/trust/finding.ts';
import { createAssembler, type Assembler } from './assemble.ts';
import { batchKey, readSmall } from './batch-objects.ts';
import type { ChainIndex } from './chains.ts';
import { createLeafTableBuilder, type LeafTableBuilder } from './leaf-table-builder.ts';
import { checkLeafTable } from './leaf-table-check.ts';
import { checkBatch, readable } from './link-check.ts';
import { leafTableOf, xmlGroupIndex } from './manifest.ts';
import { readObjectList } from './object-list.ts';
import { hashTreeRenewalOf, timestampRenewalOf } from './renewed-groups.ts';
import type { BatchId, BatchManifest, Damage, GroupMember, ObjectListLine } from './types.ts';

/** A member's digest as computed from the document itself; `undefined` where it cannot be read. */
export type DigestReader = (
  member: GroupMember,
  algorithm: DigestAlgorithm,
) => Promise<Uint8Array | undefined>;

export type RebuildOutcome =
  { readonly kind: 'healed' } | { readonly kind: 'failed'; readonly findings: readonly Finding[] };

type Rebuilding = {
  readonly store: ObjectStore;
  readonly chains: ChainIndex;
  readonly manifest: BatchManifest;
  readonly assembler: Assembler;
  readonly builder: LeafTableBuilder;
  readonly digestOf: DigestReader;
  readonly signal: AbortSignal;
};

/**
 * Makes the leaf table of `id` again and writes it if its root is the manifest's. Digests come from
 * `digestOf`, or else from the object list. Deleted lines and blind values cannot be made up: then
 * the table is not healed here, and a second copy has to serve.
 */
export async function rebuildLeafTable(
  store: ObjectStore,
  chains: ChainIndex,
  id: BatchId,
  options: { readonly signal: AbortSignal; readonly digestOf?: DigestReader },
): Promise<RebuildOutcome> {
  const { signal, digestOf = listedDigest } = options;
  const manifest = chains.manifest(id);
  const { shape, root } = leafTableOf(manifest);
  if (await copyFromOther(store, chains, manifest, signal)) return { kind: 'healed' };
  if (shape.blind) return failed(id, 'its blind values are nowhere else');
  const builder = createLeafTableBuilder(shape);
  const assembler = createAssembler(store, chains, { signal, readAhead: true });
  const rebuilding = { store, chains, manifest, assembler, builder, digestOf, signal };
  // A source that is damaged, too, ends it; the store's trouble goes on to the caller.
  const added = await readable(() =>
    manifest.kind === 'timestamp-renewal' ? addCoveredTokens(rebuilding) : addListed(rebuilding),
  );
  const missing = added.kind === 'unreadable' ? added.message : added.value;
  if (missing !== undefined) return failed(id, missing);
  const table = builder.finish();
  if (!equalBytes(table.root, root))
    return failed(id, `what it was made of now gives the root ${toHex(table.root)}`);
  await store.write(batchKey(id, 'leafTable'), table.octets(), { signal });
  return { kind: 'healed' };
}

/** The table of a batch over the same tree, where there is one and it holds (dual anchoring). */
async function copyFromOther(
  store: ObjectStore,
  chains: ChainIndex,
  { id, root, sameTreeAs }: BatchManifest,
  signal: AbortSignal,
): Promise<boolean> {
  for (const other of chains.manifests.values()) {
    if ((other.id !== sameTreeAs && other.sameTreeAs !== id) || other.root !== root) continue;
    const findings = await checkLeafTable(store, leafTableOf(other), signal);
    if (findings.length > 0) continue;
    const { body } = await store.read(batchKey(other.id, 'leafTable'), { signal });
    await store.write(batchKey(id, 'leafTable'), body, { signal });
    return true;
  }
  return false;
}

/**
 * Checks a batch with its chain, makes every damaged leaf table again, oldest first, and checks once
 * more: what comes back is still damaged. A token or a link cannot be healed here.
 */
export async function healBatch(
  store: ObjectStore,
  chains: ChainIndex,
  id: BatchId,
  options: { readonly signal: AbortSignal; readonly digestOf?: DigestReader },
): Promise<readonly Damage[]> {
  const damage = await checkBatch(store, chains, id, options);
  const tables = damage.filter(({ part }) => part === 'leaf-table');
  if (tables.length === 0) return damage;
  for (const batchId of [...new Set(tables.map((table) => table.batchId))].sort())
    await rebuildLeafTable(store, chains, batchId, options);
  return checkBatch(store, chains, id, options);
}

function listedDigest(
  member: GroupMember,
  algorithm: DigestAlgorithm,
): Promise<Uint8Array | undefined> {
  return Promise.resolve(fromHex(member.digests[algorithm] ?? '') ?? undefined);
}

/** The groups of a timestamp renewal; throws where a covered token is gone, too. */
async function addCoveredTokens(rebuilding: Rebuilding): Promise<undefined> {
  const { store, manifest, builder, signal } = rebuilding;
  const token = async (id: BatchId): Promise<Uint8Array> =>
    (await readSmall(store, batchKey(id, 'token'), { signal })).octets;
  const xmlGroups: (readonly Uint8Array[])[] = [];
  for (const covered of manifest.previous) {
    const { members, inXml } = await timestampRenewalOf({ ...rebuilding, token }, covered);
    builder.add(members);
    if (xmlGroupIndex(manifest, 0) !== undefined) xmlGroups.push(inXml);
  }
  for (const group of xmlGroups) builder.add(group);
}

/** The groups of the object list; returns what is missing, if anything. */
async function addListed(rebuilding: Rebuilding): Promise<string | undefined> {
  const { store, manifest, builder, signal } = rebuilding;
  for await (const line of readObjectList(store, manifest.id, signal)) {
    signal.throwIfAborted();
    if (line.index !== builder.count()) return `the object list has no line ${builder.count()}`;
    const missing = await addGroup(rebuilding, line);
    if (missing !== undefined) return missing;
  }
  return builder.count() === manifest.groupCount
    ? undefined
    : `the object list ends at line ${builder.count()}`;
}

async function addGroup(rebuilding: Rebuilding, line: ObjectListLine): Promise<string | undefined> {
  const { manifest, assembler, builder, digestOf } = rebuilding;
  const digests: Uint8Array[] = [];
  for (const member of line.members) {
    const value = await digestOf(member, manifest.digestAlgorithm);
    if (!value || value.length === 0) return `${member.key} cannot be read`;
    digests.push(value);
  }
  const { previous } = line;
  if (!previous) {
    builder.add(digests);
    return undefined;
  }
  const ordinal = manifest.previous.findIndex(({ batchId }) => batchId === previous.batchId);
  const earlier = manifest.previous[ordinal];
  if (!earlier) return `line ${line.index} comes from a batch that the manifest does not name`;
  const { members, inXml } = await hashTreeRenewalOf(
    assembler,
    { ...previous, renewals: earlier.renewals },
    { algorithm: manifest.digestAlgorithm, digests, xmlGroup: manifest.xmlGroups },
  );
  const more = { previous: { ordinal, index: previous.index } };
  builder.add(members, more);
  if (inXml) builder.add(inXml, more);
  return undefined;
}

function failed(batchId: BatchId, why: string): RebuildOutcome {
  const finding: Finding = {
    check: 'leaf-table-healed',
    clause: 'RFC 4998 §4.2',
    level: 'error',
    message: `The leaf table of batch ${batchId} could not be made again: ${why}.`,
    facts: { batchId },
  };
  return { kind: 'failed', findings: [finding] };
}
