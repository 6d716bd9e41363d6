import test from 'ava';
import { concatBytes, toBase64 } from '#shared/bytes.ts';
import {
  derElement,
  derInteger,
  derNull,
  derObjectIdentifier,
  derSequence,
} from '#shared/der/writer.ts';
import { oids } from '#shared/oid.ts';
import { decodePem, parseCertificate, parsePemCertificates } from '#shared/x509/certificate.ts';
import { internCertificate, internCertificateList } from '#shared/x509/intern.ts';
import {
  anchorOf,
  issueCa,
  issueCertificate,
  issueCrl,
  issueRoot,
  issueTsu,
} from '../../_authority.ts';
import {
  authorityInfoAccess,
  basicConstraints,
  certificatePolicies,
  crlDistributionPoints,
  extension,
  inhibitAnyPolicy,
  keyUsage,
  nameConstraints,
  policyConstraints,
  policyMappings,
  subjectAltName,
} from '../../_extensions.ts';

const root = issueRoot();

test('fields of a TSU certificate', (t) => {
  const tsu = issueTsu(root, {
    serialNumber: 0x1234n,
    notBefore: '2024-05-06T07:08:09Z',
    notAfter: '2055-01-02T03:04:05Z',
  }).certificate;
  t.is(tsu.version, 3);
  t.is(tsu.serialNumber, 0x1234n);
  t.is(tsu.subject.text, 'CN=Test TSU,O=Tokiwa Test,C=JP');
  t.is(tsu.issuer.text, 'CN=Test Root,O=Tokiwa Test,C=JP');
  t.is(tsu.notBefore.toString(), '2024-05-06T07:08:09Z');
  t.is(tsu.notAfter.toString(), '2055-01-02T03:04:05Z');
  t.deepEqual(tsu.validityForms, ['UTCTime', 'GeneralizedTime']);
  t.deepEqual(tsu.key, { kind: 'EC', bits: 256, curve: 'P-256' });
  t.deepEqual(tsu.extendedKeyUsage, [oids.idKpTimeStamping]);
  t.deepEqual([...(tsu.keyUsage ?? [])], ['digitalSignature']);
  t.deepEqual(tsu.authorityKeyIdentifier?.keyIdentifier, root.certificate.subjectKeyIdentifier);
  t.is(anchorOf(root).certificate.fingerprint.length, 64);
});

test('extensions of a CA certificate', (t) => {
  const ca = issueCa(root, {
    pathLenConstraint: 2,
    extraExtensions: [
      subjectAltName([{ dns: 'a.example' }, { ip: [192, 0, 2, 1] }, { directory: 'CN=Alt' }]),
      certificatePolicies(['1.2.3', oids.anyPolicy]),
      policyMappings([['1.2.3', '1.2.4']]),
      policyConstraints({ requireExplicitPolicy: 0, inhibitPolicyMapping: 3 }),
      inhibitAnyPolicy(1),
      nameConstraints({ permitted: [{ dns: 'example' }], excluded: [{ email: 'x@y' }] }),
      crlDistributionPoints([
        { fullName: [{ uri: 'http://crl.example/1' }], reasons: ['keyCompromise', 'aACompromise'] },
        { cRLIssuer: [{ directory: 'CN=CRL' }] },
      ]),
      authorityInfoAccess([{ method: oids.idAdOcsp, uri: 'http://ocsp.example/' }]),
    ],
  }).certificate;
  t.deepEqual(ca.basicConstraints, { cA: true, pathLenConstraint: 2 });
  t.deepEqual(
    ca.subjectAltName?.map(({ kind }) => kind),
    ['dNSName', 'iPAddress', 'directoryName'],
  );
  t.deepEqual(
    ca.certificatePolicies?.map(({ policyIdentifier }) => policyIdentifier),
    ['1.2.3', oids.anyPolicy],
  );
  t.deepEqual(ca.policyMappings, [{ issuerDomainPolicy: '1.2.3', subjectDomainPolicy: '1.2.4' }]);
  t.deepEqual(ca.policyConstraints, { requireExplicitPolicy: 0, inhibitPolicyMapping: 3 });
  t.is(ca.inhibitAnyPolicy, 1);
  t.is(ca.nameConstraints?.permittedSubtrees.length, 1);
  const [first, second] = ca.cRLDistributionPoints ?? [];
  t.deepEqual([...(first?.reasons ?? [])], ['keyCompromise', 'aACompromise']);
  t.is(second?.cRLIssuer?.[0]?.kind, 'directoryName');
  t.is(ca.authorityInfoAccess?.[0]?.accessMethod, oids.idAdOcsp);
  t.deepEqual(ca.extensionProblems, []);
});

