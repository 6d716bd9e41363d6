// The configuration file: every problem in one error, each with its line and key.
import test from 'ava';
import { ConfigError } from '#shared/errors.ts';
import { type AlgorithmPolicy, editionsOf } from '#shared/policy/algorithm-policy.ts';
import { bundledPolicies } from '#shared/policy/bundled.ts';
import { buildDssc } from '#shared/policy/dssc-write.ts';
import { parseTsaConfig } from '#tsa/config/config-file.ts';
import { issueRoot } from '../../_authority.ts';

const good = `stateDir: state
profiles:
  default:
    providers: [paid, local]
providers:
  paid:
    type: http
    url: https://tsa.example/tsr
    anchors: [anchors/root.pem]
    crls: [crls, 'https://tsa.example/root.crl']
    tsaPolicies: [1.2.3.4]
    auth: { type: basic, user: clinic, passwordFile: secret/password }
    price: { amount: 10, currency: JPY }
  local:
    type: local
`;

const database = 'database: { host: db.example, database: d, user: u }';

const [bundled] = bundledPolicies.policies as readonly [AlgorithmPolicy];
const files = new Map<string, Uint8Array>([
  ['/etc/tokiwa/own.xml', buildDssc({ ...bundled, version: '2029-04' }, '2029-04-01')],
  ['/etc/tokiwa/no.xml', Buffer.from('<no/>')],
  ['/etc/tokiwa/root.der', issueRoot().certificate.raw],
]);

const readFile = (file: string): Uint8Array => files.get(file) ?? new Uint8Array();

function problemsOf(text: string): ConfigError['problems'] {
  try {
    parseTsaConfig(text, { fileName: '/etc/tokiwa/tsa.yaml', readFile });
  } catch (error) {
    if (error instanceof ConfigError && error.code === 'ERR_CONFIG_INVALID') return error.problems;
    throw error;
  }
  return [];
}

test('a good file becomes frozen settings with paths beside the file', (t) => {
  const config = parseTsaConfig(good, { fileName: '/etc/tokiwa/tsa.yaml' });
  t.is(config.stateDir, '/etc/tokiwa/state');
  t.is(config.journalDir, '/etc/tokiwa/state/journal');
  t.is(config.bodyLimitBytes, 8192);
  t.is(config.algorithmPolicy?.id, 'jp-medical');
  t.deepEqual(config.profiles['default']?.providers, ['paid', 'local']);
  const { paid } = config.providers;
  t.like(paid, { kind: 'http', name: 'paid', anchors: ['/etc/tokiwa/anchors/root.pem'] });
  t.like(paid, { crls: ['/etc/tokiwa/crls', 'https://tsa.example/root.crl'] });
  t.like(paid, { auth: { kind: 'basic', passwordFile: '/etc/tokiwa/secret/password' } });
  t.true(Object.isFrozen(config) && Object.isFrozen(config.profiles['default']?.providers));
});

test('tokens are judged by a DSSC file of the operator, combined and overridden', (t) => {
  const algorithms = `algorithmPolicy: mine
algorithms:
  policies: [{ id: own, file: own.xml }]
  profiles: [{ id: mine, policies: [own, jp-gov-pqc-2035], fallback: own }]
  overrides: [{ algorithm: RSA, minimumBits: 3072, endExclusive: 2030-04-01, source: memo }]
`;
  const { algorithmPolicy } = parseTsaConfig(good + algorithms, {
    fileName: '/etc/tokiwa/tsa.yaml',
    readFile,
  });
  t.deepEqual(algorithmPolicy && editionsOf(algorithmPolicy), [
    'own (2029-04)',
    'jp-gov-pqc-2035 (interim)',
    'override: RSA below 3072 bits ends 2030-04-01 (memo)',
  ]);
});

type Row = {
  readonly name: string;
  readonly replace: readonly [string, string];
  readonly line: number | undefined;
  readonly key: string;
  readonly message: RegExp;
};

