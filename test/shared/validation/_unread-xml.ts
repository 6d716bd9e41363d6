// XAdES signatures that hold but for one timestamp, record or signature in them that cannot be read, and such as only
// look so. EN 319 132-1; EN 319 102-1 §5.2.2.
import { toBase64 } from '#shared/bytes.ts';
import { digest } from '#shared/crypto/digest.ts';
import { buildXmlEvidenceRecord } from '#shared/ers/xml-record-writer.ts';
import {
  archivedXades,
  canonicalOf,
  revocationValues,
  signXades,
  withUnsigned,
  xades141,
  xadesTimestamp,
} from '../../_xades.ts';
import { ca, crlsOf, recordOver, signer, stamp } from './_world.ts';
import { broken, skips, type UnreadRow, good, timeTurned, unknown } from './_unread.ts';

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const by = (imprint: Uint8Array): Uint8Array => stamp('first', '2027-01-01', imprint);
const turnedBy = (imprint: Uint8Array): Uint8Array => timeTurned(by(imprint));
const crls = crlsOf('2027-02-01').map(({ raw }) => raw);
const certificates = `<x:CertificateValues><x:EncapsulatedX509Certificate>${toBase64(ca.certificate.raw)}</x:EncapsulatedX509Certificate></x:CertificateValues>`;

const plain = signXades({ signer });
const value = canonicalOf(plain, 'SignatureValue');
const stamped = withUnsigned(
  withUnsigned(plain, xadesTimestamp('SignatureTimeStamp', [value], { stamp: by })),
  `${certificates}${revocationValues(crls)}`,
);
const archived = archivedXades({
  signer,
  signatureStamp: by,
  certificates: [ca.certificate.raw],
  crls,
  archive: { stamp: by },
});
const with141 = (container: string): string =>
  withUnsigned(stamped, container).replace('<doc ', `<doc xmlns:v="${xades141}" `);
const container = (inside: string): string =>
  `<x:SignatureTimeStamp Id="foreign">${inside}</x:SignatureTimeStamp>`;
const encapsulated = (text: string, attributes = ''): string =>
  `<x:EncapsulatedTimeStamp${attributes}>${text}</x:EncapsulatedTimeStamp>`;
const exclusive =
  '<ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>';
const [token, turned] = [by, turnedBy].map((make) => toBase64(make(digest('SHA-256', value)))) as [
  string,
  string,
];
const sealed = (inside: string): string =>
  withUnsigned(
    stamped,
    `<s:SealingEvidenceRecords xmlns:s="http://uri.etsi.org/19132/v1.1.1#">${inside}</s:SealingEvidenceRecords>`,
  );
const asn1Record = recordOver(encode('one'), [['first', '2027-02-01']]);
const xmlRecord = Buffer.from(
  buildXmlEvidenceRecord([
    {
      digestAlgorithm: 'SHA-256',
      archiveTimeStamps: [
        {
          reducedHashtree: [[digest('SHA-256', value)]],
          timeStamp: turnedBy(digest('SHA-256', value)),
        },
      ],
    },
  ]),
).toString();

/** A container of any kind, its token over whatever: what cannot be read is over nothing. */
const unreadable = (name: string, namespace?: string): string =>
  withUnsigned(
    stamped,
    xadesTimestamp(name, [value], { stamp: turnedBy, ...(namespace && { namespace }) }),
  );
const signedProperty = (name: string, inside: string, make: typeof by): string =>
  withUnsigned(
    signXades({
      signer,
      dataObjectProperties: (text) =>
        xadesTimestamp(name, [canonicalOf(text, 'item')], { stamp: make, before: inside }),
    }),
    `${certificates}${revocationValues(crls)}`,
  );
const include = (uri: string): string =>
  `<x:Include URI="${uri}" referencedData="true" xmlns:x="http://uri.etsi.org/01903/v1.3.2#"/>`;

