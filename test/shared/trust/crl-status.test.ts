import test from 'ava';
import { derInteger, derNull } from '#shared/der/writer.ts';
import { oids } from '#shared/oid.ts';
import { allPathChecks } from '#shared/trust/path-check-lists.ts';
import type { CertificateList } from '#shared/x509/crl.ts';
import { issueCa, issueCertificate, issueCrl, issueRoot, issueTsu } from '../../_authority.ts';
import type { CrlSpec, Issued, RevokedSpec } from '../../_authority.ts';
import {
  crlDistributionPoints,
  extension,
  issuingDistributionPoint,
  keyUsage,
} from '../../_extensions.ts';
import { after, at, before, ca, root, rulesOf, statusOf, tsu, verdictOf } from './_status.ts';
import type { Material } from './_status.ts';

function crl(spec: Partial<CrlSpec> = {}): CertificateList {
  return issueCrl({ issuer: ca, thisUpdate: before, ...spec });
}

function revoked(spec: Partial<RevokedSpec> = {}): RevokedSpec {
  return { certificate: tsu, at: '2025-05-01T00:00:00Z', ...spec };
}

type Row = { readonly title: string; readonly material: Material; readonly status: string };

const rows: readonly Row[] = [
  { title: 'no material', material: {}, status: 'unknown' },
  { title: 'current CRL, not listed', material: { crls: [crl()] }, status: 'good' },
  {
    title: 'current CRL, listed',
    material: { crls: [crl({ revoked: [revoked()] })] },
    status: 'revoked',
  },
  {
    title: 'listed as of a later date',
    material: {
      crls: [crl({ thisUpdate: after, revoked: [revoked({ at: '2025-06-15T00:00:00Z' })] })],
    },
    status: 'revoked-later',
  },
  {
    title: 'revoked later, key compromised before',
    material: {
      crls: [
        crl({
          thisUpdate: after,
          revoked: [
            revoked({
              at: '2025-06-15T00:00:00Z',
              reason: 'keyCompromise',
              invalidityDate: '2025-05-15T00:00:00Z',
            }),
          ],
        }),
      ],
    },
    status: 'revoked',
  },
  {
    title: 'revoked later, ceased before: no compromise, no reach back',
    material: {
      crls: [
        crl({
          thisUpdate: after,
          revoked: [
            revoked({
              at: '2025-06-15T00:00:00Z',
              reason: 'cessationOfOperation',
              invalidityDate: '2025-05-15T00:00:00Z',
            }),
          ],
        }),
      ],
    },
    status: 'revoked-later',
  },
  {
    title: 'CRL issued later, not listed, certificate still valid then',
    material: { crls: [crl({ thisUpdate: after })] },
    status: 'good',
  },
  {
    title: 'CRL issued after the certificate expired says nothing',
    material: { crls: [crl({ thisUpdate: '2031-01-01T00:00:00Z' })] },
    status: 'unknown',
  },
  {
    title: 'unless it keeps expired certificates',
    material: {
      crls: [
        crl({
          thisUpdate: '2031-01-01T00:00:00Z',
          extraExtensions: [extension(oids.expiredCertsOnCRL, generalTime('20200101000000Z'))],
        }),
      ],
    },
    status: 'good',
  },
  {
    title: 'old CRL, not listed',
    material: { crls: [crl({ thisUpdate: '2025-05-01T00:00:00Z' })] },
    status: 'unknown',
  },
  {
    title: 'old CRL, listed: revocation is for good',
    material: { crls: [crl({ thisUpdate: '2025-05-02T00:00:00Z', revoked: [revoked()] })] },
    status: 'revoked',
  },
  {
    title: 'old CRL, on hold: may have been lifted',
    material: {
      crls: [
        crl({
          thisUpdate: '2025-05-02T00:00:00Z',
          revoked: [revoked({ reason: 'certificateHold' })],
        }),
      ],
    },
    status: 'unknown',
  },
  {
    title: 'current CRL, on hold',
    material: { crls: [crl({ revoked: [revoked({ reason: 'certificateHold' })] })] },
    status: 'revoked',
  },
  {
    title: 'CRL without nextUpdate',
    material: { crls: [crl({ nextUpdate: null })] },
    status: 'unknown',
  },
  {
    title: 'the newest of several decides',
    material: {
      crls: [
        crl({
          thisUpdate: '2025-05-26T00:00:00Z',
          revoked: [revoked({ reason: 'certificateHold' })],
        }),
        crl({ crlNumber: 2 }),
      ],
    },
    status: 'good',
  },
  {
    title: 'another serial number is another certificate',
    material: { crls: [crl({ revoked: [revoked({ certificate: issueTsu(ca) })] })] },
    status: 'good',
  },
  {
    title: 'another CA of another name',
    material: { crls: [issueCrl({ issuer: root, thisUpdate: before, revoked: [revoked()] })] },
    status: 'unknown',
  },
];

