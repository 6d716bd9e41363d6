import test from 'ava';
import {
  checkNameConstraints as check,
  findMalformedSubtree,
} from '#shared/trust/name-constraints.ts';
import { createWorkBudget } from '#shared/trust/work-budget.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import type { NameConstraints } from '#shared/x509/certificate-extensions.ts';
import type { GeneralName } from '#shared/x509/general-name.ts';
import { parseName } from '#shared/x509/name.ts';
import { issueCertificate, issueRoot } from '../../_authority.ts';
import { buildName, subjectAltName } from '../../_extensions.ts';
import type { TestGeneralName } from '../../_extensions.ts';

const issuer = issueRoot();

function base(name: TestGeneralName): GeneralName {
  if ('dns' in name) return { kind: 'dNSName', value: name.dns };
  if ('email' in name) return { kind: 'rfc822Name', value: name.email };
  if ('uri' in name) return { kind: 'uniformResourceIdentifier', value: name.uri };
  if ('ip' in name) return { kind: 'iPAddress', octets: Uint8Array.from(name.ip) };
  return { kind: 'directoryName', name: parseName(buildName(name.directory)) };
}

function constraints(
  permitted: readonly TestGeneralName[],
  excluded: readonly TestGeneralName[],
): NameConstraints {
  const subtrees = (names: readonly TestGeneralName[]) =>
    names.map((name) => ({ base: base(name), minimum: 0n }));
  return { permittedSubtrees: subtrees(permitted), excludedSubtrees: subtrees(excluded) };
}

function certificateWith(subject: string, names: readonly TestGeneralName[]) {
  const extensions = names.length > 0 ? [subjectAltName(names)] : [];
  return issueCertificate({ subject, issuer, extensions }).certificate;
}

function checkNameConstraints(certificate: Certificate, gathered: readonly NameConstraints[]) {
  return check(certificate, gathered, createWorkBudget());
}

/** A name under one permitted subtree: inside or not. */
const permittedRows: readonly (readonly [TestGeneralName, TestGeneralName, boolean])[] = [
  [{ dns: 'example.com' }, { dns: 'example.com' }, true],
  [{ dns: 'a.b.Example.COM' }, { dns: 'example.com' }, true],
  [{ dns: '*.example.com' }, { dns: 'example.com' }, true],
  [{ dns: 'notexample.com' }, { dns: 'example.com' }, false],
  [{ dns: 'com' }, { dns: 'example.com' }, false],
  [{ dns: '*.example.com' }, { dns: 'a.example.com' }, false],
  [{ dns: '.example.com' }, { dns: 'example.com' }, false],
  [{ dns: 'anything.at.all' }, { dns: '' }, true],
  [{ email: 'a@example.com' }, { email: 'example.com' }, true],
  [{ email: 'a@EXAMPLE.com' }, { email: 'a@example.com' }, true],
  [{ email: 'A@example.com' }, { email: 'a@example.com' }, false],
  [{ email: 'a@sub.example.com' }, { email: 'example.com' }, false],
  [{ email: 'a@sub.example.com' }, { email: '.example.com' }, true],
  [{ email: 'a@example.com' }, { email: '.example.com' }, false],
  [{ email: 'a@b@example.com' }, { email: 'example.com' }, false],
  [{ email: 'a@example.org' }, { email: 'a@example.com' }, false],
  [{ email: 'a@example.org' }, { email: '' }, true],
  [{ email: 'a@host.example.org' }, { email: '.example.com' }, false],
  [{ uri: 'https://u:p@host.example.com:8080/x' }, { uri: '.example.com' }, true],
  [{ uri: 'https://example.com/' }, { uri: '.example.com' }, false],
  [{ uri: 'https://example.com/' }, { uri: 'example.com' }, true],
  [{ uri: 'https://host.example.org/' }, { uri: '.example.com' }, false],
  [{ uri: 'https://anything.example/' }, { uri: '' }, true],
  [{ uri: 'https://192.0.2.1/' }, { uri: 'example.com' }, false],
  [{ uri: 'urn:isbn:1' }, { uri: 'example.com' }, false],
  [{ ip: [192, 0, 2, 7] }, { ip: [192, 0, 2, 0, 255, 255, 255, 0] }, true],
  [{ ip: [192, 0, 3, 7] }, { ip: [192, 0, 2, 0, 255, 255, 255, 0] }, false],
  [{ ip: [192, 0, 2] }, { ip: [192, 0, 2, 0, 255, 255, 255, 0] }, false],
  [{ directory: 'CN=A,O=Org' }, { directory: 'O=ORG' }, true],
  [{ directory: 'CN=A,O=Other' }, { directory: 'O=Org' }, false],
];

