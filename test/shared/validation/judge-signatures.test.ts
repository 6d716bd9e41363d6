// Verdicts at intake: digest, value, path and revocation, one row for what each decides.
import test from 'ava';
import { digest } from '#shared/crypto/digest.ts';
import type { DetachedContent } from '#shared/validation/facts.ts';
import { inspect } from '#shared/validation/inspect.ts';
import { type SignatureVerdict, judgeSignatures } from '#shared/validation/judge-signatures.ts';
import { anchorOf, issueCrl, issueRoot, issueSigner } from '../../_authority.ts';
import { buildTestCms, testContent, testRoot, testSigner } from '../../_cms.ts';
import { appendRevision, plainPdf, signPdf } from '../../_pdf.ts';
import { signedXml } from '../../_xml-signature.ts';

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

type Given = {
  readonly bytes: Uint8Array;
  readonly detached?: readonly DetachedContent[];
  readonly crls?: readonly (typeof crl)[];
  readonly anchors?: readonly ReturnType<typeof anchorOf>[];
};

function judge({ bytes, detached = [], crls = [crl], anchors }: Given): SignatureVerdict {
  const facts = inspect({ bytes, size: bytes.length, detached });
  const [verdict] = judgeSignatures({
    bytes,
    facts,
    detached,
    trust: { anchors: anchors ?? [anchorOf(testRoot)], crls },
    at,
  });
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
  ['XML', { bytes: signedXml() }, 'not-judged', undefined],
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

test('PDF: a signature over content of its own is not over the file', (t) => {
  const bytes = signPdf(plainPdf(), { sign: () => buildTestCms() });
  const verdict = judge({ bytes });
  t.deepEqual([verdict.status, verdict.subIndication], ['invalid', 'FORMAT_FAILURE']);
});
