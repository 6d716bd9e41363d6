// Evidence records that another product made: here another archive with its own TSA. They are verified,
// kept as found and renewed from where they stand; what does not hold is told and never covered.
import test, { type ExecutionContext } from 'ava';
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { xmlEvidenceOf } from '#archiver/commands/evidence.ts';
import type { RunSummary } from '#archiver/reports/report.ts';
import { InvariantError } from '#shared/errors.ts';
import { parseEvidenceRecord } from '#shared/ers/evidence-record.ts';
import { parseRecord } from '#shared/ers/record-form.ts';
import { exported, imported } from '../_moved.ts';
import { unpacked } from '../pack/_unpacked.ts';
import {
  assertSound,
  createArchive,
  flipFile,
  kindsOf,
  messageOf,
  type NightOverrides,
  type TestArchive,
} from './_night.ts';

const endSha256 = {
  algorithms: { overrides: [{ algorithm: 'SHA-256', endExclusive: '2027-12-20' }] },
};

/** Whom the records of `other` descend from. */
function trusting({ tsa }: TestArchive) {
  return {
    signers: { tsuAnchors: [tsa.running.anchorsPath], crls: [tsa.running.crlPath] },
  };
}

/** An archive that knows the TSA of another one, and the other, which has a record of `a.txt`. */
async function twoArchives(tsuDays = 400) {
  const other = await createArchive({}, { tsuDays, signatureDigest: 'SHA-512' });
  await other.put('a.txt', 'a');
  await other.put('b.txt', 'b');
  await other.night();
  const archive = await createArchive(trusting(other), {
    tsuDays: 300,
    signatureDigest: 'SHA-512',
  });
  return { archive, other };
}

/** The other's document and record, put where this one finds them. */
async function bring(archive: TestArchive, other: TestArchive, suffix = '.ers'): Promise<void> {
  await archive.put('a.txt', 'a');
  await archive.put(`a.txt${suffix}`, await other.record('a.txt'));
}

/** Both clocks go on; CRLs of the other's TSA are as fresh. */
async function nightAfter(
  archive: TestArchive,
  other: TestArchive,
  days: number,
  overrides: NightOverrides = {},
): Promise<RunSummary> {
  other.clock.set(other.clock.now().add({ hours: 24 * days }));
  await other.upkeep();
  return archive.nightAfter(days, overrides);
}

/** So many months of one night each; every one of them has nothing to say. */
async function quietMonths(
  t: ExecutionContext,
  archive: TestArchive,
  other: TestArchive,
  months: number,
): Promise<readonly RunSummary[]> {
  const nights: RunSummary[] = [];
  for (let month = 0; month < months; month++) {
    const night = await nightAfter(archive, other, 30);
    t.deepEqual(night.findings, []);
    nights.push(night);
  }
  return nights;
}

function shapeOf(record: Uint8Array): readonly (readonly [string, number])[] {
  return parseRecord(record).sequence.chains.map(({ digestAlgorithm, archiveTimeStamps }) => [
    digestAlgorithm,
    archiveTimeStamps.length,
  ]);
}

async function takenOver(archive: TestArchive): Promise<string> {
  const ids = await archive.batches();
  const kinds = await Promise.all(
    ids.map(async (id) => {
      const text = await readFile(archive.batchFile(id, 'manifest.json'), 'utf8');
      return (JSON.parse(text) as { readonly kind: string }).kind;
    }),
  );
  const found = ids[kinds.indexOf('taken-over')];
  if (found === undefined) throw new Error(`nothing taken over among ${kinds.join(', ')}`);
  return found;
}

for (const suffix of ['.ers', '.er'])
  test(`a record beside its document (${suffix}) is taken over, and a night later nothing is left to do`, async (t) => {
    const { archive, other } = await twoArchives();
    await using _other = other;
    await using _archive = archive;
    await bring(archive, other, suffix);
    const night = await archive.night();
    t.deepEqual(kindsOf(night), ['taken-over']);
    t.is(night.tokensBought, 1);
    const record = await archive.record('a.txt');
    const found = parseEvidenceRecord(await other.record('a.txt')).sequence.chains[0];
    const kept = parseEvidenceRecord(record).sequence.chains[0];
    t.deepEqual(
      kept?.archiveTimeStamps[0]?.token.tstInfo.raw,
      found?.archiveTimeStamps[0]?.token.tstInfo.raw,
    );
    const before = await archive.evidenceTree();
    const again = await nightAfter(archive, other, 1);
    t.deepEqual(kindsOf(again), []);
    t.is(again.tokensBought, 0);
    const batches = ({ size }: ReadonlyMap<string, string>): number => size;
    t.is(batches(await archive.evidenceTree()), batches(before) + 1);
    await assertSound(t, archive);
  });