const malformed: readonly (readonly [string, Uint8Array[], RegExp])[] = [
  ['twice', [keyUsage(['cRLSign']), keyUsage(['cRLSign'])], /occurs twice/],
  [
    'negative path length',
    [extension(oids.basicConstraints, derSequence(derInteger(-1)))],
    /negative/,
  ],
  ['empty key purposes', [extension(oids.extKeyUsage, derSequence())], /empty/],
  ['empty alternative names', [subjectAltName([])], /empty/],
  ['policy that is no sequence', [extension(oids.certificatePolicies, derNull())], /expected/],
  [
    'octets after the value',
    [extension(oids.inhibitAnyPolicy, concatBytes(derInteger(1), derNull()))],
    /after the end/,
  ],
  [
    'point of reasons alone',
    [crlDistributionPoints([{ reasons: ['superseded'] }])],
    /without name/,
  ],
  [
    'policy mapping of three',
    [
      extension(
        oids.policyMappings,
        derSequence(derSequence(...['1.2.3', '1.2.4', '1.2.5'].map(derObjectIdentifier))),
      ),
    ],
    /bad policy mapping/,
  ],
  [
    'policy constraint without octets',
    [extension(oids.policyConstraints, derSequence(derElement(0x80, new Uint8Array())))],
    /bad integer/,
  ],
  ['mailbox with octets above 127', [subjectAltName([{ email: 'é@example' }])], /IA5String/],
];

for (const [title, extensions, message] of malformed) {
  test(`a malformed extension is listed, not thrown: ${title}`, (t) => {
    const { certificate } = issueCertificate({ subject: 'CN=X', extensions });
    t.is(certificate.extensionProblems.length, 1);
    t.regex(certificate.extensionProblems[0]?.message ?? '', message);
  });
}

test('policy constraints count in whatever order and size they are written', (t) => {
  const value = derSequence(
    derElement(0x81, Uint8Array.of(0x7f, 1, 2, 3, 4, 5, 6, 7, 8)),
    derElement(0x80, Uint8Array.of(0)),
  );
  const { certificate } = issueCertificate({
    subject: 'CN=X',
    extensions: [extension(oids.policyConstraints, value)],
  });
  t.is(certificate.policyConstraints?.requireExplicitPolicy, 0);
  t.true((certificate.policyConstraints?.inhibitPolicyMapping ?? 0) >= 1_000_000);
});

test('version 1 has no extensions', (t) => {
  const { certificate } = issueCertificate({ subject: 'CN=Old', version: 1, extensions: [] });
  t.is(certificate.version, 1);
  t.deepEqual(certificate.extensions, []);
});

test('octets that are no certificate are a FormatError with its own code', (t) => {
  const { raw } = root.certificate;
  for (const octets of [
    new Uint8Array(),
    derNull(),
    derSequence(),
    raw.subarray(0, raw.length - 1),
    concatBytes(raw, derNull()),
    derSequence(derSequence(derInteger(1)), derSequence(), derNull()),
  ])
    t.throws(() => parseCertificate(octets), {
      name: 'FormatError',
      code: 'ERR_FORMAT_CERTIFICATE',
    });
  t.throws(() => parseCertificate(new Uint8Array(5 * 1024 * 1024)), { code: 'ERR_FORMAT_LIMIT' });
});

test('every prefix of a certificate is refused', (t) => {
  const { raw } = issueCa(root, { extraExtensions: [basicConstraints(false)] }).certificate;
  for (let length = 0; length < raw.length; length++)
    t.throws(() => parseCertificate(raw.subarray(0, length)), { name: 'FormatError' });
});

function pem(octets: Uint8Array, label = 'CERTIFICATE'): string {
  const lines = toBase64(octets).replace(/.{64}/g, '$&\n');
  return `-----BEGIN ${label}-----\r\n${lines}\r\n-----END ${label}-----\n`;
}

test('PEM: every block of the label, whatever stands between', (t) => {
  const tsu = issueTsu(root).certificate;
  const text = `subject=x\n${pem(root.certificate.raw)}\n${pem(derNull(), 'X509 CRL')}${pem(tsu.raw)}`;
  t.deepEqual(
    parsePemCertificates(text).map(({ fingerprint }) => fingerprint),
    [root.certificate.fingerprint, tsu.fingerprint],
  );
  t.deepEqual(decodePem(text, 'X509 CRL'), [derNull()]);
  t.deepEqual(parsePemCertificates('nothing here'), []);
});

test('PEM that is cut short or no base64 is refused', (t) => {
  const text = pem(root.certificate.raw);
  for (const broken of [text.slice(0, 200), text.replace('M', '!')])
    t.throws(() => parsePemCertificates(broken), { code: 'ERR_FORMAT_PEM' });
});

test('a small CRL is interned, a large one read each time', (t) => {
  const thisUpdate = '2026-01-01T00:00:00Z';
  const { raw } = issueCrl({ issuer: root, thisUpdate });
  const small = internCertificateList(raw);
  t.is(internCertificateList(Uint8Array.from(raw)), small);
  t.deepEqual(small.raw, raw);
  const revoked = Array.from({ length: 2400 }, () => ({ certificate: root, at: thisUpdate }));
  const large = issueCrl({ issuer: root, thisUpdate, revoked });
  t.true(large.raw.length > 32_768);
  t.not(internCertificateList(large.raw), internCertificateList(large.raw));
});

test('equal octets give one interned value that owns its octets', (t) => {
  const { raw } = issueTsu(root).certificate;
  const file = concatBytes(new Uint8Array(1000), raw);
  const first = internCertificate(file.subarray(1000));
  t.is(internCertificate(raw), first);
  t.not(first.raw.buffer, file.buffer);
  t.deepEqual(first.raw, raw);
});
