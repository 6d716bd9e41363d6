// The evidence form: DER whatever came in, validation data inside, the signature untouched, one form
// however often it is made; and the path verifies from what the token then carries itself.
import test from 'ava';
import { concatBytes } from '#shared/bytes.ts';
import { reEncodeAsDer } from '#shared/der/re-encode.ts';
import { findDerOffence } from '#shared/der/strict.ts';
import { derContext, derObjectIdentifier, derOctetString } from '#shared/der/writer.ts';
import { InvariantError } from '#shared/errors.ts';
import { oids } from '#shared/oid.ts';
import { embeddedValidationData } from '#shared/cms/revocation-values.ts';
import { buildEvidenceForm, type EvidenceFormAdditions } from '#shared/tsp/evidence-form.ts';
import { parseTimeStampToken } from '#shared/tsp/token.ts';
import { verifyToken } from '#shared/tsp/verify-token.ts';
import { issueCrl, issueOcspResponse } from '../../_authority.ts';
import { extension } from '../../_extensions.ts';
import { assembleToken, createTsu, issueToken, testAttribute, testGenTime } from '../../_tsu.ts';

const tsu = createTsu();
const at = testGenTime.add({ hours: 24 });
const nothing: EvidenceFormAdditions = { certificates: [], crls: [], ocspResponses: [] };

function crl(issuer: typeof tsu.ca, paddingOctets = 0) {
  return issueCrl({
    issuer,
    thisUpdate: at,
    extraExtensions: [extension('1.2.3.4', derOctetString(new Uint8Array(paddingOctets)))],
  });
}
const ocsp = issueOcspResponse({
  issuer: tsu.ca,
  entries: [{ certificate: tsu.tsu, status: 'good', thisUpdate: at }],
  producedAt: at,
});
const additions: EvidenceFormAdditions = {
  certificates: [tsu.tsu, tsu.ca, tsu.root].map(({ certificate }) => certificate),
  crls: [crl(tsu.ca), crl(tsu.root)],
  ocspResponses: [ocsp],
};

/** OtherRevocationInfoFormat with an OCSP response, as RFC 5940 puts it into `crls`. */
const ocspInCrls = derContext(1, derObjectIdentifier(oids.idRiOcspResponse), ocsp.raw);
const { tsu: signer, ca } = tsu;
const bag = [signer.certificate.raw, ca.certificate.raw];

const received: Readonly<Record<string, Uint8Array>> = {
  'DER already': issueToken(tsu),
  'no certificates': issueToken(tsu, { certReq: false }),
  'bag unsorted and doubled': assembleToken(tsu, { certificates: [...bag.toReversed(), ...bag] }),
  'version wrong': assembleToken(tsu, { version: 1 }),
  'OCSP in crls': assembleToken(tsu, { crls: [ocspInCrls], version: 5 }),
  'CRLs unsorted': assembleToken(tsu, {
    crls: additions.crls.map(({ raw }) => raw).toSorted((a, b) => -Buffer.compare(a, b)),
  }),
  'unsigned attributes unsorted': assembleToken(tsu, {
    unsignedAttrs: [
      testAttribute('1.2.9', Uint8Array.of(5, 0)),
      testAttribute('1.2.3', Uint8Array.of(1, 1, 1)),
    ],
  }),
  'indefinite lengths': (() => {
    const token = issueToken(tsu);
    return concatBytes(Uint8Array.of(0x30, 0x80), token.subarray(4), Uint8Array.of(0, 0));
  })(),
};

const formed = test.macro<[Uint8Array]>({
  exec: (t, octets) => {
    const form = buildEvidenceForm(octets, additions);
    t.is(findDerOffence(form), undefined);
    t.deepEqual(reEncodeAsDer(form), form);
    t.deepEqual(buildEvidenceForm(form, additions), form);
    t.deepEqual(buildEvidenceForm(form, nothing), form);
    const before = parseTimeStampToken(octets);
    const after = parseTimeStampToken(form);
    t.deepEqual(after.tstInfo.raw, before.tstInfo.raw);
    t.deepEqual(
      after.signedData.signerInfos[0]?.signedAttrs?.raw,
      before.signedData.signerInfos[0]?.signedAttrs?.raw,
    );
    t.is(after.signedData.version, 3);
    t.is(after.signedData.ocspResponses.length, 0);
    t.is(embeddedValidationData(after.signedData).ocspResponses.length, 1);
    const verdict = verifyToken(after, { anchors: tsu.anchors, at, revocationMode: 'require' });
    t.deepEqual(
      verdict.findings.filter(({ level }) => level !== 'info'),
      [],
    );
    t.is(verdict.status, 'valid');
  },
  title: (name) => `formed: ${name ?? ''}`,
});
for (const [name, octets] of Object.entries(received)) test(name, formed, octets);

const placed = test.macro<[number, number]>({
  exec: (t, paddingOctets, inside) => {
    const form = buildEvidenceForm(issueToken(tsu), {
      ...nothing,
      crls: [crl(tsu.ca, paddingOctets), crl(tsu.root)],
    });
    const { signedData } = parseTimeStampToken(form);
    t.is(signedData.crls.length, inside);
    t.is(embeddedValidationData(signedData).crls.length, 2);
    t.deepEqual(buildEvidenceForm(form, nothing), form);
  },
  title: (_, paddingOctets) => `CRLs with ${paddingOctets} octets of padding`,
});
test(placed, 0, 2);
test(placed, 60_000, 2);
test(placed, 64 * 1024, 0);

test('the first CRL beyond the limit takes the others along', (t) => {
  const small = buildEvidenceForm(issueToken(tsu), { ...nothing, crls: [crl(tsu.root)] });
  t.is(parseTimeStampToken(small).signedData.crls.length, 1);
  const large = buildEvidenceForm(small, { ...nothing, crls: [crl(tsu.ca, 70_000)] });
  const { signedData } = parseTimeStampToken(large);
  t.is(signedData.crls.length, 0);
  t.is(embeddedValidationData(signedData).crls.length, 2);
});

test('a token with an archive timestamp of CAdES gets nothing added', (t) => {
  const token = assembleToken(tsu, {
    unsignedAttrs: [testAttribute(oids.idAaEtsArchiveTimestampV2, Uint8Array.of(5, 0))],
  });
  const { signedData } = parseTimeStampToken(buildEvidenceForm(token, additions));
  t.is(signedData.certificates.length, 2);
  t.is(signedData.crls.length, 0);
});

test('a broken token has no evidence form', (t) => {
  const token = issueToken(tsu).slice();
  const last = token.length - 1;
  token[last] = (token[last] ?? 0) ^ 1;
  t.throws(() => buildEvidenceForm(token, additions), {
    instanceOf: InvariantError,
    code: 'ERR_INVARIANT_READ_BACK',
  });
});

test('nor has one whose signer is not at hand', (t) => {
  t.throws(() => buildEvidenceForm(issueToken(tsu, { certReq: false }), nothing), {
    instanceOf: InvariantError,
  });
});

test('what is added once is there once', (t) => {
  const form = buildEvidenceForm(issueToken(tsu), {
    certificates: [...additions.certificates, ...additions.certificates],
    crls: [...additions.crls, ...additions.crls],
    ocspResponses: [ocsp, ocsp],
  });
  t.deepEqual(buildEvidenceForm(form, additions), form);
  const { certificates, crls, ocspResponses } = embeddedValidationData(
    parseTimeStampToken(form).signedData,
  );
  t.deepEqual([certificates.length, crls.length, ocspResponses.length], [3, 2, 1]);
});
