import test from 'ava';
import { concatBytes } from '#shared/bytes.ts';
import { derInteger, derNull } from '#shared/der/writer.ts';
import { oids } from '#shared/oid.ts';
import { entriesOf, parseCertificateList } from '#shared/x509/crl.ts';
import { issueCrl, issueRoot, issueTsu } from '../../_authority.ts';
import { extension, freshestCrl, issuingDistributionPoint } from '../../_extensions.ts';

const root = issueRoot();
const tsu = issueTsu(root);
const other = issueTsu(root);
const thisUpdate = '2024-01-01T00:00:00Z';

test('entries with their extensions', (t) => {
  const crl = issueCrl({
    issuer: root,
    thisUpdate,
    crlNumber: 7,
    revoked: [
      {
        certificate: tsu,
        at: '2023-12-01T00:00:00Z',
        reason: 'keyCompromise',
        invalidityDate: '2023-11-01T00:00:00Z',
      },
      { certificate: other, at: '2055-12-01T00:00:00Z' },
    ],
  });
  t.is(crl.issuer.text, root.certificate.subject.text);
  t.is(crl.nextUpdate?.toString(), '2024-01-08T00:00:00Z');
  t.is(crl.cRLNumber, 7n);
  const [entry] = entriesOf(crl, tsu.certificate.serialNumber);
  t.is(entry?.reason, 'keyCompromise');
  t.is(entry?.invalidityDate?.toString(), '2023-11-01T00:00:00Z');
  const [plain] = entriesOf(crl, other.certificate.serialNumber);
  t.is(plain?.reason, undefined);
  t.is(plain?.revocationDate.toString(), '2055-12-01T00:00:00Z');
  t.deepEqual(entriesOf(crl, 1n), []);
});

test('the issuer of an entry holds for those after it', (t) => {
  const crl = issueCrl({
    issuer: root,
    thisUpdate,
    revoked: [
      { certificate: issueTsu(root), at: thisUpdate },
      { certificate: tsu, at: thisUpdate, certificateIssuer: [{ directory: 'CN=Other CA' }] },
      { certificate: other, at: thisUpdate },
    ],
  });
  t.deepEqual(
    crl.revokedCertificates.map(({ certificateIssuer }) => certificateIssuer?.length ?? 0),
    [0, 1, 1],
  );
});

test('extensions of the list', (t) => {
  const crl = issueCrl({
    issuer: root,
    thisUpdate,
    nextUpdate: null,
    deltaCRLIndicator: 3,
    extraExtensions: [
      issuingDistributionPoint({
        fullName: [{ uri: 'http://crl.example/1' }],
        onlyContainsUserCerts: true,
        onlySomeReasons: ['superseded'],
        indirectCRL: true,
      }),
      freshestCrl([{ fullName: [{ uri: 'http://crl.example/delta' }] }]),
    ],
  });
  t.is(crl.nextUpdate, undefined);
  t.is(crl.deltaCRLIndicator, 3n);
  t.is(crl.issuingDistributionPoint?.onlyContainsUserCerts, true);
  t.is(crl.issuingDistributionPoint?.onlyContainsCACerts, false);
  t.is(crl.issuingDistributionPoint?.indirectCRL, true);
  t.deepEqual([...(crl.issuingDistributionPoint?.onlySomeReasons ?? [])], ['superseded']);
  t.is(crl.freshestCRL?.length, 1);
});

test('a malformed extension is listed, in the list and in an entry', (t) => {
  const crl = issueCrl({
    issuer: root,
    thisUpdate,
    revoked: [
      {
        certificate: tsu,
        at: thisUpdate,
        extraExtensions: [extension(oids.reasonCode, Uint8Array.of(0x0a, 1, 7))],
      },
    ],
    extraExtensions: [extension(oids.cRLNumber, derInteger(1))],
  });
  t.regex(crl.extensionProblems[0]?.message ?? '', /twice/);
  t.regex(crl.revokedCertificates[0]?.extensionProblems[0]?.message ?? '', /CRLReason/);
});

test('octets that are no CRL are a FormatError with its own code', (t) => {
  const { raw } = issueCrl({ issuer: root, thisUpdate });
  for (let length = 0; length < raw.length; length += 3)
    t.throws(() => parseCertificateList(raw.subarray(0, length)), { code: 'ERR_FORMAT_CRL' });
  t.throws(() => parseCertificateList(concatBytes(raw, derNull())), { code: 'ERR_FORMAT_CRL' });
  t.throws(() => parseCertificateList(root.certificate.raw), { code: 'ERR_FORMAT_CRL' });
});
