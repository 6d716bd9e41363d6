import test from 'ava';
import { FormatError, InvariantError, UnsupportedError } from '#shared/errors.ts';
import {
  batchKey,
  newBatchId,
  parseBatchKey,
  readRange,
  readSmall,
} from '../../../archiver/evidence/batch-objects.ts';
import { createChainIndex } from '../../../archiver/evidence/chains.ts';
import { buildManifest, listBatches, parseManifest } from '../../../archiver/evidence/manifest.ts';
import { readObjectList } from '../../../archiver/evidence/object-list.ts';
import { loadRequest } from '../../../archiver/evidence/request-file.ts';
import { readToken } from '../../../archiver/evidence/token-object.ts';
import type { BatchManifest } from '../../../archiver/evidence/types.ts';
import { createMemoryStore } from '../../_memory-store.ts';
import { signal } from './_tables.ts';

const id = '20260102T030405Z-0a0b0c0d';

function manifest(fields: Partial<BatchManifest> = {}): BatchManifest {
  const genTime = Temporal.Instant.from('2026-01-02T03:04:06.5Z');
  return {
    format: 'tokiwa-batch',
    version: 1,
    id,
    kind: 'initial',
    runAt: Temporal.Instant.from('2026-01-02T03:04:05Z'),
    digestAlgorithm: 'SHA-256',
    groupCount: 1,
    memberCount: 0,
    blind: false,
    root: '00'.repeat(32),
    genTime,
    token: {
      genTime: genTime.toString(),
      imprintAlgorithm: 'SHA-256',
      tsaPolicy: '1.2.3',
      serialNumber: 'ff',
      signature: { name: 'ecdsa-with-SHA256', digest: 'SHA-256', key: { kind: 'EC', bits: 256 } },
      chain: [],
    },
    receivedSha256: '11'.repeat(32),
    tsa: { name: 'tsa' },
    previous: [],
    findings: [],
    ...fields,
  };
}

test('batch ids sort by time', (t) => {
  const random = (length: number): Uint8Array => new Uint8Array(length).fill(0xab);
  const at = Temporal.Instant.from('2051-12-31T23:59:59.999Z');
  t.is(newBatchId(at, random), '20511231T235959Z-abababab');
});

for (const [key, expected] of [
  [`batches/${id}/leaves.tkl`, 'leafTable'],
  [`batches/${id}/manifest.json`, 'manifest'],
  [`batches/${id}/other.txt`, undefined],
  [`batches/${id}/sub/leaves.tkl`, undefined],
  ['batches/x/leaves.tkl', undefined],
  ['journal/1.json', undefined],
] as const)
  test(`the key ${key}`, (t) => {
    t.is(parseBatchKey(key)?.name, expected);
  });

test('a manifest survives its round trip', (t) => {
  const value = manifest({ price: { amount: 3, currency: 'JPY' } });
  const plain = (each: BatchManifest): unknown => JSON.parse(JSON.stringify(each));
  t.deepEqual(plain(parseManifest(buildManifest(value), id)), plain(value));
});

const text = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const written = manifest();

for (const [what, octets, code] of [
  ['no JSON', new TextEncoder().encode('{'), 'ERR_FORMAT_STORED'],
  ['another format', text({ ...written, format: 'other' }), 'ERR_FORMAT_STORED'],
  ['a later version', text({ ...written, version: 3 }), 'ERR_UNSUPPORTED_VERSION'],
  ['another batch', text({ ...written, id: 'x' }), 'ERR_FORMAT_STORED'],
  ['no instant', text({ ...written, runAt: 'yesterday' }), 'ERR_FORMAT_STORED'],
  ['an unknown digest', text({ ...written, digestAlgorithm: 'SHA-9' }), 'ERR_FORMAT_STORED'],
  ['no group', text({ ...written, groupCount: 0 }), 'ERR_FORMAT_STORED'],
  ['a root that is no digest', text({ ...written, root: 'zz' }), 'ERR_FORMAT_STORED'],
] as const)
  test(`a manifest with ${what} is refused`, (t) => {
    const error = t.throws(() => parseManifest(octets, id));
    t.true(error instanceof FormatError || error instanceof UnsupportedError);
    t.is(error instanceof FormatError || error instanceof UnsupportedError ? error.code : '', code);
  });

const head = `{"format":"tokiwa-object-list","version":1,"batchId":"${id}"}`;
const line = (index: number): string =>
  JSON.stringify({
    index,
    members: [
      {
        store: 's',
        key: `名前 ${index}\n"`,
        size: 0,
        role: 'document',
        digests: { 'SHA-256': '00'.repeat(32) },
      },
    ],
  });

