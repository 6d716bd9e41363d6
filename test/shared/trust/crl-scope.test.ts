// Of which certificates and for which reasons a CRL speaks, and which delta goes with which complete list: each
// condition of RFC 5280 §6.3.3 (b), (c), (d) by an input that it alone decides.
import test from 'ava';
import {
  derContext,
  derElement,
  derObjectIdentifier,
  derSequence,
  derUtf8String,
} from '#shared/der/writer.ts';
import { oids } from '#shared/oid.ts';
import { crlScope, deltaFits } from '#shared/trust/crl-scope.ts';
import type { CertificateList } from '#shared/x509/crl.ts';
import { allReasons } from '#shared/x509/distribution-point.ts';
import type { DistributionPoint, ReasonFlag } from '#shared/x509/distribution-point.ts';
import { issueCa, issueCertificate, issueCrl, issueRoot, issueTsu } from '../../_authority.ts';
import type { CrlSpec, Issued } from '../../_authority.ts';
import { crlDistributionPoints, extension, issuingDistributionPoint } from '../../_extensions.ts';
import type { TestDistributionPoint } from '../../_extensions.ts';

const root = issueRoot();
const ca = issueCa(root, { subject: 'CN=Issuing CA' });
const issuerOfLists = issueCa(root, { subject: 'CN=List Issuer' });
const own = [{ directory: 'CN=List Issuer' }];

function crl(
  scope: Parameters<typeof issuingDistributionPoint>[0] | undefined,
  spec: Partial<CrlSpec> = {},
): CertificateList {
  return issueCrl({
    issuer: ca,
    thisUpdate: '2026-01-01T00:00:00Z',
    ...(scope && { extraExtensions: [issuingDistributionPoint(scope)] }),
    ...spec,
  });
}

/** The point as a certificate states it. */
function pointOf(point: TestDistributionPoint): DistributionPoint {
  const { certificate } = issueTsu(ca, { extraExtensions: [crlDistributionPoints([point])] });
  const [read] = certificate.cRLDistributionPoints ?? [];
  if (!read) throw new Error('the certificate has no distribution point');
  return read;
}

const a = [{ uri: 'http://crl.example/a' }];
const b = [{ uri: 'http://crl.example/b' }];
const both = [...b, ...a];
const few: readonly ReasonFlag[] = ['keyCompromise', 'superseded'];
const indirect = { issuer: issuerOfLists };
const tsu = issueTsu(ca);

type Row = {
  readonly what: string;
  readonly list: CertificateList;
  readonly point: TestDistributionPoint;
  readonly certificate?: Issued;
  /** The reasons, or the beginning of why not. */
  readonly expected: readonly ReasonFlag[] | RegExp;
};

const all = [...allReasons];
const rows: readonly Row[] = [
  { what: 'no scope', list: crl(undefined), point: { fullName: a }, expected: all },
  { what: 'the same name', list: crl({ fullName: a }), point: { fullName: a }, expected: all },
  {
    what: 'one of several names',
    list: crl({ fullName: both }),
    point: { fullName: a },
    expected: all,
  },
  {
    what: 'one of several names of the point',
    list: crl({ fullName: a }),
    point: { fullName: both },
    expected: all,
  },
  {
    what: 'another name',
    list: crl({ fullName: b }),
    point: { fullName: a },
    expected: /^belongs/,
  },
  {
    what: 'another issuer, which the point does not name',
    list: crl(undefined, indirect),
    point: { fullName: a },
    expected: /^comes from another issuer than the certificate/,
  },
  {
    what: 'another issuer than the point names',
    list: crl({ indirectCRL: true }),
    point: { fullName: a, cRLIssuer: own },
    expected: /^comes from another issuer than the distribution point/,
  },
  {
    what: 'one of the issuers that the point names',
    list: crl({ indirectCRL: true }, indirect),
    point: { fullName: a, cRLIssuer: [{ directory: 'CN=Else' }, ...own] },
    expected: all,
  },
  {
    what: 'the issuer that the point names, and not indirect',
    list: crl({ fullName: a }, indirect),
    point: { fullName: a, cRLIssuer: own },
    expected: /^is not marked/,
  },
  {
    what: 'a point without a name: the name is that of the list issuer',
    list: crl({ fullName: own, indirectCRL: true }, indirect),
    point: { cRLIssuer: own },
    expected: all,
  },
  {
    what: 'a point without a name: the name is another one',
    list: crl({ fullName: a, indirectCRL: true }, indirect),
    point: { cRLIssuer: own },
    expected: /^belongs/,
  },
  {
    what: 'users only, a user',
    list: crl({ onlyContainsUserCerts: true }),
    point: { fullName: a },
    expected: all,
  },
  {
    what: 'users only, a CA',
    list: crl({ onlyContainsUserCerts: true }),
    point: { fullName: a },
    certificate: issueCa(ca, { subject: 'CN=Lower CA' }),
    expected: /^covers no CA/,
  },
  {
    what: 'CAs only, a CA',
    list: crl({ onlyContainsCACerts: true }),
    point: { fullName: a },
    certificate: issueCa(ca, { subject: 'CN=Lower CA' }),
    expected: all,
  },
  {
    what: 'CAs only, a user',
    list: crl({ onlyContainsCACerts: true }),
    point: { fullName: a },
    expected: /^covers CA certificates only/,
  },
  {
    what: 'attribute certificates only',
    list: crl({ onlyContainsAttributeCerts: true }),
    point: { fullName: a },
    expected: /^covers attribute/,
  },
  {
    what: 'some reasons of the list',
    list: crl({ onlySomeReasons: few }),
    point: { fullName: a },
    expected: few,
  },
  {
    what: 'some reasons of the point',
    list: crl(undefined),
    point: { fullName: a, reasons: few },
    expected: few,
  },
  {
    what: 'the reasons of both',
    list: crl({ onlySomeReasons: few }),
    point: { fullName: a, reasons: ['superseded', 'aACompromise'] },
    expected: ['superseded'],
  },
];

