// Signers over detached content and the shapes that tokens never have; the checks one by one are in
// test/shared/tsp/verify-token.test.ts.
import test from 'ava';
import { digest } from '#shared/crypto/digest.ts';
import { buildAlgorithmIdentifier } from '#shared/der/algorithm-identifier.ts';
import {
  derContext,
  derElement,
  derInteger,
  derObjectIdentifier,
  derOctetString,
  derSequence,
  derSetOf,
} from '#shared/der/writer.ts';
import { oids } from '#shared/oid.ts';
import {
  parseSignedData,
  parseSignerInfo,
  type SignedData,
  type SignerInfo,
} from '#shared/cms/signed-data.ts';
import { verifySigner, type SignerVerdict } from '#shared/cms/verify-signer.ts';
import { issueRoot, issueSigner } from '../../_authority.ts';
import { buildTestCms, buildTestSignerInfo, testSigner } from '../../_cms.ts';
import { testAttribute } from '../../_tsu.ts';

const signer = issueSigner(issueRoot());
const content = new TextEncoder().encode('signed apart');

/** SignedData of type id-data, detached unless `eContent` is given. */
function signedData(options: {
  readonly attributes: boolean;
  readonly eContent?: Uint8Array;
}): SignedData {
  const { certificate, key } = signer;
  const algorithm = buildAlgorithmIdentifier(oids.sha256).raw;
  const attributes = derSetOf(
    testAttribute(oids.idContentType, derObjectIdentifier(oids.idData)),
    testAttribute(oids.idMessageDigest, derOctetString(digest('SHA-256', content))),
  );
  const signerInfo = derSequence(
    derInteger(1),
    derSequence(certificate.issuer.raw, derInteger(certificate.serialNumber)),
    algorithm,
    ...(options.attributes ? [Uint8Array.of(0xa0, ...attributes.subarray(1))] : []),
    key.algorithm.raw,
    derOctetString(key.sign(options.attributes ? attributes : content)),
  );
  return parseSignedData(
    derSequence(
      derObjectIdentifier(oids.idSignedData),
      derContext(
        0,
        derSequence(
          derInteger(1),
          derSetOf(algorithm),
          derSequence(
            derObjectIdentifier(oids.idData),
            ...(options.eContent ? [derContext(0, derOctetString(options.eContent))] : []),
          ),
          derSetOf(signerInfo),
        ),
      ),
    ),
  );
}

function firstSigner(data: SignedData): SignerInfo {
  const [first] = data.signerInfos;
  if (!first) throw new Error('no signer');
  return first;
}

type Facts = Pick<
  SignerVerdict,
  'status' | 'subIndication' | 'messageDigestFound' | 'messageDigestIntact' | 'signatureIntact'
>;

type Row = {
  readonly what: string;
  readonly attributes: boolean;
  readonly eContent?: Uint8Array;
  readonly given?: Pick<Parameters<typeof verifySigner>[0], 'content' | 'digests'>;
  readonly facts: Facts;
};

const intact: Facts = {
  status: 'valid',
  subIndication: undefined,
  messageDigestFound: true,
  messageDigestIntact: true,
  signatureIntact: true,
};
const missing: Facts = {
  status: 'indeterminate',
  subIndication: 'SIGNED_DATA_NOT_FOUND',
  messageDigestFound: false,
  messageDigestIntact: false,
  signatureIntact: true,
};
const other = Uint8Array.of(1);

const rows: readonly Row[] = [
  { what: 'attributes over eContent', attributes: true, eContent: content, facts: intact },
  { what: 'eContent alone', attributes: false, eContent: content, facts: intact },
  { what: 'attributes, content given', attributes: true, given: { content }, facts: intact },
  {
    what: 'attributes, digest given',
    attributes: true,
    given: { digests: (algorithm) => digest(algorithm, content) },
    facts: intact,
  },
  { what: 'no attributes, content given', attributes: false, given: { content }, facts: intact },
  { what: 'attributes, nothing given', attributes: true, facts: missing },
  {
    what: 'no attributes, nothing given',
    attributes: false,
    facts: { ...missing, signatureIntact: false },
  },
  {
    what: 'no attributes, only a digest given',
    attributes: false,
    given: { digests: (algorithm) => digest(algorithm, content) },
    facts: { ...missing, signatureIntact: false },
  },
  {
    what: 'attributes, other content given',
    attributes: true,
    given: { content: other },
    facts: {
      ...intact,
      status: 'invalid',
      subIndication: 'HASH_FAILURE',
      messageDigestIntact: false,
    },
  },
  {
    what: 'no attributes, other content given',
    attributes: false,
    given: { content: other },
    facts: {
      ...intact,
      status: 'invalid',
      subIndication: 'SIG_CRYPTO_FAILURE',
      messageDigestIntact: false,
      signatureIntact: false,
    },
  },
];