test('an object list in pieces of one octet', async (t) => {
  const memory = createMemoryStore();
  memory.put(batchKey(id, 'objectList'), `${head}\n${line(0)}\n${line(2)}\n`);
  const store: typeof memory = {
    ...memory,
    read: async (key, options) => {
      const { entry, body } = await memory.read(key, options);
      const octets = async function* () {
        for await (const chunk of body) for (const octet of chunk) yield Uint8Array.of(octet);
      };
      return { entry, body: octets() };
    },
  };
  const lines = await Array.fromAsync(readObjectList(store, id, signal));
  t.deepEqual(
    lines.map(({ index, members }) => [index, members[0]?.key]),
    [
      [0, '名前 0\n"'],
      [2, '名前 2\n"'],
    ],
  );
});

for (const [what, content] of [
  ['empty', ''],
  ['of another batch', `${head.replace('0d"', '0e"')}\n`],
  ['without a head', `${line(0)}\n`],
  ['cut short', `${head}\n${line(0)}`],
  ['out of order', `${head}\n${line(1)}\n${line(0)}\n`],
  ['with a repeated line', `${head}\n${line(1)}\n${line(1)}\n`],
  ['with a line that is no JSON', `${head}\n{\n`],
  ['with a group of nothing', `${head}\n{"index":0,"members":[]}\n`],
  ['with a member without SHA-256', `${head}\n${line(0).replace('SHA-256', 'SHA-512')}\n`],
] as const)
  test(`an object list ${what} is refused`, async (t) => {
    const store = createMemoryStore();
    store.put(batchKey(id, 'objectList'), content);
    await t.throwsAsync(Array.fromAsync(readObjectList(store, id, signal)), {
      code: 'ERR_FORMAT_STORED',
    });
  });

test('a request that is not its batch’s is refused', async (t) => {
  const store = createMemoryStore();
  t.is(await loadRequest(store, id, signal), undefined);
  const request = { format: 'tokiwa-request', version: 1, batch: manifest({ id: 'x' }) };
  const rest = { octets: 'AAAA', tsa: 't', attempts: [] };
  store.put(batchKey(id, 'request'), JSON.stringify({ ...request, ...rest }));
  await t.throwsAsync(loadRequest(store, id, signal), { code: 'ERR_FORMAT_STORED' });
});

test('more or fewer octets than announced are damage', async (t) => {
  const store = createMemoryStore();
  store.put('x', 'abc');
  const { octets } = await readSmall(store, 'x', { signal });
  t.is(octets.length, 3);
  await t.throwsAsync(readRange(store, 'x', { start: 0, end: 4 }, signal), {
    code: 'ERR_FORMAT_STORED',
  });
});

test('foreign keys under batches/ are passed over', async (t) => {
  const store = createMemoryStore();
  store.put(`batches/${id}/leaves.tkl`, '');
  store.put(`batches/${id}/notes.txt`, '');
  store.put('batches/readme', '');
  const found = await Array.fromAsync(listBatches(store, signal));
  t.deepEqual(
    found.map((batch) => [batch.id, [...batch.objects]]),
    [[id, ['leafTable']]],
  );
});

const renewal = (renewalId: string, renewals: number): BatchManifest =>
  manifest({
    id: renewalId,
    kind: 'timestamp-renewal',
    previous: [{ batchId: id, renewals }],
  });

test('renewals stand in the order of their numbers, whatever order they are read in', (t) => {
  const chains = createChainIndex([renewal('b', 1), manifest(), renewal('c', 0)]);
  t.deepEqual(chains.renewalsOf(id), [
    { batchId: 'c', index: 0 },
    { batchId: 'b', index: 0 },
  ]);
  t.deepEqual([id, 'c', 'b'].map(chains.isCovered), [true, true, false]);
  t.throws(() => chains.manifest('z'), { instanceOf: InvariantError });
});

test('a chain that forks or has a gap is no chain', (t) => {
  t.throws(() => createChainIndex([renewal('b', 0), renewal('c', 0)]), {
    instanceOf: InvariantError,
  });
  t.throws(() => createChainIndex([renewal('b', 1)]).renewalsOf(id), {
    instanceOf: InvariantError,
  });
});

test('a token that comes back with an earlier content than was written stops the run', async (t) => {
  const store = createMemoryStore();
  const chains = createChainIndex([manifest()]);
  await store.write(batchKey(id, 'token'), Uint8Array.of(1), { signal });
  t.deepEqual([...(await readToken(store, chains, id, { signal }))], [1]);
  chains.noteToken(id, Uint8Array.of(2));
  await t.throwsAsync(readToken(store, chains, id, { signal }), { code: 'ERR_SOURCE_ANSWER' });
  await store.write(batchKey(id, 'token'), Uint8Array.of(2), { signal });
  t.deepEqual([...(await readToken(store, chains, id, { signal }))], [2]);
});
