import test from 'ava';
import { buildPaths } from '#shared/trust/path-build.ts';
import { verifyCertificatePath } from '#shared/trust/verify-path.ts';
import { createWorkBudget } from '#shared/trust/work-budget.ts';
import { derNull } from '#shared/der/writer.ts';
import { oids } from '#shared/oid.ts';
import type { PathQuery, RevocationMode } from '#shared/trust/path-query.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import {
  anchorOf,
  issueCa,
  issueCertificate,
  issueCrl,
  issueRoot,
  issueSigner,
  issueTsu,
} from '../../_authority.ts';
import type { Issued } from '../../_authority.ts';
import { basicConstraints, crlDistributionPoints, extension, keyUsage } from '../../_extensions.ts';
import { freshKey } from '../../_keys.ts';

const at = Temporal.Instant.from('2025-06-01T00:00:00Z');
const root = issueRoot();
const ca = issueCa(root, { subject: 'CN=CA' });
const tsu = issueTsu(ca);

function query(target: Issued, given: Partial<PathQuery> = {}): PathQuery {
  return {
    target: target.certificate,
    intermediates: [ca.certificate],
    anchors: [anchorOf(root)],
    crls: [],
    ocspResponses: [],
    at,
    purpose: 'tsu',
    revocationMode: 'none',
    ...given,
  };
}

function certificatesOf(...issued: readonly Issued[]): readonly Certificate[] {
  return issued.map(({ certificate }) => certificate);
}

test('target first, anchor last', (t) => {
  const verdict = verifyCertificatePath(query(tsu));
  t.is(verdict.status, 'valid');
  t.deepEqual(verdict.path, certificatesOf(tsu, ca, root));
  t.deepEqual(verdict.findings, []);
  t.deepEqual(verdict.revocation, []);
});

test('the verdict is as of the instant: before, within, after', (t) => {
  const rows = [
    ['2019-12-31T23:59:59Z', 'invalid', 'NOT_YET_VALID'],
    ['2030-01-01T00:00:00Z', 'valid', undefined],
    ['2040-01-01T00:00:01Z', 'invalid', 'EXPIRED'],
  ] as const;
  const longRoot = issueRoot({
    notBefore: '2000-01-01T00:00:00Z',
    notAfter: '2060-01-01T00:00:00Z',
  });
  const longCa = issueCa(longRoot, {
    notBefore: '2000-01-01T00:00:00Z',
    notAfter: '2060-01-01T00:00:00Z',
  });
  const target = issueTsu(longCa);
  for (const [when, status, subIndication] of rows) {
    const verdict = verifyCertificatePath(
      query(target, {
        at: Temporal.Instant.from(when),
        intermediates: certificatesOf(longCa),
        anchors: [anchorOf(longRoot)],
      }),
    );
    t.is(verdict.status, status, when);
    t.is(verdict.subIndication, subIndication, when);
  }
});

test('no path: the chain as far as it goes, and who is missing', (t) => {
  const verdict = verifyCertificatePath(query(tsu, { anchors: [] }));
  t.is(verdict.status, 'indeterminate');
  t.is(verdict.subIndication, 'NO_CERTIFICATE_CHAIN_FOUND');
  t.deepEqual(verdict.path, certificatesOf(tsu, ca));
  t.is(verdict.findings[0]?.check, 'path-to-anchor');
  t.regex(verdict.findings[0]?.message ?? '', /CN=Test Root/);
});

test('of two issuers of one name the one whose signature verifies is taken', (t) => {
  const impostor = issueCa(issueRoot({ subject: 'CN=Other Root' }), { subject: 'CN=CA' });
  const verdict = verifyCertificatePath(
    query(tsu, { intermediates: certificatesOf(impostor, ca) }),
  );
  t.deepEqual(verdict.path, certificatesOf(tsu, ca, root));
});

