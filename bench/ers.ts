// Evidence records at 10³, 10⁴, 10⁵ and 10⁶ documents (10⁷: `npm run bench -- ers --leaves 10000000`): a batch built with
// all of its records emitted, records verified alone and by the batch, a hash-tree renewal. Beside them
// Bouncy Castle's ERS classes and `openssl dgst` where they are at hand. Rates are per second of CPU
// time, so that what else the machine does does not count.
import { spawnSync } from 'node:child_process';
import { createHash, hash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openFolderStore } from '#archiver/adapters/folder-store.ts';
import { createAssembler } from '#archiver/evidence/assemble.ts';
import { batchKey } from '#archiver/evidence/batch-objects.ts';
import { createChainIndex, loadChainIndex } from '#archiver/evidence/chains.ts';
import { createLeafTableBuilder } from '#archiver/evidence/leaf-table-builder.ts';
import { storeLeafTable } from '#archiver/evidence/prepare.ts';
import { readDocument } from '#archiver/stages/read-document.ts';
import { renewHashTree } from '#archiver/evidence/renew-hash-tree.ts';
import { anchor } from '#archiver/evidence/stamp.ts';
import { describeToken, evidenceFormOf, judgeToken } from '#archiver/evidence/tokens.ts';
import type {
  BatchManifest,
  DocumentGroup,
  EvidenceContext,
  PreparedBatch,
  RenewalGroup,
} from '#archiver/evidence/types.ts';
import { fromHex } from '#shared/bytes.ts';
import { parseEvidenceRecord, type EvidenceRecord } from '#shared/ers/evidence-record.ts';
import type { NodeHasher } from '#shared/ers/reduce.ts';
import { rememberTokens, rememberVerdicts } from '#shared/ers/token-memory.ts';
import { rememberNodes, rememberTrees } from '#shared/ers/tree-memory.ts';
import type { ArchiveTokenVerifier } from '#shared/ers/verdict.ts';
import { verifyEvidenceRecord } from '#shared/ers/verify.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import { buildTimeStampReq } from '#shared/tsp/request.ts';
import { parseTimeStampResp } from '#shared/tsp/response.ts';
import { verifyToken, type TokenVerdict } from '#shared/tsp/verify-token.ts';
import { createWorld, type World } from '../test/archiver/evidence/_world.ts';
import { cpuSecondsOf, opensslDigests, print, printFact, timesOf, type Limit } from './measure.ts';

const { signal } = new AbortController();
const asked = process.argv.indexOf('--leaves');
const sizes = asked < 0 ? [1_000, 10_000, 100_000, 1_000_000] : [Number(process.argv[asked + 1])];

/** What a tree takes at least: a digest over two for each document. */
const digestsAlone = opensslDigests('sha256', 64);

/** Above it Bouncy Castle needs more memory than most machines give a benchmark. */
const mostForPeer = 100_000;

const peer = path.join(
  process.env['TOKIWA_SHARED'] ?? path.join(import.meta.dirname, '..', '..', 'shared'),
  'oracle/bc-ers/ers',
);

