// A night with a prescription: signed under HPKI, the licence is in intake, journal and report; a test
// certificate is refused; the licence's proof joins its document's group.
import test from 'ava';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { sideOf } from '#archiver/commands/policy-side.ts';
import { compareConfigurations, type Difference } from '#archiver/reports/difference.ts';
import { documentLines } from '#archiver/reports/document-line.ts';
import type { DocumentLine } from '#archiver/reports/report.ts';
import { reportRules } from '#archiver/reports/write.ts';
import { oids } from '#shared/oid.ts';
import { type Issued, issueCrl } from '../../_authority.ts';
import { buildTestCms } from '../../_cms.ts';
import { createHpki, issueProfessional } from '../../_hpki.ts';
import { unpacked } from '../pack/_unpacked.ts';
import { assertSound, createArchive, type TestArchive } from './_night.ts';

const hpki = createHpki();
const licensed = (name: string): Issued => issueProfessional(hpki.ca, { roles: [name] });
const underTest = issueProfessional(hpki.testCa, {
  policy: oids.hpkiCPSignatureTest,
  roles: ['Medical Doctor'],
});

function signed(signer: Issued, ca: Issued = hpki.ca): Uint8Array {
  return buildTestCms({ signer, certificates: [signer.certificate, ca.certificate] });
}

async function archiveOf(signers: object = {}): Promise<TestArchive> {
  const archive = await createArchive({
    signers: { classes: { hpki: ['root.cer'] }, crls: ['crls'], ...signers },
    retention: { rules: [{ match: '^rx/', preset: 'jp-medical-record', requires: ['医師'] }] },
    detachedSuffixes: ['.p7s'],
  });
  await writeFile(path.join(archive.folder, 'root.cer'), hpki.root.certificate.raw);
  const crls = path.join(archive.folder, 'crls');
  await mkdir(crls);
  const thisUpdate = archive.clock.now().subtract({ hours: 24 });
  for (const [name, issuer] of Object.entries(hpki))
    await writeFile(path.join(crls, `${name}.crl`), issueCrl({ issuer, thisUpdate }).raw);
  return archive;
}

async function linesOf(archive: TestArchive): Promise<ReadonlyMap<string, DocumentLine>> {
  const { catalogue, config, signerTrust } = await archive.open();
  const rules = reportRules(config, await signerTrust());
  const lines = new Map<string, DocumentLine>();
  for await (const { line } of documentLines(catalogue, archive.clock.now(), rules))
    lines.set(line.key, line);
  return lines;
}

test('prescriptions by a doctor, a pharmacist, nobody and a test certificate', async (t) => {
  await using archive = await archiveOf();
  await archive.put('rx/doctor', signed(licensed('Medical Doctor')));
  await archive.put('rx/pharmacist', signed(licensed('Pharmacist')));
  await archive.put('rx/nobody', 'unsigned');
  await archive.put('rx/test', signed(underTest, hpki.testCa));
  await archive.night();
  const lines = await linesOf(archive);
  const standings = [...lines].map(([key, { licence }]) => [key, licence?.standing]);
  t.deepEqual(Object.fromEntries(standings), {
    'rx/doctor': 'compliant',
    'rx/pharmacist': 'wrong-qualification',
    'rx/nobody': 'qualification-not-shown',
    'rx/test': 'qualification-not-shown',
  });
  const [doctor] = lines.get('rx/doctor')?.signatures ?? [];
  t.deepEqual(doctor?.licences, [{ name: 'Medical Doctor', ja: '医師' }]);
  t.is(doctor?.signerClass, 'hpki');
  t.true(lines.get('rx/test')?.notMet.includes('R-03'));
  t.is(lines.get('rx/test')?.signatures[0]?.subIndication, 'CHAIN_CONSTRAINTS_FAILURE');
  // None of it stops protection.
  t.true([...lines.values()].every(({ state }) => state === 'protected'));
  await assertSound(t, archive);
});

test('in test mode the test certificate signs', async (t) => {
  await using archive = await archiveOf({ testCertificates: true });
  await archive.put('rx/test', signed(underTest, hpki.testCa));
  await archive.night();
  t.is((await linesOf(archive)).get('rx/test')?.licence?.standing, 'compliant');
});

test('a proof of the licence is proved with the document that rests on it (R-06)', async (t) => {
  await using archive = await archiveOf({ proofs: { licence: ['.licence.txt'] } });
  await archive.put('rx/a', signed(licensed('Medical Doctor')));
  await archive.put('rx/a.licence.txt', 'a record of the check');
  await archive.night();
  const proof = await archive.row('rx/a.licence.txt');
  t.is(proof.attachedTo, (await archive.row('rx/a')).id);
  t.is(proof.state, 'protected');
  t.deepEqual((await linesOf(archive)).get('rx/a')?.licenceProofs, ['rx/a.licence.txt']);
  await archive.put('rx/a.licence.txt', 'another record');
  const { findings } = await archive.nightAfter(1);
  t.true(findings.some(({ key }) => key === 'rx/a.licence.txt'));
});

type Node = { readonly facts?: Record<string, string>; readonly children?: readonly Node[] };

function factsIn({ facts = {}, children = [] }: Node, name: string): readonly string[] {
  const own = facts[name];
  return [...(own === undefined ? [] : [own]), ...children.flatMap((one) => factsIn(one, name))];
}