test('key rollover and cross-certificates: whichever path holds', (t) => {
  const newKey = freshKey();
  const newCa = issueCa(root, { subject: 'CN=CA', key: newKey });
  const bridge = issueRoot({ subject: 'CN=Bridge' });
  const crossed = issueCa(bridge, { subject: 'CN=CA', key: newKey });
  const target = issueTsu(newCa);
  const intermediates = certificatesOf(ca, newCa, crossed);
  for (const [anchor, issuer] of [
    [root, newCa],
    [bridge, crossed],
  ] as const) {
    const verdict = verifyCertificatePath(
      query(target, { intermediates, anchors: [anchorOf(anchor)] }),
    );
    t.is(verdict.status, 'valid');
    t.deepEqual(verdict.path, certificatesOf(target, issuer, anchor));
  }
});

test('an expired cross-certificate does not hide the path that holds', (t) => {
  const shared = freshKey();
  const old = issueCa(root, { subject: 'CN=CA', key: shared, notAfter: '2024-01-01T00:00:00Z' });
  const current = issueCa(root, { subject: 'CN=CA', key: shared });
  const target = issueTsu(current);
  for (const intermediates of [certificatesOf(old, current), certificatesOf(current, old)])
    t.is(verifyCertificatePath(query(target, { intermediates })).status, 'valid');
  const verdict = verifyCertificatePath(query(target, { intermediates: certificatesOf(old) }));
  t.is(verdict.subIndication, 'CERTIFICATE_CHAIN_GENERAL_FAILURE');
  t.is(verdict.findings[0]?.check, 'expired');
});

test('CAs that sign each other end the search', (t) => {
  const keyA = freshKey();
  const keyB = freshKey();
  const nowhere = issueRoot({ subject: 'CN=Nowhere' });
  const a = issueCa(nowhere, { subject: 'CN=A', key: keyA });
  const b = issueCa(nowhere, { subject: 'CN=B', key: keyB });
  const aByB = issueCa(b, { subject: 'CN=A', key: keyA });
  const bByA = issueCa(a, { subject: 'CN=B', key: keyB });
  const target = issueTsu(a);
  const verdict = verifyCertificatePath(
    query(target, { intermediates: certificatesOf(aByB, bByA) }),
  );
  t.is(verdict.subIndication, 'NO_CERTIFICATE_CHAIN_FOUND');
  const rescued = verifyCertificatePath(
    query(target, { intermediates: certificatesOf(aByB, bByA, a), anchors: [anchorOf(nowhere)] }),
  );
  t.is(rescued.status, 'valid');
});

const endsEarly = test.macro((t, intermediates: readonly Issued[]) => {
  const [issuer] = intermediates;
  if (!issuer) return t.fail();
  const before = process.cpuUsage();
  const verdict = verifyCertificatePath(
    query(issueTsu(issuer), { intermediates: certificatesOf(...intermediates) }),
  );
  const { user } = process.cpuUsage(before);
  t.is(verdict.findings[0]?.check, 'path-work-limit');
  t.true(user < 20e6, `${user} µs`);
});

test('a thicket of CAs with one key ends within the budget', (t) => {
  const key = freshKey();
  const nowhere = issueRoot({ subject: 'CN=Nowhere', key });
  const layers = Array.from({ length: 12 }, (_, layer) =>
    [0, 1, 2].map((copy) =>
      issueCertificate(
        {
          subject: `CN=Layer ${layer}`,
          issuer: {
            ...nowhere,
            subject: issueRoot({ subject: `CN=Layer ${layer + 1}`, key }).subject,
          },
          serialNumber: BigInt(copy + 1),
          key: copy === 0 ? key : { ...freshKey(), publicKey: key.publicKey },
        },
        [basicConstraints(true), keyUsage(['keyCertSign'])],
      ),
    ),
  ).flat();
  const [bottom] = layers;
  if (!bottom) return t.fail();
  const target = issueTsu(bottom);
  const budget = createWorkBudget();
  const intermediates = certificatesOf(...layers);
  t.deepEqual([...buildPaths(target.certificate, { intermediates, anchors: [], at }, budget)], []);
  t.true(budget.signatures >= 0);
  const verdict = verifyCertificatePath(query(target, { intermediates }));
  t.is(verdict.subIndication, 'NO_CERTIFICATE_CHAIN_FOUND');
});