function generalTime(text: string): Uint8Array {
  return Uint8Array.of(0x18, text.length, ...new TextEncoder().encode(text));
}

for (const { title, material, status } of rows) {
  test(`${title}: ${status}`, (t) => {
    t.is(statusOf(material), status);
  });
}

test('a delta adds, and takes off again', (t) => {
  const complete = crl({ crlNumber: 5 });
  const held = crl({ crlNumber: 5, revoked: [revoked({ reason: 'certificateHold' })] });
  const delta = (spec: Partial<CrlSpec>) => crl({ crlNumber: 6, deltaCRLIndicator: 5, ...spec });
  const adds = delta({ revoked: [revoked()] });
  const removes = delta({ revoked: [revoked({ reason: 'removeFromCRL' })] });
  t.is(statusOf({ crls: [complete, adds] }), 'revoked');
  t.is(statusOf({ crls: [held, removes] }), 'good');
  // Base newer than the complete list, and a delta that is older than it.
  t.is(
    statusOf({ crls: [complete, delta({ deltaCRLIndicator: 6, revoked: [revoked()] })] }),
    'good',
  );
  t.is(statusOf({ crls: [complete, delta({ crlNumber: 5, revoked: [revoked()] })] }), 'good');
  t.is(statusOf({ crls: [adds] }), 'unknown', 'a delta alone is no list');
});

test('distribution points by reason together cover all', (t) => {
  const some = {
    fullName: [{ uri: 'http://crl.example/some' }],
    reasons: ['keyCompromise', 'superseded'],
  } as const;
  const rest = {
    fullName: [{ uri: 'http://crl.example/rest' }],
    reasons: [
      'cACompromise',
      'affiliationChanged',
      'cessationOfOperation',
      'certificateHold',
      'privilegeWithdrawn',
      'aACompromise',
    ],
  } as const;
  const target = issueTsu(ca, { extraExtensions: [crlDistributionPoints([some, rest])] });
  const list = (point: typeof some | typeof rest, spec: Partial<CrlSpec> = {}) =>
    crl({
      extraExtensions: [
        issuingDistributionPoint({ fullName: point.fullName, onlySomeReasons: point.reasons }),
      ],
      ...spec,
    });
  t.is(statusOf({ target, crls: [list(some), list(rest)] }), 'good');
  t.is(statusOf({ target, crls: [list(some)] }), 'unknown');
  t.true(rulesOf({ target, crls: [list(some)] }).includes('crl-covers-reasons'));
  t.is(
    statusOf({
      target,
      crls: [list(some), list(rest, { revoked: [revoked({ certificate: target })] })],
    }),
    'revoked',
  );
});

test('an issuing distribution point limits what its list covers', (t) => {
  const scoped = (point: Parameters<typeof issuingDistributionPoint>[0]) =>
    crl({ extraExtensions: [issuingDistributionPoint(point)] });
  const target = issueTsu(ca, {
    extraExtensions: [crlDistributionPoints([{ fullName: [{ uri: 'http://crl.example/a' }] }])],
  });
  t.is(statusOf({ crls: [scoped({ onlyContainsUserCerts: true })] }), 'good');
  t.is(statusOf({ crls: [scoped({ onlyContainsCACerts: true })] }), 'unknown');
  t.is(statusOf({ crls: [scoped({ onlyContainsAttributeCerts: true })] }), 'unknown');
  t.is(
    statusOf({ target, crls: [scoped({ fullName: [{ uri: 'http://crl.example/a' }] })] }),
    'good',
  );
  t.is(
    statusOf({ target, crls: [scoped({ fullName: [{ uri: 'http://crl.example/b' }] })] }),
    'unknown',
  );
  t.is(statusOf({ target, crls: [crl()] }), 'good', 'a list for everything counts as well');
});

