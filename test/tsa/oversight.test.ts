// Who answers for what: whom alarms, doctor and status page name, and that nothing is used but what somebody
// approved.
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { ConfigError } from '#shared/errors.ts';
import { createApiKey } from '#tsa/adapters/password.ts';
import { listClients } from '#tsa/clients/client-list.ts';
import { noOversight, type Oversight } from '#tsa/config/config.ts';
import { parseTsaConfig } from '#tsa/config/config-file.ts';
import { missingContacts } from '#tsa/contacts.ts';
import { examine } from '#tsa/doctor.ts';
import {
  ask,
  configWith,
  createTestClock,
  queryFor,
  random,
  startTestTsa,
  temporaryFolder,
} from './_proxy.ts';
import { startUpstream } from './_upstream.ts';

const clock = createTestClock();

const people: Oversight = {
  ...noOversight,
  contacts: {
    facility: { name: 'Records office', telephone: '03-0000-0000' },
    network: { name: 'Network desk', mail: 'net@example.org' },
    providers: { paid: { name: 'TSA desk', hours: 'weekdays' } },
  },
};

async function failing(folder: string, oversight: Oversight) {
  const upstream = await startUpstream({ ...clock, handler: () => 'cut' });
  const config = configWith(folder, [await upstream.provider(folder, { name: 'paid' })]);
  return { upstream, config: { ...config, oversight } };
}

test('an alarm names who has to act: the TSA for its failures, the facility for ours', async (t) => {
  await using folder = await temporaryFolder();
  const { upstream, config } = await failing(folder.path, people);
  await using _upstream = upstream;
  await using tsa = await startTestTsa(config, clock);
  await ask(tsa.url, queryFor('a'));
  const contactsOf = (event: string) =>
    tsa.events.filter(({ name }) => name === event).map(({ contact }) => contact);
  t.true(contactsOf('tsa.provider.failed').includes('TSA desk, weekdays'));
  const { paid, ...others } = people.contacts.providers;
  await tsa.reload({ ...config, oversight: { ...people, contacts: { providers: others } } });
  t.is(paid?.name, 'TSA desk');
  await ask(tsa.url, queryFor('b'));
  t.is(contactsOf('tsa.provider.failed').at(-1), undefined, 'as the settings in force say');
  t.deepEqual(
    tsa.events.filter(({ level, contact }) => level === 'info' && contact !== undefined),
    [],
  );
});

test('what nobody is named for is a warning at the start and at a reload', async (t) => {
  await using folder = await temporaryFolder();
  const { upstream, config } = await failing(folder.path, people);
  await using _upstream = upstream;
  await using tsa = await startTestTsa(config, clock);
  const missing = () =>
    tsa.events.flatMap(({ name, party }) => (name === 'tsa.contact.missing' ? [party] : []));
  t.deepEqual(missing(), ['integrator']);
  await tsa.reload({ ...config, oversight: noOversight });
  t.deepEqual(missing().slice(1), ['facility', 'integrator', 'network', 'provider paid']);
  t.deepEqual(
    missingContacts({ ...config, providers: {} }),
    ['integrator'],
    'no database, no store',
  );
});

test('the doctor says whom to call about the stage that failed', async (t) => {
  await using folder = await temporaryFolder();
  const { upstream, config } = await failing(folder.path, people);
  await upstream[Symbol.asyncDispose]();
  const options = { clock, random, events: () => undefined, journal: undefined };
  const { signal } = new AbortController();
  const lines = await examine({ ...options, config, signal });
  t.like(
    lines.find(({ passed }) => !passed),
    { contact: 'Records office, 03-0000-0000' },
  );
  await using running = await startTestTsa(config, clock);
  await running.close();
  const later = await examine({ ...options, config, signal });
  t.like(later.at(-1), { stage: 'connect', contact: 'Network desk, net@example.org' });
});

test('the status page shows whom to call and who approved what', async (t) => {
  await using folder = await temporaryFolder();
  const approvals = {
    ...people.approvals,
    providers: { paid: { by: 'Director <A>', on: '2026-04-01' } },
  };
  const { upstream, config } = await failing(folder.path, { ...people, approvals });
  await using _upstream = upstream;
  await using tsa = await startTestTsa(config, clock);
  const page = async (language: string): Promise<string> =>
    (await fetch(`${tsa.url}?lang=${language}`, { headers: { accept: 'text/html' } })).text();
  const english = await page('en');
  t.regex(english, /Records office, 03-0000-0000/);
  t.regex(english, /Integrator<\/th><td[^>]*><span class="bad">nobody is named/);
  t.regex(english, /TSA desk, weekdays/);
  t.regex(english, /Director &lt;A&gt;, 2026-04-01/);
  t.regex(await page('ja'), /未記入/);
});

