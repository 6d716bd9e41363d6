// Verdicts at intake: digest, value, path and revocation, one row for what each decides.
import test from 'ava';
import { digest } from '#shared/crypto/digest.ts';
import { oids } from '#shared/oid.ts';
import { type AlgorithmProfile, selectProfile } from '#shared/policy/algorithm-policy.ts';
import { bundledPolicies } from '#shared/policy/bundled.ts';
import { buildMessageImprint, buildTimeStampToken } from '#shared/tsp/build-token.ts';
import type { DetachedContent } from '#shared/validation/facts.ts';
import { inspect } from '#shared/validation/inspect.ts';
import { type SignatureVerdict, judgeSignatures } from '#shared/validation/judge-signatures.ts';
import { anchorOf, issueCrl, issueRoot, issueSigner, issueTsu } from '../../_authority.ts';
import { buildTestCms, testContent, testRoot, testSigner } from '../../_cms.ts';
import { testAttribute, testPolicy, tokenSignerOf } from '../../_tsu.ts';
import { appendRevision, plainPdf, signPdf } from '../../_pdf.ts';
import { materialOf } from '../../_material.ts';
import { signXades } from '../../_xades.ts';
import { signedXml } from '../../_xml-signature.ts';
import { profileWith } from './_world.ts';

const at = Temporal.Instant.from('2026-06-01T00:00:00Z');
const crl = issueCrl({ issuer: testRoot, thisUpdate: '2026-05-30T00:00:00Z' });
const revoking = issueCrl({
  issuer: testRoot,
  thisUpdate: '2026-05-30T00:00:00Z',
  revoked: [{ certificate: testSigner, at: '2026-03-01T00:00:00Z' }],
});
const expired = issueSigner(testRoot, {
  subject: 'CN=Old,O=Tokiwa Test,C=JP',
  notBefore: '2020-01-01T00:00:00Z',
  notAfter: '2022-01-01T00:00:00Z',
});

const tsu = issueTsu(testRoot, { subject: 'CN=TSU' });
const crlOfItsTime = issueCrl({ issuer: testRoot, thisUpdate: '2021-06-01T00:00:00Z' });
const stampedInTime = (signature: Uint8Array): readonly Uint8Array[] => [
  testAttribute(
    oids.idAaSignatureTimeStampToken,
    buildTimeStampToken({
      tstInfo: {
        policy: testPolicy,
        messageImprint: buildMessageImprint('SHA-256', digest('SHA-256', signature)),
        serialNumber: 1n,
        genTime: Temporal.Instant.from('2021-05-01T00:00:00Z'),
      },
      signer: tokenSignerOf(tsu, []),
      certReq: true,
    }),
  ),
];

type Given = {
  readonly bytes: Uint8Array;
  readonly detached?: readonly DetachedContent[];
  readonly crls?: readonly (typeof crl)[];
  readonly anchors?: readonly ReturnType<typeof anchorOf>[];
  readonly policy?: AlgorithmProfile;
};

function judgeAll({
  bytes,
  detached = [],
  crls = [crl],
  anchors,
  policy,
}: Given): readonly SignatureVerdict[] {
  return judgeSignatures({
    bytes,
    detached,
    material: materialOf({
      signerAnchors: anchors ?? [anchorOf(testRoot)],
      tsuAnchors: [anchorOf(testRoot)],
      crls,
      algorithmPolicy: policy ?? selectProfile(bundledPolicies, 'jp-medical'),
    }),
    at,
  });
}

function judge(given: Given): SignatureVerdict {
  const [verdict] = judgeAll(given);
  if (!verdict) throw new Error('no verdict');
  return verdict;
}

const beside = (octets: Uint8Array): readonly DetachedContent[] => [
  { name: 'beside', digest: (algorithm) => digest(algorithm, octets) },
];
const other = new TextEncoder().encode('not what was signed');

function changed(octets: Uint8Array, from: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(octets);
  const index = Buffer.from(copy).indexOf(from);
  copy[index] = (copy[index] ?? 0) ^ 1;
  return copy;
}