test('an indirect CRL speaks for those that name its issuer', (t) => {
  const crlIssuer = issueCertificate({ subject: 'CN=CRL Issuer', issuer: root }, [
    keyUsage(['cRLSign']),
  ]);
  const target = issueTsu(ca, {
    extraExtensions: [crlDistributionPoints([{ cRLIssuer: [{ directory: 'CN=CRL Issuer' }] }])],
  });
  const list = (
    point: Parameters<typeof issuingDistributionPoint>[0],
    entries: readonly RevokedSpec[],
  ) =>
    issueCrl({
      issuer: crlIssuer,
      thisUpdate: before,
      revoked: entries,
      extraExtensions: [issuingDistributionPoint(point)],
    });
  const named = revoked({
    certificate: target,
    certificateIssuer: [{ directory: 'CN=Issuing CA' }],
  });
  const material = (lists: readonly CertificateList[]): Material => ({
    target,
    intermediates: [crlIssuer],
    crls: lists,
  });
  t.is(statusOf(material([list({ indirectCRL: true }, [])])), 'good');
  t.is(statusOf(material([list({ indirectCRL: true }, [named])])), 'revoked');
  // Without an issuer the entry is about the CRL issuer's own certificates.
  t.is(
    statusOf(material([list({ indirectCRL: true }, [revoked({ certificate: target })])])),
    'good',
  );
  t.is(statusOf(material([list({ onlyContainsUserCerts: true }, [])])), 'unknown');
});

type Broken = {
  readonly rule: string;
  readonly list: CertificateList;
  readonly material?: Material;
};

const stranger = issueRoot({ subject: 'CN=Issuing CA' });
const mute = issueCertificate({ subject: 'CN=Issuing CA', issuer: root }, [
  keyUsage(['keyCertSign']),
]);

/** Lists that one rule alone keeps from counting; all would say good. */
const brokenLists: readonly Broken[] = [
  { rule: 'crl-signer', list: crl({ breakSignature: true }) },
  { rule: 'crl-signer', list: issueCrl({ issuer: stranger, thisUpdate: before }) },
  {
    rule: 'crl-signer',
    list: issueCrl({ issuer: stranger, thisUpdate: before }),
    material: { intermediates: [stranger] },
  },
  {
    rule: 'crl-signer',
    list: issueCrl({ issuer: mute, thisUpdate: before }),
    material: { intermediates: [mute] },
  },
  {
    rule: 'crl-critical-extensions',
    list: crl({ extraExtensions: [extension('1.2.3.4', derNull(), true)] }),
  },
  {
    rule: 'crl-extensions-well-formed',
    list: crl({ extraExtensions: [extension(oids.freshestCRL, derInteger(1))] }),
  },
  {
    rule: 'crl-entry-extensions',
    list: crl({
      revoked: [
        revoked({
          certificate: issueTsu(ca),
          extraExtensions: [extension('1.2.3.4', derNull(), true)],
        }),
      ],
    }),
  },
  {
    rule: 'crl-signature-algorithms-agree',
    list: withOtherAlgorithm(crl()),
  },
  { rule: 'crl-number-present', list: withoutExtension(crl(), oids.cRLNumber) },
  { rule: 'crl-number-not-critical', list: withCritical(crl(), oids.cRLNumber, true) },
  {
    rule: 'crl-authority-key-identifier-present',
    list: withoutExtension(crl(), oids.authorityKeyIdentifier),
  },
  {
    rule: 'crl-scope-critical',
    list: withCritical(
      crl({ extraExtensions: [issuingDistributionPoint({ onlyContainsUserCerts: true })] }),
      oids.issuingDistributionPoint,
      false,
    ),
  },
];

/** The same signed octets, read as if the field inside named another algorithm. */
function withOtherAlgorithm(list: CertificateList): CertificateList {
  return { ...list, tbsSignatureAlgorithm: { ...list.tbsSignatureAlgorithm, oid: '1.2.3' } };
}

function withoutExtension(list: CertificateList, oid: string): CertificateList {
  const { cRLNumber, authorityKeyIdentifier: identifier, ...rest } = list;
  return {
    ...rest,
    ...(oid !== oids.cRLNumber && cRLNumber !== undefined && { cRLNumber }),
    ...(oid !== oids.authorityKeyIdentifier &&
      identifier && { authorityKeyIdentifier: identifier }),
  };
}

function withCritical(list: CertificateList, oid: string, critical: boolean): CertificateList {
  return {
    ...list,
    extensions: list.extensions.map((entry) =>
      entry.oid === oid ? { ...entry, critical } : entry,
    ),
  };
}

const enforced = { certificateProfile: 'enforce' } as const;

