// The whole leaf table against its root, in one streamed pass: every row, every block, every group's
// members (design, invariant 2: the root is recomputed from the stored table before a renewal).
import { equalBytes, joinBytes } from '#shared/bytes.ts';
import { buildHashTree, leafDigest } from '#shared/ers/hash-tree.ts';
import { FormatError, SourceError, UnsupportedError } from '#shared/errors.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import type { Finding } from '#shared/trust/finding.ts';
import { batchKey } from './batch-objects.ts';
import {
  blockSize,
  getRow,
  headerLength,
  leafTableLayout,
  parseHeader,
  type LeafTableLayout,
  type LeafTableShape,
} from './leaf-table.ts';
import { createOctetReader, type OctetReader } from './octet-reader.ts';
import { createPages } from './pages.ts';
import type { BatchId } from './types.ts';

type Table = { readonly id: BatchId; readonly shape: LeafTableShape; readonly root: Uint8Array };

/**
 * Findings on the stored table; none: it leads to the root that the manifest names. Memory: 36
 * octets for each group with more than one member, and one block.
 * @throws what the store throws, an absent table aside, which is a finding
 */
export async function checkLeafTable(
  store: ObjectStore,
  table: Table,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const key = batchKey(table.id, 'leafTable');
  try {
    const { entry, body } = await store.read(key, { signal });
    const layout = leafTableLayout(table.shape);
    if (entry.size !== layout.size)
      return [finding(table, `${entry.size} octets instead of ${layout.size}`)];
    await using reader = createOctetReader(body, key);
    return await checkOctets(reader, table, layout);
  } catch (error) {
    // Absent or not as written is what this check is for; anything else is the store's trouble.
    if (error instanceof SourceError && error.code === 'ERR_SOURCE_NOT_FOUND')
      return [finding(table, 'not there')];
    if (error instanceof FormatError || error instanceof UnsupportedError)
      return [finding(table, error.message)];
    throw error;
  }
}

async function checkOctets(
  reader: OctetReader,
  table: Table,
  layout: LeafTableLayout,
): Promise<readonly Finding[]> {
  const { shape } = table;
  const header = parseHeader(await reader.take(headerLength));
  if (
    JSON.stringify(header.shape) !== JSON.stringify(shape) ||
    !equalBytes(header.root, table.root)
  )
    return [finding(table, 'the header is of another table')];
  const roots = await reader.take(layout.rowsOffset - layout.rootsOffset);
  if (!equalBytes(buildHashTree(shape.digestAlgorithm, roots).root, table.root))
    return [finding(table, 'the blocks do not lead to the root')];
  const findings: Finding[] = [];
  const groups = await readRows(reader, table, layout, roots, findings);
  await checkMembers(reader, table, layout, groups, findings);
  return findings;
}

/** Rows block by block; returns leaf and number of members of each group that stores members. */
async function readRows(
  reader: OctetReader,
  table: Table,
  layout: LeafTableLayout,
  roots: Uint8Array,
  findings: Finding[],
): Promise<Iterable<Uint8Array>> {
  const { shape } = table;
  const groups = createPages(layout.digestLength + 4);
  let pending: { readonly leaf: Uint8Array; readonly memberStart: number } | undefined;
  const close = (end: number): void => {
    if (!pending || end === pending.memberStart) return;
    const entry = groups.entry();
    entry.set(pending.leaf);
    new DataView(entry.buffer, entry.byteOffset).setUint32(
      layout.digestLength,
      Math.max(0, end - pending.memberStart),
    );
  };
  for (let block = 0; block < layout.blockCount; block++) {
    const count = Math.min(blockSize, shape.groupCount - block * blockSize);
    const octets = await reader.take(count * layout.rowLength);
    const leaves: Uint8Array[] = [];
    for (let i = 0; i < count; i++) {
      const row = getRow(octets.subarray(i * layout.rowLength, (i + 1) * layout.rowLength), layout);
      close(row.memberStart);
      pending = row;
      leaves.push(row.leaf);
    }
    const { root } = buildHashTree(shape.digestAlgorithm, joinBytes(leaves));
    const stored = roots.subarray(block * layout.digestLength, (block + 1) * layout.digestLength);
    if (!equalBytes(root, stored))
      findings.push(finding(table, `block ${block} does not lead to the root`));
  }
  close(shape.memberCount);
  return entriesOf(groups.octets(), layout.digestLength + 4);
}

async function checkMembers(
  reader: OctetReader,
  table: Table,
  layout: LeafTableLayout,
  groups: Iterable<Uint8Array>,
  findings: Finding[],
): Promise<void> {
  let read = 0;
  for (const group of groups) {
    const count = new DataView(group.buffer, group.byteOffset).getUint32(layout.digestLength);
    read += count;
    if (count < 2 || read > table.shape.memberCount) {
      findings.push(finding(table, 'rows and members contradict each other'));
      return;
    }
    const octets = await reader.take(count * layout.digestLength);
    const leaf = leafDigest(
      table.shape.digestAlgorithm,
      Array.from(entriesOf([octets], layout.digestLength)),
    );
    if (!equalBytes(leaf, group.subarray(0, layout.digestLength)))
      findings.push(finding(table, 'the members of a group do not fit its leaf'));
  }
  if (read !== table.shape.memberCount)
    findings.push(finding(table, 'members that belong to no row'));
}

function* entriesOf(chunks: readonly Uint8Array[], length: number): Iterable<Uint8Array> {
  for (const chunk of chunks)
    for (let at = 0; at + length <= chunk.length; at += length)
      yield chunk.subarray(at, at + length);
}

function finding(table: Table, what: string): Finding {
  return {
    check: 'leaf-table-leads-to-root',
    clause: 'RFC 4998 §4.2',
    level: 'error',
    message: `The leaf table of batch ${table.id} is damaged: ${what}.`,
    facts: { batchId: table.id },
  };
}
