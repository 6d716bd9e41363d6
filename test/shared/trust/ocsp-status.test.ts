import test from 'ava';
import { derNull } from '#shared/der/writer.ts';
import { oids } from '#shared/oid.ts';
import { nonceMatches } from '#shared/trust/ocsp-status.ts';
import { allPathChecks } from '#shared/trust/path-check-lists.ts';
import type { CrlReason } from '#shared/x509/crl.ts';
import type { OcspResponse } from '#shared/x509/ocsp.ts';
import {
  issueCa,
  issueCertificate,
  issueCrl,
  issueOcspResponder,
  issueOcspResponse,
  issueRoot,
  issueTsu,
} from '../../_authority.ts';
import type { Issued, OcspEntrySpec, OcspSpec } from '../../_authority.ts';
import {
  buildName,
  extendedKeyUsage,
  extension,
  generalizedTime,
  keyUsage,
} from '../../_extensions.ts';
import { after, before, ca, responder, root, rulesOf, statusOf, tsu } from './_status.ts';
import type { Material } from './_status.ts';

const until = '2025-06-06T00:00:00Z';

function response(entry: Partial<OcspEntrySpec> = {}, spec: Partial<OcspSpec> = {}): OcspResponse {
  return issueOcspResponse({
    issuer: ca,
    responder,
    producedAt: entry.thisUpdate ?? before,
    entries: [
      { certificate: tsu, status: 'good', thisUpdate: before, nextUpdate: until, ...entry },
    ],
    ...spec,
  });
}

const hold = {
  status: 'revoked',
  revokedAt: '2025-05-01T00:00:00Z',
  reason: 'certificateHold',
} as const;

/** Revoked after the instant asked about, and invalid since before it. */
function revokedLater(reason: CrlReason): OcspResponse {
  const invalidSince = generalizedTime(Temporal.Instant.from('2025-05-15T00:00:00Z'));
  return response({
    status: 'revoked',
    revokedAt: '2025-06-20T00:00:00Z',
    reason,
    thisUpdate: after,
    nextUpdate: '2025-07-02T00:00:00Z',
    extraExtensions: [extension(oids.invalidityDate, invalidSince)],
  });
}

type Row = readonly [title: string, material: Material, status: string];