test('it joins the renewal of all: one token, and its record goes on', async (t) => {
  const { archive, other } = await twoArchives(300);
  await using _other = other;
  await using _archive = archive;
  await bring(archive, other);
  await archive.put('c.txt', 'c');
  await archive.night();
  const nights = await quietMonths(t, archive, other, 14);
  t.deepEqual(
    nights
      .filter(({ tokensBought }) => tokensBought > 0)
      .map(({ tokensBought, timestampRenewals }) => [tokensBought, timestampRenewals]),
    [
      [1, 2],
      [1, 2],
    ],
  );
  t.deepEqual(shapeOf(await archive.record('a.txt')), [['SHA-256', 3]]);
  await assertSound(t, archive);
});

test('a weakening hash: its document and its chains go under the next one', async (t) => {
  const { archive, other } = await twoArchives();
  await using _other = other;
  await using _archive = archive;
  await bring(archive, other);
  await archive.night();
  await archive.configure(endSha256);
  const night = await nightAfter(archive, other, 280);
  t.deepEqual(night.findings, []);
  t.true(night.hashTreeRenewals > 0);
  t.deepEqual(shapeOf(await archive.record('a.txt')), [
    ['SHA-256', 1],
    ['SHA-512', 1],
  ]);
  t.deepEqual(shapeOf(await archive.record('a.txt.ers')).length, 2);
  await quietMonths(t, archive, other, 10);
  t.deepEqual(shapeOf(await archive.record('a.txt')), [
    ['SHA-256', 1],
    ['SHA-512', 2],
  ]);
  await assertSound(t, archive);
});

test('a record that was renewed in both ways before it came', async (t) => {
  const { archive, other } = await twoArchives();
  await using _other = other;
  await using _archive = archive;
  await other.nightAfter(340);
  await other.nightAfter(330);
  await other.configure({
    algorithms: { overrides: [{ algorithm: 'SHA-256', endExclusive: '2029-01-20' }] },
  });
  await other.nightAfter(30);
  await other.nightAfter(330);
  const shape = shapeOf(await other.record('a.txt'));
  t.is(shape.length, 2);
  archive.clock.set(other.clock.now());
  await archive.upkeep();
  await bring(archive, other);
  t.deepEqual(kindsOf(await archive.night()), ['taken-over']);
  t.deepEqual(shapeOf(await archive.record('a.txt')), shape);
  await quietMonths(t, archive, other, 12);
  const [first, [algorithm, stamps] = ['', 0]] = shape;
  t.deepEqual(shapeOf(await archive.record('a.txt')), [first, [algorithm, stamps + 1]]);
  await assertSound(t, archive);
});

type Unfit = {
  readonly what: string;
  readonly bring: (archive: TestArchive, other: TestArchive) => Promise<void>;
  readonly says: RegExp;
};

const unfit: readonly Unfit[] = [
  {
    what: 'of another document',
    bring: async (archive, other) => {
      await archive.put('a.txt', 'a');
      await archive.put('a.txt.ers', await other.record('b.txt'));
    },
    says: /a\.txt/,
  },
  {
    what: 'whose tree was changed',
    bring: async (archive, other) => {
      const record = Uint8Array.from(await other.record('a.txt'));
      const tree = parseEvidenceRecord(record).sequence.chains[0]?.archiveTimeStamps[0];
      const sibling = tree?.reducedHashtree?.[1]?.[0];
      if (!sibling) throw new Error('a record without a sibling');
      sibling[0] = (sibling[0] ?? 0) ^ 1;
      await archive.put('a.txt', 'a');
      await archive.put('a.txt.ers', record);
    },
    says: /imprint/,
  },
  {
    what: 'whose token was changed',
    bring: async (archive, other) => {
      const record = Uint8Array.from(await other.record('a.txt'));
      const token = parseEvidenceRecord(record).sequence.chains[0]?.archiveTimeStamps[0]?.token;
      const signature = token?.signedData.signerInfos[0]?.signature;
      if (!signature) throw new Error('a token without a signature');
      signature[8] = (signature[8] ?? 0) ^ 1;
      await archive.put('a.txt', 'a');
      await archive.put('a.txt.ers', record);
    },
    says: /signature/i,
  },
];

