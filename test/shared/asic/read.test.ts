// ASiC containers: which entry is what, and manifests that lead astray.
import test from 'ava';
import { digest } from '#shared/crypto/digest.ts';
import { inspect } from '#shared/validation/inspect.ts';
import type { Facts } from '#shared/validation/facts.ts';
import { readAsic } from '#shared/asic/read.ts';
import { readZip } from '#shared/asic/zip.ts';
import { oids } from '#shared/oid.ts';
import { buildMessageImprint } from '#shared/tsp/build-token.ts';
import { asicManifest } from '../../_asic.ts';
import { issueCrl, issueSigner } from '../../_authority.ts';
import { buildTestCms, testRoot } from '../../_cms.ts';
import { createTsu, issueToken, testAttribute } from '../../_tsu.ts';
import { type TestEntry, buildZip } from '../../_zip.ts';

const tsu = createTsu();
const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const data = encode('the document');
const mimetype = (type: string): TestEntry => ({
  name: 'mimetype',
  data: `application/vnd.etsi.asic-${type}+zip`,
});
const inspected = (entries: readonly TestEntry[]): Facts => {
  const bytes = buildZip(entries);
  return inspect({ bytes, size: bytes.length });
};

test('ASiC-S: the signature is over the data object', (t) => {
  const facts = inspected([
    mimetype('s'),
    { name: 'a.txt', data },
    { name: 'META-INF/signature.p7s', data: buildTestCms({ content: data, detached: true }) },
  ]);
  t.is(facts.format, 'ASiC-S');
  t.deepEqual(facts.problems, []);
  t.deepEqual(
    facts.signatures[0]?.references.map(({ kind, uri, found, intact }) => [
      kind,
      uri,
      found,
      intact,
    ]),
    [['message-digest', 'a.txt', true, true]],
  );
});

test('ASiC-E: the signature is over its manifest, the manifest over the entries', (t) => {
  const signed = asicManifest('META-INF/signature1.p7s', [
    ['a.txt', data],
    ['b%20c.txt', encode('other')],
  ]);
  const facts = inspected([
    mimetype('e'),
    { name: 'a.txt', data },
    { name: 'b c.txt', data: 'changed' },
    { name: 'META-INF/ASiCManifest1.xml', data: signed },
    { name: 'META-INF/signature1.p7s', data: buildTestCms({ content: signed, detached: true }) },
  ]);
  t.is(facts.format, 'ASiC-E');
  t.deepEqual(
    facts.signatures[0]?.references.map(({ uri, intact }) => [uri, intact]),
    [
      ['META-INF/ASiCManifest1.xml', true],
      ['a.txt', true],
      ['b c.txt', false],
    ],
  );
});

for (const [manifest, archived, level] of [
  ['ASiCArchiveManifest', 'META-INF/signature1.p7s', 'LTA'],
  ['ASiCManifest2', 'META-INF/signature1.p7s', 'LTA'],
  ['ASiCArchiveManifest', 'META-INF/ASiCManifest1.xml', 'LT'],
] as const)
  test(`a timestamp over ${manifest} over ${archived}: the level of the signature`, (t) => {
    const signer = issueSigner(testRoot);
    const crls = [testRoot, tsu.root, tsu.ca].map(
      (issuer) => issueCrl({ issuer, thisUpdate: '2026-01-01T00:00:00Z' }).raw,
    );
    const signed = asicManifest('META-INF/signature1.p7s', [['a.txt', data]]);
    const unsigned = () => [testAttribute(oids.idAaSignatureTimeStampToken, issueToken(tsu))];
    const signature = buildTestCms({ signer, content: signed, detached: true, unsigned, crls });
    const entries = new Map([
      ['META-INF/signature1.p7s', signature],
      ['META-INF/ASiCManifest1.xml', signed],
    ]);
    const covered = asicManifest('META-INF/timestamp.tst', [
      [archived, entries.get(archived) ?? signed],
    ]);
    const { signatures } = inspected([
      mimetype('e'),
      { name: 'a.txt', data },
      ...[...entries].map(([name, octets]) => ({ name, data: octets })),
      { name: `META-INF/${manifest}.xml`, data: covered },
      { name: 'META-INF/timestamp.tst', data: issueToken(tsu) },
    ]);
    t.deepEqual(
      signatures.map((one) => [one.level, one.cadesLevel]),
      [[level, `CAdES-B-${level}`]],
    );
  });