test('whoever has the pack sees the licence without asking anybody (R-03)', async (t) => {
  await using archive = await archiveOf();
  await archive.put('rx/doctor.p7m', signed(licensed('Medical Doctor')));
  await archive.night();
  const folder = await unpacked(archive, 'rx/doctor.p7m');
  const verdict = JSON.parse(await readFile(path.join(folder, 'verdict.json'), 'utf8')) as {
    readonly trees: readonly Node[];
  };
  t.deepEqual(
    verdict.trees.flatMap((tree) => factsIn(tree, 'licence')),
    ['医師'],
  );
  const files = await readdir(folder, { recursive: true, withFileTypes: true });
  const octets = await Promise.all(
    files
      .filter((file) => file.isFile())
      .map((file) => readFile(path.join(file.parentPath, file.name))),
  );
  // The root that the path ends at travels along, in whatever file.
  const root = Buffer.from(hpki.root.certificate.raw);
  const asText = root.toString('base64').slice(0, 60);
  t.true(octets.some((one) => one.includes(root) || one.includes(asText)));
});

/** What another configuration would move, asked before it is the one in force. */
async function compared(archive: TestArchive, settings: object): Promise<Difference> {
  const { config } = await archive.open();
  const at = archive.clock.now();
  const side = (one: typeof config) => sideOf(one, at, () => undefined);
  const from = await side(config);
  await archive.configure({ ...settings });
  const to = await side(archive.config());
  return compareConfigurations(
    (await archive.open()).catalogue,
    { from, to },
    {
      ...{ at, maxExamples: 9 },
      signal: new AbortController().signal,
    },
  );
}

const { fingerprint } = hpki.root.certificate;
const signersOf = (classes: object, more: object = {}): object => ({
  signers: { classes, crls: ['crls'], ...more },
});
const ofHpki = signersOf({ hpki: ['root.cer'] });

type Moved = {
  readonly before?: object;
  readonly to: object;
  readonly signers: readonly [string, string];
  /** Requirements that are no longer met or shown. */
  readonly lost: readonly string[];
};

const moves: Readonly<Record<string, Moved>> = {
  'an anchor to another class': {
    to: signersOf({}, { anchors: ['root.cer'] }),
    signers: ['hpki, valid', 'other, valid'],
    lost: ['R-02', 'R-04', 'R-05'],
  },
  'an anchor that is gone': {
    to: signersOf({}),
    signers: ['hpki, valid', 'no anchor, indeterminate (NO_CERTIFICATE_CHAIN_FOUND)'],
    lost: ['R-02', 'R-14'],
  },
  'an anchor that ended before it signed': {
    to: { ...ofHpki, anchorEnds: [{ anchor: fingerprint, end: '2026-01-01' }] },
    signers: ['hpki, valid', 'hpki, indeterminate (OUT_OF_BOUNDS_NO_POE)'],
    lost: ['R-02', 'R-14'],
  },
  'other certificate policies': {
    to: signersOf(
      { hpki: ['root.cer'] },
      { policies: [{ anchor: fingerprint, policies: ['1.2.3'] }] },
    ),
    signers: ['hpki, valid', 'hpki, indeterminate (CHAIN_CONSTRAINTS_FAILURE)'],
    lost: ['R-02', 'R-03', 'R-14'],
  },
  'an anchor that was missing': {
    before: signersOf({}),
    to: ofHpki,
    signers: [
      'no anchor, indeterminate (NO_CERTIFICATE_CHAIN_FOUND)',
      'hpki, indeterminate (TRY_LATER)',
    ],
    lost: ['R-02', 'R-14'],
  },
};

for (const [what, { before, to, signers, lost }] of Object.entries(moves))
  test(`policy diff: ${what}, and the report says the same once it is in force (R-13)`, async (t) => {
    await using archive = await archiveOf();
    if (before) await archive.configure({ ...before });
    await archive.put('rx/doctor', signed(licensed('Medical Doctor')));
    await archive.put('rx/unsigned', 'nothing');
    await archive.night();
    const { moved, byAspect, examples } = await compared(archive, to);
    t.is(moved, 1);
    t.is(byAspect.signers?.documents, 1);
    const [example] = examples;
    t.deepEqual([example?.aspect, example?.from, example?.to], ['signers', ...signers]);
    const { notMet, notShown, signatures } = (await linesOf(archive)).get('rx/doctor') ?? {};
    const all = [...(notMet ?? []), ...(notShown ?? [])];
    t.deepEqual(
      ['R-02', 'R-03', 'R-04', 'R-05', 'R-14'].filter((one) => all.includes(one)),
      lost,
    );
    const [signature] = signatures ?? [];
    t.true(
      signers[1].startsWith(
        `${signature?.signerClass ?? 'no anchor'}, ${signature?.status ?? '?'}`,
      ),
    );
    // What was recorded stays: going back gives the report of before.
    t.is(
      (await compared(archive, { anchorEnds: [], ...(before ?? ofHpki) })).byAspect.signers
        ?.documents,
      1,
    );
    t.is((await compared(archive, {})).moved, 0);
    await assertSound(t, archive);
  });

test('policy diff: an anchor that ends after what is proven moves nothing', async (t) => {
  await using archive = await archiveOf();
  await archive.put('rx/doctor', signed(licensed('Medical Doctor')));
  await archive.night();
  const end = archive.clock.now().add({ hours: 48 }).toString().slice(0, 10);
  const { moved } = await compared(archive, { anchorEnds: [{ anchor: fingerprint, end }] });
  t.is(moved, 0);
});
