// EN 319 122-1 §6 and EN 319 122-2 §5: the name of a signature's level, and for each thing that a level asks for a
// signature that lacks only this.
import test from 'ava';
import { type CadesLevel, nameCadesLevel } from '#shared/cades/named-level.ts';
import { readCades } from '#shared/cades/read.ts';
import { basicOcspResponseOctets, buildRevocationValues } from '#shared/cms/revocation-values.ts';
import { derContext, derObjectIdentifier, derSequence } from '#shared/der/writer.ts';
import { oids } from '#shared/oid.ts';
import { addArchiveTimestampV2, addArchiveTimestampV3 } from '../../_archive-timestamp.ts';
import {
  issueCrl,
  issueOcspResponse,
  issueRoot,
  issueSigner,
  type Issued,
} from '../../_authority.ts';
import { buildTestCms, type TestCms } from '../../_cms.ts';
import { createTsu, issueToken, testAttribute } from '../../_tsu.ts';

const tsu = createTsu();
const thisUpdate = Temporal.Instant.from('2026-01-01T00:00:00Z');
const signerRoot = issueRoot({ subject: 'CN=Root of signers,O=Tokiwa Test,C=JP' });
const signer = issueSigner(signerRoot);
const build = (spec: TestCms = {}): Uint8Array => buildTestCms({ signer, ...spec });
const crlOf = (issuer: Issued): Uint8Array => issueCrl({ issuer, thisUpdate }).raw;
const signerCrl = crlOf(signerRoot);
const tsuCrls = [crlOf(tsu.root), crlOf(tsu.ca)];
const signerOcsp = issueOcspResponse({
  issuer: signerRoot,
  producedAt: thisUpdate,
  entries: [{ certificate: signer, status: 'good', thisUpdate }],
});
const other = (format: string, info: Uint8Array): Uint8Array =>
  derContext(1, derObjectIdentifier(format), info);
const basic = basicOcspResponseOctets(signerOcsp) ?? new Uint8Array();

const stamp = (): Uint8Array => testAttribute(oids.idAaSignatureTimeStampToken, issueToken(tsu));
const empty = derSequence();
const stampedWith =
  (...attributes: readonly Uint8Array[]) =>
  (): readonly Uint8Array[] => [stamp(), ...attributes];
const stamped: TestCms = { unsigned: stampedWith() };
const complete: TestCms = { ...stamped, crls: [signerCrl, ...tsuCrls] };
const policy = testAttribute(oids.idAaEtsSigPolicyId, derSequence(derObjectIdentifier('1.2.3')));
const references = [
  testAttribute(oids.idAaEtsCertificateRefs, empty),
  testAttribute(oids.idAaEtsRevocationRefs, empty),
];
const values = testAttribute(
  oids.idAaEtsRevocationValues,
  buildRevocationValues({ crlVals: [signerCrl, ...tsuCrls], ocspVals: [] }),
);
const referenceTimestamp = testAttribute(oids.idAaEtsCertCRLTimestamp, issueToken(tsu));
const record = testAttribute(oids.idAaErInternal, empty);
const late = testAttribute(
  oids.idAaSignatureTimeStampToken,
  issueToken(tsu, { genTime: signer.certificate.notAfter }),
);

