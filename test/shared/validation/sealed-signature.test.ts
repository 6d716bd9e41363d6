// Records that seal a XAdES signature (TS 119 132-3), in XML and in ASN.1: over the parts of the signature as
// libxml2 canonicalizes them. Each part changed, and what stands after the record is not covered.
import test from 'ava';
import { toBase64 } from '#shared/bytes.ts';
import { digest } from '#shared/crypto/digest.ts';
import {
  buildArchiveTimeStamp,
  buildArchiveTimeStampChain,
  buildArchiveTimeStampSequence,
  buildEvidenceRecord,
} from '#shared/ers/build.ts';
import { leafDigest } from '#shared/ers/hash-tree.ts';
import { buildXmlEvidenceRecord } from '#shared/ers/xml-record-writer.ts';
import { buildMessageImprint } from '#shared/tsp/build-token.ts';
import { inspect } from '#shared/validation/inspect.ts';
import { issueToken } from '../../_tsu.ts';
import { canonicalOf, signXades, withUnsigned, xadesTimestamp, xadesTsu } from '../../_xades.ts';
import { canonicalizeFound } from '../xml/_libxml2.ts';

const exclusive = { edition: 'exclusive', comments: false } as const;
const found = (text: string, path: string): Buffer => canonicalizeFound(text, path, exclusive);

/** A signature with a timestamp, and a ds:Object beside its properties. */
function stamped(): string {
  const signed = signXades({ objects: '<ds:Object>beside</ds:Object>' });
  const value = canonicalOf(signed, 'SignatureValue');
  return withUnsigned(signed, xadesTimestamp('SignatureTimeStamp', [value]));
}

/** The one value that a record of this signature has to hold. */
function sealedValue(text: string): Uint8Array {
  const parts = [
    found(text, "//*[@Id='data']"),
    found(text, "//*[@Id='sp']"),
    ...['SignedInfo', 'SignatureValue', 'KeyInfo', 'SignatureTimeStamp'].map((name) =>
      canonicalOf(text, name),
    ),
    found(text, "//*[local-name()='Object'][2]"),
  ];
  return leafDigest(
    'SHA-256',
    parts.map((part) => digest('SHA-256', part)),
  );
}

type Form = 'XML' | 'ASN.1';

function record(form: Form, value: Uint8Array): string {
  const list = [value, digest('SHA-256', Buffer.from('a neighbour'))];
  const lists = [[value], list.slice(1)];
  const imprint = leafDigest('SHA-256', list);
  const timeStamp = issueToken(xadesTsu, {
    messageImprint: buildMessageImprint('SHA-256', imprint),
  });
  const inXml = Buffer.from(
    buildXmlEvidenceRecord([
      { digestAlgorithm: 'SHA-256', archiveTimeStamps: [{ reducedHashtree: lists, timeStamp }] },
    ]),
  );
  const stamp = buildArchiveTimeStamp({
    digestAlgorithm: 'SHA-256',
    reducedHashtree: lists,
    timeStamp,
  });
  const inAsn1 = buildEvidenceRecord({
    digestAlgorithms: ['SHA-256'],
    sequence: buildArchiveTimeStampSequence([buildArchiveTimeStampChain([stamp])]),
  });
  const inside =
    form === 'XML'
      ? inXml.toString('utf8')
      : `<s:ASN1EvidenceRecord>${toBase64(inAsn1)}</s:ASN1EvidenceRecord>`;
  return `<s:SealingEvidenceRecords xmlns:s="http://uri.etsi.org/19132/v1.1.1#">${inside}</s:SealingEvidenceRecords>`;
}

function dataObjects(text: string): readonly { readonly name: string; readonly found: boolean }[] {
  const bytes = Buffer.from(text);
  const { evidenceRecords } = inspect({ bytes, size: bytes.length });
  return evidenceRecords.flatMap((one) => one.dataObjects);
}

const covered = [{ name: 'signature', found: true }];
const notCovered = [{ name: 'signature', found: false }];

/** Changes of the sealed signature, and whether the record is still about it. */
const changes: readonly (readonly [
  what: string,
  change: (text: string) => string,
  holds: boolean,
])[] = [
  ['nothing', (text) => text, true],
  ['the data', (text) => text.replace('>one<', '>two<'), false],
  ['the signed properties', (text) => text.replace('04:05:06Z', '04:05:07Z'), false],
  ['the signature value', (text) => text.replace(/(Id="value">)./, '$1_'), false],
  ['the key', (text) => text.replace(/(<ds:X509Certificate>.{40})./, '$1_'), false],
  [
    'a timestamp before it',
    (text) => text.replace(/(EncapsulatedTimeStamp[^>]*>.{40})./, '$1_'),
    false,
  ],
  ['the object beside the properties', (text) => text.replace('>beside<', '>aside<'), false],
  [
    'a property after it',
    (text) => withUnsigned(text, '<x:RevocationValues></x:RevocationValues>'),
    true,
  ],
  [
    'a property before it',
    (text) => text.replace('<s:Sealing', '<x:RevocationValues></x:RevocationValues><s:Sealing'),
    false,
  ],
];

for (const form of ['XML', 'ASN.1'] as const)
  for (const [what, change, holds] of changes)
    test(`a record in ${form}, ${what} changed: ${holds ? '' : 'not '}over the signature`, (t) => {
      const text = stamped();
      const sealed = withUnsigned(text, record(form, sealedValue(text)));
      const changed = change(sealed);
      t.true(what === 'nothing' || changed !== sealed);
      t.deepEqual(dataObjects(changed), holds ? covered : notCovered);
    });

test('a second record that seals the first', (t) => {
  const text = stamped();
  const once = withUnsigned(text, record('XML', sealedValue(text)));
  const parts = [
    found(once, "//*[@Id='data']"),
    found(once, "//*[@Id='sp']"),
    ...[
      'SignedInfo',
      'SignatureValue',
      'KeyInfo',
      'SignatureTimeStamp',
      'SealingEvidenceRecords',
    ].map((name) => canonicalOf(once, name)),
    found(once, "//*[local-name()='Object'][2]"),
  ];
  const value = leafDigest(
    'SHA-256',
    parts.map((part) => digest('SHA-256', part)),
  );
  t.deepEqual(dataObjects(withUnsigned(once, record('ASN.1', value))), [...covered, ...covered]);
});
