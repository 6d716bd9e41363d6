// Who may ask: by certificate, key or password, from its networks, so and so often; everyone else is told nothing.
import test from 'ava';
import { derObjectIdentifier, derSequence, derSetOf, derUtf8String } from '#shared/der/writer.ts';
import { oids } from '#shared/oid.ts';
import type { Event } from '#shared/ports/runtime.ts';
import {
  createApiKey,
  createPasswordChecker,
  hashPassword,
  type PasswordChecker,
} from '#tsa/adapters/password.ts';
import { createAdmission, type Knock } from '#tsa/clients/admission.ts';
import type { Rates } from '#tsa/providers/rates.ts';
import {
  addressOf,
  clientOfCertificate,
  isInNetworks,
  isNetwork,
  neighbourhoodOf,
  readAuthorization,
  type CertificateRule,
  type ClientConfig,
} from '#tsa/clients/clients.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import { issueCertificate } from '../../_authority.ts';
import { subjectAltName } from '../../_extensions.ts';
import { createTestClock } from '../_proxy.ts';
import { clientConfig, createPki } from '../_tls.ts';

const pki = createPki();
const { key, sha256 } = createApiKey();
const other = createApiKey();
const password = await hashPassword('correct horse battery');
const checkPassword = createPasswordChecker();

const attributeOids: Readonly<Record<string, string>> = {
  CN: oids.commonName,
  OU: oids.organizationalUnitName,
  O: oids.organizationName,
  UID: oids.userId,
};

/** A Name of these RDNs, most specific first; nothing is escaped. */
function nameOf(rdns: readonly (readonly string[])[]): Uint8Array {
  const attribute = (text: string): Uint8Array => {
    const [keyword = '', ...value] = text.split('=');
    const oid = derObjectIdentifier(attributeOids[keyword] ?? '');
    return derSequence(oid, derUtf8String(value.join('=')));
  };
  return derSequence(...rdns.toReversed().map((rdn) => derSetOf(...rdn.map(attribute))));
}

function issued({
  rdns = [['CN=a']],
  names,
}: {
  readonly rdns?: readonly (readonly string[])[];
  readonly names?: Parameters<typeof subjectAltName>[0];
}): Certificate {
  const extensions = names ? [subjectAltName(names)] : [];
  return issueCertificate({ subject: nameOf(rdns), issuer: pki.root }, extensions).certificate;
}

function open(
  clients: readonly ClientConfig[],
  rates?: Rates,
  checkPassword: PasswordChecker = createPasswordChecker(),
) {
  const clock = createTestClock();
  const events: Event[] = [];
  const sink = (event: Event): void => {
    events.push(event);
  };
  const options = { clients, checkPassword, clock, events: sink, ...(rates && { rates }) };
  return { clock, events, ...createAdmission(options) };
}

const knock = (authorization: string | undefined, settings: Partial<Knock> = {}): Knock => ({
  door: 'credentials',
  address: '10.1.2.3',
  authorization,
  certificate: undefined,
  ...settings,
});
const basic = (user: string, secret: string): string =>
  `Basic ${Buffer.from(`${user}:${secret}`).toString('base64')}`;

const clients = [
  clientConfig('records', { keys: [sha256], passwords: [password], networks: ['10.1.0.0/16'] }),
  clientConfig('archive', { keys: [other.sha256], profiles: ['test'] }),
];

type Row = {
  readonly name: string;
  readonly knock: Knock;
  readonly expected: string | number;
};
const rows: readonly Row[] = [
  { name: 'a key', knock: knock(`Bearer ${key}`), expected: 'records' },
  { name: 'a key as password', knock: knock(basic('records', key)), expected: 'records' },
  {
    name: 'a password',
    knock: knock(basic('records', 'correct horse battery')),
    expected: 'records',
  },
  {
    name: 'another password',
    knock: knock(basic('records', 'correct horse batterx')),
    expected: 401,
  },
  {
    name: 'another client’s password',
    knock: knock(basic('archive', 'correct horse battery')),
    expected: 401,
  },
  { name: 'another client’s key', knock: knock(basic('archive', key)), expected: 401 },
  { name: 'the hash of a key', knock: knock(`Bearer ${sha256}`), expected: 401 },
  { name: 'half a key', knock: knock(`Bearer ${key.slice(0, -1)}`), expected: 401 },
  { name: 'nobody', knock: knock(basic('nobody', key)), expected: 401 },
  { name: 'nothing', knock: knock(undefined), expected: 401 },
  { name: 'another scheme', knock: knock(`Digest ${key}`), expected: 401 },
  {
    name: 'a key from elsewhere',
    knock: knock(`Bearer ${key}`, { address: '10.2.0.1' }),
    expected: 403,
  },
  {
    name: 'a key from a mapped address',
    knock: knock(`Bearer ${key}`, { address: '::ffff:10.1.0.9' }),
    expected: 'records',
  },
  {
    name: 'a key at the door for certificates',
    knock: knock(`Bearer ${key}`, { door: 'certificate' }),
    expected: 403,
  },
  {
    name: 'anyone at the open door',
    knock: knock(undefined, { door: 'anonymous' }),
    expected: 'anonymous',
  },
];