const rows: readonly (readonly [name: string, octets: Uint8Array, level: CadesLevel])[] = [
  ['no signing-certificate', build({ cades: false }), 'CMS'],
  [
    'signing-certificate of version 1 beside version 2',
    build({ extraSigned: [testAttribute(oids.idAaSigningCertificate, empty)] }),
    'CMS',
  ],
  [
    'a commitment type twice',
    build({
      extraSigned: [1, 2].map(() => testAttribute(oids.idAaEtsCommitmentType, empty)),
    }),
    'CMS',
  ],
  [
    'certificate-values twice',
    build({ unsigned: () => [1, 2].map(() => testAttribute(oids.idAaEtsCertValues, empty)) }),
    'CMS',
  ],
  ['all of the first baseline level', build(), 'CAdES-B-B'],
  ['content of another type', build({ eContentType: oids.idSignedData }), 'CAdES-BES'],
  ['the signer’s certificate elsewhere', build({ certificates: [] }), 'CAdES-BES'],
  [
    'a policy and the signer’s certificate elsewhere',
    build({ certificates: [], extraSigned: [policy] }),
    'CAdES-EPES',
  ],
  [
    'a stored policy that no identifier names',
    build({ unsigned: () => [testAttribute(oids.idAaEtsSigPolicyStore, empty)] }),
    'CAdES-BES',
  ],
  [
    'a stored policy with its identifier',
    build({
      extraSigned: [policy],
      unsigned: () => [testAttribute(oids.idAaEtsSigPolicyStore, empty)],
    }),
    'CAdES-B-B',
  ],
  ['a signature timestamp', build(stamped), 'CAdES-B-T'],
  [
    'a signature timestamp after the certificate’s end',
    build({ unsigned: () => [late] }),
    'CAdES-B-B',
  ],
  [
    'a timestamp, the signer’s certificate elsewhere',
    build({ ...stamped, certificates: [] }),
    'CAdES-T',
  ],
  ['status of the signer alone', build({ ...stamped, crls: [signerCrl] }), 'CAdES-B-T'],
  ['status of the TSU alone', build({ ...stamped, crls: tsuCrls }), 'CAdES-B-T'],
  [
    'status of the TSU, not of its CA',
    build({ ...stamped, crls: [signerCrl, crlOf(tsu.ca)] }),
    'CAdES-B-T',
  ],
  ['status of both', build(complete), 'CAdES-B-LT'],
  [
    'status by an OCSP response of RFC 5940',
    build({ ...stamped, crls: [other(oids.idRiOcspResponse, signerOcsp.raw), ...tsuCrls] }),
    'CAdES-B-LT',
  ],
  [
    'status by a basic OCSP response under its own type',
    build({ ...stamped, crls: [other(oids.idPkixOcspBasic, basic), ...tsuCrls] }),
    'CAdES-B-LT',
  ],
  [
    'status in the attribute of the extended levels',
    build({ unsigned: stampedWith(values) }),
    'CAdES-LT',
  ],
  ['version 3 over all', addArchiveTimestampV3(tsu, build(complete)), 'CAdES-B-LTA'],
  ['version 2 over all', addArchiveTimestampV2(tsu, build(complete)), 'CAdES-B-LT'],
  [
    'version 3 over a signature without status',
    addArchiveTimestampV3(tsu, build(stamped)),
    'CAdES-B-T',
  ],
  ['references', build({ unsigned: stampedWith(...references) }), 'CAdES-C'],
  [
    'references of certificates alone',
    build({ unsigned: stampedWith(...references.slice(0, 1)) }),
    'CAdES-B-T',
  ],
  [
    'references and their timestamp',
    build({ unsigned: stampedWith(...references, referenceTimestamp) }),
    'CAdES-X',
  ],
  [
    'references, their timestamp and values',
    build({ unsigned: stampedWith(...references, referenceTimestamp, values) }),
    'CAdES-X-L',
  ],
  [
    'references and values without a timestamp of theirs',
    build({ unsigned: stampedWith(...references, values) }),
    'CAdES-C',
  ],
  [
    'values under version 2',
    addArchiveTimestampV2(tsu, build({ unsigned: stampedWith(...references, values) })),
    'CAdES-A',
  ],
  ['an evidence record', build({ ...complete, unsigned: stampedWith(record) }), 'CAdES-ERS'],
  [
    'an internal evidence record beside detached content',
    build({ ...complete, unsigned: stampedWith(record), detached: true }),
    'CAdES-B-LT',
  ],
];

for (const [name, octets, expected] of rows) {
  test(`${name}: ${expected}`, (t) => {
    const { signedData, signatures } = readCades(octets);
    t.deepEqual(
      signatures.map((signature) => nameCadesLevel({ signedData, signature })),
      [expected],
    );
  });
}

test('a signing time that says two: no baseline level', (t) => {
  const octets = build({ signingTimes: ['260203040506Z', '260101000000Z'] });
  const { signedData, signatures } = readCades(octets);
  t.is(signatures[0] && nameCadesLevel({ signedData, signature: signatures[0] }), 'CAdES-BES');
});

test('a countersignature needs no content type', (t) => {
  const octets = build({ countersigns: true });
  const { signedData, signatures } = readCades(octets);
  const [signature] = signatures;
  t.is(signature && nameCadesLevel({ signedData, signature }), 'CMS');
  t.is(signature && nameCadesLevel({ signedData, signature, countersigns: true }), 'CAdES-B-B');
});

for (const [name, octets, expected] of [
  ['status of both', build(complete), 'CAdES-B-LTA'],
  ['status of the signer alone', build({ ...stamped, crls: [signerCrl] }), 'CAdES-B-T'],
  // EN 319 122-2 knows no containers.
  ['status in the attribute', build({ unsigned: stampedWith(values) }), 'CAdES-LT'],
] as const)
  test(`${name} under an archive timestamp of the container: ${expected}`, (t) => {
    const { signedData, signatures } = readCades(octets);
    const levels = signatures.map((signature) =>
      nameCadesLevel({ signedData, signature, archivedOutside: true }),
    );
    t.deepEqual(levels, [expected]);
  });