test('a timestamp over an archive manifest', (t) => {
  const covered = asicManifest('META-INF/timestamp.tst', [['a.txt', data]]);
  const token = issueToken(createTsu(), {
    messageImprint: buildMessageImprint('SHA-256', digest('SHA-256', covered)),
  });
  const facts = inspected([
    mimetype('e'),
    { name: 'a.txt', data },
    { name: 'META-INF/ASiCArchiveManifest.xml', data: covered },
    { name: 'META-INF/timestamp.tst', data: token },
  ]);
  t.deepEqual(
    facts.timestamps.map(({ type, place, imprintIntact }) => [type, place, imprintIntact]),
    [['container', 'META-INF/timestamp.tst', true]],
  );
});

const references: readonly (readonly [string, string, string])[] = [
  ['nothing', '', 'ERR_FORMAT_XML'],
  ['a parent folder', '../a.txt', 'ERR_FORMAT_XML'],
  ['an absolute path', '/a.txt', 'ERR_FORMAT_XML'],
  ['another scheme', 'http://example.org/a.txt', 'ERR_FORMAT_XML'],
  ['needless encoding', 'a%2Etxt', 'ERR_FORMAT_XML'],
  ['no entry', 'b.txt', 'asic-reference-missing'],
  ['itself', 'META-INF/ASiCManifest.xml', 'asic-reference-loop'],
];
for (const [what, name, code] of references)
  test(`manifest that refers to ${what}`, (t) => {
    const facts = inspected([
      mimetype('e'),
      { name: 'a.txt', data },
      {
        name: 'META-INF/ASiCManifest.xml',
        data: asicManifest('META-INF/signature.p7s', [[name, data]]),
      },
      { name: 'META-INF/signature.p7s', data: buildTestCms({ detached: true }) },
    ]);
    t.true(facts.problems.some((problem) => problem.code === code && problem.severity === 'error'));
  });

test('a manifest makes the extended form, whatever media type is kept; a signature alone does not', (t) => {
  const signed = asicManifest('META-INF/signature.p7s', [['a.txt', data]]);
  const proof = { name: 'META-INF/signature.p7s', data: buildTestCms({ detached: true }) };
  const kept: readonly TestEntry[] = [{ name: 'mimetype', data: 'text/plain' }, proof];
  const listed = { name: 'META-INF/ASiCManifest.xml', data: signed };
  t.is(inspected([...kept, { name: 'a.txt', data }, listed]).format, 'ASiC-E');
  t.is(inspected([...kept, { name: 'a.txt', data }]).format, 'ZIP');
});

test('an archive that is no container', (t) => {
  const archive = readZip(buildZip([{ name: 'mimetype', data: 'application/epub+zip' }]));
  t.throws(() => readAsic(archive), { code: 'ERR_FORMAT_ZIP' });
  const facts = inspected([{ name: 'mimetype', data: 'application/epub+zip' }]);
  t.deepEqual([facts.format, facts.problems], ['ZIP', []]);
});

test('media type that is too long, or not first', (t) => {
  const long = readZip(
    buildZip([{ name: 'mimetype', data: `application/vnd.etsi.asic-e+zip${' '.repeat(300)}` }]),
  );
  t.throws(() => readAsic(long), { code: 'ERR_FORMAT_ZIP' });
  const late = readZip(buildZip([{ name: 'a' }, mimetype('e')]));
  t.deepEqual(
    readAsic(late).problems.map(({ code }) => code),
    ['asic-mimetype-place'],
  );
});
