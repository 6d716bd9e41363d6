// Certificates, CRLs and OCSP responses as one SignedData without signers: what goes in comes out.
import test from 'ava';
import { embeddedValidationData } from '#shared/cms/revocation-values.ts';
import { parseSignedData } from '#shared/cms/signed-data.ts';
import { buildValidationData, parseIssuerAnswer } from '#shared/cms/validation-data.ts';
import { findDerOffence } from '#shared/der/strict.ts';
import { issueCa, issueCrl, issueOcspResponse, issueRoot, issueSigner } from '../../_authority.ts';

const thisUpdate = Temporal.Instant.from('2027-01-10T00:00:00Z');
const root = issueRoot();
const ca = issueCa(root);
const certificates = [root.certificate, ca.certificate];
const crls = [issueCrl({ issuer: root, thisUpdate }), issueCrl({ issuer: ca, thisUpdate })];
const entries = [{ certificate: issueSigner(ca), status: 'good', thisUpdate } as const];
const response = issueOcspResponse({ issuer: ca, producedAt: thisUpdate, entries });

test('what is built reads back, in DER, in any order the same octets', (t) => {
  const data = { certificates, crls, ocspResponses: [response] };
  const octets = buildValidationData(data);
  t.is(findDerOffence(octets), undefined);
  const signedData = parseSignedData(octets);
  t.is(signedData.version, 5);
  t.deepEqual(signedData.signerInfos, []);
  const read = embeddedValidationData(signedData);
  const names = (list: readonly { readonly fingerprint: string }[]) =>
    list.map(({ fingerprint }) => fingerprint).toSorted();
  t.deepEqual(names(read.certificates), names(certificates));
  t.deepEqual(names(read.crls), names(crls));
  t.deepEqual(names(read.ocspResponses), names([response]));
  const again = {
    certificates: [...certificates.toReversed(), root.certificate],
    crls: crls.toReversed(),
    ocspResponses: [response, response],
  };
  t.deepEqual(buildValidationData(again), octets);
  t.is(parseSignedData(buildValidationData({ ...data, ocspResponses: [] })).version, 1);
});

test('a caIssuers answer is one certificate, PEM or a certs-only message', (t) => {
  const { raw, fingerprint } = ca.certificate;
  const pem = `-----BEGIN CERTIFICATE-----\n${Buffer.from(raw).toString('base64')}\n-----END CERTIFICATE-----\n`;
  const message = buildValidationData({
    certificates: [ca.certificate],
    crls: [],
    ocspResponses: [],
  });
  for (const octets of [raw, new TextEncoder().encode(pem), message])
    t.deepEqual(
      parseIssuerAnswer(octets).map((one) => one.fingerprint),
      [fingerprint],
    );
  t.throws(() => parseIssuerAnswer(Uint8Array.of(0x30, 0)), { name: 'FormatError' });
});
