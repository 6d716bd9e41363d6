// Every document anchored by two independent TSAs: two records, each of which proves it alone; what one
// TSA does not give, or is no longer trusted for, leaves the other's record as it is.
import test from 'ava';
import { readFile } from 'node:fs/promises';
import { loadChainIndex } from '#archiver/evidence/chains.ts';
import { loadBatchIndex, loadContext } from '#archiver/reports/document-context.ts';
import { documentLine } from '#archiver/reports/document-line.ts';
import { DocumentJudge } from '#archiver/reports/document-outlook.ts';
import type { DocumentLine } from '#archiver/reports/report.ts';
import { reportRules } from '#archiver/reports/write.ts';
import { SourceError } from '#shared/errors.ts';
import { parseEvidenceRecord } from '#shared/ers/evidence-record.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import {
  assertSound,
  createArchive,
  flipFile,
  kindsOf,
  messageOf,
  type TestArchive,
} from './_night.ts';

const { signal } = new AbortController();
const sha512 = { signatureDigest: 'SHA-512', second: true } as const;
const rehash = {
  algorithms: { overrides: [{ algorithm: 'SHA-256', endExclusive: '2027-03-01' }] },
};

function secondTokens(archive: TestArchive): number {
  return archive.second?.tokens() ?? 0;
}

async function lineOf(archive: TestArchive, key: string): Promise<DocumentLine> {
  const { catalogue, config } = await archive.open();
  const row = await archive.row(key);
  const context = await loadContext(catalogue, row, await loadBatchIndex(catalogue));
  return documentLine(row, context, new DocumentJudge(archive.clock.now(), reportRules(config)));
}

/** The manifests of one TSA, oldest first. */
async function manifestsOf(archive: TestArchive, anchor: 1 | 2) {
  const { evidence } = await archive.open();
  const { manifests } = await loadChainIndex(evidence.objects, signal);
  return [...manifests.values()].filter((each) => (each.anchor ?? 1) === anchor);
}

/** A night in which one of the TSAs cannot be reached. */
function without(archive: TestArchive, anchor: 1 | 2) {
  const unreachable = () =>
    Promise.reject(new SourceError('ERR_SOURCE_UNREACHABLE', 'refused', { retryable: true }));
  return archive.nightAfter(1, {
    deps: (deps) => {
      const tsa = anchor === 2 ? deps.secondTsa : deps.tsa;
      if (!tsa) throw new Error('no such TSA');
      const down = { ...tsa, source: { ...tsa.source, exchange: unreachable } };
      return anchor === 2 ? { ...deps, secondTsa: down } : { ...deps, tsa: down };
    },
  });
}

test('one tree, two tokens, two records; the next night buys nothing', async (t) => {
  await using archive = await createArchive({}, { second: true });
  await archive.put('a.txt', 'a');
  await archive.put('b.txt', 'b');
  const night = await archive.night();
  t.deepEqual(night.findings, []);
  t.is(night.tokensBought, 2);
  t.is(night.protectedGroups, 2, 'each document once');
  const [[first], [second]] = [await manifestsOf(archive, 1), await manifestsOf(archive, 2)];
  t.is(second?.root, first?.root);
  t.is(second?.sameTreeAs, first?.id);
  t.notDeepEqual(await archive.record('a.txt', 1), await archive.record('a.txt', 2));
  const line = await lineOf(archive, 'a.txt');
  t.is(line.witnesses, 2);
  t.deepEqual(
    line.evidence.map(({ anchor, state }) => [anchor, state]),
    [
      [1, 'valid'],
      [2, 'valid'],
    ],
  );
  const quiet = await archive.nightAfter(1);
  t.is(quiet.tokensBought, 0);
  t.is(quiet.outcome, 'ok');
  await assertSound(t, archive);
});

for (const away of [1, 2] as const)
  test(`TSA ${away} is away for a night: protected by the other, made up for the next night`, async (t) => {
    await using archive = await createArchive({}, { second: true });
    await archive.put('a.txt', 'a');
    const night = await without(archive, away);
    t.deepEqual(kindsOf(night), ['no-token']);
    t.deepEqual(await archive.states(), { 'a.txt': 'protected' });
    t.is((await lineOf(archive, 'a.txt')).witnesses, 1);
    const next = await archive.nightAfter(1);
    t.deepEqual(kindsOf(next), []);
    t.is(next.tokensBought, 1);
    t.is((await lineOf(archive, 'a.txt')).witnesses, 2);
    t.is((await archive.nightAfter(1)).tokensBought, 0);
    await assertSound(t, archive);
  });