const admits = test.macro({
  title: (_, { name, expected }: Row) => `${name}: ${expected}`,
  exec: async (t, row: Row) => {
    const answer = await open(clients).admit(row.knock);
    const got: string | number = answer.kind === 'admitted' ? answer.client : answer.answer.status;
    t.is(got, row.expected);
    if (answer.kind === 'refused') t.notRegex(answer.answer.text, /wrong|unknown|network/);
  },
});
for (const row of rows) test(admits, row);

test('a rate is a burst and then one request after the other', async (t) => {
  const doors = open([clientConfig('records', { keys: [sha256], requestsPerMinute: 3 })]);
  const ask = async (): Promise<number> => {
    const answer = await doors.admit(knock(`Bearer ${key}`));
    return answer.kind === 'admitted' ? 200 : answer.answer.status;
  };
  t.deepEqual([await ask(), await ask(), await ask(), await ask()], [200, 200, 200, 429]);
  const refused = await doors.admit(knock(`Bearer ${key}`));
  t.is(refused.kind === 'refused' && refused.answer.headers?.['retry-after'], '20');
  doors.clock.advance({ seconds: 20 });
  t.deepEqual([await ask(), await ask()], [200, 429]);
});

test('a rate that cannot be counted lets the client in: its query is answered by what the journal says', async (t) => {
  const away = (): Promise<never> => Promise.reject(new Error('no database'));
  const rates = { takeOfMinute: away, takeOfWindow: away };
  const client = clientConfig('records', { keys: [sha256], requestsPerMinute: 1 });
  const doors = open([client], rates);
  t.is((await doors.admit(knock(`Bearer ${key}`))).kind, 'admitted');
  t.like(doors.events[0], { level: 'error', name: 'tsa.rate.failed', client: 'records' });
});

test('many failures from one address close the door to it for a minute, with an alarm', async (t) => {
  const doors = open([clientConfig('records', { keys: [sha256] })]);
  for (let i = 0; i < 20; i++) await doors.admit(knock('Bearer x'));
  const refused = await doors.admit(knock(`Bearer ${key}`));
  t.is(refused.kind === 'refused' && refused.answer.status, 429);
  t.deepEqual(
    doors.events.map(({ name }) => name),
    ['tsa.client.many-failures'],
  );
  t.is((await doors.admit(knock(`Bearer ${key}`, { address: '10.9.9.9' }))).kind, 'admitted');
  doors.clock.advance({ minutes: 1 });
  t.is((await doors.admit(knock(`Bearer ${key}`))).kind, 'admitted');
});

test('whoever has a network of IPv6 has no more tries than one address', async (t) => {
  const doors = open([clientConfig('records', { keys: [sha256] })]);
  for (let i = 0; i < 20; i++)
    await doors.admit(knock('Bearer x', { address: `2001:db8:1:2::${i.toString(16)}` }));
  const from = async (address: string): Promise<string> =>
    (await doors.admit(knock(`Bearer ${key}`, { address }))).kind;
  t.is(await from('2001:db8:1:2:ffff::1'), 'refused');
  t.is(await from('2001:db8:1:3::1'), 'admitted');
});

test('a key of two clients is nobody’s', async (t) => {
  const twice = ['a', 'b'].map((name) => clientConfig(name, { keys: [sha256] }));
  const doors = open(twice);
  t.like(await doors.admit(knock(`Bearer ${key}`)), { kind: 'refused', reason: 'an unknown key' });
  t.is((await doors.admit(knock(basic('a', key)))).kind, 'refused');
});

test('an unknown user costs the work of a wrong password', async (t) => {
  const asked: (readonly string[])[] = [];
  const watched = (_: string, hashes: readonly string[]) => {
    asked.push(hashes);
    return Promise.resolve('wrong' as const);
  };
  const doors = open([clientConfig('keys-only', { keys: [sha256] })], undefined, watched);
  for (const user of ['keys-only', 'nobody']) await doors.admit(knock(basic(user, 'x')));
  t.deepEqual(asked, [[], []], 'of nobody the checker is asked as well');
  t.is(await checkPassword('x', []), 'wrong');
});

