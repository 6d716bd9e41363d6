// Building a batch and emitting every record of it, at 1,000 and 100,000 documents: what the hashing
// alone would cost is the limit. Documents' own reading and hashing is left out: it is the disk's.
import { hash } from 'node:crypto';
import { mkdtemp, mkdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openFolderStore } from '#archiver/adapters/folder-store.ts';
import { createAssembler } from '#archiver/evidence/assemble.ts';
import { batchKey } from '#archiver/evidence/batch-objects.ts';
import { loadChainIndex } from '#archiver/evidence/chains.ts';
import { anchor } from '#archiver/evidence/stamp.ts';
import type { BatchId, DocumentGroup } from '#archiver/evidence/types.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import { createWorld } from '../test/archiver/evidence/_world.ts';
import { opensslDigests, print, printFact, ratesOf, secondsOf, type Limit } from './measure.ts';

const { signal } = new AbortController();

async function* groupsOf(count: number): AsyncIterable<DocumentGroup> {
  for (let index = 0; index < count; index++) {
    const sha256 = hash('sha256', `document ${index}`, 'hex');
    await Promise.resolve();
    yield {
      members: [
        {
          store: 'documents',
          key: `2026/${index}.pdf`,
          size: 1000,
          role: 'document',
          digests: { 'SHA-256': sha256 },
        },
      ],
    };
  }
}

/** The store, with its reads of one object counted. */
function counting(store: ObjectStore, key: string): { store: ObjectStore; reads: () => number } {
  let reads = 0;
  const counted: ObjectStore = {
    ...store,
    read: (asked, options) => {
      if (asked === key) reads++;
      return store.read(asked, options);
    },
  };
  return { store: counted, reads: () => reads };
}

/** Builds and stamps; how long, and which batch it is. */
async function build(store: ObjectStore, count: number): Promise<{ id: BatchId; seconds: number }> {
  const context = await createWorld().context({ store });
  let id: BatchId | undefined;
  const seconds = await secondsOf(async () => {
    const outcome = await anchor(context, {
      digestAlgorithm: 'SHA-256',
      groups: groupsOf(count),
    });
    if (outcome.kind === 'committed') id = outcome.manifest.id;
  });
  if (id === undefined) throw new Error('the batch was not committed');
  return { id, seconds };
}

async function emitAll(store: ObjectStore, batchId: BatchId, count: number): Promise<number> {
  const chains = await loadChainIndex(store, signal);
  const assembler = createAssembler(store, chains, { signal, readAhead: true });
  return secondsOf(async () => {
    for (let index = 0; index < count; index++) await assembler.record({ batchId, index });
  });
}

async function measure(count: number, limits: readonly Limit[]): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), 'tokiwa-bench-'));
  try {
    const evidence = path.join(folder, 'evidence');
    await mkdir(evidence);
    await using store = await openFolderStore({
      name: 'evidence',
      folder: evidence,
      access: 'write',
    });
    const { id, seconds } = await build(store, count);
    const unit = 'documents';
    const named = (what: string): string => `${count.toLocaleString('en')} documents, ${what}`;
    print({ name: named('built and stamped'), perSecond: count / seconds, unit, limits });
    const emitting = await emitAll(store, id, count);
    print({ name: named('all records emitted'), perSecond: count / emitting, unit, limits });
    print({ name: named('both'), perSecond: count / (seconds + emitting), unit, limits });
    const table = batchKey(id, 'leafTable');
    const { size } = await stat(path.join(evidence, table));
    printFact('  leaf table', `${(size / count).toFixed(1)} octets a document`);
    const counted = counting(store, table);
    const chains = await loadChainIndex(store, signal);
    const single = createAssembler(counted.store, chains, { signal });
    const record = await single.record({ batchId: id, index: count >> 1 });
    printFact('  one record', `${record.length} octets, ${counted.reads()} range reads`);
  } finally {
    await rm(folder, { recursive: true });
  }
}

const pair = new Uint8Array(64).fill(0x5a);
const [perSecond] = ratesOf(() => {
  for (let i = 0; i < 1000; i++) hash('sha256', pair, 'latin1');
  return 1000;
});
const limits: readonly Limit[] = [
  { name: 'node:crypto SHA-256 of 64 octets', perSecond },
  ...opensslDigests('sha256', 64),
];
for (const count of [1000, 100_000]) {
  await measure(count, limits);
  const { maxRSS } = process.resourceUsage();
  printFact('  peak memory of the process', `${Math.round(maxRSS / 1024)} MiB`);
}
