// Records of other products in every shape that the standard allows: taken over and renewed in both ways, they
// hold at every step, and what they covered before they cover still.
import test from 'ava';
import { digest } from '#shared/crypto/digest.ts';
import { concatBytes } from '#shared/bytes.ts';
import { readChildren, readWhole } from '#shared/der/reader.ts';
import { derContext, derObjectIdentifier, derSequence, derSetOf } from '#shared/der/writer.ts';
import { parseEvidenceRecord } from '#shared/ers/evidence-record.ts';
import { batchKey, readSmall } from '../../../archiver/evidence/batch-objects.ts';
import { judgeRecord } from '../../../archiver/evidence/judge-record.ts';
import { checkBatch } from '../../../archiver/evidence/link-check.ts';
import type { TakeOverOutcome } from '../../../archiver/evidence/take-over.ts';
import type { RenewalStep } from '../../shared/ers/_cases.ts';
import type { TestTsu } from '../../shared/ers/_tokens.ts';
import { makeForeignXml, xmlStyles } from './_foreign-xml.ts';
import {
  bothTrusted,
  contextOf,
  createTakingWorld,
  foreignRecords,
  foreignXmlRecords,
  renewed,
  takeInto,
} from './_taken-over.ts';
import { signal, type World } from './_world.ts';

function batchOf(outcome: TakeOverOutcome): string {
  if (outcome.kind === 'taken-over') return outcome.manifest.id;
  throw new Error(JSON.stringify(outcome.findings));
}

async function statusOf(
  world: World,
  tsu: TestTsu,
  record: Uint8Array,
  documents: readonly Uint8Array[],
): Promise<string> {
  const { status, findings } = await judgeRecord({
    record,
    dataObjects: documents.map((content, index) => ({
      name: `object ${index}`,
      digest: (algorithm) => digest(algorithm, content),
    })),
    exactGroup: false,
    verification: bothTrusted(world, tsu),
    at: world.now(),
    signal,
  });
  return status === 'valid' ? 'valid' : findings.map(({ message }) => message).join(' ');
}

const later: readonly (readonly RenewalStep[])[] = [
  [],
  ['timestamp', 'timestamp'],
  ['hash-tree', 'timestamp'],
  ['timestamp', 'hash-tree', 'timestamp', 'hash-tree'],
];

for (const { name, make } of [...foreignRecords, ...foreignXmlRecords])
  test(`${name}: taken over and renewed`, async (t) => {
    for (const steps of later) {
      const { world, tsu } = createTakingWorld();
      const { record, documents } = make(tsu);
      const id = batchOf(await takeInto(world, tsu, record, documents));
      const found = await renewed(world, tsu, id, steps);
      t.is(await statusOf(world, tsu, found, documents), 'valid', steps.join(' '));
      const { chains, store } = await contextOf(world, tsu);
      t.deepEqual(await checkBatch(store, chains, id, { signal }), []);
      const { octets } = await readSmall(store, batchKey(id, 'takenOver'), { signal });
      t.deepEqual(octets, record);
      t.is(world.sold(), steps.length);
    }
  });

test('cryptoInfos and encryptionInfo of another product are said again', async (t) => {
  const { world, tsu } = createTakingWorld();
  const { record, documents } = foreignRecords[0]?.make(tsu) ?? { record: new Uint8Array() };
  const [version, algorithms, sequence] = readChildren(readWhole(record)).map(({ raw }) => raw);
  const attribute = derSequence(derObjectIdentifier('1.2.3.4'), derSetOf(derSequence()));
  const withInfos = derSequence(
    concatBytes(version ?? new Uint8Array(), algorithms ?? new Uint8Array()),
    derContext(0, attribute),
    sequence ?? new Uint8Array(),
  );
  const id = batchOf(await takeInto(world, tsu, withInfos, documents ?? []));
  const { cryptoInfos } = parseEvidenceRecord(await renewed(world, tsu, id, ['timestamp']));
  t.deepEqual(
    cryptoInfos.map(({ raw }) => Buffer.from(raw)),
    [Buffer.from(attribute)],
  );
});

test('a document that changed since is left out of a hash-tree renewal', async (t) => {
  const { world, tsu } = createTakingWorld();
  const { record, documents } = foreignRecords[5]?.make(tsu) ?? { record: new Uint8Array() };
  const id = batchOf(await takeInto(world, tsu, record, documents ?? []));
  world.documents.set('foreign/0', Buffer.from('another'));
  const error = await t.throwsAsync(renewed(world, tsu, id, ['hash-tree']));
  t.regex(error?.message ?? '', /document-fits-leaf/);
});