const rows: readonly Row[] = [
  ['good, current', { ocspResponses: [response()] }, 'good'],
  [
    'signed by the CA itself',
    { ocspResponses: [response({}, { responder: ca, certificates: [] })] },
    'good',
  ],
  [
    'responder named by its key',
    { ocspResponses: [response({}, { responderIdBy: 'key' })] },
    'good',
  ],
  [
    'responder certificate from elsewhere',
    { ocspResponses: [response({}, { certificates: [] })], intermediates: [responder] },
    'good',
  ],
  [
    'responder certificate not at hand',
    { ocspResponses: [response({}, { certificates: [] })] },
    'unknown',
  ],
  [
    'revoked',
    { ocspResponses: [response({ status: 'revoked', revokedAt: '2025-05-01T00:00:00Z' })] },
    'revoked',
  ],
  [
    'revoked later',
    {
      ocspResponses: [
        response({
          status: 'revoked',
          revokedAt: '2025-06-20T00:00:00Z',
          thisUpdate: after,
          nextUpdate: '2025-07-02T00:00:00Z',
        }),
      ],
    },
    'revoked-later',
  ],
  ['unknown to the responder', { ocspResponses: [response({ status: 'unknown' })] }, 'unknown'],
  [
    'issued later, certificate valid then',
    { ocspResponses: [response({ thisUpdate: after })] },
    'good',
  ],
  ['old', { ocspResponses: [response({ nextUpdate: '2025-05-31T00:00:00Z' })] }, 'unknown'],
  [
    'old, but revoked',
    {
      ocspResponses: [
        response({
          status: 'revoked',
          revokedAt: '2025-05-01T00:00:00Z',
          nextUpdate: '2025-05-31T00:00:00Z',
        }),
      ],
    },
    'revoked',
  ],
  [
    'revoked later, key compromised before',
    { ocspResponses: [revokedLater('keyCompromise')] },
    'revoked',
  ],
  [
    'revoked later, invalid before for another reason',
    { ocspResponses: [revokedLater('superseded')] },
    'revoked-later',
  ],
  ['on hold', { ocspResponses: [response(hold)] }, 'revoked'],
  [
    'on hold in an old answer',
    { ocspResponses: [response({ ...hold, nextUpdate: '2025-05-31T00:00:00Z' })] },
    'unknown',
  ],
  [
    'good and revoked in one response',
    {
      ocspResponses: [
        issueOcspResponse({
          issuer: ca,
          responder,
          producedAt: before,
          entries: [
            { certificate: tsu, status: 'good', thisUpdate: before, nextUpdate: until },
            { certificate: tsu, status: 'revoked', thisUpdate: before, nextUpdate: until },
          ],
        }),
      ],
    },
    'revoked',
  ],
  [
    'an unknown extension that is not critical',
    { ocspResponses: [response({ extraExtensions: [extension('1.2.3', derNull())] })] },
    'good',
  ],
  [
    'after expiry, without archive cutoff',
    {
      ocspResponses: [
        response({ thisUpdate: '2031-01-01T00:00:00Z', nextUpdate: '2031-01-02T00:00:00Z' }),
      ],
    },
    'unknown',
  ],
  [
    'after expiry, with archive cutoff before it',
    {
      ocspResponses: [
        response({
          thisUpdate: '2031-01-01T00:00:00Z',
          nextUpdate: '2031-01-02T00:00:00Z',
          archiveCutoff: '2029-01-01T00:00:00Z',
        }),
      ],
    },
    'good',
  ],
  [
    'certHash of this certificate',
    { ocspResponses: [response({ certHashOf: tsu.certificate.raw })] },
    'good',
  ],
  [
    'about another certificate',
    { ocspResponses: [response({ certificate: issueTsu(ca) })] },
    'unknown',
  ],
  ['about another issuer', { ocspResponses: [response({}, { issuer: root })] }, 'unknown'],
  ['a refusal', { ocspResponses: [response({}, { responseStatus: 'tryLater' })] }, 'unknown'],
];

for (const [title, material, status] of rows) {
  test(`${title}: ${status}`, (t) => {
    t.is(statusOf(material), status);
  });
}

test('without nextUpdate an answer counts for a day', (t) => {
  const entry = (thisUpdate: string): OcspResponse =>
    issueOcspResponse({
      issuer: ca,
      responder,
      producedAt: thisUpdate,
      entries: [{ certificate: tsu, status: 'good', thisUpdate }],
    });
  t.is(statusOf({ ocspResponses: [entry('2025-05-31T12:00:00Z')] }), 'good');
  t.is(statusOf({ ocspResponses: [entry('2025-05-30T12:00:00Z')] }), 'unknown');
});

const plain = issueCertificate({ subject: 'CN=Plain', issuer: ca }, [
  keyUsage(['digitalSignature']),
]);
const foreign = issueOcspResponder(issueRoot({ subject: 'CN=Foreign CA' }));
const sibling = issueOcspResponder(root, { subject: 'CN=Sibling Responder' });
const expired = issueOcspResponder(ca, { notAfter: '2025-05-01T00:00:00Z' });

/** CAs that are almost the issuer: of its name with another key, of its key under another name. */
const namesake = issueCa(root, { subject: 'CN=Issuing CA' });
const renamed = issueCa(root, { subject: 'CN=Renamed CA', key: ca.key });
const intermediates = [namesake, renamed];

function signedBy(delegate: Issued): OcspResponse {
  return response({}, { responder: delegate });
}

type Broken = readonly [rule: string, response: OcspResponse];