for (const [index, { rule, list, material }] of brokenLists.entries()) {
  test(`only ${rule} keeps list ${index + 1} from counting`, (t) => {
    const given: Material = { ...material, crls: [list], query: enforced };
    t.is(statusOf(given), 'unknown');
    t.deepEqual(rulesOf(given), [rule]);
    const checks = {
      ...allPathChecks,
      crl: allPathChecks.crl.filter(({ name }) => name !== rule),
    };
    t.is(statusOf({ ...given, checks }), 'good');
  });
}

test('every rule on lists has its list', (t) => {
  const shown = new Set(brokenLists.map(({ rule }) => rule));
  t.deepEqual(
    allPathChecks.crl.map(({ name }) => name).filter((name) => !shown.has(name)),
    [],
  );
});

test('profile rules on lists do not count by default', (t) => {
  for (const { rule, list } of brokenLists) {
    if (!allPathChecks.crl.some(({ name, profile }) => name === rule && profile)) continue;
    t.is(statusOf({ crls: [list] }), 'good', rule);
  }
});

test('a CA may sign its lists with another key of the same name', (t) => {
  const crlKey = issueCertificate({ subject: 'CN=Issuing CA', issuer: root }, [
    keyUsage(['cRLSign']),
  ]);
  const list = issueCrl({ issuer: crlKey, thisUpdate: before });
  t.is(statusOf({ crls: [list], intermediates: [crlKey] }), 'good');
  t.is(statusOf({ crls: [list] }), 'unknown', 'its certificate must be at hand');
  const revokedKey = issueCrl({
    issuer: root,
    thisUpdate: '2025-05-31T00:00:00Z',
    revoked: [revoked({ certificate: crlKey })],
  });
  t.is(statusOf({ crls: [list, revokedKey], intermediates: [crlKey] }), 'unknown');
});

test('a CRL issuer whose status only its own list tells may speak, unless the list names it', (t) => {
  const crlIssuer = issueCertificate(
    {
      subject: 'CN=Own CRL Issuer',
      issuer: ca,
      extraExtensions: [
        crlDistributionPoints([{ cRLIssuer: [{ directory: 'CN=Own CRL Issuer' }] }]),
      ],
    },
    [keyUsage(['cRLSign'])],
  );
  const target = issueTsu(ca, {
    extraExtensions: [crlDistributionPoints([{ cRLIssuer: [{ directory: 'CN=Own CRL Issuer' }] }])],
  });
  const list = (entries: readonly RevokedSpec[]) =>
    issueCrl({
      issuer: crlIssuer,
      thisUpdate: before,
      revoked: entries,
      extraExtensions: [issuingDistributionPoint({ indirectCRL: true })],
    });
  const own = revoked({
    certificate: crlIssuer,
    certificateIssuer: [{ directory: 'CN=Issuing CA' }],
  });
  t.is(statusOf({ target, intermediates: [crlIssuer], crls: [list([])] }), 'good');
  t.is(statusOf({ target, intermediates: [crlIssuer], crls: [list([own])] }), 'unknown');
});

test('a revoked CA spoils the path', (t) => {
  const revokedCa = issueCrl({
    issuer: root,
    thisUpdate: '2025-05-31T00:00:00Z',
    revoked: [revoked({ certificate: ca })],
  });
  const verdict = verdictOf({ crls: [crl(), revokedCa] });
  t.is(verdict.status, 'indeterminate');
  t.is(verdict.subIndication, 'REVOKED_CA_NO_POE');
});

test('the status carries its source', (t) => {
  const list = crl({ revoked: [revoked({ reason: 'superseded' })] });
  const verdict = verdictOf({ crls: [list] });
  t.is(verdict.status, 'invalid');
  t.is(verdict.subIndication, 'REVOKED');
  const [status] = verdict.revocation;
  t.is(status?.source, list);
  t.is(status?.reason, 'superseded');
  t.is(status?.revokedAt?.toString(), '2025-05-01T00:00:00Z');
  t.true(verdict.findings.some(({ check, level }) => check === 'revoked' && level === 'error'));
});

test('a signer of lists must have been valid when it signed', (t) => {
  const shortCa: Issued = issueCa(root, {
    subject: 'CN=Short CA',
    notAfter: '2025-06-10T00:00:00Z',
  });
  const target = issueTsu(shortCa);
  const late = issueCrl({ issuer: shortCa, thisUpdate: after });
  t.is(statusOf({ target, intermediates: [shortCa], crls: [late] }), 'unknown');
  const query = { at: at.add({ hours: 1 }) };
  const timely = issueCrl({ issuer: shortCa, thisUpdate: before });
  t.is(statusOf({ target, intermediates: [shortCa], crls: [timely], query }), 'good');
});
