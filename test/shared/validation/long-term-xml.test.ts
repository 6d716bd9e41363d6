// XML signatures over the years: saved by what their timestamps cover, and by nothing else.
import test from 'ava';
import { toBase64 } from '#shared/bytes.ts';
import { digest } from '#shared/crypto/digest.ts';
import { leafDigest } from '#shared/ers/hash-tree.ts';
import { buildXmlEvidenceRecord } from '#shared/ers/xml-record-writer.ts';
import {
  archivedXades,
  canonicalOf,
  revocationValues,
  signXades,
  withUnsigned,
  xadesTimestamp,
} from '../../_xades.ts';
import { canonicalizeFound } from '../xml/_libxml2.ts';
import {
  ca,
  crlsOf,
  judge,
  profileWith,
  recordOver,
  said,
  signer,
  stamp,
  type TsuName,
} from './_world.ts';

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const by =
  (tsu: TsuName, on: string) =>
  (imprint: Uint8Array): Uint8Array =>
    stamp(tsu, on, imprint);

const signed = signXades({ signer });
const crls = (...days: readonly string[]): readonly Uint8Array[] =>
  days.flatMap((day) => crlsOf(day)).map(({ raw }) => raw);
const stamped = withUnsigned(
  withUnsigned(
    signed,
    xadesTimestamp('SignatureTimeStamp', [canonicalOf(signed, 'SignatureValue')], {
      stamp: by('first', '2027-01-01'),
    }),
  ),
  revocationValues(crls('2027-02-01')),
);
const archived = archivedXades({
  signer,
  signatureStamp: by('first', '2027-01-01'),
  certificates: [ca.certificate.raw],
  // Of the signer while it lasted, and of the unit shortly before its timestamp is covered.
  crls: crls('2027-02-01', '2029-05-20'),
  archive: { stamp: by('second', '2029-06-01') },
});

/** In place of the archive timestamp a record of that day that seals all that stands before it. TS 119 132-3 §5.2 */
function sealedOn(day: string): string {
  const full = archived.replace(/<t:ArchiveTimeStamp .*<\/t:ArchiveTimeStamp>/, '');
  const names = [
    'SignedInfo',
    'SignatureValue',
    'KeyInfo',
    'SignatureTimeStamp',
    'CertificateValues',
    'RevocationValues',
  ];
  const parts = [
    ...["//*[@Id='data']", "//*[@Id='sp']"].map((place) =>
      canonicalizeFound(full, place, { edition: 'exclusive', comments: false }),
    ),
    ...names.map((name) => canonicalOf(full, name)),
  ];
  const value = leafDigest(
    'SHA-256',
    parts.map((part) => digest('SHA-256', part)),
  );
  const record = buildXmlEvidenceRecord([
    {
      digestAlgorithm: 'SHA-256',
      archiveTimeStamps: [{ reducedHashtree: [[value]], timeStamp: stamp('second', day, value) }],
    },
  ]);
  return withUnsigned(
    full,
    `<s:SealingEvidenceRecords xmlns:s="http://uri.etsi.org/19132/v1.1.1#">${Buffer.from(record).toString()}</s:SealingEvidenceRecords>`,
  );
}
const sealed = sealedOn('2029-06-01');

/** Each judged as of a day, with the authority's certificate at hand. */
const rows: readonly (readonly [what: string, text: string, at: string, expected: string])[] = [
  ['while the signer lasts', signed, '2027-06-01', 'valid'],
  ['the signer expired, no timestamp', signed, '2029-06-01', 'indeterminate OUT_OF_BOUNDS_NO_POE'],
  ['the signer expired, stamped before', stamped, '2029-06-01', 'valid'],
  [
    'the unit that stamped it expired, too',
    stamped,
    '2031-06-01',
    'indeterminate OUT_OF_BOUNDS_NO_POE',
  ],
  ['saved by an archive timestamp', archived, '2031-06-01', 'valid'],
  ['saved by a record that seals it', sealed, '2031-06-01', 'valid'],
  [
    'a record that seals other data',
    sealed.replace('>one<', '>two<'),
    '2031-06-01',
    'invalid HASH_FAILURE',
  ],
  [
    'a record that came after its unit expired',
    sealedOn('2030-09-01'),
    '2031-06-01',
    'indeterminate OUT_OF_BOUNDS_NO_POE',
  ],
  [
    'an archive timestamp over other data',
    archived.replace('>one<', '>two<'),
    '2031-06-01',
    'invalid HASH_FAILURE',
  ],
];

for (const [what, text, at, expected] of rows)
  test(what, (t) => {
    const material = { certificates: [ca.certificate] };
    const verdict = judge({ bytes: encode(text), at, material });
    t.is(said(verdict.tree.children[0]), expected);
  });

test('the policy is asked for the digests of references, too', (t) => {
  const algorithmPolicy = profileWith({
    algorithm: 'SHA-256',
    endExclusive: Temporal.Instant.from('2026-06-01T00:00:00Z'),
    source: 'test',
  });
  const verdict = judge({
    bytes: encode(signed),
    at: '2027-06-01',
    material: { certificates: [ca.certificate], algorithmPolicy },
  });
  t.is(said(verdict.tree.children[0]), 'indeterminate CRYPTO_CONSTRAINTS_FAILURE_NO_POE');
});

test('a record beside the document proves the value of its signature; whether it was revoked stays unknown', (t) => {
  const bytes = encode(signed);
  const says = (revocationMode: 'require' | 'soft'): string =>
    said(
      judge({
        bytes,
        at: '2029-06-01',
        records: [recordOver(bytes, [['first', '2027-02-05']])],
        material: { certificates: [ca.certificate], revocationMode },
      }).tree.children[0],
    );
  t.is(says('soft'), 'valid');
  t.is(says('require'), 'indeterminate NO_POE');
});

test('an evidence record in XML beside the document counts as one in ASN.1', (t) => {
  const record = (over: Uint8Array): Uint8Array =>
    encode(
      `<EvidenceRecord xmlns="urn:ietf:params:xml:ns:ers" Version="1.0"><ArchiveTimeStampSequence><ArchiveTimeStampChain Order="1"><DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/><ArchiveTimeStamp Order="1"><TimeStamp><TimeStampToken Type="RFC3161">${toBase64(stamp('first', '2027-06-20', digest('SHA-256', over)))}</TimeStampToken></TimeStamp></ArchiveTimeStamp></ArchiveTimeStampChain></ArchiveTimeStampSequence></EvidenceRecord>`,
    );
  const bytes = encode(withUnsigned(signed, revocationValues(crls('2027-06-10'))));
  const on = (over: Uint8Array) =>
    judge({
      bytes,
      at: '2027-07-01',
      records: [record(over)],
      material: { certificates: [ca.certificate] },
    }).tree.children.at(-1);
  t.is(said(on(bytes)), 'valid');
  t.is(said(on(encode('other'))), 'invalid HASH_FAILURE');
});