/** So many CAs, each issued by each other one under its name: no way leads out, and factorially many about. */
function ringOfCas(names: number): Issued[] {
  const cas = Array.from({ length: names }, (_, index) =>
    issueRoot({ subject: `CN=Ring ${index}` }),
  );
  return cas.flatMap((ca) =>
    cas
      .filter((issuer) => issuer !== ca)
      .map((issuer) => issueCa(issuer, { subject: ca.subject, key: ca.key })),
  );
}

/** A chain of CAs that all have one name: each may be the issuer of each. */
function chainOfOneName(length: number): Issued[] {
  const chain = [issueRoot({ subject: 'CN=One' })];
  while (chain.length < length) {
    const [last] = chain;
    if (last) chain.unshift(issueCa(last, { subject: 'CN=One' }));
  }
  return chain;
}

test.serial('CAs that sign each other all round end the search', endsEarly, ringOfCas(12));
test.serial('a long chain of CAs of one name ends the search', endsEarly, chainOfOneName(60));

test('an anchor may be the target itself, if it fits the purpose', (t) => {
  const self = issueTsu(root);
  const anchors = [{ certificate: self.certificate }];
  t.deepEqual(verifyCertificatePath(query(self, { anchors })).path, certificatesOf(self));
  t.is(verifyCertificatePath(query(self, { anchors })).status, 'valid');
  const signer = issueSigner(root);
  const verdict = verifyCertificatePath(
    query(signer, { anchors: [{ certificate: signer.certificate }] }),
  );
  t.is(verdict.subIndication, 'CHAIN_CONSTRAINTS_FAILURE');
});

test('an intermediate may be an anchor: its root is not needed, nor its issuer', (t) => {
  const verdict = verifyCertificatePath(query(tsu, { intermediates: [], anchors: [anchorOf(ca)] }));
  t.is(verdict.status, 'valid');
  t.deepEqual(verdict.path, certificatesOf(tsu, ca));
});

test('the second anchor is tried where the first has ended', (t) => {
  const anchors = [anchorOf(root, '2025-01-01T00:00:00Z'), anchorOf(ca)];
  const verdict = verifyCertificatePath(query(tsu, { anchors }));
  t.deepEqual(verdict.path, certificatesOf(tsu, ca));
  const ended = verifyCertificatePath(query(tsu, { anchors: anchors.slice(0, 1) }));
  t.is(ended.findings[0]?.check, 'anchor-sunset');
});

test('unknown revocation: indeterminate, a warning, or not looked at', (t) => {
  const rows = [
    ['require', 'indeterminate', 'unknown'],
    ['soft', 'valid', 'warning'],
    ['none', 'valid', undefined],
  ] as const;
  for (const [revocationMode, status, level] of rows) {
    const verdict = verifyCertificatePath(query(tsu, { revocationMode }));
    t.is(verdict.status, status);
    t.is(verdict.findings.find(({ check }) => check === 'revocation-unknown')?.level, level);
    t.is(verdict.subIndication, status === 'valid' ? undefined : 'TRY_LATER');
  }
});

test('a hold leaves the question open', (t) => {
  const crls = [
    issueCrl({ issuer: root, thisUpdate: '2025-05-30T00:00:00Z' }),
    issueCrl({
      issuer: ca,
      thisUpdate: '2025-05-30T00:00:00Z',
      revoked: [{ certificate: tsu, at: '2025-05-01T00:00:00Z', reason: 'certificateHold' }],
    }),
  ];
  const verdict = verifyCertificatePath(query(tsu, { crls, revocationMode: 'require' }));
  t.is(verdict.status, 'indeterminate');
  t.is(verdict.subIndication, 'TRY_LATER');
});

