// What is asked of issuers and which answers count: addresses, the OCSP request in its octets,
// and for each reason against an answer one that fails by it alone.
import test from 'ava';
import { toHex } from '#shared/bytes.ts';
import { oids } from '#shared/oid.ts';
import {
  buildOcspRequest,
  findIssuer,
  judgeCrlAnswer,
  judgeOcspAnswer,
  statusAddresses,
  statusOffence,
  type StatusQuestion,
} from '#shared/trust/status-exchange.ts';
import {
  issueCa,
  issueCrl,
  issueOcspResponder,
  issueOcspResponse,
  issueRoot,
  issueSigner,
} from '../../_authority.ts';
import { authorityInfoAccess, crlDistributionPoints } from '../../_extensions.ts';

const now = Temporal.Instant.from('2027-01-12T00:00:00Z');
const after = now.subtract({ hours: 24 });
const recent = now.subtract({ hours: 1 });
const ca = issueRoot();
const signer = issueSigner(ca);
const responder = issueOcspResponder(ca);
const question: StatusQuestion = {
  certificate: signer.certificate,
  issuer: ca.certificate,
  candidates: [],
  now,
  after,
};
const good = {
  certificate: signer,
  status: 'good',
  thisUpdate: recent,
  nextUpdate: now.add({ hours: 9 }),
} as const;
const answer = { issuer: ca, responder, producedAt: recent, entries: [good] };

test('addresses: http and https of each kind, each once, four at most', (t) => {
  const many = [1, 2, 3, 4, 5].map((n) => ({
    method: oids.idAdOcsp,
    uri: `http://o${n}.example/`,
  }));
  const { certificate } = issueSigner(ca, {
    extraExtensions: [
      authorityInfoAccess([
        ...many,
        { method: oids.idAdCaIssuers, uri: 'https://a.example/ca.cer' },
        { method: oids.idAdCaIssuers, uri: 'ldap://a.example/ca' },
        { method: oids.idAdCaIssuers, uri: 'https://a.example/ca.cer' },
      ]),
      crlDistributionPoints([
        { fullName: [{ uri: 'ldap://c.example/' }, { uri: 'http://c.example/1.crl' }] },
        { fullName: [{ uri: 'file:///etc/passwd' }] },
        { fullName: [{ uri: 'http://c.example/2.crl' }] },
      ]),
    ],
  });
  t.deepEqual(statusAddresses(certificate), {
    issuers: ['https://a.example/ca.cer'],
    crls: [['http://c.example/1.crl'], ['http://c.example/2.crl']],
    ocsp: many.slice(0, 4).map(({ uri }) => uri),
  });
  t.deepEqual(statusAddresses(signer.certificate), { issuers: [], crls: [], ocsp: [] });
});

test('the request names issuer and serial number, and carries the nonce', (t) => {
  const plain = toHex(buildOcspRequest(signer.certificate, ca.certificate));
  const serial = signer.certificate.serialNumber.toString(16).padStart(4, '0');
  t.true(plain.startsWith('30'));
  t.true(plain.endsWith(`0202${serial}`));
  t.true(plain.includes('06052b0e03021a'), 'SHA-1');
  const nonce = Uint8Array.from({ length: 16 }, (_, index) => index);
  t.true(
    toHex(buildOcspRequest(signer.certificate, ca.certificate, nonce)).endsWith(
      `06092b060105050730010204120410${toHex(nonce)}`,
    ),
  );
});

test('an OCSP response that answers counts, with the nonce or without one', (t) => {
  const nonce = Uint8Array.of(1, 2, 3, 4);
  t.is(judgeOcspAnswer(issueOcspResponse(answer).raw, question).kind, 'counts');
  t.is(judgeOcspAnswer(issueOcspResponse(answer).raw, question, nonce).kind, 'counts');
  t.is(
    judgeOcspAnswer(issueOcspResponse({ ...answer, nonce }).raw, question, nonce).kind,
    'counts',
  );
  const revoked = { ...good, status: 'revoked', revokedAt: after } as const;
  t.is(
    judgeOcspAnswer(issueOcspResponse({ ...answer, entries: [revoked] }).raw, question).kind,
    'counts',
  );
});

const entryWith = (change: object) =>
  issueOcspResponse({ ...answer, entries: [{ ...good, ...change }] }).raw;

for (const [what, octets, reason] of [
  ['no response', Uint8Array.of(0x30, 0), /OCSPResponse/],
  ['an error', issueOcspResponse({ ...answer, responseStatus: 'tryLater' }).raw, /tryLater/],
  ['another nonce', issueOcspResponse({ ...answer, nonce: Uint8Array.of(9) }).raw, /nonce/],
  ['the future', entryWith({ thisUpdate: now.add({ hours: 1 }) }), /future/],
  ['out of date', entryWith({ nextUpdate: recent }), /out of date/],
  ['too early', entryWith({ thisUpdate: after }), /before the proof/],
  ['another certificate', entryWith({ certificate: responder }), /does not speak|tells|No /],
  ['unknown', entryWith({ status: 'unknown' }), /does not know/],
  [
    'a broken signature',
    issueOcspResponse({ ...answer, breakSignature: true }).raw,
    /does not verify/,
  ],
  [
    'a stranger',
    issueOcspResponse({ ...answer, responder: issueOcspResponder(issueRoot()) }).raw,
    /stranger|appoint/,
  ],
] as const)
  test(`an OCSP response does not count: ${what}`, (t) => {
    const judged = judgeOcspAnswer(octets, question, Uint8Array.of(1));
    t.is(judged.kind, 'refused');
    if (judged.kind === 'refused') t.regex(judged.reason, reason);
  });

test('a CRL counts in DER and in PEM; together they tell the status', (t) => {
  const { raw } = issueCrl({ issuer: ca, thisUpdate: recent });
  const pem = `-----BEGIN X509 CRL-----\n${Buffer.from(raw).toString('base64')}\n-----END X509 CRL-----\n`;
  const judged = judgeCrlAnswer(new TextEncoder().encode(pem), question);
  t.is(judged.kind, 'counts');
  t.is(judgeCrlAnswer(raw, question).kind, 'counts');
  if (judged.kind === 'counts')
    t.is(statusOffence(question, { crls: [judged.value], ocspResponses: [] }), undefined);
  t.truthy(statusOffence(question, { crls: [], ocspResponses: [] }));
});

test('the issuer is the one whose key signed', (t) => {
  const namesake = issueRoot();
  t.is(findIssuer([namesake.certificate, ca.certificate], signer.certificate), ca.certificate);
  t.is(findIssuer([namesake.certificate], signer.certificate), undefined);
  t.is(findIssuer([issueCa(ca).certificate], signer.certificate), undefined);
});