const rows: readonly Row[] = [
  {
    name: 'dual with one provider',
    replace: ['[paid, local]', '[paid]\n    dual: true'],
    line: 5,
    key: 'profiles.default.dual',
    message: /two providers/,
  },
  {
    name: 'dual that hedges',
    replace: ['[paid, local]', '[paid, local]\n    dual: true\n    hedgesPerHour: 1'],
    line: 5,
    key: 'profiles.default.dual',
    message: /hedgesPerHour/,
  },
  {
    name: 'fewer that may wait than a batch has',
    replace: ['stateDir: state', 'stateDir: state\nevidence: { maxGroups: 10, maxWaiting: 9 }'],
    line: 2,
    key: 'evidence.maxWaiting',
    message: /less than maxGroups/,
  },
  {
    name: 'a profile that asks for accredited providers with one that is not',
    replace: ['[paid, local]', '[paid, local]\n    accredited: [mic-2021-146]'],
    line: 4,
    key: 'profiles.default.providers[0]',
    message: /"paid" is not accredited/,
  },
  {
    name: 'an unknown scheme',
    replace: ['[paid, local]', '[paid, local]\n    accredited: [nobody]'],
    line: 5,
    key: 'profiles.default.accredited[0]',
    message: /mic-2021-146/,
  },
  {
    name: 'an accreditation before its scheme began',
    replace: [
      '    auth: {',
      '    accreditations: [{ scheme: mic-2021-146, from: 2000-01-01, tsaPolicies: [1.2.3], confirmedBy: a, confirmedOn: 2026-01-01, document: list }]\n    auth: {',
    ],
    line: 12,
    key: 'providers.paid.accreditations[0].from',
    message: /began on/,
  },
  {
    name: 'an accreditation that ends before it begins',
    replace: [
      '    auth: {',
      '    accreditations: [{ scheme: mic-2021-146, from: 2026-01-01, until: 2026-01-01, tsaPolicies: [1.2.3], confirmedBy: a, confirmedOn: 2026-01-01, document: list }]\n    auth: {',
    ],
    line: 12,
    key: 'providers.paid.accreditations[0].until',
    message: /ends before/,
  },
  {
    name: 'a tab for indentation',
    replace: ['  default:', '\tdefault:'],
    line: 3,
    key: '',
    message: /tab/i,
  },
  {
    name: 'a key twice',
    replace: ['  local:\n', '  paid:\n'],
    line: 14,
    key: '',
    message: /unique/,
  },
  {
    name: 'an unknown key',
    replace: ['    price:', '    prise:'],
    line: 13,
    key: 'providers.paid.prise',
    message: /unknown key/,
  },
  {
    name: 'a missing key',
    replace: ['stateDir: state\n', ''],
    line: undefined,
    key: 'stateDir',
    message: /string/,
  },
  {
    name: 'a wrong type',
    replace: ['amount: 10', 'amount: ten'],
    line: 13,
    key: 'providers.paid.price.amount',
    message: /number/,
  },
  {
    name: 'a bad OID',
    replace: ['1.2.3.4', '1.2.x'],
    line: 11,
    key: 'providers.paid.tsaPolicies[0]',
    message: /object identifier/,
  },
  {
    name: 'a URL of another kind',
    replace: ['https://tsa.example/tsr', 'ftp://tsa.example'],
    line: 8,
    key: 'providers.paid.url',
    message: /http/,
  },
  {
    name: 'an unknown provider',
    replace: ['[paid, local]', '[paid, lokal]'],
    line: 4,
    key: 'profiles.default.providers[1]',
    message: /no provider "lokal"/,
  },
  {
    name: 'a provider twice',
    replace: ['[paid, local]', '[paid, paid]'],
    line: 4,
    key: 'profiles.default.providers[1]',
    message: /twice/,
  },
  {
    name: 'an unknown default profile',
    replace: ['stateDir: state', 'stateDir: state\ndefaultProfile: x'],
    line: 2,
    key: 'defaultProfile',
    message: /no profile "x"/,
  },
  {
    name: 'plain http to elsewhere',
    replace: ['https://tsa.example/tsr', 'http://tsa.example/tsr'],
    line: 8,
    key: 'providers.paid.url',
    message: /allowHttp/,
  },
  {
    name: 'a password over plain http',
    replace: ['https://tsa.example/tsr', 'http://tsa.example/tsr\n    allowHttp: true'],
    line: 8,
    key: 'providers.paid.url',
    message: /password/,
  },
  {
    name: 'credentials in the URL',
    replace: ['https://tsa', 'https://u:p@tsa'],
    line: 8,
    key: 'providers.paid.url',
    message: /credentials/,
  },
  {
    name: 'an answer time above the deadline',
    replace: ['stateDir: state', 'stateDir: state\ndeadlineMs: 8000'],
    line: 7,
    key: 'providers.paid.timeouts.responseMs',
    message: /deadlineMs/,
  },
  {
    name: 'a late time below the answer time',
    replace: ['    price:', '    timeouts: { lateMs: 5000 }\n    price:'],
    line: 13,
    key: 'providers.paid.timeouts.lateMs',
    message: /shorter/,
  },
  {
    name: 'a connect time above the answer time',
    replace: ['    price:', '    timeouts: { connectMs: 9000 }\n    price:'],
    line: 13,
    key: 'providers.paid.timeouts.connectMs',
    message: /longer/,
  },
  {
    name: 'a policy that nobody lists',
    replace: ['[paid, local]', '[paid, local]\n    tsaPolicies: [1.9.9]'],
    line: 5,
    key: 'profiles.default.tsaPolicies',
    message: /1\.9\.9/,
  },
  {
    name: 'an algorithm that nobody takes',
    replace: [
      '[paid, local]\nproviders:\n  paid:\n',
      '[paid]\nproviders:\n  paid:\n    hashAlgorithms: [SHA-256]\n',
    ],
    line: 3,
    key: 'profiles.default.hashAlgorithms',
    message: /SHA3-256/,
  },
  {
    name: 'a TSU that outlives its CA',
    replace: ['type: local', 'type: local\n    caLifeDays: 100'],
    line: 14,
    key: 'providers.local.tsuLifeDays',
    message: /caLifeDays/,
  },
  {
    name: 'a renewal as long as the life',
    replace: ['type: local', 'type: local\n    tsuLifeDays: 365'],
    line: 14,
    key: 'providers.local.tsuRenewBeforeDays',
    message: /not below/,
  },
  {
    name: 'more remaining days than the local unit keeps',
    replace: ['[paid, local]', '[paid, local]\n    minimumRemainingDays: 400'],
    line: 5,
    key: 'profiles.default.minimumRemainingDays',
    message: /tsuRenewBeforeDays/,
  },
  {
    name: 'clients over plain http from elsewhere',
    replace: ['stateDir: state', 'stateDir: state\nlisten: { host: 0.0.0.0 }\nclients: { a: {} }'],
    line: 2,
    key: 'listen.host',
    message: /loopback alone/,
  },
  {
    name: 'a listener that nobody can pass',
    replace: [
      'stateDir: state',
      'stateDir: state\nlisteners:\n  - { port: 1, certificate: a, key: b }',
    ],
    line: 3,
    key: 'listeners[0]',
    message: /clientAuthorities is missing/,
  },
  {
    name: 'authorities where nobody is asked for a certificate',
    replace: [
      'stateDir: state',
      'stateDir: state\nlisteners:\n  - { port: 1, certificate: a, key: b, authentication: credentials, clientAuthorities: [c] }',
    ],
    line: 3,
    key: 'listeners[0]',
    message: /is for authentication: certificate/,
  },
  {
    name: 'a client of no profile',
    replace: ['stateDir: state', 'stateDir: state\nclients: { a: { profiles: [x] } }'],
    line: 2,
    key: 'clients.a.profiles[0]',
    message: /no profile "x"/,
  },
  {
    name: 'a client with a name of the proxy’s own',
    replace: ['stateDir: state', 'stateDir: state\nclients: { audit: {} }'],
    line: 2,
    key: 'clients.audit',
    message: /keeps for itself/,
  },
  {
    name: 'a certificate of two clients',
    replace: [
      'stateDir: state',
      'stateDir: state\nclients:\n  a: { certificates: [{ san: "dns:x" }] }\n  b: { certificates: [{ san: "dns:x" }] }',
    ],
    line: 4,
    key: 'clients.b',
    message: /of client "a" as well/,
  },
  {
    name: 'a rule for certificates that says two things',
    replace: [
      'stateDir: state',
      'stateDir: state\nclients:\n  a: { certificates: [{ san: "dns:x", subject: "CN=x" }] }',
    ],
    line: 3,
    key: 'clients.a.certificates[0]',
    message: /one of subject/,
  },
  {
    name: 'a network that is none',
    replace: ['stateDir: state', 'stateDir: state\nclients: { a: { networks: [10.0.0.0/40] } }'],
    line: 2,
    key: 'clients.a.networks[0]',
    message: /10\.0\.0\.0\/8/,
  },
  {
    name: 'a local unit beside a database',
    replace: ['stateDir: state', `stateDir: state\n${database}`],
    line: 15,
    key: 'providers.local',
    message: /one key in one process/,
  },
  {
    name: 'a schema that is no plain identifier',
    replace: [
      'stateDir: state',
      `stateDir: state\n${database.replace('user: u', 'user: u, schema: "a; b"')}`,
    ],
    line: 2,
    key: 'database.schema',
    message: /small letters/,
  },
  {
    name: 'a budget that limits nothing',
    replace: ['stateDir: state', 'stateDir: state\nbudgets:\n  - client: records'],
    line: 3,
    key: 'budgets[0]',
    message: /neither tokens nor cost/,
  },
  {
    name: 'a budget of nobody',
    replace: ['stateDir: state', 'stateDir: state\nbudgets:\n  - { provider: x, tokens: 1 }'],
    line: 3,
    key: 'budgets[0].provider',
    message: /no provider "x"/,
  },
  {
    name: 'a budget of no profile',
    replace: ['stateDir: state', 'stateDir: state\nbudgets:\n  - { profile: x, tokens: 1 }'],
    line: 3,
    key: 'budgets[0].profile',
    message: /no profile "x"/,
  },
  {
    name: 'a budget in money that nobody takes',
    replace: [
      'stateDir: state',
      'stateDir: state\nbudgets:\n  - cost: { amount: 1, currency: EUR }',
    ],
    line: 3,
    key: 'budgets[0].cost',
    message: /no provider has a price in EUR/,
  },
  {
    name: 'a price with parts that sums would lose',
    replace: ['amount: 10', 'amount: 0.0000001'],
    line: 13,
    key: 'providers.paid.price.amount',
    message: /at most six decimals/,
  },
  ...(['state/seen.json', './state/audit/seen.json'] as const).map((seenFile) => ({
    name: `what was seen of the audit log in ${seenFile}, with what it is compared with`,
    replace: ['stateDir: state', `stateDir: state\naudit: { seenFile: ${seenFile} }`] as const,
    line: 2,
    key: 'audit.seenFile',
    message: /put back with it/,
  })),
  {
    name: 'a profile for the audit log that is not there',
    replace: ['stateDir: state', 'stateDir: state\naudit: { stampProfile: x }'],
    line: 2,
    key: 'audit.stampProfile',
    message: /no profile "x"/,
  },
  {
    name: 'a profile for the audit log without its hash',
    replace: ['[paid, local]', '[paid, local]\n    hashAlgorithms: [SHA-512]'],
    line: undefined,
    key: 'audit.stampProfile',
    message: /SHA-256/,
  },
  {
    name: 'no time zone',
    replace: ['stateDir: state', 'stateDir: state\ntimeZone: Atlantis'],
    line: 2,
    key: 'timeZone',
    message: /Asia\/Tokyo/,
  },
  {
    name: 'an unknown algorithm policy',
    replace: ['stateDir: state', 'stateDir: state\nalgorithmPolicy: x'],
    line: 2,
    key: 'algorithmPolicy',
    message: /jp-medical/,
  },
  {
    name: 'a policy file that is no policy, though the policy is off',
    replace: [
      'stateDir: state',
      'stateDir: state\nalgorithmPolicy: none\nalgorithms:\n  policies: [{ id: a, file: no.xml }]',
    ],
    line: 4,
    key: 'algorithms.policies[0]',
    message: /SecuritySuitabilityPolicy/,
  },
  {
    name: 'a policy file that is not signed by whom it has to be',
    replace: [
      'stateDir: state',
      'stateDir: state\nalgorithms: { policies: [{ id: a, file: own.xml, signedBy: [root.der] }] }',
    ],
    line: 2,
    key: 'algorithms.policies[0]',
    message: /there is none/,
  },
  {
    name: 'an override of an algorithm that nobody knows',
    replace: [
      'stateDir: state',
      'stateDir: state\nalgorithms: { overrides: [{ algorithm: SHA256, endExclusive: 2031-01-01 }] }',
    ],
    line: 2,
    key: 'algorithms.overrides[0].algorithm',
    message: /no algorithm SHA256/,
  },
];

