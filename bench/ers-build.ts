// `ers-build.ts N`: one batch of N documents, from their octets to all of its records, and what it takes of memory.
// Beside it Bouncy Castle's ERS classes on their own way there, by the same rules: the documents are 64
// octets each, hashing them counts; before the time begins, each has made twenty batches of 200, so that neither is measured
// while its engine compiles it for the first time. Bouncy Castle holds all in memory; here the leaf table is
// written to a folder, and read and checked again for the records. Rates are per second of CPU time of all
// threads, so that what else the machine does does not count.
import { hash } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openFolderStore } from '#archiver/adapters/folder-store.ts';
import { createAssembler } from '#archiver/evidence/assemble.ts';
import { batchKey } from '#archiver/evidence/batch-objects.ts';
import { createChainIndex } from '#archiver/evidence/chains.ts';
import { createLeafTableBuilder } from '#archiver/evidence/leaf-table-builder.ts';
import { storeLeafTable } from '#archiver/evidence/prepare.ts';
import { describeToken, evidenceFormOf, judgeToken } from '#archiver/evidence/tokens.ts';
import type { BatchManifest, EvidenceContext, PreparedBatch } from '#archiver/evidence/types.ts';
import { fromHex } from '#shared/bytes.ts';
import { digest } from '#shared/crypto/digest.ts';
import { buildTimeStampReq } from '#shared/tsp/request.ts';
import { parseTimeStampResp } from '#shared/tsp/response.ts';
import { createWorld } from '../test/archiver/evidence/_world.ts';
import { peerFigure } from './_bouncy-castle.ts';
import { cpuSecondsOf, opensslDigests, print, printFact } from './measure.ts';

const { signal } = new AbortController();
const count = Number(process.argv[2] ?? 10_000);

/** Above it Bouncy Castle needs more memory than most machines give a benchmark: its rate there stands for more. */
const mostForPeer = 100_000;

const documentLength = 64;
const warmUps = 20;
const warmUpCount = 200;

/** A token over a table's root, in evidence form: nothing is read back, as the peer reads nothing back. */
async function stampAlone(
  { store, tsa, run }: EvidenceContext,
  prepared: PreparedBatch,
): Promise<BatchManifest> {
  const { digestAlgorithm: algorithm, id } = prepared;
  const digest = fromHex(prepared.root) ?? new Uint8Array(0);
  const request = buildTimeStampReq({ algorithm, digest, nonce: 1n, certReq: true });
  const answer = await tsa.source.exchange(request, { signal });
  const { token = new Uint8Array(0) } = parseTimeStampResp(answer);
  const at = run.clock.now();
  const judged = await judgeToken(token, { imprint: { algorithm, digest } }, tsa.verification, {
    at,
    signal,
  });
  await store.write(batchKey(id, 'token'), evidenceFormOf(judged), { signal });
  return {
    format: 'tokiwa-batch',
    version: 1,
    ...prepared,
    genTime: judged.token.tstInfo.genTime,
    token: describeToken(judged),
    receivedSha256: hash('sha256', answer, 'hex'),
    tsa: { name: tsa.source.name },
  };
}

/** Octets of all records of one batch over `documents`, which follow one another. */
async function buildAndEmit(context: EvidenceContext, documents: Uint8Array): Promise<number> {
  const { store, run } = context;
  const shape = { digestAlgorithm: 'SHA-256', previous: false, blind: false } as const;
  const builder = createLeafTableBuilder(shape);
  for (let at = 0; at < documents.length; at += documentLength)
    builder.add([digest('SHA-256', documents.subarray(at, at + documentLength))]);
  const batch = { id: '20270110T020000Z-00000000', kind: 'initial', builder } as const;
  const manifest = await stampAlone(context, await storeLeafTable(store, batch, run));
  const chains = createChainIndex([manifest]);
  const assembler = createAssembler(store, chains, { signal, readAhead: true });
  let octets = 0;
  for await (const records of assembler.records(manifest.id))
    for (const record of records) octets += record.length;
  return octets;
}

/** Documents that differ. */
function documentsOf(size: number): Uint8Array {
  const documents = new Uint8Array(size * documentLength);
  const view = new DataView(documents.buffer);
  for (let index = 0; index < size; index++) view.setUint32(index * documentLength, index);
  return documents;
}

const folder = await mkdtemp(path.join(tmpdir(), 'tokiwa-bench-'));
try {
  const inFolder = async (name: string, documents: Uint8Array): Promise<[number, number]> => {
    await mkdir(path.join(folder, name));
    const options = { name: 'e', folder: path.join(folder, name), access: 'write' } as const;
    await using store = await openFolderStore(options);
    const context = await createWorld().context({ store });
    let octets = 0;
    const seconds = await cpuSecondsOf(async () => {
      octets = await buildAndEmit(context, documents);
    });
    return [octets, seconds];
  };
  for (let turn = 0; turn < warmUps; turn++) await inFolder(`${turn}`, documentsOf(warmUpCount));
  const documents = documentsOf(count);
  const [octets, seconds] = await inFolder('measured', documents);
  const peak = process.resourceUsage().maxRSS / 1024;
  const peerCount = Math.min(count, mostForPeer);
  print({
    name: `${count.toLocaleString('en')} documents: hashed, tree, table stored, all records emitted`,
    perSecond: count / seconds,
    unit: 'documents',
    limits: [
      // What a tree takes at least: a digest over two for each document.
      ...opensslDigests('sha256', 64),
      ...peerFigure(
        ['build', String(peerCount)],
        'docs_per_cpu_s',
        `Bouncy Castle, ${peerCount.toLocaleString('en')} in memory`,
      ),
    ],
  });
  printFact('  octets a record', (octets / count).toFixed(0));
  // The documents themselves are the benchmark's.
  const most = 256 + (count * 64 + documents.length) / 2 ** 20;
  printFact('  peak memory of the process', `${peak.toFixed(0)} MiB of at most ${most.toFixed(0)}`);
} finally {
  await rm(folder, { recursive: true });
}