/** What Bouncy Castle says of its own speed; nothing where it is not here. */
function peerFigure(args: readonly string[], field: string, name: string): readonly Limit[] {
  if (!existsSync(peer)) {
    printFact('Bouncy Castle', 'not here');
    return [];
  }
  const { stdout } = spawnSync(peer, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const line = stdout.split('\n').find((each) => each.startsWith('{'));
  const perSecond = Number((JSON.parse(line ?? '{}') as Record<string, unknown>)[field]);
  return Number.isFinite(perSecond) ? [{ name, perSecond }] : [];
}

function memory(): string {
  return `${Math.round(process.resourceUsage().maxRSS / 1024)} MiB`;
}

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

/** Digests are the caller's in both: Bouncy Castle's time begins with them, too. */
async function buildAndEmit(count: number, store: ObjectStore): Promise<void> {
  const context = await createWorld().context({ store });
  const digests = Buffer.alloc(count * 32);
  for (let index = 0; index < count; index++)
    digests.write(hash('sha256', `document ${index}`, 'latin1'), index * 32, 'latin1');
  let octets = 0;
  const seconds = await cpuSecondsOf(async () => {
    const builder = createLeafTableBuilder({
      digestAlgorithm: 'SHA-256',
      previous: false,
      blind: false,
    });
    for (let index = 0; index < count; index++)
      builder.add([digests.subarray(index * 32, (index + 1) * 32)]);
    const batch = { id: '20270110T020000Z-00000000', kind: 'initial', builder } as const;
    const manifest = await stampAlone(context, await storeLeafTable(store, batch, context.run));
    const chains = createChainIndex([manifest]);
    const assembler = createAssembler(store, chains, { signal, readAhead: true });
    for await (const records of assembler.records(manifest.id))
      for (const record of records) octets += record.length;
  });
  const limits =
    count <= mostForPeer
      ? peerFigure(['build', String(count)], 'docs_per_cpu_s', 'Bouncy Castle, in memory')
      : [];
  const name = `${count.toLocaleString('en')} documents: tree, table stored, all records emitted`;
  print({
    name,
    perSecond: count / seconds,
    unit: 'documents',
    limits: [...digestsAlone, ...limits],
  });
  printFact('  octets a record', (octets / count).toFixed(0));
  printFact('  peak memory of the process', memory());
}

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
  print({ name, perSecond: count / seconds, unit: 'documents', limits: digestsAlone });
  printFact('  peak memory of the process', memory());
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

async function verifyAll(
  { verification, now }: World,
  store: ObjectStore,
  { id }: BatchManifest,
): Promise<void> {
  const at = now();
  const known = await verification.statusSource.certificatesAndCrlsFor([], { at, signal });
  const judge: ArchiveTokenVerifier<TokenVerdict> = (token, instant, imprint) =>
    verifyToken(token, {
      imprint,
      anchors: verification.anchors,
      certificates: known.certificates,
      crls: known.crls,
      at: instant,
      revocationMode: 'require',
    });
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
  const records = (await Array.fromAsync(assembler.records(id))).flat();
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
  const parsers = { token: rememberTokens(), tree: rememberTrees() };
  const once = rememberVerdicts(judge);
  const hashNode = rememberNodes();
  const together = await cpuSecondsOf(() => {
    for (const [index, record] of records.entries())
      check(parseEvidenceRecord(record, undefined, parsers), index, once, hashNode);
    return Promise.resolve();
  });
  const name = 'records of one batch verified, the token judged once';
  print({ name, perSecond: records.length / together, unit: 'records', limits: [] });
}

/** Files of so many octets, renewed from SHA-256 to SHA-512, beside `openssl dgst` with each of them. */
async function renewFiles(folder: string, count: number, size: number): Promise<void> {
  const documents = path.join(folder, 'documents');
  const evidence = path.join(folder, 'renewed');
  await mkdir(documents, { recursive: true });
  await mkdir(evidence);
  const names = Array.from({ length: count }, (_, index) => `${index}.bin`);
  const content = Buffer.alloc(size, 0x5a);
  for (const name of names) {
    content.fill(0x5a, 0, 16).write(name);
    await writeFile(path.join(documents, name), content);
  }
  const openOptions = { name: 'documents', folder: documents, access: 'read' } as const;
  await using files = await openFolderStore(openOptions);
  await using store = await openFolderStore({ name: 'e', folder: evidence, access: 'write' });
  const world = createWorld();
  const groups = names.map((name): DocumentGroup => {
    content.fill(0x5a, 0, 16).write(name);
    const digests = { 'SHA-256': createHash('sha256').update(content).digest('hex') };
    return { members: [{ store: 'documents', key: name, size, role: 'document', digests }] };
  });
  const first = await anchor(await world.context({ store }), {
    digestAlgorithm: 'SHA-256',
    groups: each(groups),
  });
  if (first.kind !== 'committed') throw new Error(`the batch is ${first.kind}`);
  const { id: batchId } = first.manifest;
  const renewing = groups.map(({ members }, index): RenewalGroup => ({
    position: { batchId, index },
    members: members.map((member) => ({
      ...member,
      read: (algorithms, options) =>
        readDocument(files, member.key, { ...options, algorithms, keep: 0 }),
    })),
  }));
  const { seconds, cpuSeconds } = await timesOf(async () => {
    const { renewedCount } = await renewHashTree(await world.context({ store }), {
      groups: each(renewing),
      toAlgorithm: 'SHA-512',
      onLeftOut: () => Promise.reject(new Error('a group was left out')),
    });
    if (renewedCount !== count) throw new Error(`${renewedCount} were renewed`);
  });
  const megabytes = (count * size) / 1e6;
  const twice = opensslTwice(documents, names);
  const limit = (which: 'seconds' | 'cpuSeconds'): readonly Limit[] =>
    twice ? [{ name: 'openssl dgst, twice', perSecond: megabytes / twice[which] }] : [];
  const name = `hash-tree renewal of ${count} files of ${Math.round(size / 1024)} KiB`;
  const unit = 'MB';
  print({ name, perSecond: megabytes / seconds, unit, limits: limit('seconds') });
  print({
    name: '  per second of CPU',
    perSecond: megabytes / cpuSeconds,
    unit,
    limits: limit('cpuSeconds'),
  });
}

/** Seconds of `openssl dgst` over the files, once with each hash; `undefined` where it is not here. */
function opensslTwice(
  folder: string,
  names: readonly string[],
): { readonly seconds: number; readonly cpuSeconds: number } | undefined {
  // Only as many names as a command may have; what is more is as much again.
  const few = names.slice(0, 2000);
  const script =
    'openssl dgst -sha256 "$@" > /dev/null && openssl dgst -sha512 "$@" > /dev/null; times';
  const started = performance.now();
  const { stdout, status } = spawnSync('sh', ['-c', script, 'sh', ...few], {
    cwd: folder,
    encoding: 'utf8',
  });
  const seconds = (performance.now() - started) / 1000;
  const [user, system] = (stdout?.trim().split('\n').at(-1) ?? '').split(' ').map((text) => {
    const [, minutes, seconds] = /^(\d+)m([\d.]+)s$/.exec(text) ?? [];
    return Number(minutes) * 60 + Number(seconds);
  });
  const cpuSeconds = (user ?? NaN) + (system ?? NaN);
  if (status !== 0 || few.length === 0 || !Number.isFinite(cpuSeconds)) return undefined;
  const share = names.length / few.length;
  return { seconds: seconds * share, cpuSeconds: cpuSeconds * share };
}

async function* each<T>(values: readonly T[]): AsyncIterable<T> {
  yield* values;
  await Promise.resolve();
}

const folder = await mkdtemp(path.join(tmpdir(), 'tokiwa-bench-'));
try {
  for (const [index, count] of sizes.entries()) {
    const emitted = path.join(folder, `emitted-${index}`);
    await mkdir(emitted);
    await using store = await openFolderStore({ name: 'e', folder: emitted, access: 'write' });
    await buildAndEmit(count, store);
  }
  const committed = path.join(folder, 'committed');
  await mkdir(committed);
  await using store = await openFolderStore({ name: 'e', folder: committed, access: 'write' });
  const world = createWorld();
  const manifest = await commitBatch(
    world,
    asked < 0 ? 100_000 : Math.min(...sizes, 100_000),
    store,
  );
  await countReads(store, manifest);
  await verifyAll(world, store, manifest);
  await renewFiles(folder, 20_000, 16 * 1024);
  await renewFiles(path.join(folder, 'large'), 400, 2 * 1024 * 1024);
} finally {
  await rm(folder, { recursive: true });
}