const rows: readonly (readonly [string, Given, string, string | undefined])[] = [
  ['good', { bytes: buildTestCms() }, 'valid', undefined],
  ['good, BER', { bytes: buildTestCms({ indefinite: true }) }, 'valid', undefined],
  [
    'good, detached',
    { bytes: buildTestCms({ detached: true }), detached: beside(testContent) },
    'valid',
    undefined,
  ],
  [
    'good, without signed attributes',
    { bytes: buildTestCms({ signedAttributes: false }) },
    'valid',
    undefined,
  ],
  ['content changed', { bytes: changed(buildTestCms(), testContent) }, 'invalid', 'HASH_FAILURE'],
  [
    'other content beside it',
    { bytes: buildTestCms({ detached: true }), detached: beside(other) },
    'invalid',
    'HASH_FAILURE',
  ],
  [
    'content not given',
    { bytes: buildTestCms({ detached: true }) },
    'indeterminate',
    'SIGNED_DATA_NOT_FOUND',
  ],
  [
    'value changed',
    { bytes: buildTestCms({ signer: { ...testSigner, key: issueRoot().key } }) },
    'invalid',
    'SIG_CRYPTO_FAILURE',
  ],
  [
    'no certificate',
    { bytes: buildTestCms({ certificates: [] }) },
    'indeterminate',
    'NO_SIGNING_CERTIFICATE_FOUND',
  ],
  [
    'another anchor',
    { bytes: buildTestCms(), anchors: [anchorOf(issueRoot({ subject: 'CN=Other' }))] },
    'indeterminate',
    'NO_CERTIFICATE_CHAIN_FOUND',
  ],
  ['no CRL', { bytes: buildTestCms(), crls: [] }, 'indeterminate', 'TRY_LATER'],
  ['revoked', { bytes: buildTestCms(), crls: [revoking] }, 'indeterminate', 'REVOKED_NO_POE'],
  [
    'expired',
    { bytes: buildTestCms({ signer: expired }) },
    'indeterminate',
    'OUT_OF_BOUNDS_NO_POE',
  ],
  [
    'expired, with a signature timestamp of its time',
    {
      bytes: buildTestCms({ signer: expired, unsigned: stampedInTime }),
      crls: [crl, crlOfItsTime],
    },
    'valid',
    undefined,
  ],
  [
    'an algorithm that the policy has ended',
    {
      bytes: buildTestCms(),
      policy: profileWith({
        algorithm: 'ECDSA',
        endExclusive: Temporal.Instant.from('2026-05-01T00:00:00Z'),
        source: 'test',
      }),
    },
    'indeterminate',
    'CRYPTO_CONSTRAINTS_FAILURE_NO_POE',
  ],
  [
    'a signing-time',
    { bytes: buildTestCms({ signingTimes: ['260203040500Z'] }) },
    'valid',
    undefined,
  ],
  [
    'a signing-time without seconds',
    { bytes: buildTestCms({ signingTimes: ['2602030405Z'] }) },
    'invalid',
    'FORMAT_FAILURE',
  ],
  [
    'a signing-time with an offset',
    { bytes: buildTestCms({ signingTimes: ['260203040500+0900'] }) },
    'invalid',
    'FORMAT_FAILURE',
  ],
  ['XML that signs nothing', { bytes: signedXml() }, 'invalid', 'HASH_FAILURE'],
  ['XAdES', { bytes: new TextEncoder().encode(signXades()) }, 'valid', undefined],
  [
    'XAdES, content changed',
    { bytes: new TextEncoder().encode(signXades().replace('>one<', '>two<')) },
    'invalid',
    'HASH_FAILURE',
  ],
];
for (const [what, given, status, subIndication] of rows)
  test(`${what}: ${status} ${subIndication ?? ''}`, (t) => {
    const verdict = judge(given);
    t.deepEqual([verdict.status, verdict.subIndication], [status, subIndication] as never);
  });

const sign = (covered: Uint8Array): Uint8Array =>
  buildTestCms({ content: covered, detached: true });

test('PDF: good', (t) => {
  t.is(judge({ bytes: signPdf(plainPdf(), { sign }) }).status, 'valid');
});

test('PDF: changed by a later revision, the signed octets intact', (t) => {
  const bytes = appendRevision(signPdf(plainPdf(), { sign }), {
    3: '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 99 99] >>',
  });
  const verdict = judge({ bytes });
  t.deepEqual(
    [verdict.status, verdict.subIndication],
    ['indeterminate', 'SIG_CONSTRAINTS_FAILURE'],
  );
});

test('PDF: a byte changed', (t) => {
  const bytes = changed(signPdf(plainPdf(), { sign }), new TextEncoder().encode('MediaBox'));
  t.deepEqual(judge({ bytes }).subIndication, 'HASH_FAILURE');
});

test('PDF: a gap that is not the signature’s own', (t) => {
  const bytes = signPdf(plainPdf(), { sign, byteRange: '[0 100 200 50]' });
  const verdict = judge({ bytes });
  t.deepEqual([verdict.status, verdict.subIndication], ['invalid', 'FORMAT_FAILURE']);
});

const cosigners = [issueSigner(testRoot, { subject: 'CN=Another,O=Tokiwa Test,C=JP' })];

test('PDF: two signers of one signature are said once, and neither is good', (t) => {
  const bytes = signPdf(plainPdf(), {
    sign: (covered) => buildTestCms({ content: covered, detached: true, cosigners }),
  });
  const verdicts = judgeAll({ bytes });
  t.deepEqual(
    verdicts.map(({ status, subIndication, findings }) => [
      status,
      subIndication,
      findings.map(({ check }) => check),
    ]),
    [1, 2].map(() => ['invalid', 'FORMAT_FAILURE', ['single-signer']]),
  );
  const { problems } = inspect({ bytes, size: bytes.length, detached: [] });
  t.deepEqual(
    problems.map(({ code, severity, place }) => [code, severity, place]),
    [['pdf-several-signers', 'error', 'Signature1']],
  );
});

test('CMS: two signers are two signatures', (t) => {
  t.deepEqual(
    judgeAll({ bytes: buildTestCms({ cosigners }) }).map(({ status }) => status),
    ['valid', 'valid'],
  );
});

test('PDF: a signature over content of its own is not over the file', (t) => {
  const bytes = signPdf(plainPdf(), { sign: () => buildTestCms() });
  const verdict = judge({ bytes });
  t.deepEqual([verdict.status, verdict.subIndication], ['invalid', 'FORMAT_FAILURE']);
});