test('approvals are lines of the audit log: all at the start, what changed at a reload', async (t) => {
  await using folder = await temporaryFolder();
  const approvedBy = (by: string): Oversight => ({
    ...people,
    approvals: {
      required: true,
      providers: { paid: { by: 'Director', on: '2026-04-01' } },
      clients: { records: { by, on: '2026-04-02' } },
    },
  });
  const { upstream, config } = await failing(folder.path, approvedBy('Head'));
  await using _upstream = upstream;
  const tsa = await startTestTsa(config, clock);
  await tsa.reload({ ...config, oversight: approvedBy('Deputy') });
  await tsa.close();
  const files = (await readdir(config.audit.dir))
    .filter((name) => name.endsWith('.jsonl'))
    .toSorted();
  const texts = await Promise.all(
    files.map((name) => readFile(path.join(config.audit.dir, name), 'utf8')),
  );
  const lines = texts.join('').trim().split('\n');
  t.deepEqual(
    lines
      .map((line) => JSON.parse(line) as Record<string, string>)
      .flatMap(({ event, kind, name, by, on }) =>
        event === 'approved' ? [[kind, name, by, on]] : [],
      ),
    [
      ['provider', 'paid', 'Director', '2026-04-01'],
      ['client', 'records', 'Head', '2026-04-02'],
      ['client', 'records', 'Deputy', '2026-04-02'],
    ],
  );
});

const fileName = '/etc/tokiwa/tsa.yaml';
const approved = 'approved: { by: Head, on: 2026-04-01 }';
const file = (providers: string, clients: string, more = ''): string => `stateDir: state
${more}
profiles: { default: { providers: [paid, second] } }
providers:
  paid: { type: http, url: https://a.example/, anchors: [a.pem]${providers} }
  second: { type: http, url: https://b.example/, anchors: [a.pem], ${approved} }
clients:
  records: { keys: []${clients} }
`;

function problemsOf(text: string): readonly (string | undefined)[] {
  try {
    parseTsaConfig(text, { fileName });
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(({ key }) => key);
    throw error;
  }
}

const configurations: readonly (readonly [
  what: string,
  text: string,
  problems: readonly string[],
])[] = [
  ['everything approved', file(`, ${approved}`, `, ${approved}`), []],
  ['a provider that nobody approved', file('', `, ${approved}`), ['providers.paid']],
  ['a client that nobody approved', file(`, ${approved}`, ''), ['clients.records']],
  ['one that is not enabled needs no approval', file(', enabled: false', `, ${approved}`), []],
  ['nobody has to approve', file('', '', 'approvalsRequired: false'), []],
  [
    'an approver without a day',
    file(', approved: { by: Head }', `, ${approved}`),
    ['providers.paid.approved.on'],
  ],
  [
    'no provider is left',
    file(', enabled: false', `, ${approved}`).replace('[paid, second]', '[paid]'),
    ['profiles.default.providers'],
  ],
  [
    'dual with one that is not enabled',
    file(', enabled: false', `, ${approved}`).replace(
      '[paid, second]',
      '[paid, second], dual: true',
    ),
    ['profiles.default.dual'],
  ],
];
for (const [what, text, problems] of configurations)
  test(`${what}: ${problems.length === 0 ? 'accepted' : 'refused'}`, (t) => {
    t.deepEqual(problemsOf(text), problems);
  });

test('without clients and listeners nobody has to approve', (t) => {
  const text = file('', '').replace(/clients:[\s\S]*/, '');
  t.false(parseTsaConfig(text, { fileName }).oversight.approvals.required);
});

test('a provider that is not enabled is in no profile, and disabling the last client opens nothing', (t) => {
  const config = parseTsaConfig(file(', enabled: false', `, ${approved}, enabled: false`), {
    fileName,
  });
  t.deepEqual(Object.keys(config.providers), ['second']);
  t.deepEqual(config.profiles['default']?.providers, ['second']);
  t.deepEqual(config.clients, []);
  t.false(config.listen.anonymous);
});

test('a key in the credentials file opens nothing for a client that is not listed, or not enabled', (t) => {
  const { sha256 } = createApiKey();
  const credentials = { records: [{ since: '', sha256 }], stranger: [{ since: '', sha256 }] };
  const names = (text: string): readonly string[] =>
    listClients(parseTsaConfig(text, { fileName }), credentials).map(({ name }) => name);
  t.deepEqual(names(file(`, ${approved}`, `, ${approved}`)), ['records']);
  t.deepEqual(names(file('', '', 'approvalsRequired: false')), ['records', 'stranger']);
  t.deepEqual(names(file(`, ${approved}`, ', enabled: false')), []);
});