test('an answer of the first TSA that is lost: the second protects, and nothing is bought twice', async (t) => {
  await using archive = await createArchive({}, { second: true });
  await archive.put('a.txt', 'a');
  const lose = {
    deps: (deps: Parameters<typeof archive.always>[0]) => {
      const { source } = deps.tsa;
      const exchange: typeof source.exchange = async (...call) => {
        await source.exchange(...call);
        throw new SourceError('ERR_SOURCE_TIMEOUT', 'cut', {
          retryable: true,
          outcomeUnknown: true,
        });
      };
      return { ...deps, tsa: { ...deps.tsa, source: { ...source, exchange } } };
    },
  };
  await archive.nightAfter(1, lose);
  t.deepEqual(await archive.states(), { 'a.txt': 'protected' });
  await archive.put('b.txt', 'b');
  await archive.nightAfter(1);
  t.is(archive.tsa.tokens(), 2);
  t.is(secondTokens(archive), 2);
  t.is((await archive.nightAfter(1)).tokensBought, 0);
  await assertSound(t, archive);
});

test('a second TSA that joins later stamps what is there; the first need not', async (t) => {
  await using archive = await createArchive({}, { second: true });
  await archive.configure({ secondTsa: undefined });
  await archive.put('a.txt', 'a');
  await archive.put('a.txt.p7s', 'no signature, but named as one');
  await archive.night();
  t.is(secondTokens(archive), 0);
  await archive.joinSecond();
  const night = await archive.nightAfter(1);
  t.is(night.tokensBought, 1);
  t.is(archive.tsa.tokens(), 1);
  t.is(secondTokens(archive), 1);
  await assertSound(t, archive);
});

test('each chain is renewed by its own TSA, one token each', async (t) => {
  await using archive = await createArchive({}, { tsuDays: 300, second: true });
  await archive.put('a.txt', 'a');
  await archive.night();
  await archive.put('b.txt', 'b');
  await archive.nightAfter(1);
  const renewal = await archive.nightAfter(220);
  t.deepEqual(kindsOf(renewal), []);
  t.is(renewal.tokensBought, 2);
  t.is(renewal.timestampRenewals, 4);
  for (const anchor of [1, 2] as const) {
    const record = parseEvidenceRecord(await archive.record('a.txt', anchor));
    t.is(record.sequence.chains[0]?.archiveTimeStamps.length, 2);
  }
  t.is((await lineOf(archive, 'a.txt')).witnesses, 2);
  await assertSound(t, archive);
});

test('a hash-tree renewal of both chains reads each document once', async (t) => {
  await using archive = await createArchive({}, sha512);
  for (const key of ['a', 'b', 'c']) await archive.put(`${key}.txt`, key);
  await archive.night();
  await archive.put('d.txt', 'd');
  await archive.nightAfter(1);
  await archive.configure(rehash);
  const reads: string[] = [];
  const renewal = await archive.nightAfter(1, {
    reread: 'none',
    deps: (deps) => {
      const counted = (store: ObjectStore): ObjectStore => ({
        ...store,
        digest: undefined,
        read: (key, options) => {
          reads.push(key);
          return store.read(key, options);
        },
      });
      const stores = [...deps.stores].map(([name, store]) => [name, counted(store)] as const);
      return { ...deps, stores: new Map(stores) };
    },
  });
  t.deepEqual(kindsOf(renewal), []);
  t.is(renewal.hashTreeRenewals, 8);
  t.is(renewal.tokensBought, 2);
  t.deepEqual(reads.toSorted(), ['a.txt', 'b.txt', 'c.txt', 'd.txt']);
  for (const anchor of [1, 2] as const)
    t.is(parseEvidenceRecord(await archive.record('a.txt', anchor)).sequence.chains.length, 2);
  await assertSound(t, archive);
});