for (const [name, permitted, inside] of permittedRows) {
  test(`permitted ${JSON.stringify(permitted)}: ${JSON.stringify(name)} is ${inside ? 'inside' : 'outside'}`, (t) => {
    const certificate = certificateWith('', [name]);
    const offence = checkNameConstraints(certificate, [constraints([permitted], [])]);
    t.is(offence === undefined, inside, offence);
  });
}

const excludedRows: readonly (readonly [TestGeneralName, TestGeneralName, boolean])[] = [
  [{ dns: 'bad.example.com' }, { dns: 'example.com' }, true],
  [{ dns: 'good.example.org' }, { dns: 'example.com' }, false],
  // A wildcard stands for any label, the excluded one among them.
  [{ dns: '*.example.com' }, { dns: 'bad.example.com' }, true],
  [{ dns: '*.example.com' }, { dns: 'very.bad.example.com' }, false],
  [{ dns: '.example.com' }, { dns: 'other.org' }, true],
  // Only a wildcard may be another name of its length.
  [{ dns: 'a.example.com' }, { dns: 'b.example.com' }, false],
  [{ email: '@example.org' }, { email: 'example.com' }, true],
  [{ uri: 'https://example.org/' }, { uri: 'example.com' }, false],
  // What cannot be compared may be what is excluded.
  [{ uri: 'urn:isbn:1' }, { uri: 'example.com' }, true],
  [{ uri: 'https://192.0.2.1/' }, { uri: 'example.com' }, true],
  [{ uri: 'https://[2001:db8::1]/' }, { uri: 'example.com' }, true],
  [{ ip: [192, 0, 2] }, { ip: [192, 0, 2, 0, 255, 255, 255, 0] }, true],
  // Of another family, and so another address.
  [{ ip: Array(16).fill(0) }, { ip: [0, 0, 0, 0, 0, 0, 0, 0] }, false],
  [{ email: 'a@example.com' }, { email: 'example.com' }, true],
  [{ ip: [192, 0, 2, 7] }, { ip: [192, 0, 2, 7, 255, 255, 255, 255] }, true],
  [{ directory: 'CN=A,O=Org' }, { directory: 'O=Org' }, true],
];

for (const [name, excluded, caught] of excludedRows) {
  test(`excluded ${JSON.stringify(excluded)}: ${JSON.stringify(name)} is ${caught ? 'caught' : 'free'}`, (t) => {
    const certificate = certificateWith('', [name]);
    const offence = checkNameConstraints(certificate, [constraints([], [excluded])]);
    t.is(offence !== undefined, caught, offence);
  });
}

test('a subtree of another kind says nothing', (t) => {
  const certificate = certificateWith('', [{ dns: 'example.com' }]);
  t.is(
    checkNameConstraints(certificate, [constraints([{ email: 'x.org' }], [{ uri: 'y.org' }])]),
    undefined,
  );
});

test('the subject counts beside its alternative names', (t) => {
  const gathered = [constraints([{ directory: 'O=Org' }], [])];
  const rows = [
    ['CN=A,O=Org', undefined],
    ['CN=A,O=Other', /no permitted/],
  ] as const;
  for (const [subject, expected] of rows) {
    const offence = checkNameConstraints(
      certificateWith(subject, [{ directory: 'O=Org' }]),
      gathered,
    );
    if (expected) t.regex(offence ?? '', expected);
    else t.is(offence, undefined);
  }
});