const rows: readonly (readonly [name: string, text: string, says: string, dss?: string])[] = [
  ['a signature timestamp', stamped, good],
  ['a signature timestamp with a turned octet', unreadable('SignatureTimeStamp'), broken, skips],
  ['SigAndRefsTimeStamp with a turned octet', unreadable('SigAndRefsTimeStamp'), broken, skips],
  [
    'SigAndRefsTimeStampV2 with a turned octet',
    unreadable('SigAndRefsTimeStampV2', xades141),
    broken,
    skips,
  ],
  ['RefsOnlyTimeStamp with a turned octet', unreadable('RefsOnlyTimeStamp'), broken, skips],
  [
    'RefsOnlyTimeStampV2 with a turned octet',
    unreadable('RefsOnlyTimeStampV2', xades141),
    broken,
    skips,
  ],
  [
    'an archive timestamp of 1.3.2 with a turned octet',
    unreadable('ArchiveTimeStamp'),
    broken,
    skips,
  ],
  [
    'an archive timestamp of 1.4.1 with a turned octet',
    unreadable('ArchiveTimeStamp', xades141),
    broken,
    skips,
  ],
  ['an archive timestamp', archived, good],
  ['AllDataObjectsTimeStamp', signedProperty('AllDataObjectsTimeStamp', '', by), good],
  [
    'AllDataObjectsTimeStamp with a turned octet',
    signedProperty('AllDataObjectsTimeStamp', '', turnedBy),
    broken,
    skips,
  ],
  [
    'IndividualDataObjectsTimeStamp',
    signedProperty('IndividualDataObjectsTimeStamp', include('#r-data'), by),
    good,
  ],
  [
    'IndividualDataObjectsTimeStamp with a turned octet',
    signedProperty('IndividualDataObjectsTimeStamp', include('#r-data'), turnedBy),
    broken,
    skips,
  ],
  [
    'IndividualDataObjectsTimeStamp that includes what is no reference',
    signedProperty('IndividualDataObjectsTimeStamp', include('#data'), by),
    broken,
  ],
  [
    'IndividualDataObjectsTimeStamp that includes nothing',
    signedProperty('IndividualDataObjectsTimeStamp', '', by),
    broken,
  ],
  [
    'a timestamp container with nothing inside',
    withUnsigned(stamped, container(exclusive)),
    broken,
    skips,
  ],
  [
    'a timestamp that is no Base64 text',
    withUnsigned(stamped, container(`${exclusive}${encapsulated('$$$')}`)),
    broken,
    skips,
  ],
  [
    'a timestamp of another namespace in its container',
    withUnsigned(
      stamped,
      container(
        `${exclusive}<f:EncapsulatedTimeStamp xmlns:f="urn:f">${token}</f:EncapsulatedTimeStamp>`,
      ),
    ),
    broken,
    skips,
  ],
  [
    'the second of two timestamps in one container',
    withUnsigned(stamped, container(`${exclusive}${encapsulated(token)}${encapsulated(turned)}`)),
    broken,
    skips,
  ],
  [
    'XMLTimeStamp, which a standard has and nobody writes',
    withUnsigned(stamped, container(`${exclusive}<x:XMLTimeStamp/>`)),
    unknown,
    skips,
  ],
  [
    'a sealing record with a turned octet',
    sealed(`<s:ASN1EvidenceRecord>${toBase64(timeTurned(asn1Record))}</s:ASN1EvidenceRecord>`),
    broken,
    skips,
  ],
  [
    'a sealing record that is no Base64 text',
    sealed('<s:ASN1EvidenceRecord>$</s:ASN1EvidenceRecord>'),
    broken,
    skips,
  ],
  ['a sealing record in XML with a turned octet', sealed(xmlRecord), broken, skips],
  ['a seal without a record', sealed(''), broken, skips],
  [
    'a countersignature without SignedInfo',
    withUnsigned(stamped, '<x:CounterSignature><ds:Signature/></x:CounterSignature>'),
    broken,
  ],
  [
    'a second signature without SignedInfo',
    stamped.replace('</doc>', '<s:Signature xmlns:s="http://www.w3.org/2000/09/xmldsig#"/></doc>'),
    broken,
  ],
  [
    'a foreign Id and Encoding',
    withUnsigned(
      stamped,
      container(`${exclusive}${encapsulated(token, ' Id="t" Encoding="urn:other"')}`),
    ),
    good,
  ],
  [
    'a timestamp with line breaks',
    withUnsigned(
      stamped,
      container(`${exclusive}${encapsulated(token.replace(/.{64}/g, '$&\n'))}`),
    ),
    good,
  ],
  [
    'an unsigned property that nobody knows',
    withUnsigned(stamped, '<f:Stamp xmlns:f="urn:f">$$$</f:Stamp>'),
    good,
  ],
  [
    'a property that XAdES does not have',
    withUnsigned(stamped, '<x:OtherTimeStamp>$$$</x:OtherTimeStamp>'),
    good,
  ],
  ['an unknown property of 1.4.1', with141('<v:Renewed/>'), good],
];

export const unreadXml: readonly UnreadRow[] = rows.map(([name, text, says, dss]) => ({
  name,
  octets: encode(text),
  says,
  dss,
}));