test('trust withdrawn from one TSA: its batches are broken, the other proves every document', async (t) => {
  await using archive = await createArchive({}, { second: true });
  await archive.put('a.txt', 'a');
  await archive.night();
  const until = (await lineOf(archive, 'a.txt')).provableUntil;
  await using other = await createArchive();
  await archive.configure({ tsa: { anchors: [other.tsa.running.anchorsPath] } });
  const night = await archive.nightAfter(1);
  t.true(kindsOf(night).includes('broken-evidence'), JSON.stringify(night.findings));
  const line = await lineOf(archive, 'a.txt');
  t.is(line.state, 'protected');
  t.true(line.verifiableNow);
  t.is(line.witnesses, 1);
  t.is(line.provableUntil?.slice(0, 10), until?.slice(0, 10));
  t.is(await archive.judge('a.txt', 2), 'valid');
  t.deepEqual(await archive.record('a.txt'), await archive.record('a.txt', 2));
  // Given again, the batch counts again, and nothing more is bought for it.
  await archive.configure({ tsa: {} });
  const back = await archive.nightAfter(1);
  t.true(kindsOf(back).includes('healed'), JSON.stringify(back.findings));
  t.is((await lineOf(archive, 'a.txt')).witnesses, 2);
  await assertSound(t, archive);
});

test('a token of one TSA that is damaged is left to the other and stamped anew', async (t) => {
  await using archive = await createArchive({}, { second: true });
  await archive.put('a.txt', 'a');
  await archive.night();
  const [manifest] = await manifestsOf(archive, 2);
  // id-ct-TSTInfo: what follows is signed.
  const signed = (octets: Buffer): number =>
    octets.indexOf('2a864886f70d0109100104', 0, 'hex') + 40;
  // In both forms: from the other one it would be made again.
  for (const name of ['token.der', 'received.tsr'])
    await flipFile(archive.batchFile(manifest?.id ?? '', name), signed);
  const found = await archive.nightAfter(1, { reread: 'whole' });
  t.true(kindsOf(found).includes('broken-evidence'));
  t.is(await archive.judge('a.txt', 1), 'valid');
  const next = await archive.nightAfter(1);
  t.is(next.tokensBought, 1);
  t.is(archive.tsa.tokens(), 1);
  t.is(await archive.judge('a.txt', 2), 'valid');
  t.is((await lineOf(archive, 'a.txt')).witnesses, 2);
  t.is((await archive.nightAfter(1)).tokensBought, 0);
});

test('a blind leaf table that is lost is made again from the other TSA’s copy', async (t) => {
  await using archive = await createArchive({ blind: true }, { second: true });
  await archive.put('a.txt', 'a');
  await archive.put('b.txt', 'b');
  await archive.night();
  const [manifest] = await manifestsOf(archive, 1);
  const file = archive.batchFile(manifest?.id ?? '', 'leaves.tkl');
  const before = await readFile(file);
  await flipFile(file);
  const found = await archive.nightAfter(1, { reread: 'whole' });
  t.deepEqual(kindsOf(found), ['healed']);
  t.deepEqual(await readFile(file), before);
});

test('two TSAs under one trust anchor are one: the night stops before it buys', async (t) => {
  await using archive = await createArchive({}, { second: true });
  await archive.put('a.txt', 'a');
  const { anchorsPath } = archive.tsa.running;
  const second = archive.second?.running;
  await archive.configure({ secondTsa: { url: second?.url, anchors: [anchorsPath] } });
  await t.throwsAsync(archive.night(), { code: 'ERR_CONFIG_INVALID', message: /one witness/ });
  t.is(archive.tsa.tokens() + secondTokens(archive), 0);
});

test('a second token from the TSA of the first is refused, whatever anchors say', async (t) => {
  await using archive = await createArchive({}, { second: true });
  await archive.put('a.txt', 'a');
  const night = await archive.night({
    deps: (deps) => ({ ...deps, secondTsa: deps.tsa }),
  });
  t.deepEqual(kindsOf(night), ['bad-token']);
  t.regex(messageOf(night, 'bad-token'), /one witness/);
  t.is((await lineOf(archive, 'a.txt')).witnesses, 1);
});

test('no second TSA is configured any more: its chains end, and that is said when it is due', async (t) => {
  await using archive = await createArchive({}, { tsuDays: 300, second: true });
  await archive.put('a.txt', 'a');
  await archive.night();
  await archive.configure({ secondTsa: undefined });
  const renewal = await archive.nightAfter(220, { reread: 'whole' });
  t.deepEqual(kindsOf(renewal), ['no-such-tsa']);
  t.is(renewal.tokensBought, 1);
  t.is(await archive.judge('a.txt', 1), 'valid');
});