for (const { what, bring: bringUnfit, says } of unfit)
  test(`a record ${what} is told every night, and never renewed`, async (t) => {
    const { archive, other } = await twoArchives();
    await using _other = other;
    await using _archive = archive;
    await bringUnfit(archive, other);
    const night = await archive.night();
    t.deepEqual(kindsOf(night), ['record-not-valid']);
    t.regex(messageOf(night, 'record-not-valid'), says);
    t.deepEqual(kindsOf(await nightAfter(archive, other, 1)), ['record-not-valid']);
    await t.throwsAsync(takenOver(archive), { message: /nothing taken over/ });
    // The document itself is proved from now on.
    t.is(await archive.judge('a.txt'), 'valid');
    await assertSound(t, archive);
  });

test('a record that cannot be kept as it is stops no night', async (t) => {
  const { archive, other } = await twoArchives();
  await using _other = other;
  await using _archive = archive;
  await bring(archive, other);
  const night = await archive.night({
    deps: ({ evidence, ...deps }) => ({
      ...deps,
      evidence: {
        ...evidence,
        objects: {
          ...evidence.objects,
          write: (...args) =>
            args[0].endsWith('/taken-over.ers')
              ? Promise.reject(new InvariantError('ERR_INVARIANT_READ_BACK', 'not as written'))
              : evidence.objects.write(...args),
        },
      },
    }),
  });
  t.deepEqual(kindsOf(night), ['record-not-valid']);
  t.is(night.protectedGroups, 1);
  t.deepEqual(kindsOf(await nightAfter(archive, other, 1)), ['taken-over']);
  await assertSound(t, archive);
});

/** The other's document with its record in XML, put where this one finds them. */
async function bringXml(archive: TestArchive, other: TestArchive): Promise<void> {
  const { signal } = new AbortController();
  const record = await xmlEvidenceOf(await other.open(), await other.row('a.txt'), signal);
  await archive.put('a.txt', 'a');
  await archive.put('a.txt.ers', record);
}

test('a record in XML joins the renewals of all, and goes on in XML', async (t) => {
  const { archive, other } = await twoArchives(300);
  await using _other = other;
  await using _archive = archive;
  const { signal } = new AbortController();
  await bringXml(archive, other);
  await archive.put('c.txt', 'c');
  const night = await archive.night();
  t.deepEqual([kindsOf(night), night.tokensBought], [['taken-over'], 1]);
  const nights = await quietMonths(t, archive, other, 10);
  t.deepEqual(
    nights.flatMap(({ tokensBought: n, timestampRenewals }) => (n > 0 ? [timestampRenewals] : [])),
    [2],
  );
  await archive.configure({ ...trusting(other), ...endSha256 });
  const rehash = await nightAfter(archive, other, 1);
  t.deepEqual([kindsOf(rehash), rehash.hashTreeRenewals, rehash.tokensBought], [[], 3, 1]);
  const row = await archive.row('a.txt');
  const inXml = await xmlEvidenceOf(await archive.open(), row, signal);
  t.deepEqual(shapeOf(inXml), [
    ['SHA-256', 2],
    [shapeOf(inXml)[1]?.[0] ?? '', 1],
  ]);
  // Begun here, the document has a record in ASN.1 as well.
  t.is(shapeOf(await archive.record('a.txt'))[0]?.[1], 2);
  const pack = await unpacked(archive, 'a.txt');
  t.deepEqual(await readFile(path.join(pack, 'record-2.xml')), Buffer.from(inXml));
  const { status } = JSON.parse(await readFile(path.join(pack, 'verdict.json'), 'utf8')) as {
    readonly status: string;
  };
  t.is(status, 'valid');
  await assertSound(t, archive);
});