const refuses = test.macro({
  title: (_, row: Row) => `refused with line and key: ${row.name}`,
  exec: (t, row: Row) => {
    t.true(good.includes(row.replace[0]));
    const problems = problemsOf(good.replace(...row.replace));
    const found = problems.find((one) => one.key === row.key && row.message.test(one.message));
    t.truthy(found, JSON.stringify(problems));
    if (row.line !== undefined) t.is(found?.line, row.line);
  },
});
for (const row of rows) test(refuses, row);

test('all problems come at once', (t) => {
  const text = good
    .replace('amount: 10', 'amount: ten')
    .replace('1.2.3.4', 'x')
    .replace('type: local', 'type: lokal');
  t.is(problemsOf(text).length, 3);
});

test('an empty file and one that is no map are refused', (t) => {
  t.true(problemsOf('').some((one) => one.key === 'stateDir'));
  t.is(problemsOf('- a').length, 1);
});

test('digests are taken unless there is a database, or as the file says', (t) => {
  const enabled = (text: string): boolean =>
    parseTsaConfig(text, { fileName: '/etc/tokiwa/tsa.yaml' }).evidence.enabled;
  const shared = good
    .replace('stateDir: state', `stateDir: state\n${database}`)
    .replace('[paid, local]', '[paid]')
    .replace('  local:\n    type: local\n', '');
  t.true(enabled(good));
  t.false(enabled(shared));
  t.true(enabled(`${shared}evidence: { enabled: true }\n`));
});

test('folders of what is in the database are refused', (t) => {
  const text = good.replace(
    'stateDir: state',
    `stateDir: state\njournalDir: j\naudit: { dir: a }\n${database}`,
  );
  const keys = problemsOf(text).map(({ key }) => key);
  t.deepEqual(keys, ['providers.local', 'journalDir', 'audit.dir']);
});