test('more passwords than can be looked at: the others hear 503, and it is no failure of theirs', async (t) => {
  const check = createPasswordChecker();
  // As cheap as the shape allows.
  const hash = `scrypt$16384$8$1$${'A'.repeat(22)}$${'A'.repeat(43)}`;
  const answers = await Promise.all(
    Array.from({ length: 40 }, (_, i) => check(`wrong ${i}`, [hash])),
  );
  t.deepEqual([...new Set(answers)].toSorted(), ['busy', 'wrong']);
  const busy = () => Promise.resolve('busy' as const);
  const doors = open(clients, undefined, busy);
  for (let i = 0; i < 30; i++) {
    const answer = await doors.admit(knock(basic('records', 'correct horse battery')));
    t.is(answer.kind === 'refused' && answer.answer.status, 503);
  }
  t.deepEqual(doors.events, []);
});

test('a certificate that ends while its connection goes on is refused', async (t) => {
  const { good } = pki;
  const doors = open([clientConfig('a', { certificates: [{ subject: 'CN=records,O=Clinic' }] })]);
  const ask = () => doors.admit(knock(undefined, { door: 'certificate', ...good }));
  t.is((await ask()).kind, 'admitted');
  doors.clock.set(good.certificate.notAfter.add({ seconds: 1 }).toString());
  const refused = await ask();
  t.is(refused.kind === 'refused' && refused.answer.status, 403);
  t.regex(refused.kind === 'refused' ? refused.reason : '', /ended at/);
});

test('other clients count from the moment that they are given', async (t) => {
  const doors = open([]);
  t.is((await doors.admit(knock(`Bearer ${key}`))).kind, 'refused');
  doors.replace(clients);
  t.is((await doors.admit(knock(`Bearer ${key}`))).kind, 'admitted');
});

test('a certificate belongs to one client, by subject, alternative name or fingerprint', (t) => {
  const { good, named, unknown } = pki;
  const bySubject = clientConfig('a', { certificates: [{ subject: 'CN=records,O=Clinic' }] });
  const byName = clientConfig('b', { certificates: [{ san: 'dns:archive.example' }] });
  const byPrint = clientConfig('c', {
    certificates: [{ fingerprint: unknown.certificate.fingerprint }],
  });
  const all = [bySubject, byName, byPrint];
  t.is(clientOfCertificate(all, good.certificate)?.name, 'a');
  t.is(clientOfCertificate(all, named.certificate)?.name, 'b');
  t.is(clientOfCertificate(all, unknown.certificate)?.name, 'c');
  t.is(clientOfCertificate(all, pki.server.certificate), undefined);
  t.is(clientOfCertificate([...all, { ...bySubject, name: 'd' }], good.certificate), undefined);
});

const issuerName = pki.root.certificate.subject.text;
/** Certificates by the names that they were issued with, and rules that are or are not theirs. */
const owners: readonly (readonly [
  what: string,
  certificate: Certificate,
  rule: CertificateRule,
  isTheirs: boolean,
])[] = [
  ...(
    [
      ['letters of another case', [['CN=Records'], ['O=Clinic']], false],
      ['another order', [['O=Clinic'], ['CN=records']], false],
      ['one RDN less', [['CN=records']], false],
      ['one RDN more', [['UID=1'], ['CN=records'], ['O=Clinic']], false],
      ['both in one value', [['CN=records,O=Clinic']], false],
      ['both in one RDN', [['CN=records', 'O=Clinic']], false],
      ['letters that look the same', [['CN=rec\u043erds'], ['O=Clinic']], false],
      ['letters of full width', [['CN=\uff52ecords'], ['O=Clinic']], false],
      ['a space behind', [['CN=records '], ['O=Clinic']], false],
      ['a NUL behind', [['CN=records\0'], ['O=Clinic']], false],
      ['a backslash behind', [['CN=records\\'], ['O=Clinic']], false],
      ['the name itself', [['CN=records'], ['O=Clinic']], true],
    ] as const
  ).map(
    ([what, rdns, isTheirs]) =>
      [what, issued({ rdns }), { subject: 'CN=records,O=Clinic' }, isTheirs] as const,
  ),
  [
    'the values of one RDN in another order',
    issued({ rdns: [['OU=Ward', 'CN=records'], ['O=Clinic']] }),
    { subject: 'OU=Ward+CN=records,O=Clinic' },
    true,
  ],
  [
    'a plus inside of a value',
    issued({ rdns: [['CN=records+OU=Ward'], ['O=Clinic']] }),
    { subject: 'CN=records+OU=Ward,O=Clinic' },
    false,
  ],
  [
    'one of several alternative names',
    issued({ names: [{ dns: 'a.example' }, { dns: 'b.example' }] }),
    { san: 'dns:b.example' },
    true,
  ],
  [
    'a host name in letters of another case',
    issued({ names: [{ dns: 'A.Example' }] }),
    { san: 'dns:a.EXAMPLE' },
    true,
  ],
  [
    'a host name with a NUL behind',
    issued({ names: [{ dns: 'a.example\0.evil' }] }),
    { san: 'dns:a.example' },
    false,
  ],
  ['a wildcard', issued({ names: [{ dns: '*.example' }] }), { san: 'dns:a.example' }, false],
  [
    'a host name that is a subject’s',
    issued({ rdns: [['CN=a.example']] }),
    { san: 'dns:a.example' },
    false,
  ],
  [
    'the same name from the issuer that is named',
    pki.good.certificate,
    { subject: 'CN=records,O=Clinic', issuer: issuerName },
    true,
  ],
  [
    'the same name from another issuer',
    pki.foreign.certificate,
    { subject: 'CN=records,O=Clinic', issuer: issuerName },
    false,
  ],
];
for (const [what, certificate, rule, isTheirs] of owners)
  test(`a certificate’s owner: ${what}: ${isTheirs ? 'the client' : 'nobody'}`, (t) => {
    const client = clientConfig('a', { certificates: [rule] });
    t.is(clientOfCertificate([client], certificate)?.name, isTheirs ? 'a' : undefined);
  });