/** The reasons in order, or why the list does not speak. */
function scopeOf(
  list: CertificateList,
  point: DistributionPoint,
  { certificate }: Issued = tsu,
): readonly string[] | string {
  const scope = crlScope(list, certificate, point);
  return typeof scope === 'string' ? scope : [...scope].toSorted();
}

for (const { what, list, point, certificate, expected } of rows) {
  test(`scope: ${what}`, (t) => {
    const scope = scopeOf(list, pointOf(point), certificate);
    if (expected instanceof RegExp) t.regex(String(scope), expected);
    else t.deepEqual(scope, expected.toSorted());
  });
}

/** A `nameRelativeToCRLIssuer` of one common name. */
function relative(commonName: string): Uint8Array {
  const attribute = derSequence(derObjectIdentifier(oids.commonName), derUtf8String(commonName));
  return derContext(0, derContext(1, attribute));
}

const relativeList = (name: string, spec: Partial<CrlSpec> = {}): CertificateList =>
  crl(undefined, {
    extraExtensions: [
      extension(
        oids.issuingDistributionPoint,
        derSequence(relative(name), ...(spec.issuer ? [derElement(0x84, Uint8Array.of(255))] : [])),
        true,
      ),
    ],
    ...spec,
  });

test('scope: names relative to the issuer of the list', (t) => {
  const stated = [{ directory: 'CN=Part 1,CN=Issuing CA' }];
  t.deepEqual(scopeOf(relativeList('Part 1'), pointOf({ fullName: stated })), all.toSorted());
  t.regex(String(scopeOf(relativeList('Part 2'), pointOf({ fullName: stated }))), /^belongs/);
});

test('scope: a relative name of a point is completed by its CRL issuer, else by the issuer', (t) => {
  const pointWith = (...more: readonly Uint8Array[]): DistributionPoint => {
    const value = derSequence(derSequence(relative('Part 1'), ...more));
    const { certificate } = issueCertificate({ subject: 'CN=Somebody', issuer: ca }, [
      extension(oids.cRLDistributionPoints, value),
    ]);
    const [read] = certificate.cRLDistributionPoints ?? [];
    if (!read) throw new Error('the certificate has no distribution point');
    return read;
  };
  const cRLIssuer = derContext(2, derContext(4, issuerOfLists.subject));
  const ofLists = relativeList('Part 1', indirect);
  t.deepEqual(scopeOf(relativeList('Part 1'), pointWith()), all.toSorted());
  t.deepEqual(scopeOf(ofLists, pointWith(cRLIssuer)), all.toSorted());
  const atIssuer = crl(
    { fullName: [{ directory: 'CN=Part 1,CN=Issuing CA' }], indirectCRL: true },
    indirect,
  );
  t.regex(String(scopeOf(atIssuer, pointWith(cRLIssuer))), /^belongs/);
});

const complete = crl(undefined, { crlNumber: 5 });
const delta = (spec: Partial<CrlSpec>): CertificateList =>
  crl(undefined, { crlNumber: 6, deltaCRLIndicator: 5, ...spec });

const pairs: readonly (readonly [what: string, delta: CertificateList, fits: boolean])[] = [
  ['of this very list', delta({}), true],
  ['of an earlier list', delta({ deltaCRLIndicator: 4 }), true],
  ['of a later list', delta({ deltaCRLIndicator: 6, crlNumber: 7 }), false],
  ['that is not newer', delta({ crlNumber: 5 }), false],
  ['of another issuer', delta(indirect), false],
  [
    'of another scope',
    delta({ extraExtensions: [issuingDistributionPoint({ fullName: a })] }),
    false,
  ],
  ['that is none', crl(undefined, { crlNumber: 6 }), false],
];
for (const [what, candidate, fits] of pairs)
  test(`a delta ${what} ${fits ? 'fits' : 'does not fit'}`, (t) => {
    t.is(deltaFits(candidate, complete), fits);
  });

test('a delta without a scope does not fit a list with one, whatever its scope is', (t) => {
  const scoped = { extraExtensions: [issuingDistributionPoint({ fullName: a })] };
  t.false(deltaFits(delta({}), crl(undefined, { crlNumber: 5, ...scoped })));
  t.true(deltaFits(delta(scoped), crl(undefined, { crlNumber: 5, ...scoped })));
});

test('a delta of a CA that changed its key does not fit', (t) => {
  const rolled = issueCa(root, { subject: 'CN=Issuing CA' });
  t.false(deltaFits(delta({ issuer: rolled }), complete));
});