test('another token in the place of the newest one is seen', async (t) => {
  const { world, tsu } = createTakingWorld();
  const [plain, , renewedBefore] = foreignRecords.map(({ make }) => make(tsu));
  if (!plain || !renewedBefore) throw new Error('no such records');
  const id = batchOf(await takeInto(world, tsu, renewedBefore.record, renewedBefore.documents));
  await renewed(world, tsu, id, ['timestamp']);
  const other = batchOf(await takeInto(world, tsu, plain.record, plain.documents));
  const { chains, store } = await contextOf(world, tsu);
  const { octets } = await readSmall(store, batchKey(other, 'token'), { signal });
  await store.write(batchKey(id, 'token'), octets, { signal });
  const damage = await checkBatch(store, chains, id, { signal });
  t.deepEqual(
    damage.map(({ part }) => part),
    ['link', 'link'],
  );
});

test('a record in XML goes on in its own octets, in its own form', async (t) => {
  const { world, tsu } = createTakingWorld();
  const { record, documents } = foreignXmlRecords[1]?.make(tsu) ?? { record: new Uint8Array() };
  const outcome = await takeInto(world, tsu, record, documents ?? []);
  if (outcome.kind !== 'taken-over') throw new Error(JSON.stringify(outcome));
  t.is(outcome.manifest.recordForm, 'xml');
  t.is(outcome.manifest.version, 2);
  const after = Buffer.from(
    await renewed(world, tsu, batchOf(outcome), ['timestamp', 'hash-tree']),
  );
  const [before, found] = [Buffer.from(record).toString('utf8'), after.toString('utf8')];
  // The newest token alone is another octet for octet: it carries what verifies it later.
  const token =
    /<er:TimeStampToken[^>]*>[^<]*(?=<\/er:TimeStampToken>\s*<\/er:TimeStamp><\/er:ArchiveTimeStamp><)/;
  const head = before.slice(
    0,
    before.search(
      /<er:TimeStampToken[^>]*>[^<]*<\/er:TimeStampToken>\s*<\/er:TimeStamp><\/er:ArchiveTimeStamp><\/er:ArchiveTimeStampChain>/,
    ),
  );
  t.true(head.length > 0 && token.test(found));
  t.true(found.startsWith(head));
  t.true(found.endsWith('</er:ArchiveTimeStampSequence></er:EvidenceRecord>\n'));
});

test('a record in XML that is written in UTF-16 holds and is not renewed: that is said', async (t) => {
  const { world, tsu } = createTakingWorld();
  const { record, documents } = foreignXmlRecords[0]?.make(tsu) ?? { record: new Uint8Array() };
  const text = Buffer.from(record).toString('utf8').replace('UTF-8', 'UTF-16');
  const octets = concatBytes(Uint8Array.of(0xff, 0xfe), Buffer.from(text, 'utf16le'));
  const outcome = await takeInto(world, tsu, octets, documents ?? []);
  t.is(outcome.kind, 'undecided');
  t.regex(JSON.stringify(outcome), /utf-16le is not continued/);
});

const theDocument = Buffer.from('a document');

/** A record whose canonical forms grow with each archive timestamp: every one repeats the names around it. */
function heavy(tsu: TestTsu, length: number): Uint8Array {
  const { prefixed } = xmlStyles;
  if (!prefixed) throw new Error('no such style');
  const text = Buffer.from(makeForeignXml(tsu, [theDocument], [], prefixed)).toString('utf8');
  const declarations = Array.from(
    { length: 480 },
    (_, i) => ` xmlns:n${i}="urn:n:${'x'.repeat(length)}"`,
  );
  return Buffer.from(text.replace('<er:EvidenceRecord', `$&${declarations.join('')}`));
}

test('a record in XML that would grow past the bounds is not taken over, before it stops anybody’s renewal', async (t) => {
  const { world, tsu } = createTakingWorld();
  t.is((await takeInto(world, tsu, heavy(tsu, 90), [theDocument])).kind, 'taken-over');
  const outcome = await takeInto(world, tsu, heavy(tsu, 1500), [theDocument]);
  t.is(outcome.kind, 'undecided', JSON.stringify(outcome));
  t.regex(JSON.stringify(outcome), /cannot renew it: canonical forms are too many/);
});
