// `ers-verify.ts N`: a night's batch of N documents, read back and judged; then its records verified, each alone and
// all of them with the token judged once. Beside it Bouncy Castle's ERS classes. Rates are per second of CPU time.
import { hash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openFolderStore } from '#archiver/adapters/folder-store.ts';
import { createAssembler } from '#archiver/evidence/assemble.ts';
import { batchKey } from '#archiver/evidence/batch-objects.ts';
import { loadChainIndex } from '#archiver/evidence/chains.ts';
import { anchor } from '#archiver/evidence/stamp.ts';
import type { BatchManifest, DocumentGroup } from '#archiver/evidence/types.ts';
import { parseEvidenceRecord, type EvidenceRecord } from '#shared/ers/evidence-record.ts';
import type { NodeHasher } from '#shared/ers/reduce.ts';
import { rememberTokens, rememberVerdicts } from '#shared/ers/token-memory.ts';
import { rememberNodes, rememberTrees } from '#shared/ers/tree-memory.ts';
import { verifyEvidenceRecord } from '#shared/ers/verify.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import { createWorld, type World } from '../test/archiver/evidence/_world.ts';
import { peerFigure } from './_bouncy-castle.ts';
import { tokenJudge } from './_token-judge.ts';
import { cpuSecondsOf, opensslDigests, print, printFact } from './measure.ts';

const { signal } = new AbortController();
const count = Number(process.argv[2] ?? 100_000);

async function* groupsOf(count: number): AsyncIterable<DocumentGroup> {
  for (let index = 0; index < count; index++) {
    const digests = { 'SHA-256': hash('sha256', `document ${index}`, 'hex') };
    const key = `2026/${index}.pdf`;
    await Promise.resolve();
    yield { members: [{ store: 'documents', key, size: 1000, role: 'document', digests }] };
  }
}

/** The whole way of a night: object list, leaf table, token, and everything read back and judged. */
async function commitBatch(
  world: World,
  count: number,
  store: ObjectStore,
): Promise<BatchManifest> {
  const context = await world.context({ store });
  let manifest: BatchManifest | undefined;
  const seconds = await cpuSecondsOf(async () => {
    const batch = { digestAlgorithm: 'SHA-256', groups: groupsOf(count) } as const;
    const outcome = await anchor(context, batch);
    if (outcome.kind === 'committed') manifest = outcome.manifest;
  });
  if (!manifest) throw new Error('the batch was not committed');
  const name = `${count.toLocaleString('en')} documents: a night’s batch, read back and judged`;
  print({
    name,
    perSecond: count / seconds,
    unit: 'documents',
    limits: opensslDigests('sha256', 64),
  });
  printFact(
    '  peak memory of the process',
    `${Math.round(process.resourceUsage().maxRSS / 1024)} MiB`,
  );
  return manifest;
}

/** Reads of one object that one record takes. */
async function countReads(store: ObjectStore, { id, groupCount }: BatchManifest): Promise<void> {
  const table = batchKey(id, 'leafTable');
  let reads = 0;
  const counted: ObjectStore = {
    ...store,
    read: (key, options) => {
      if (key === table) reads++;
      return store.read(key, options);
    },
  };
  const assembler = createAssembler(counted, await loadChainIndex(store, signal), { signal });
  const record = await assembler.record({ batchId: id, index: groupCount >> 1 });
  printFact('  one record', `${record.length} octets, ${reads} range reads of the leaf table`);
}

async function verifyAll(world: World, store: ObjectStore, { id }: BatchManifest): Promise<void> {
  const at = world.now();
  const judge = await tokenJudge(world, [], { at, signal });
  const check = (
    record: EvidenceRecord,
    index: number,
    verify: typeof judge,
    hashNode?: NodeHasher,
  ): void => {
    const digest = Buffer.from(hash('sha256', `document ${index}`, 'latin1'), 'latin1');
    const { status } = verifyEvidenceRecord({
      record,
      dataObjects: [{ name: 'document', digest: () => digest }],
      exactGroup: true,
      at,
      verifyToken: verify,
      hashNode,
    });
    if (status !== 'valid') throw new Error(`record ${index} is ${status}`);
  };
  const assembler = createAssembler(store, await loadChainIndex(store, signal), {
    signal,
    readAhead: true,
  });
  const records: Uint8Array[] = [];
  for await (const block of assembler.records(id))
    records.push(...block.map((record) => Uint8Array.from(record)));
  const few = records.slice(0, 1000);
  // What is compiled on the way is no part of a record.
  for (const [index, record] of few.slice(0, 100).entries())
    check(parseEvidenceRecord(record), index, judge);
  const alone = await cpuSecondsOf(() => {
    for (const [index, record] of few.entries()) check(parseEvidenceRecord(record), index, judge);
    return Promise.resolve();
  });
  const limits = peerFigure(['verify-bench', '500'], 'full_per_cpu_s', 'Bouncy Castle');
  print({
    name: 'records verified, each alone',
    perSecond: few.length / alone,
    unit: 'records',
    limits,
  });
  const verifyTogether = (batch: readonly Uint8Array[]): void => {
    const parsers = { token: rememberTokens(), tree: rememberTrees() };
    const once = rememberVerdicts(judge);
    const hashNode = rememberNodes();
    for (const [index, record] of batch.entries())
      check(parseEvidenceRecord(record, undefined, parsers), index, once, hashNode);
  };
  for (let turn = 0; turn < 20; turn++) verifyTogether(few);
  const together = await cpuSecondsOf(() => {
    verifyTogether(records);
    return Promise.resolve();
  });
  const name = 'records of one batch verified, the token judged once';
  print({ name, perSecond: records.length / together, unit: 'records', limits: [] });
}

const folder = await mkdtemp(path.join(tmpdir(), 'tokiwa-bench-'));
try {
  await using store = await openFolderStore({ name: 'e', folder, access: 'write' });
  const world = createWorld();
  const manifest = await commitBatch(world, count, store);
  await countReads(store, manifest);
  await verifyAll(world, store, manifest);
} finally {
  await rm(folder, { recursive: true });
}
