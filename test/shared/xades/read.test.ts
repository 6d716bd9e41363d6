// XML signatures: what inspection finds, and what makes a reference mean two things or nothing.
import test from 'ava';
import { toBase64 } from '#shared/bytes.ts';
import { digest } from '#shared/crypto/digest.ts';
import { inspect } from '#shared/validation/inspect.ts';
import type { Facts } from '#shared/validation/facts.ts';
import { testRoot, testSigner } from '../../_cms.ts';
import { createTsu, issueToken } from '../../_tsu.ts';
import { enveloped, signedXml, xmlReference, xmlSignature } from '../../_xml-signature.ts';

const inspected = (bytes: Uint8Array): Facts => inspect({ bytes, size: bytes.length });
const codes = (bytes: Uint8Array): string[] => inspected(bytes).problems.map(({ code }) => code);
const time = '<x:SigningTime>2026-02-03T04:05:06Z</x:SigningTime>';

test('an XML signature and its signer', (t) => {
  const facts = inspected(signedXml());
  t.is(facts.format, 'XML');
  t.deepEqual(facts.problems, []);
  const [signature] = facts.signatures;
  t.is(signature?.signer?.fingerprint, testSigner.certificate.fingerprint);
  t.is(signature?.signatureAlgorithm, 'RSA with SHA-256');
});

test('XAdES: time, timestamp, validation data, level', (t) => {
  const token = toBase64(issueToken(createTsu()));
  const facts = inspected(
    signedXml({
      signedProperties: time,
      unsigned: `<x:SignatureTimeStamp><x:EncapsulatedTimeStamp>${token}</x:EncapsulatedTimeStamp></x:SignatureTimeStamp><x:CertificateValues><x:EncapsulatedX509Certificate>${toBase64(testRoot.certificate.raw)}</x:EncapsulatedX509Certificate></x:CertificateValues>`,
    }),
  );
  t.is(facts.format, 'XAdES');
  const [signature] = facts.signatures;
  t.is(signature?.claimedSigningTime?.toString(), '2026-02-03T04:05:06Z');
  t.is(signature?.level, 'T');
  t.is(signature?.signer?.chainNotAfter.length, 2);
  t.deepEqual(
    facts.timestamps.map(({ type, of, imprintIntact }) => [type, of, imprintIntact]),
    [['signature', 'signature-1', false]],
  );
});

test('the signer is the certificate that SigningCertificate names', (t) => {
  const certDigest = (octets: Uint8Array): string =>
    `<x:SigningCertificateV2><x:Cert><x:CertDigest><ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><ds:DigestValue>${toBase64(digest('SHA-256', octets))}</ds:DigestValue></x:CertDigest></x:Cert></x:SigningCertificateV2>`;
  const data = (octets: Uint8Array): string =>
    `<ds:X509Data><ds:X509Certificate>${toBase64(octets)}</ds:X509Certificate></ds:X509Data>`;
  const keyInfo = data(testRoot.certificate.raw) + data(testSigner.certificate.raw);
  const named = inspected(
    signedXml({ keyInfo, signedProperties: certDigest(testSigner.certificate.raw) }),
  );
  t.is(named.signatures[0]?.signer?.fingerprint, testSigner.certificate.fingerprint);
  const other = inspected(signedXml({ keyInfo, signedProperties: certDigest(Uint8Array.of(1)) }));
  t.is(other.signatures[0]?.signer, undefined);
});

const expression = (text: string): string =>
  `<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116"><ds:XPath>${text}</ds:XPath></ds:Transform>`;
const filter = (text: string, kind: string): string =>
  `<ds:Transform Algorithm="http://www.w3.org/2002/06/xmldsig-filter2"><f:XPath xmlns:f="http://www.w3.org/2002/06/xmldsig-filter2" Filter="${kind}">${text}</f:XPath></ds:Transform>`;

const understood: readonly (readonly [string, string])[] = [
  ['#b', ''],
  ['', enveloped],
  ['', expression('not(ancestor-or-self::ds:Signature)')],
  ['', filter('/descendant::ds:Signature', 'subtract')],
];
for (const [uri, transforms] of understood)
  test(`understood: ${JSON.stringify([uri, transforms.slice(0, 80)])} ${transforms.length}`, (t) => {
    t.deepEqual(codes(signedXml({ references: xmlReference(uri, transforms) })), []);
  });

const many = (count: number, one: string): string => one.repeat(count);
const refused: readonly (readonly [string, Uint8Array, string])[] = [
  ['no reference', signedXml({ references: '' }), 'ERR_FORMAT_XML'],
  ['reference to nothing', signedXml({ references: xmlReference('#x') }), 'ERR_FORMAT_XML'],
  [
    'Id twice',
    signedXml({ references: xmlReference('#b') }, '<i Id="b"/><i Id="b"/>'),
    'ERR_FORMAT_XML',
  ],
  [
    'Id once more in capitals',
    signedXml({ references: xmlReference('#b') }, '<i Id="b"/><i ID="b"/>'),
    'ERR_FORMAT_XML',
  ],
  [
    'XPointer',
    signedXml({ references: xmlReference("#xpointer(id('b'))") }),
    'ERR_UNSUPPORTED_FEATURE',
  ],
  ['outside', signedXml({ references: xmlReference('file:///a') }), 'xml-reference-outside'],
  [
    'XPath of its own',
    signedXml({ references: xmlReference('', expression('count(//*)')) }),
    'ERR_UNSUPPORTED_FEATURE',
  ],
  [
    'filter that keeps the signature',
    signedXml({ references: xmlReference('', filter('/descendant::ds:Signature', 'intersect')) }),
    'ERR_UNSUPPORTED_FEATURE',
  ],
  [
    'too many transforms',
    signedXml({ references: xmlReference('', many(17, enveloped)) }),
    'ERR_FORMAT_LIMIT',
  ],
  [
    'too many references',
    signedXml({ references: many(1001, xmlReference('#b')) }),
    'ERR_FORMAT_LIMIT',
  ],
  [
    'comment in a digest',
    signedXml({ references: xmlReference('#b', '', 'AA<!-- x -->==') }),
    'ERR_FORMAT_XML',
  ],
  [
    'HMAC',
    signedXml({ method: 'http://www.w3.org/2000/09/xmldsig#hmac-sha1' }),
    'ERR_UNSUPPORTED_ALGORITHM',
  ],
  [
    'RetrievalMethod',
    signedXml({ keyInfo: '<ds:RetrievalMethod URI="#k"/>' }),
    'ERR_UNSUPPORTED_FEATURE',
  ],
  [
    'certificate that is none',
    signedXml({
      keyInfo: '<ds:X509Data><ds:X509Certificate>AA==</ds:X509Certificate></ds:X509Data>',
    }),
    'ERR_FORMAT_CERTIFICATE',
  ],
  [
    'signing time that is none',
    signedXml({ signedProperties: '<x:SigningTime>soon</x:SigningTime>' }),
    'ERR_FORMAT_TIME',
  ],
];
for (const [what, bytes, code] of refused)
  test(`a problem: ${what}`, (t) => {
    t.true(codes(bytes).includes(code), codes(bytes).join());
  });

test('countersignatures belong to the signature', (t) => {
  const counter = `<x:CounterSignature>${xmlSignature({ id: 'c', references: xmlReference('#sig') })}</x:CounterSignature>`;
  const facts = inspected(signedXml({ signedProperties: time, unsigned: counter }));
  t.deepEqual(
    facts.signatures.map(({ countersigns }) => countersigns),
    [undefined, 'signature-1'],
  );
});