const judged = test.macro<[Row]>({
  exec: (t, { given, facts, ...shape }) => {
    const data = signedData(shape);
    const verdict = verifySigner({
      signedData: data,
      signerInfo: firstSigner(data),
      candidates: [signer.certificate],
      ...given,
    });
    t.like(verdict, facts);
  },
  title: (_, { what }) => what,
});
for (const row of rows) test(judged, row);

test('without content, the finding is content-found alone', (t) => {
  const data = signedData({ attributes: true });
  const { findings } = verifySigner({
    signedData: data,
    signerInfo: firstSigner(data),
    candidates: [signer.certificate],
  });
  t.deepEqual(
    findings.map(({ check, level }) => `${check} ${level}`),
    ['content-found unknown'],
  );
});

for (const [time, said] of [
  ['20491231235959Z', ['signing-time warning']],
  ['20500101000000Z', []],
  ['20500101000000.5Z', ['signing-time warning']],
] as const)
  test(`a signing time that is the GeneralizedTime ${time}`, (t) => {
    const value = derElement(0x18, new TextEncoder().encode(time));
    const data = parseSignedData(
      buildTestCms({
        signingTimes: [],
        extraSigned: [testAttribute(oids.idSigningTime, value)],
      }),
    );
    const { status, findings } = verifySigner({ signedData: data, signerInfo: firstSigner(data) });
    t.is(status, 'valid');
    t.deepEqual(
      findings.map(({ check, level }) => `${check} ${level}`),
      said,
    );
  });

test('a required signing certificate is missed without signed attributes, too', (t) => {
  const data = signedData({ attributes: false, eContent: content });
  const verdict = verifySigner({
    signedData: data,
    signerInfo: firstSigner(data),
    candidates: [signer.certificate],
    signingCertificateRequired: true,
  });
  t.is(verdict.status, 'indeterminate');
  t.true(verdict.findings.some(({ check }) => check === 'signing-certificate-attribute'));
});

for (const { what, countersigns, built, expected } of [
  { what: 'a countersignature without a type', countersigns: true, built: true, expected: 'valid' },
  { what: 'a countersignature with a type', countersigns: true, built: false, expected: 'valid' },
  { what: 'a signature without a type', countersigns: false, built: true, expected: 'invalid' },
] as const) {
  test(`${what} is ${expected}`, (t) => {
    const octets = buildTestSignerInfo({ content: other, countersigns: built });
    const verdict = verifySigner({
      signedData: signedData({ attributes: true, eContent: content }),
      signerInfo: parseSignerInfo(octets),
      candidates: [testSigner.certificate],
      content: other,
      countersigns,
    });
    t.is(verdict.status, expected, JSON.stringify(verdict.findings));
    t.is(
      verdict.findings.some(({ check }) => check === 'content-type'),
      built !== countersigns,
    );
  });
}

test('attributes signed in DER and stored in another order count where the caller takes them so', (t) => {
  const reordered = parseSignedData(buildTestCms({ content, reordered: true }));
  const verdict = (acceptsSortedAttributes: boolean) =>
    verifySigner({
      signedData: reordered,
      signerInfo: firstSigner(reordered),
      acceptsSortedAttributes,
    });
  t.like(verdict(true), { status: 'valid', signatureIntact: true });
  t.like(verdict(true).findings, [{ check: 'signed-attributes-encoding', level: 'warning' }]);
  t.like(verdict(false), { status: 'invalid', signatureIntact: false });
});

test('a value that held once says nothing of another value over the same attributes', (t) => {
  const signedData = parseSignedData(buildTestCms({ content }));
  const signerInfo = firstSigner(signedData);
  t.like(verifySigner({ signedData, signerInfo }), { status: 'valid', signatureIntact: true });
  const signature = signerInfo.signature.toReversed();
  t.like(verifySigner({ signedData, signerInfo: { ...signerInfo, signature } }), {
    status: 'invalid',
    signatureIntact: false,
  });
});
