// An object list that was damaged, made again: sound lines that fit their leaves stay, the others come from the
// catalogue, which took them in when the batch was committed. Written only if each line fits its leaf.
import { UnsupportedError, FormatError, SourceError } from '#shared/errors.ts';
import type { Catalogue, DocumentRow } from '#shared/ports/catalogue.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import { createAssembler, type Assembler } from '../evidence/assemble.ts';
import { batchKey } from '../evidence/batch-objects.ts';
import type { ChainIndex } from '../evidence/chains.ts';
import { lineFitsLeaf } from '../evidence/check-listed.ts';
import { groupStride } from '../evidence/manifest.ts';
import {
  buildObjectListHead,
  buildObjectListLine,
  readSoundLines,
} from '../evidence/object-list.ts';
import { inChunks } from '../evidence/prepare.ts';
import type {
  BatchManifest,
  GroupMember,
  GroupPosition,
  MemberRole,
  ObjectListLine,
} from '../evidence/types.ts';
import { evidenceStoreName } from '../evidence-store.ts';
import { readDocument } from './read-document.ts';

export type ObjectListSources = {
  /** The evidence store. */
  readonly evidence: ObjectStore;
  readonly chains: ChainIndex;
  readonly catalogue: Catalogue;
  /** Document stores by name: digests that the catalogue does not have are read there. */
  readonly stores: ReadonlyMap<string, ObjectStore>;
  readonly signal: AbortSignal;
};

/** A group whose line can be made neither from the list nor from the catalogue. */
class Unknown extends Error {}

type Remaking = ObjectListSources & {
  readonly manifest: BatchManifest;
  readonly assembler: Assembler;
};

/** Whether it was made again; otherwise nothing was written. */
export async function remakeObjectList(
  sources: ObjectListSources,
  batchId: string,
): Promise<boolean> {
  const { evidence, chains, signal } = sources;
  const manifest = chains.manifest(batchId);
  const assembler = createAssembler(evidence, chains, { signal, readAhead: true });
  const remaking = { ...sources, manifest, assembler };
  try {
    // Once to see that every group is known, and again to write them: a list of millions is not held.
    const reading = mendedLines(remaking)[Symbol.asyncIterator]();
    while (!(await reading.next()).done) signal.throwIfAborted();
    const octets = async function* (): AsyncIterable<Uint8Array> {
      yield buildObjectListHead(batchId);
      for await (const line of mendedLines(remaking)) yield buildObjectListLine(line);
    };
    // The old one is read until the new one is whole; stores put it in its place at once.
    await evidence.write(batchKey(batchId, 'objectList'), inChunks(octets()), { signal });
    return true;
  } catch (error) {
    const isDamage = error instanceof FormatError || error instanceof UnsupportedError;
    const isGone = error instanceof SourceError && error.code === 'ERR_SOURCE_NOT_FOUND';
    if (error instanceof Unknown || isDamage || isGone) return false;
    throw error;
  }
}

async function* mendedLines(remaking: Remaking): AsyncIterable<ObjectListLine> {
  const { evidence, manifest, assembler, signal } = remaking;
  const stride = groupStride(manifest);
  const old = readSoundLines(evidence, manifest.id, signal)[Symbol.asyncIterator]();
  try {
    let next = await old.next();
    for (let index = 0; index < manifest.groupCount; index += stride) {
      signal.throwIfAborted();
      while (!next.done && next.value.index < index) next = await old.next();
      const kept = !next.done && next.value.index === index ? next.value : undefined;
      if (kept && (await lineFitsLeaf(assembler, manifest, kept))) {
        yield kept;
        continue;
      }
      const made = await lineFromCatalogue(remaking, index);
      // In neither: it was deleted.
      if (made) yield made;
      else if (kept) throw new Unknown(`group ${index}`);
    }
  } finally {
    await old.return?.();
  }
}

async function lineFromCatalogue(
  remaking: Remaking,
  index: number,
): Promise<ObjectListLine | undefined> {
  const { catalogue, manifest, assembler } = remaking;
  const rows = await catalogue.groupMembers(manifest.id, index);
  const main = rows.find(({ attachedTo }) => !rows.some(({ id }) => id === attachedTo));
  if (!main) return undefined;
  const others = rows.filter((row) => row !== main);
  const members = [
    await memberOf(
      remaking,
      main,
      main.attachedTo === undefined ? 'document' : 'detached-signature',
    ),
    ...(await Promise.all(others.map((row) => memberOf(remaking, row, 'detached-signature')))),
  ];
  const validationData = await validationMember(remaking, main);
  const previous = await previousOf(remaking, index);
  for (const all of validationData ? [[...members, validationData], members] : [members]) {
    const line: ObjectListLine = { index, members: all, ...(previous && { previous }) };
    if (await lineFitsLeaf(assembler, manifest, line)) return line;
  }
  throw new Unknown(`group ${index}`);
}

/** Where the group's record stood before a hash-tree renewal: the leaf table has it, too. */
async function previousOf(
  { manifest, assembler }: Remaking,
  index: number,
): Promise<GroupPosition | undefined> {
  if (manifest.kind !== 'hash-tree-renewal') return undefined;
  const { previous } = await assembler.group({ batchId: manifest.id, index });
  const batch = previous && manifest.previous[previous.ordinal];
  return batch && { batchId: batch.batchId, index: previous.index };
}

type Kept = Pick<DocumentRow, 'store' | 'key' | 'versionId' | 'sha256' | 'size' | 'digests'>;

async function memberOf(
  { manifest, stores, evidence, signal }: Remaking,
  { store, key, versionId, sha256, size, digests }: Kept,
  role: MemberRole,
): Promise<GroupMember> {
  const { digestAlgorithm } = manifest;
  let known: GroupMember['digests'] = { ...digests, 'SHA-256': sha256 };
  const objects = store === evidenceStoreName ? evidence : stores.get(store);
  if (known[digestAlgorithm] === undefined && objects) {
    const reading = await readDocument(objects, key, {
      versionId: versionId === '' ? undefined : versionId,
      algorithms: ['SHA-256', digestAlgorithm],
      keep: 0,
      signal,
    });
    if (reading.digests['SHA-256'] === sha256) known = { ...known, ...reading.digests };
  }
  return {
    store,
    key,
    versionId: versionId === '' ? undefined : versionId,
    size,
    role,
    digests: known,
  };
}

async function validationMember(
  remaking: Remaking,
  { validationData }: DocumentRow,
): Promise<GroupMember | undefined> {
  if (!validationData) return undefined;
  const { key, size, digests } = validationData;
  const object = { store: evidenceStoreName, key, versionId: '', size, digests };
  return memberOf(remaking, { ...object, sha256: digests['SHA-256'] }, 'validation-data');
}
