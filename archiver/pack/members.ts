// The data objects of a document's group as files of a pack: the document, its detached signatures, its
// validation data, the blind value. Which of them a record covers its leaf says; of other documents
// nothing is read, not even their names (design §3, "Evidence pack").
import { fromHex, toHex } from '#shared/bytes.ts';
import { digest, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import type { DocumentRow } from '#shared/ports/catalogue.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import type { Assembler } from '../evidence/assemble.ts';
import type { GroupPosition } from '../evidence/types.ts';
import { readDocument, type DocumentReading } from '../stages/read-document.ts';
import { safeName, type PackFile } from './pack-files.ts';

/** One object with what was read of it. */
export type PackMember = {
  readonly key: string;
  readonly role: 'document' | 'detached-signature' | 'validation-data' | 'blind-value';
  readonly file: PackFile;
  readonly reading: Pick<DocumentReading, 'size' | 'head' | 'digests'>;
};

/** What one object is read from, and how. */
export type MemberSource = {
  readonly store: ObjectStore;
  readonly row: Pick<DocumentRow, 'key' | 'versionId'>;
  readonly role: 'document' | 'detached-signature' | 'validation-data';
  readonly algorithms: readonly DigestAlgorithm[];
  /** Octets kept for inspection. */
  readonly keep: number;
  /** Part of its name in the pack: names of a group may be alike. */
  readonly number: number;
};

/** @throws what the store throws */
export async function readMember(source: MemberSource, signal: AbortSignal): Promise<PackMember> {
  const { store, row, role, number } = source;
  const versionId = row.versionId === '' ? undefined : row.versionId;
  const { algorithms, keep } = source;
  const reading = await readDocument(store, row.key, {
    versionId,
    algorithms: [...algorithms, 'SHA-256'],
    keep,
    signal,
  });
  const folder = role === 'document' ? 'document' : `group/${number}`;
  return {
    key: row.key,
    role,
    reading,
    file: {
      name: `${folder}/${safeName(row.key)}`,
      sha256: reading.digests['SHA-256'] ?? '',
      size: reading.size,
      open: async (reader) => (await store.read(row.key, { signal: reader, versionId })).body,
    },
  };
}

function blindMember(value: Uint8Array, algorithms: readonly DigestAlgorithm[]): PackMember {
  const digests = Object.fromEntries(algorithms.map((each) => [each, toHex(digest(each, value))]));
  return {
    key: 'blind value',
    role: 'blind-value',
    file: { name: `group/blind-${toHex(value).slice(0, 16)}.bin`, octets: value },
    reading: { size: value.length, head: value, digests },
  };
}

/**
 * Those of `candidates` that stand in a record's group, its blind value among them.
 * @throws FormatError ERR_FORMAT_STORED: the leaf table is damaged
 */
export async function membersOf(
  assembler: Assembler,
  position: GroupPosition,
  candidates: readonly PackMember[],
  digestAlgorithms: readonly DigestAlgorithm[],
): Promise<readonly PackMember[]> {
  const blind = await assembler.blindValue(position);
  const all = blind ? [...candidates, blindMember(blind, digestAlgorithms)] : candidates;
  const algorithm = digestAlgorithms.at(-1) ?? 'SHA-256';
  const digests = all.map(
    ({ reading }) => fromHex(reading.digests[algorithm] ?? '') ?? new Uint8Array(0),
  );
  const { members } = await assembler.group(position);
  const stored = new Set(members.map(toHex));
  const leaves = await assembler.leafMembersOf(position, digests);
  return all.filter((member, i) => {
    const leaf = leaves[i];
    // The document itself is in the pack in any case: that it does not fit is for the verdict to say.
    return member.role === 'document' || (leaf && stored.has(toHex(leaf)));
  });
}