const brokenResponses: readonly Broken[] = [
  ['ocsp-responder', response({}, { breakSignature: true })],
  ['ocsp-responder', signedBy(plain)],
  ['ocsp-responder', signedBy(foreign)],
  ['ocsp-responder', signedBy(sibling)],
  ['ocsp-responder', signedBy(expired)],
  ['ocsp-responder', signedBy(issueOcspResponder(namesake))],
  ['ocsp-responder', signedBy(issueOcspResponder(renamed))],
  [
    'ocsp-responder',
    response(
      {},
      {
        responder: { ...responder, subject: buildName('CN=Somebody') },
        certificates: [responder],
      },
    ),
  ],
  [
    'ocsp-critical-extensions',
    response({ extraExtensions: [extension('1.2.3', derNull(), true)] }),
  ],
  [
    'ocsp-extensions-well-formed',
    response({ extraExtensions: [extension(oids.idPkixOcspArchiveCutoff, derNull())] }),
  ],
  ['ocsp-cert-hash', response({ certHashOf: root.certificate.raw })],
  ['ocsp-covers-instant', response({ nextUpdate: '2025-05-31T00:00:00Z' })],
];

for (const [index, [rule, broken]] of brokenResponses.entries()) {
  test(`only ${rule} keeps response ${index + 1} from counting`, (t) => {
    const material = { ocspResponses: [broken], intermediates };
    t.is(statusOf(material), 'unknown');
    t.deepEqual(rulesOf(material), [rule]);
    const checks = {
      ...allPathChecks,
      ocsp: allPathChecks.ocsp.filter(({ name }) => name !== rule),
    };
    t.is(statusOf({ ...material, checks }), 'good');
  });
}

test('every rule on responses has its response', (t) => {
  const shown = new Set(brokenResponses.map(([rule]) => rule));
  t.deepEqual(
    allPathChecks.ocsp.map(({ name }) => name).filter((name) => !shown.has(name)),
    [],
  );
});

test('a responder without no-check is itself checked', (t) => {
  const checked = issueCertificate({ subject: 'CN=Checked Responder', issuer: ca }, [
    keyUsage(['digitalSignature']),
    extendedKeyUsage([oids.idKpOCSPSigning]),
  ]);
  const ocspResponses = [signedBy(checked)];
  t.is(statusOf({ ocspResponses }), 'unknown');
  const list = issueCrl({ issuer: ca, thisUpdate: before });
  const { crls } = { crls: [list] };
  t.is(statusOf({ ocspResponses, crls }), 'good');
  const revoking = issueCrl({
    issuer: ca,
    thisUpdate: '2025-05-31T00:00:00Z',
    extraExtensions: [],
    revoked: [{ certificate: checked, at: before }],
  });
  t.deepEqual(
    rulesOf({ ocspResponses, crls: [revoking] }),
    ['ocsp-responder'],
    'a revoked responder has no say, whatever the CRL says of the TSU',
  );
  // Its own word about itself is none.
  const itself = response({ certificate: checked }, { responder: checked });
  t.is(statusOf({ ocspResponses: [...ocspResponses, itself] }), 'unknown');
});

test('a revocation for good wins over an answer of another kind', (t) => {
  const list = issueCrl({
    issuer: ca,
    thisUpdate: before,
    revoked: [{ certificate: tsu, at: '2025-05-01T00:00:00Z' }],
  });
  t.is(
    statusOf({ crls: [list], ocspResponses: [response({ thisUpdate: '2025-05-31T00:00:00Z' })] }),
    'revoked',
  );
});

test('of a hold and a newer good answer the newer counts', (t) => {
  const list = issueCrl({
    issuer: ca,
    thisUpdate: before,
    revoked: [{ certificate: tsu, at: '2025-05-01T00:00:00Z', reason: 'certificateHold' }],
  });
  t.is(
    statusOf({ crls: [list], ocspResponses: [response({ thisUpdate: '2025-05-31T00:00:00Z' })] }),
    'good',
  );
  t.is(
    statusOf({ crls: [list], ocspResponses: [response({ thisUpdate: '2025-05-29T00:00:00Z' })] }),
    'revoked',
  );
});

test('the nonce of a request is found again, or not', (t) => {
  const nonce = Uint8Array.of(1, 2, 3, 4);
  const { basic } = response({}, { nonce });
  if (!basic) return t.fail();
  t.true(nonceMatches(basic, nonce));
  t.false(nonceMatches(basic, Uint8Array.of(1, 2, 3, 5)));
  const { basic: without } = response();
  t.is(without && nonceMatches(without, nonce), false);
});
