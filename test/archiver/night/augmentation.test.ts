// Nights under a rule that asks for embedded augmentation: new versions in which the earlier ones stand whole, bought
// once, known by the scan, and the same in a catalogue made from the stores alone.
import { readFile, stat, chmod, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { parseSignedData } from '#shared/cms/signed-data.ts';
import { readCades } from '#shared/cades/read.ts';
import { equalBytes } from '#shared/bytes.ts';
import { SourceError } from '#shared/errors.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import { openFolderStore } from '#archiver/adapters/folder-store.ts';
import { deleteDocument } from '#archiver/delete.ts';
import { openEvidenceStore } from '#archiver/evidence-store.ts';
import { compareConfigurations } from '#archiver/reports/difference.ts';
import { reportRules } from '#archiver/reports/write.ts';
import { horizonRules } from '#archiver/trust.ts';
import type { AlgorithmOverride } from '#shared/policy/algorithm-policy.ts';
import { differences } from '#archiver/augmentation/compare.ts';
import { mostMet, writeTrustOf } from '../augmentation/_refusals.ts';
import { issueCrl, issueRoot, issueSigner } from '../../_authority.ts';
import { buildTestCms, testContent } from '../../_cms.ts';
import { createFaultyStore, type StoreCall, type StoreFault } from '../../_faulty-store.ts';
import {
  askedBy,
  assertSound,
  createArchive,
  kindsOf,
  messageOf,
  type TestArchive,
} from './_night.ts';

const { signal } = new AbortController();
const root = issueRoot({ subject: 'CN=Signers of the ward' });
const signer = issueSigner(root, { subject: 'CN=A physician' });

/** An archive whose rule asks for `renewal`, with anchors and CRLs of the signer. */
async function archiveWith(
  renewal: 'augmentation' | 'both' | 'evidence-record',
): Promise<TestArchive> {
  const archive = await createArchive({
    signers: { anchors: ['signers/root.der'], crls: ['crls'] },
    retention: { rules: [{ match: '.*', preset: 'jp-medical-record', renewal }] },
  });
  await archive.put('../signers/root.der', root.certificate.raw);
  await putCrl(archive, '2027-01-09T00:00:00Z');
  return archive;
}

async function putCrl(archive: TestArchive, thisUpdate: string): Promise<void> {
  const crl = issueCrl({ issuer: root, thisUpdate, nextUpdate: '2060-01-01T00:00:00Z' });
  await archive.put('../crls/root.crl', crl.raw);
}

const cms = buildTestCms({ signer });
const keys = (archive: TestArchive) =>
  archive.rows().then((rows) => rows.map(({ key, state, facts }) => [key, state, facts.level]));
const read = async (archive: TestArchive, key: string): Promise<Uint8Array> =>
  new Uint8Array(await readFile(path.join(archive.documents, key)));

test('augmentation: a new version at LTA, no evidence record, and nothing the next night', async (t) => {
  await using archive = await archiveWith('augmentation');
  await archive.put('contract.p7m', cms);
  await chmod(path.join(archive.documents, 'contract.p7m'), 0o640);
  const first = await archive.night();
  t.deepEqual(kindsOf(first), ['augmented']);
  t.is(first.tokensBought, 2);
  t.deepEqual(await keys(archive), [
    ['contract.p7m', 'superseded', 'B'],
    ['contract.p7m', 'protected', 'LTA'],
  ]);
  const octets = await read(archive, 'contract.p7m');
  t.deepEqual(differences(parseSignedData(cms), parseSignedData(octets)), []);
  t.is((await stat(path.join(archive.documents, 'contract.p7m'))).mode & 0o777, 0o640);
  const second = await archive.nightAfter(1);
  t.deepEqual([kindsOf(second), second.tokensBought, second.added], [[], 0, 0]);
  // A unit lasts 1,000 days, and its documents are raised 90 before it ends.
  const due = Temporal.Instant.from(second.nextDue ?? '');
  t.is(Math.round(due.since('2027-01-10T02:00:00Z').total('hours') / 24), 910);
  t.deepEqual(
    await archive
      .evidenceTree()
      .then((tree) => [...tree.keys()].filter((name) => name.startsWith('augmentations'))),
    [],
  );
  t.deepEqual(await archive.rebuildDifferences(), []);
});

test('policy diff: a document that its augmentation alone protects moves with what ends its timestamps', async (t) => {
  await using archive = await archiveWith('augmentation');
  await archive.put('contract.p7m', cms);
  await archive.night();
  const { catalogue, config } = await archive.open();
  const sideWith = (overrides: readonly AlgorithmOverride[]) => {
    const profile = { ...config.profile, overrides };
    const changed = { ...config, profile };
    return { config: changed, rules: reportRules(changed), horizonRules: horizonRules(changed) };
  };
  const ending = {
    algorithm: 'SHA-256',
    endExclusive: Temporal.Instant.from('2028-01-01T00:00:00Z'),
    source: 'test',
  };
  const { documents, byAspect } = await compareConfigurations(
    catalogue,
    { from: sideWith([]), to: sideWith([ending]) },
    { at: archive.clock.now(), maxExamples: 9, signal },
  );
  t.is(documents, 1);
  t.is(byAspect['proof-horizon']?.documents, 1);
});

test('deleted with the version that it was made from', async (t) => {
  await using archive = await archiveWith('augmentation');
  await archive.put('contract.p7m', cms);
  await archive.put(
    'contract.p7m.retention.json',
    JSON.stringify({ rule: 'jp-medical-record', start: '2010-04-01' }),
  );
  await archive.night();
  const deps = await (await archive.open()).night(signal);
  await using documents = await openFolderStore({
    name: 'documents',
    folder: archive.documents,
    access: 'write',
  });
  const at = archive.clock.now();
  const row = await archive.row('contract.p7m');
  const deleted = await deleteDocument(deps, row, { by: 'Registrar', at, documents, signal });
  t.is(deleted.documents, 2);
  t.deepEqual(await archive.rows(), []);
  t.deepEqual(await archive.rebuildDifferences(), []);
});

test('both: the new version is stamped like any document', async (t) => {
  await using archive = await archiveWith('both');
  await archive.put('contract.p7m', cms);
  await archive.put('note.txt', 'nothing that is signed');
  const summary = await archive.night();
  t.is(summary.tokensBought, 3);
  t.deepEqual(await archive.states(), { 'contract.p7m': 'protected', 'note.txt': 'protected' });
  await assertSound(t, archive);
});

test('a detached signature is raised over its document, which is stamped', async (t) => {
  await using archive = await archiveWith('augmentation');
  await archive.put('report.txt', testContent);
  await archive.put('report.txt.p7s', buildTestCms({ signer, detached: true }));
  await archive.night();
  t.deepEqual(await archive.states(), {
    'report.txt': 'protected',
    'report.txt.p7s': 'protected',
  });
  t.is((await archive.row('report.txt.p7s')).facts.level, 'LTA');
  t.deepEqual(await archive.rebuildDifferences(), []);
});

test('before its TSU ends a document gets the next archive timestamp', async (t) => {
  await using archive = await archiveWith('augmentation');
  await archive.put('contract.p7m', cms);
  await archive.night();
  let augmented = 0;
  // A unit lasts 1,000 days, and is renewed in its last 90.
  for (let nights = 0; nights < 6; nights++) {
    const dayBefore = archive.clock.now().add({ hours: 24 * 189 });
    await putCrl(archive, dayBefore.toString());
    const { findings } = await archive.nightAfter(190);
    augmented += findings.filter(({ kind }) => kind === 'augmented').length;
  }
  t.is(augmented, 1);
  const { signatures } = readCades(await read(archive, 'contract.p7m'));
  t.is(signatures[0]?.timestamps.filter(({ type }) => type === 'archive').length, augmented + 1);
  t.deepEqual(await archive.rebuildDifferences(), []);
});

test('what does not verify is stamped, and why is said', async (t) => {
  await using archive = await archiveWith('augmentation');
  const elsewhere = issueSigner(issueRoot({ subject: 'CN=Elsewhere' }));
  await archive.put('foreign.p7m', buildTestCms({ signer: elsewhere }));
  await archive.put('plain.p7m', buildTestCms({ signer, cades: false }));
  await archive.put('contract.p7m', cms);
  const summary = await archive.night();
  t.deepEqual(await archive.states(), {
    'contract.p7m': 'protected',
    'foreign.p7m': 'protected',
    'plain.p7m': 'protected',
  });
  t.false(kindsOf(summary).includes('broken'));
  t.deepEqual(
    summary.findings.filter(({ kind }) => kind === 'not-augmented').map(({ key }) => key),
    ['foreign.p7m'],
  );
  t.deepEqual(await archive.rebuildDifferences(), []);
});

/** What is lost when it comes is not tried: its intake says why. */
const lostAtIntake: readonly (string | undefined)[] = ['REVOKED_NO_POE', 'OUT_OF_BOUNDS_NO_POE'];

for (const refused of mostMet) {
  const { name, octets, raising, indication } = refused;
  const [, subIndication] = refused.says;
  test(`${name}: said, and the document stays as it is`, async (t) => {
    const [ended] = raising.material?.algorithmPolicy?.overrides ?? [];
    await using archive = await createArchive(
      {
        signers: { anchors: ['world.der'], tsuAnchors: ['world.der'], crls: ['lists'] },
        retention: {
          rules: [{ match: '.*', preset: 'jp-medical-record', renewal: 'augmentation' }],
        },
        ...(ended && {
          digestAlgorithm: 'SHA-512',
          algorithms: {
            overrides: [
              {
                algorithm: ended.algorithm,
                endExclusive: ended.endExclusive.toString().slice(0, 10),
              },
            ],
          },
        }),
      },
      { start: `${raising.on}T00:00:00Z`, signatureDigest: ended ? 'SHA-512' : 'SHA-256' },
    );
    await writeTrustOf(refused, archive.folder);
    await archive.put('contract.p7m', octets);
    const { findings } = await archive.night();
    const { intake, state } = await archive.row('contract.p7m');
    if (lostAtIntake.includes(subIndication)) {
      t.deepEqual(findings, []);
      t.is(intake.status, 'not-valid');
      const said = intake.signatures.map((one) => [one.status.toUpperCase(), one.subIndication]);
      t.deepEqual(said, [[indication, subIndication]]);
    } else {
      t.deepEqual(
        findings.map(({ kind, key }) => [kind, key]),
        [['not-augmented', 'contract.p7m']],
      );
      t.true(findings[0]?.message.includes(`${indication} ${subIndication}: `));
    }
    // Stamped beside, and that is the one token: none was asked for to be put into the document.
    t.is(state, 'protected');
    t.is(archive.tsa.tokens(), 1);
    const evidence = [...(await archive.evidenceTree()).keys()];
    t.false(evidence.some((file) => file.startsWith('augmentations')));
    t.deepEqual(await read(archive, 'contract.p7m'), octets);
    t.is((await archive.rows()).length, 1);
    t.deepEqual(await archive.rebuildDifferences(), []);
  });
}

test('a rule that does not ask for it leaves every document as it is', async (t) => {
  await using archive = await archiveWith('evidence-record');
  await archive.put('contract.p7m', cms);
  await archive.night();
  t.deepEqual(await read(archive, 'contract.p7m'), cms);
  t.is(messageOf(await archive.nightAfter(1), 'augmented'), '');
});

test('a document that is written over meanwhile stays as it was written', async (t) => {
  await using archive = await archiveWith('augmentation');
  await archive.put('contract.p7m', cms);
  const other = buildTestCms({ signer, content: new TextEncoder().encode('another text') });
  const summary = await archive.night({
    deps: askedBy(async (own, ...query) => {
      await writeFile(path.join(archive.documents, 'contract.p7m'), other);
      return own.exchange(...query);
    }),
  });
  t.true(kindsOf(summary).includes('not-augmented'));
  t.deepEqual(await read(archive, 'contract.p7m'), other);
});

for (const detached of [false, true]) {
  test(`content that is larger than what is held is streamed, ${detached ? 'beside the signature' : 'in it'}`, async (t) => {
    await using archive = await archiveWith('augmentation');
    await archive.configure({ inspectLimitBytes: 16 * 1024 });
    const content = new Uint8Array(100_000).fill(0x41);
    const octets = buildTestCms({ signer, content, detached });
    const key = detached ? 'scan.tif.p7s' : 'scan.tif.p7m';
    if (detached) await archive.put('scan.tif', content);
    await archive.put(key, octets);
    // A changed octet of the content is a signature that does not hold.
    const changed = buildTestCms({ signer, content: content.with(50_000, 0x42) });
    const broken = Buffer.from(changed);
    broken[broken.indexOf(0x42, 40_000)] = 0x41;
    if (!detached) await archive.put('broken.p7m', new Uint8Array(broken));
    const summary = await archive.night();
    t.false(kindsOf(summary).includes('not-augmented'));
    const { facts, intake } = await archive.row(key);
    t.deepEqual([facts.format, facts.level, intake.status], ['CAdES', 'LTA', 'valid']);
    t.deepEqual(
      facts.signatures.map((one) => one.detached),
      [detached],
    );
    const after = await read(archive, key);
    t.deepEqual(differences(parseSignedData(octets), parseSignedData(after)), []);
    if (!detached) {
      t.is((await archive.row('broken.p7m')).intake.status, 'not-valid');
      t.deepEqual(await read(archive, 'broken.p7m'), new Uint8Array(broken));
    }
    const next = await archive.nightAfter(1);
    t.deepEqual([next.tokensBought, next.added], [0, 0]);
    t.deepEqual(await archive.rebuildDifferences(), []);
  });
}

test('what would not hold is not written, and stops no night', async (t) => {
  await using archive = await archiveWith('augmentation');
  await archive.put('contract.p7m', cms);
  await archive.put('note.txt', 'nothing that is signed');
  let asked = 0;
  await archive.night({
    deps: askedBy(async (own, ...query) => {
      asked += 1;
      // The archive timestamp, over what was decided by then.
      if (asked === 2) throw new SourceError('ERR_SOURCE_UNREACHABLE', 'gone', { retryable: true });
      return own.exchange(...query);
    }),
  });
  const [name = ''] = [...(await archive.evidenceTree()).keys()].filter((one) =>
    one.endsWith('decided.json'),
  );
  const file = path.join(archive.evidence, name);
  const decided = await readFile(file, 'utf8');
  // The last octet of the signature timestamp.
  const changed = decided.replace(/(?<="attributes": ?\[\s*"[0-9a-f]*)[0-9a-f](?=")/, (last) =>
    (Number.parseInt(last, 16) ^ 1).toString(16),
  );
  t.not(changed, decided);
  await writeFile(file, changed);
  const summary = await archive.nightAfter(1);
  const finding = summary.findings.find(({ kind }) => kind === 'not-augmented');
  t.like(finding, { key: 'contract.p7m', level: 'error' });
  t.regex(finding?.message ?? '', /would not hold/);
  t.deepEqual(await read(archive, 'contract.p7m'), cms);
  t.deepEqual(await archive.states(), { 'contract.p7m': 'protected', 'note.txt': 'protected' });
});

test('a store that does not take the new version is named, and its token is not bought again', async (t) => {
  await using archive = await archiveWith('augmentation');
  await archive.put('contract.p7m', cms);
  const message = 'the new version is encrypted not at all';
  const refusing = (store: ObjectStore): ObjectStore => ({
    ...store,
    write: (key, content, options) =>
      options.successorOf
        ? Promise.reject(new SourceError('ERR_SOURCE_REFUSED', message, { retryable: false }))
        : store.write(key, content, options),
  });
  const summary = await archive.night({
    deps: (own) => ({
      ...own,
      stores: new Map([...own.stores].map(([name, store]) => [name, refusing(store)])),
    }),
  });
  const finding = summary.findings.find(({ kind }) => kind === 'not-augmented');
  t.like(finding, { key: 'contract.p7m', level: 'error' });
  t.regex(finding?.message ?? '', /not written: the new version is encrypted not at all/);
  t.false(kindsOf(summary).includes('no-token'));
  t.deepEqual(await read(archive, 'contract.p7m'), cms);
  t.deepEqual(await archive.states(), { 'contract.p7m': 'protected' });
  const next = await archive.nightAfter(1);
  t.is(next.tokensBought, 0);
  t.is((await archive.row('contract.p7m')).facts.level, 'LTA');
});

test('a TSA that has no revocation data, by its configuration, stamps into documents all the same', async (t) => {
  await using archive = await archiveWith('augmentation');
  await archive.configure({ tsa: { revocation: 'none', crls: [] } });
  await archive.put('contract.p7m', cms);
  t.deepEqual(kindsOf(await archive.night()), ['augmented']);
  t.is((await archive.row('contract.p7m')).facts.level, 'LTA');
  t.deepEqual(kindsOf(await archive.nightAfter(1)), []);
  await archive.configure({ tsa: { revocation: 'require', crls: [] } });
  await archive.put('another.p7m', buildTestCms({ signer, content: testContent.subarray(1) }));
  t.true(kindsOf(await archive.nightAfter(1)).includes('no-token'));
});

/** Nights in which one of the stores fails at its call number `at`, before or after its effect. */
async function brokenNight(
  archive: TestArchive,
  which: 'documents' | 'evidence',
  fault: (call: StoreCall) => StoreFault | undefined,
): Promise<number> {
  const archiver = await archive.open();
  const own = await archiver.night(signal);
  let armed = false;
  let calls = 0;
  const faulty = (store: ObjectStore): ObjectStore =>
    createFaultyStore(store, (call) => {
      if (!armed) return undefined;
      calls += 1;
      return fault({ ...call, number: calls });
    });
  const stores = new Map(own.stores);
  let { evidence } = own;
  if (which === 'documents')
    for (const [name, store] of own.stores) stores.set(name, faulty(store));
  else
    evidence = await openEvidenceStore({
      store: faulty(own.evidence.objects),
      prefix: '',
      expectedArchiveId: own.evidence.archiveId,
      create: false,
      at: own.clock.now(),
      random: own.random,
      signal,
    });
  armed = true;
  try {
    await archive.night({ deps: () => ({ ...own, stores, evidence }) });
  } catch (error) {
    // The lease itself could not be had or kept.
    if (!(error instanceof SourceError)) throw error;
  }
  return calls;
}

const everyOne = process.env['TEST_LONG'] === '1';
for (const renewal of ['augmentation', 'both'] as const) {
  for (const which of ['documents', 'evidence'] as const) {
    for (const fault of ['before', 'after'] as const) {
      test(`${renewal}: the ${which} store fails ${fault} a call, and nothing is bought or written twice`, async (t) => {
        await using archive = await archiveWith(renewal);
        await archive.night();
        await archive.put('contract.p7m', cms);
        const start = archive.clock.now();
        const restore = await archive.snapshot();
        const count = await brokenNight(archive, which, () => undefined);
        const whole = await keys(archive);
        const tokens = archive.tsa.tokens();
        t.true(count > 5, `${count} calls`);
        for (let at = 1; at <= count; at += everyOne ? 1 : 9) {
          await restore();
          archive.clock.set(start);
          const before = archive.tsa.tokens();
          await brokenNight(archive, which, ({ number }) => (number === at ? fault : undefined));
          const left = await read(archive, 'contract.p7m');
          if (!equalBytes(left, cms))
            t.deepEqual(differences(parseSignedData(cms), parseSignedData(left)), []);
          archive.clock.set(start.add({ hours: 24 }));
          await archive.night();
          const next = await archive.night();
          const place = `call ${at} of ${count}`;
          t.deepEqual(await keys(archive), whole, place);
          t.is(archive.tsa.tokens() - before, tokens, `tokens, ${place}`);
          t.is(next.tokensBought, 0, place);
          const { signatures } = readCades(await read(archive, 'contract.p7m'));
          t.is(signatures[0]?.timestamps.length, 2, place);
          t.deepEqual(await archive.rebuildDifferences(), [], place);
        }
      });
    }
  }
}