test('a record in XML about an XML document that is not canonical is kept, and it is said', async (t) => {
  const { archive, other } = await twoArchives();
  await using _other = other;
  await using _archive = archive;
  await bringXml(archive, other);
  await archive.put('a.txt', "<?xml version='1.0'?><a b='c'/>");
  const night = await archive.night();
  t.deepEqual(kindsOf(night), ['record-undecided']);
  t.regex(messageOf(night, 'record-undecided'), /not in canonical form/);
  t.is(night.protectedGroups, 1);
  await assertSound(t, archive);
});

test('a record whose TSA is not trusted yet waits, and is taken over when it is', async (t) => {
  const { archive, other } = await twoArchives();
  await using _other = other;
  await using _archive = archive;
  await archive.configure({ signers: {} });
  await bring(archive, other);
  t.deepEqual(kindsOf(await archive.night()), ['record-undecided']);
  await archive.configure(trusting(other));
  t.deepEqual(kindsOf(await nightAfter(archive, other, 1)), ['taken-over']);
  t.deepEqual(shapeOf(await archive.record('a.txt')), [['SHA-256', 1]]);
  await assertSound(t, archive);
});

test('a document that is protected already gets its older record', async (t) => {
  const { archive, other } = await twoArchives();
  await using _other = other;
  await using _archive = archive;
  await archive.put('a.txt', 'a');
  await archive.night();
  await bring(archive, other);
  t.deepEqual(kindsOf(await nightAfter(archive, other, 1)), ['taken-over']);
  t.not(
    parseEvidenceRecord(await archive.record('a.txt')).sequence.chains[0]?.archiveTimeStamps[0]
      ?.token.tstInfo.genTime,
    undefined,
  );
  await assertSound(t, archive);
});

for (const file of ['taken-over.ers', 'token.der'])
  test(`damage of ${file} is made good from the record beside the document`, async (t) => {
    const { archive, other } = await twoArchives();
    await using _other = other;
    await using _archive = archive;
    await bring(archive, other);
    await archive.night();
    const before = await archive.record('a.txt');
    await flipFile(archive.batchFile(await takenOver(archive), file), () => 20);
    const night = await nightAfter(archive, other, 1, { reread: 'whole' });
    t.deepEqual(kindsOf(night), ['healed']);
    t.deepEqual(shapeOf(await archive.record('a.txt')), shapeOf(before));
    t.deepEqual((await nightAfter(archive, other, 1, { reread: 'whole' })).findings, []);
    await assertSound(t, archive);
  });

test('without the record beside the document its damage is told, and nothing is put over it', async (t) => {
  const { archive, other } = await twoArchives();
  await using _other = other;
  await using _archive = archive;
  await bring(archive, other);
  await archive.night();
  const id = await takenOver(archive);
  await flipFile(archive.batchFile(id, 'taken-over.ers'), () => 20);
  await rm(path.join(archive.documents, 'a.txt.ers'));
  const night = await nightAfter(archive, other, 1, { reread: 'whole' });
  t.deepEqual(kindsOf(night), ['broken-evidence', 'missing']);
  t.regex(messageOf(night, 'broken-evidence'), /put taken-over\.ers of batch .* back from a copy/);
  const { catalogue } = await archive.open();
  t.is((await catalogue.getBatch(id))?.state, 'broken');
  const renewal = await nightAfter(archive, other, 330);
  t.true(kindsOf(renewal).includes('broken-batch'));
  t.is((await catalogue.getBatch(id))?.tokenCount, 1);
});

test('a manifest that was damaged is made again from record and token', async (t) => {
  const { archive, other } = await twoArchives();
  await using _other = other;
  await using _archive = archive;
  await bring(archive, other);
  await archive.night();
  const file = archive.batchFile(await takenOver(archive), 'manifest.json');
  const before = await readFile(file, 'utf8');
  await flipFile(file, () => 0);
  t.deepEqual(kindsOf(await nightAfter(archive, other, 1)), ['healed']);
  t.is(await readFile(file, 'utf8'), before);
  await assertSound(t, archive);
});

test('moved to another evidence store, it is taken over still', async (t) => {
  const { archive, other } = await twoArchives();
  await using _other = other;
  await using _archive = archive;
  await bring(archive, other);
  await archive.night();
  const before = await archive.record('a.txt');
  await imported(archive, await exported(archive));
  t.deepEqual(await archive.record('a.txt'), before);
  t.deepEqual(kindsOf(await nightAfter(archive, other, 1)), []);
  await assertSound(t, archive);
});