test('headers that are no credentials are none', (t) => {
  const bad = [
    'Basic',
    'Basic !!!',
    basic('', 'x'),
    'Bearer',
    `Bearer ${'x'.repeat(600)}`,
    'Bearer a b',
  ];
  for (const header of bad) t.is(readAuthorization(header), undefined, header);
  t.deepEqual(readAuthorization(basic('a', 'b:c')), {
    kind: 'password',
    user: 'a',
    password: 'b:c',
  });
});

const proxies = ['10.0.0.0/8', '127.0.0.1/32'];
const forwarded: readonly (readonly [
  what: string,
  socket: string,
  field: string | undefined,
  trusted: readonly string[],
  address: string,
])[] = [
  ['nobody is trusted', '10.0.0.1', '192.0.2.9', [], '10.0.0.1'],
  ['whoever sends it is not trusted', '192.0.2.1', '192.0.2.9', proxies, '192.0.2.1'],
  ['one that is trusted', '10.0.0.1', '192.0.2.9', proxies, '192.0.2.9'],
  ['what the client itself put before', '10.0.0.1', '10.1.0.0, 192.0.2.9', proxies, '192.0.2.9'],
  ['two that are trusted', '127.0.0.1', '192.0.2.9, 10.0.0.1', proxies, '192.0.2.9'],
  ['none was sent', '10.0.0.1', undefined, proxies, '10.0.0.1'],
  ['one who is not told', '10.0.0.1', '192.0.2.9, unknown', proxies, 'unknown'],
  ['an empty one', '10.0.0.1', '', proxies, 'unknown'],
  ['what is no address before one that is', '10.0.0.1', '<b>, 192.0.2.9', proxies, '192.0.2.9'],
  ['ports', '10.0.0.1', '192.0.2.9:4711, 10.0.0.1:80', proxies, '192.0.2.9'],
  ['ports of IPv6', '10.0.0.1', '[2001:db8::1]:4711', proxies, '2001:db8::1'],
  ['a zone', '10.0.0.1', 'fe80::1%<b>', proxies, 'fe80::1'],
  ['the two families', '::ffff:10.0.0.1', '2001:db8::1', proxies, '2001:db8::1'],
  ['mapped proxies', '10.0.0.1', '192.0.2.9, ::ffff:10.0.0.1', proxies, '192.0.2.9'],
];
for (const [what, socket, field, trusted, address] of forwarded)
  test(`X-Forwarded-For, ${what}`, (t) => {
    t.is(addressOf(socket, field, trusted), address);
  });

test('who has no address is in no network, least of all in that of the proxy that says so', (t) => {
  t.false(isInNetworks(addressOf('10.0.0.1', 'unknown', proxies), proxies));
});

for (const [address, neighbourhood] of [
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
  ['2001:db8:1:2::1', '2001:db8:1:2'],
  ['2001:DB8::1', '2001:db8:0:0'],
  ['fe80::1%eth0', 'fe80:0:0:0'],
  ['::1', '0:0:0:0'],
  ['unknown', 'unknown'],
] as const)
  test(`failures of ${address} count for ${neighbourhood}`, (t) => {
    t.is(neighbourhoodOf(address), neighbourhood);
  });

test('networks are read strictly and compared by family', (t) => {
  for (const text of ['10.0.0.0', '10.0.0.0/33', '10.0.0/8', 'x/8', '::1/129'])
    t.false(isNetwork(text), text);
  t.true(isNetwork('10.0.0.0/8') && isNetwork('fd00::/8'));
  t.true(isInNetworks('fd00::1%eth0', ['10.0.0.0/8', 'fd00::/8']));
  t.false(isInNetworks('', ['0.0.0.0/0']));
  t.false(isInNetworks('fe80::1', ['0.0.0.0/0']));
});
