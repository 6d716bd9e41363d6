// Makes the saved seeds anew: `node test/fuzz/make-seeds.ts`. Genuine structures of every kind under one
// throw-away PKI whose keys are not kept, each with as many of its optional parts as it can have.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { digest } from '#shared/crypto/digest.ts';
import { buildEvidenceForm } from '#shared/tsp/evidence-form.ts';
import { buildTimeStampReq } from '#shared/tsp/request.ts';
import { buildTimeStampResp } from '#shared/tsp/response.ts';
import {
  anchorOf,
  issueCa,
  issueCrl,
  issueOcspResponder,
  issueOcspResponse,
  issueRoot,
  issueTsu,
} from '../_authority.ts';
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
} from '../_extensions.ts';
import { createHpki, issueProfessional } from '../_hpki.ts';
import { testKey } from '../_keys.ts';
import { issueToken, tokenSignerOf, type TestTsu } from '../_tsu.ts';
import { recordOf } from '../shared/ers/_archive.ts';
import { renewalPlans } from '../shared/ers/_cases.ts';
import { createTestTsu } from '../shared/ers/_tokens.ts';
import { seedFolder } from './_targets.ts';

const thisUpdate = '2026-05-31T00:00:00Z';

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
const ofPqc = (['RSA-2048', 'Ed25519', 'ML-DSA-44'] as const).map(
  (name) => [`tsu-${name.toLowerCase()}`, issueTsu(ca, { key: testKey(name) })] as const,
);

const stamping: TestTsu = {
  root,
  ca,
  tsu,
  anchors: [anchorOf(root)],
  signer: tokenSignerOf(tsu, [ca.certificate]),
};
const nonce = 0x0102030405060708n;
const tokens = {
  plain: issueToken(stamping),
  full: issueToken(stamping, {
    nonce,
    ordering: true,
    accuracy: { seconds: 1, millis: 2, micros: 3 },
    signingTime: Temporal.Instant.from('2026-03-04T05:06:07Z'),
  }),
  bare: issueToken(stamping, { certReq: false }),
};
const archiveTsu = createTestTsu('Seed TSU');
const ber = archiveTsu.stamp({
  algorithm: 'SHA-256',
  imprint: digest('SHA-256', Buffer.from('ber')),
  genTime: Temporal.Instant.from('2026-03-04T05:06:07Z'),
  form: 'ber',
});
const imprint = {
  algorithm: 'SHA-256',
  digest: digest('SHA-256', Buffer.from('query')),
} as const;

const professional = issueProfessional(createHpki().ca, {
  roles: ['Medical Doctor', { name: 'Director of Hospital', tagging: 'implicit' }],
});

const seeds: Readonly<Record<string, Readonly<Record<string, Uint8Array>>>> = {
  certificate: Object.fromEntries(
    [
      ['root', root] as const,
      ['ca', ca] as const,
      ['tsu', tsu] as const,
      ['ocsp-responder', responder] as const,
      ['professional', professional] as const,
      ...ofPqc,
    ].map(([name, { certificate }]) => [name, certificate.raw]),
  ),
  crl: {
    ca: crl.raw,
    delta: issueCrl({ issuer: ca, thisUpdate, crlNumber: 8, deltaCRLIndicator: 7 }).raw,
  },
  ocsp: { good: ocspResponse.raw },
  token: {
    ...tokens,
    ber,
    'evidence-form': buildEvidenceForm(tokens.full, {
      certificates: [ca.certificate],
      crls: [crl],
      ocspResponses: [ocspResponse],
    }),
  },
  query: {
    full: buildTimeStampReq({ ...imprint, reqPolicy: '1.2.3.4', nonce, certReq: true }),
    least: buildTimeStampReq({ ...imprint }),
  },
  response: {
    granted: buildTimeStampResp({ status: 'granted', token: tokens.full }),
    rejected: buildTimeStampResp({
      status: 'rejection',
      failInfo: ['badAlg'],
      statusString: 'no',
    }),
  },
  'evidence-record': Object.fromEntries(
    renewalPlans(7, 2, [1, 2, 3, 5]).map((plan, index) => [
      `${index}`,
      recordOf(plan.run({ tsu: archiveTsu, form: 'evidence' }), 0),
    ]),
  ),
};

for (const [target, files] of Object.entries(seeds)) {
  const folder = path.join(seedFolder, target);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const [name, octets] of Object.entries(files))
    writeFileSync(path.join(folder, `${name}.der`), octets);
}
