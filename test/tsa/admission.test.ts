// Who may ask: by certificate, key or password, from its networks, so and so often; everyone else is told nothing.
import test from 'ava';
import type { Event } from '#shared/ports/runtime.ts';
import { createApiKey, createPasswordChecker, hashPassword } from '#tsa/adapters/password.ts';
import { createAdmission, type Knock } from '#tsa/admission.ts';
import type { Rates } from '#tsa/rates.ts';
import {
  addressOf,
  clientOfCertificate,
  isInNetworks,
  isNetwork,
  readAuthorization,
  type ClientConfig,
} from '#tsa/clients.ts';
import { createTestClock } from './_proxy.ts';
import { clientConfig, createPki } from './_tls.ts';

const pki = createPki();
const { key, sha256 } = createApiKey();
const other = createApiKey();
const password = await hashPassword('correct horse battery');
const checkPassword = createPasswordChecker();

function open(clients: readonly ClientConfig[], rates?: Rates) {
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
  ['what is no address', '10.0.0.1', '192.0.2.9, unknown', proxies, '10.0.0.1'],
  ['the two families', '::ffff:10.0.0.1', '2001:db8::1', proxies, '2001:db8::1'],
];
for (const [what, socket, field, trusted, address] of forwarded)
  test(`X-Forwarded-For, ${what}`, (t) => {
    t.is(addressOf(socket, field, trusted), address);
  });

test('networks are read strictly and compared by family', (t) => {
  for (const text of ['10.0.0.0', '10.0.0.0/33', '10.0.0/8', 'x/8', '::1/129'])
    t.false(isNetwork(text), text);
  t.true(isNetwork('10.0.0.0/8') && isNetwork('fd00::/8'));
  t.true(isInNetworks('fd00::1%eth0', ['10.0.0.0/8', 'fd00::/8']));
  t.false(isInNetworks('', ['0.0.0.0/0']));
  t.false(isInNetworks('fe80::1', ['0.0.0.0/0']));
});
