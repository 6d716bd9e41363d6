// References to validation data: each kind, in each form of a digest, to something that is at hand or not.
import test from 'ava';
import { readReferences } from '#shared/cades/references.ts';
import { parseSignedData } from '#shared/cms/signed-data.ts';
import { digest } from '#shared/crypto/digest.ts';
import { buildAlgorithmIdentifier } from '#shared/der/algorithm-identifier.ts';
import { derContext, derInteger, derOctetString, derSequence } from '#shared/der/writer.ts';
import { oids } from '#shared/oid.ts';
import { buildTestCms } from '../../_cms.ts';
import { testAttribute } from '../../_tsu.ts';

const [certificate, crl, response] = [Uint8Array.of(1), Uint8Array.of(2), Uint8Array.of(3)];
const atHand = { certificate: [certificate], crl: [crl], 'ocsp-response': [response] };
const sha1 = (octets: Uint8Array) => derOctetString(digest('SHA-1', octets));
const sha256 = (octets: Uint8Array) =>
  derSequence(buildAlgorithmIdentifier(oids.sha256).raw, derOctetString(digest('SHA-256', octets)));
const other = Uint8Array.of(9);

function referencesIn(oid: string, value: Uint8Array) {
  const cms = buildTestCms({ unsigned: () => [testAttribute(oid, value)] });
  const [signerInfo] = parseSignedData(cms).signerInfos;
  if (!signerInfo) throw new Error('no signer');
  return readReferences(signerInfo, atHand);
}

test('certificates by SHA-1 and by an algorithm that is named', (t) => {
  const value = derSequence(
    ...[sha1(certificate), sha256(certificate), sha256(other)].map((hash) => derSequence(hash)),
  );
  t.deepEqual(referencesIn(oids.idAaEtsCertificateRefs, value), {
    found: [
      {
        attribute: 'complete-certificate-references',
        kind: 'certificate',
        references: 3,
        found: 2,
      },
    ],
    problems: [],
  });
});

test('CRLs and OCSP responses; one without a digest is to nothing that could be told', (t) => {
  const crls = derSequence(derSequence(derSequence(sha256(crl)), derSequence(sha1(other))));
  const id = derSequence();
  const responses = derSequence(derSequence(derSequence(id, sha256(response)), derSequence(id)));
  const value = derSequence(derSequence(derContext(0, crls), derContext(1, responses)));
  const attribute = 'complete-revocation-references';
  t.deepEqual(referencesIn(oids.idAaEtsRevocationRefs, value), {
    found: [
      { attribute, kind: 'crl', references: 2, found: 1 },
      { attribute, kind: 'ocsp-response', references: 2, found: 1 },
    ],
    problems: [],
  });
});

test('an attribute that does not parse is a problem with its name', (t) => {
  const { found, problems } = referencesIn(oids.idAaEtsCertificateRefs, derInteger(1));
  t.deepEqual(found, []);
  t.like(problems, [{ place: 'complete-certificate-references' }]);
});
