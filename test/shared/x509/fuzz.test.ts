// Mutated certificates, CRLs and OCSP responses through their parsers and through path verification:
// only a result or a FormatError, and in little time.
import test from 'ava';
import fc from 'fast-check';
import { findDerOffence } from '#shared/der/strict.ts';
import { FormatError } from '#shared/errors.ts';
import { verifyCertificatePath } from '#shared/trust/verify-path.ts';
import { parseCertificate } from '#shared/x509/certificate.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import { parseCertificateList } from '#shared/x509/crl.ts';
import type { CertificateList } from '#shared/x509/crl.ts';
import { parseOcspResponse } from '#shared/x509/ocsp.ts';
import type { OcspResponse } from '#shared/x509/ocsp.ts';
import {
  anchorOf,
  issueCa,
  issueCrl,
  issueOcspResponder,
  issueOcspResponse,
  issueRoot,
  issueTsu,
} from '../../_authority.ts';
import {
  authorityInfoAccess,
  certificatePolicies,
  crlDistributionPoints,
  inhibitAnyPolicy,
  issuingDistributionPoint,
  nameConstraints,
  policyConstraints,
  policyMappings,
  subjectAltName,
} from '../../_extensions.ts';
import { testKey } from '../../_keys.ts';
import { fuzzParameters, mutated } from '../../_mutate.ts';

const at = Temporal.Instant.from('2025-06-01T00:00:00Z');
const thisUpdate = '2025-05-31T00:00:00Z';
const root = issueRoot();
const ca = issueCa(root, {
  subject: 'CN=CA',
  pathLenConstraint: 1,
  extraExtensions: [
    certificatePolicies(['1.2.3', '2.5.29.32.0']),
    policyMappings([['1.2.3', '1.2.4']]),
    policyConstraints({ requireExplicitPolicy: 5, inhibitPolicyMapping: 5 }),
    inhibitAnyPolicy(5),
    nameConstraints({
      excluded: [{ dns: 'x.example' }, { directory: 'O=No' }, { ip: [10, 0, 0, 0, 255, 0, 0, 0] }],
    }),
  ],
});
const tsu = issueTsu(ca, {
  extraExtensions: [
    certificatePolicies(['1.2.4']),
    subjectAltName([
      { dns: 'tsu.example' },
      { email: 'a@b.example' },
      { uri: 'http://c.example/' },
    ]),
    crlDistributionPoints([
      { fullName: [{ uri: 'http://crl.example/' }], reasons: ['keyCompromise'] },
    ]),
    authorityInfoAccess([{ method: '1.3.6.1.5.5.7.48.1', uri: 'http://ocsp.example/' }]),
  ],
});
const others = (['RSA-2048', 'Ed25519', 'ML-DSA-44'] as const).map((name) =>
  issueTsu(ca, { key: testKey(name) }),
);
const responder = issueOcspResponder(ca);
const crl = issueCrl({
  issuer: ca,
  thisUpdate,
  revoked: [
    { certificate: ca, at: thisUpdate, reason: 'superseded', invalidityDate: thisUpdate },
    { certificate: root, at: thisUpdate, certificateIssuer: [{ directory: 'CN=CA' }] },
  ],
  extraExtensions: [issuingDistributionPoint({ onlyContainsUserCerts: true, indirectCRL: true })],
});
const ocspResponse = issueOcspResponse({
  issuer: ca,
  responder,
  producedAt: thisUpdate,
  nonce: Uint8Array.of(1, 2),
  entries: [
    {
      certificate: tsu,
      status: 'good',
      thisUpdate,
      archiveCutoff: thisUpdate,
      certHashOf: tsu.certificate.raw,
    },
    { certificate: ca, status: 'revoked', reason: 'keyCompromise', thisUpdate },
  ],
});

/** The parsed value, or nothing where the parser refuses in its own words. */
function attempt<T>(parse: (octets: Uint8Array) => T, octets: Uint8Array): T | undefined {
  try {
    return parse(octets);
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

function verify(given: {
  readonly target?: Certificate;
  readonly issuer?: Certificate;
  readonly crl?: CertificateList;
  readonly ocspResponse?: OcspResponse;
}): void {
  verifyCertificatePath({
    target: given.target ?? tsu.certificate,
    intermediates: [given.issuer ?? ca.certificate, responder.certificate],
    anchors: [anchorOf(root)],
    crls: [given.crl ?? crl],
    ocspResponses: [given.ocspResponse ?? ocspResponse],
    at,
    purpose: 'tsu',
    revocationMode: 'require',
  });
}

test('mutated certificates, as target and as issuer', (t) => {
  const seeds = [tsu, ca, root, responder, ...others].map(({ certificate }) => certificate.raw);
  fc.assert(
    fc.property(mutated(seeds), (octets) => {
      findDerOffence(octets);
      const certificate = attempt(parseCertificate, octets);
      if (!certificate) return;
      verify({ target: certificate });
      verify({ issuer: certificate });
    }),
    fuzzParameters(t),
  );
  t.pass();
});

test('mutated CRLs', (t) => {
  fc.assert(
    fc.property(mutated([crl.raw]), (octets) => {
      const list = attempt(parseCertificateList, octets);
      if (list) verify({ crl: list });
    }),
    fuzzParameters(t),
  );
  t.pass();
});

test('mutated OCSP responses', (t) => {
  fc.assert(
    fc.property(mutated([ocspResponse.raw]), (octets) => {
      const response = attempt(parseOcspResponse, octets);
      if (response) verify({ ocspResponse: response });
    }),
    fuzzParameters(t),
  );
  t.pass();
});