test('the mailbox in the subject counts, whatever alternative names stand beside it', (t) => {
  const gathered = [constraints([{ email: 'example.com' }], [])];
  const offenceOf = (mailbox: string, names: readonly TestGeneralName[]) =>
    checkNameConstraints(certificateWith(`emailAddress=${mailbox},O=Org`, names), gathered);
  t.regex(offenceOf('a@other.org', []) ?? '', /other\.org/);
  t.regex(offenceOf('a@other.org', [{ email: 'a@example.com' }]) ?? '', /other\.org/);
  t.is(offenceOf('a@example.com', [{ email: 'b@example.com' }]), undefined);
});

test('every set of constraints above must be fitted', (t) => {
  const certificate = certificateWith('', [{ dns: 'a.example.com' }]);
  const wide = constraints([{ dns: 'example.com' }], []);
  const narrow = constraints([{ dns: 'b.example.com' }], []);
  t.is(checkNameConstraints(certificate, [wide]), undefined);
  t.truthy(checkNameConstraints(certificate, [wide, narrow]));
});

test('a kind that cannot be compared is refused where such a name occurs', (t) => {
  const otherName: GeneralName = { kind: 'otherName', oid: '1.2.3', value: Uint8Array.of(5, 0) };
  const gathered: NameConstraints[] = [
    { permittedSubtrees: [], excludedSubtrees: [{ base: otherName, minimum: 0n }] },
  ];
  const certificate = certificateWith('', [{ dns: 'example.com' }]);
  t.is(checkNameConstraints(certificate, gathered), undefined);
  t.truthy(checkNameConstraints({ ...certificate, subjectAltName: [otherName] }, gathered));
});

test('a subtree with bounds is not understood', (t) => {
  const certificate = certificateWith('', [{ dns: 'example.com' }]);
  const bounded = { base: base({ dns: 'example.com' }), minimum: 1n };
  t.truthy(
    checkNameConstraints(certificate, [{ permittedSubtrees: [bounded], excludedSubtrees: [] }]),
  );
  t.truthy(
    checkNameConstraints(certificate, [{ permittedSubtrees: [], excludedSubtrees: [bounded] }]),
  );
});

const malformedRows: readonly (readonly [TestGeneralName, boolean])[] = [
  [{ dns: 'example.com' }, false],
  [{ dns: '' }, false],
  [{ dns: '.example.com' }, true],
  [{ dns: '*.example.com' }, true],
  [{ dns: 'exa mple' }, true],
  [{ email: 'example.com' }, false],
  [{ email: 'a@b@example.com' }, true],
  [{ ip: [192, 0, 2, 0, 255, 255, 255, 0] }, false],
  [{ ip: [192, 0, 2, 0] }, true],
  [{ ip: [192, 0, 2, 0, 255, 0, 255, 0] }, true],
  [{ uri: 'example.com' }, false],
];

for (const [name, isMalformed] of malformedRows) {
  test(`${JSON.stringify(name)} is ${isMalformed ? 'malformed' : 'well formed'} as a subtree`, (t) => {
    t.is(findMalformedSubtree(constraints([name], [])) !== undefined, isMalformed);
  });
}

const manyNames = Array.from({ length: 600 }, (_, index) => ({ dns: `n${index}.example.com` }));

test('names times subtrees are bounded', (t) => {
  const offence = checkNameConstraints(certificateWith('', manyNames), [
    constraints(manyNames, []),
  ]);
  t.regex(offence ?? '', /more than are compared/);
});

test('a long name counts by its length, and a message quotes its beginning', (t) => {
  const certificate = certificateWith('', [{ uri: `http://${'a'.repeat(64_000)}.org/` }]);
  const few = constraints([{ uri: 'example.com' }], []);
  t.regex(checkNameConstraints(certificate, [few]) ?? '', /^http:.{200,300}… is in no permitted/);
  const many = constraints(
    Array.from({ length: 300 }, (_, index) => ({ uri: `n${index}.example.com` })),
    [],
  );
  t.regex(checkNameConstraints(certificate, [many]) ?? '', /more than are compared/);
});

test('what all certificates of all paths cost together is bounded', (t) => {
  const certificate = certificateWith('', manyNames.slice(0, 100));
  const gathered = [constraints(manyNames.slice(0, 100), [])];
  const budget = createWorkBudget();
  const offences = Array.from({ length: 40 }, () => check(certificate, gathered, budget));
  t.is(offences[0], undefined);
  t.regex(offences.at(-1) ?? '', /more than are compared/);
});
