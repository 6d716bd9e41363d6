// What of a batch's stored objects no link leads through: the manifest, the object list, the answer as received,
// and the validation data in the token. Read by the fixity slice; a record holds without the last two, so that
// their damage is reported and holds up no renewal.
import { toHex } from '#shared/bytes.ts';
import { digest } from '#shared/crypto/digest.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import { createAssembler } from './assemble.ts';
import { batchKey, readSmall } from './batch-objects.ts';
import type { ChainIndex } from './chains.ts';
import { lineFitsLeaf } from './check-listed.ts';
import { checkKeptData } from './check-token.ts';
import { damageOf, readable } from './link-check.ts';
import { readObjectList } from './object-list.ts';
import { checkManifest } from './remake-manifest.ts';
import type { BatchId, BatchManifest, Damage, DamagedPart, TokenVerification } from './types.ts';

type Stored = {
  readonly store: ObjectStore;
  readonly chains: ChainIndex;
  readonly verification: TokenVerification;
  readonly signal: AbortSignal;
};

/** Parts without which a batch proves nothing: their damage makes it broken. */
export function decides({ part }: { readonly part: string }): boolean {
  return part === 'leaf-table' || part === 'token' || part === 'link' || part === 'record';
}

const files: Readonly<Record<DamagedPart, string>> = {
  document: 'the document',
  'leaf-table': 'leaves.tkl',
  token: 'token.der',
  link: 'token.der',
  record: 'taken-over.ers',
  manifest: 'manifest.json',
  'object-list': 'objects.jsonl',
  answer: 'received.tsr',
  'validation-data': 'token.der',
};

/** What to do about damage that could not be healed: which objects to put back. */
export function remedyFor(damage: readonly Damage[]): string {
  const names = [
    ...new Set(damage.map(({ part, batchId }) => `${files[part]} of batch ${batchId}`)),
  ];
  return `put ${names.join(', ')} back from a copy of the evidence store`;
}

/** Damage of one batch's manifest, object list, answer and validation data; a damaged leaf table is left to the links. */
export async function checkStored(stored: Stored, id: BatchId): Promise<readonly Damage[]> {
  const manifest = stored.chains.manifest(id);
  return [
    ...(await checkManifest(stored, manifest)),
    ...(await checkAnswer(stored, manifest)),
    ...(await checkKeptData(stored, id)),
    ...(manifest.kind === 'timestamp-renewal' ? [] : await checkObjectList(stored, manifest)),
  ];
}

async function checkAnswer(
  { store, signal }: Stored,
  { id, kind, receivedSha256 }: BatchManifest,
): Promise<readonly Damage[]> {
  // What was taken over was never asked for; the links look at its record.
  if (kind === 'taken-over') return [];
  const read = await readable(() => readSmall(store, batchKey(id, 'received'), { signal }));
  if (read.kind === 'unreadable') return [damageOf('answer', id, read.message)];
  if (toHex(digest('SHA-256', read.value.octets)) === receivedSha256) return [];
  return [damageOf('answer', id, `The answer of batch ${id} is not as it was received.`)];
}

async function checkObjectList(
  { store, chains, signal }: Stored,
  manifest: BatchManifest,
): Promise<readonly Damage[]> {
  const { id } = manifest;
  const assembler = createAssembler(store, chains, { signal, readAhead: true });
  const read = await readable(async () => {
    for await (const line of readObjectList(store, id, signal)) {
      signal.throwIfAborted();
      const fits = await readable(() => lineFitsLeaf(assembler, manifest, line));
      if (fits.kind === 'read' && !fits.value) return line.index;
    }
    return undefined;
  });
  if (read.kind === 'unreadable') return [damageOf('object-list', id, read.message)];
  if (read.value === undefined) return [];
  return [
    damageOf('object-list', id, `Line ${read.value} of the object list of batch ${id} is changed.`),
  ];
}