test('a later revocation is told and does not void', (t) => {
  const crls = [
    issueCrl({ issuer: root, thisUpdate: '2025-05-30T00:00:00Z' }),
    issueCrl({
      issuer: ca,
      thisUpdate: '2025-07-01T00:00:00Z',
      revoked: [{ certificate: tsu, at: '2025-06-15T00:00:00Z', reason: 'superseded' }],
    }),
  ];
  const verdict = verifyCertificatePath(query(tsu, { crls, revocationMode: 'require' }));
  t.is(verdict.status, 'valid');
  t.true(
    verdict.findings.some(({ check, level }) => check === 'revoked-later' && level === 'info'),
  );
  t.is(verdict.revocation[0]?.revokedAt?.toString(), '2025-06-15T00:00:00Z');
});

test('a signature algorithm that the policy refuses is passed over where another path holds', (t) => {
  const key = freshKey();
  const weak = issueCa(issueRoot({ subject: root.certificate.subject.raw, key: root.key }), {
    subject: 'CN=Twice',
    key,
  });
  const strong = issueCa(root, { subject: 'CN=Twice', key });
  const target = issueTsu(strong);
  const given = {
    intermediates: certificatesOf(weak, strong),
    checkSignatureAlgorithm: () => undefined,
  };
  t.is(verifyCertificatePath(query(target, given)).status, 'valid');
  const refusing = {
    ...given,
    checkSignatureAlgorithm: () => 'is signed with what no longer counts',
  };
  const verdict = verifyCertificatePath(query(target, refusing));
  t.is(verdict.subIndication, 'CRYPTO_CONSTRAINTS_FAILURE');
});

test('an anchor says what is asked of the status of what is below it', (t) => {
  const statusBy = (mode: RevocationMode | undefined, asked: RevocationMode): string | undefined =>
    verifyCertificatePath(
      query(tsu, {
        anchors: [{ ...anchorOf(root), revocationMode: mode }],
        revocationMode: asked,
      }),
    ).status;
  t.is(statusBy(undefined, 'require'), 'indeterminate');
  t.is(statusBy('require', 'require'), 'indeterminate');
  t.is(statusBy('soft', 'require'), 'valid');
  t.is(statusBy('none', 'require'), 'valid');
  t.is(statusBy('require', 'none'), 'valid');
});

const noRevAvail = extension(oids.noRevAvail, derNull());
const shortTerm = extension(oids.idEtsiExtValassuredSTCerts, derNull());
const pointing = crlDistributionPoints([{ fullName: [{ uri: 'http://crl.example/ca.crl' }] }]);
for (const { what, extraExtensions, crls = [], expected } of [
  { what: 'no extension', extraExtensions: [], expected: 'indeterminate TRY_LATER' },
  { what: 'noRevAvail', extraExtensions: [noRevAvail], expected: 'valid' },
  { what: 'validity assured, short term', extraExtensions: [shortTerm], expected: 'valid' },
  {
    what: 'noRevAvail, and where a CRL is',
    extraExtensions: [noRevAvail, pointing],
    expected: 'indeterminate TRY_LATER',
  },
  {
    what: 'noRevAvail, and a CRL that revokes it',
    extraExtensions: [noRevAvail],
    crls: (issued: Issued) => [
      issueCrl({
        issuer: root,
        thisUpdate: at,
        revoked: [{ certificate: issued, at: at.subtract({ hours: 1 }) }],
      }),
    ],
    expected: 'invalid REVOKED',
  },
]) {
  test(`a TSU whose status nobody tells: ${what}`, (t) => {
    const unit = issueTsu(root, { extraExtensions });
    const { status, subIndication } = verifyCertificatePath(
      query(unit, {
        revocationMode: 'require',
        crls: typeof crls === 'function' ? crls(unit) : crls,
      }),
    );
    t.is([status, subIndication].filter(Boolean).join(' '), expected);
  });
}

test('a CA says in vain that there is no status of it', (t) => {
  const silent = issueCa(root, { subject: 'CN=Silent CA', extraExtensions: [noRevAvail] });
  const unit = issueTsu(silent, { extraExtensions: [noRevAvail] });
  const given = { intermediates: [silent.certificate], revocationMode: 'require' } as const;
  t.is(verifyCertificatePath(query(unit, given)).subIndication, 'TRY_LATER');
});
