// The doctor names the first stage that fails and who has to act, provider by provider.
import { chmod, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { buildTimeStampResp } from '#shared/tsp/response.ts';
import { openJournalFiles } from '#tsa/adapters/files.ts';
import {
  localTsaConfig,
  type HttpProviderConfig,
  type LocalProviderConfig,
  type TsaConfig,
} from '#tsa/config/config.ts';
import { examine, type DoctorLine } from '#tsa/doctor.ts';
import { openJournal } from '#tsa/journal/journal.ts';
import { issueCrl, issueRoot, issueTsu } from '../_authority.ts';
import { closedPort } from '../_free-port.ts';
import {
  configWith,
  createTestClock,
  random,
  startTestTsa,
  temporaryFolder,
  type TestClock,
} from './_proxy.ts';
import { createPki, pemOf } from './_tls.ts';
import { startUpstream, type Handler } from './_upstream.ts';

const clock = createTestClock();
const pki = createPki();

async function look(
  folder: string,
  provider: HttpProviderConfig,
  stamp: boolean,
): Promise<readonly DoctorLine[]> {
  const config = configWith(folder, [provider]);
  await mkdir(config.audit.dir, { recursive: true });
  const options = {
    config,
    clock,
    random,
    events: () => undefined,
    signal: new AbortController().signal,
  };
  const files = await openJournalFiles(config.journalDir);
  await using journal = await openJournal({ ...options, files });
  return await examine({ ...options, journal: stamp ? journal : undefined });
}

const text = (lines: readonly DoctorLine[]): readonly string[] =>
  lines.map(({ subject, stage, passed }) => {
    const who = subject === 'proxy' ? 'proxy' : 'provider';
    return `${who} ${stage} ${passed ? 'ok' : 'failed'}`;
  });

test('all well: every stage, and the token is in the journal', async (t) => {
  await using folder = await temporaryFolder();
  await using upstream = await startUpstream(clock);
  const provider = await upstream.provider(folder.path);
  t.deepEqual(text(await look(folder.path, provider, true)), [
    'proxy state ok',
    'proxy journal ok',
    'proxy audit log ok',
    'provider name ok',
    'provider connect ok',
    'provider HTTP ok',
    'provider PKIStatus ok',
    'provider token ok',
    'provider clock ok',
    'provider chain ok',
    'provider revocation ok',
  ]);
  t.is(upstream.queries.length, 1);
  await look(folder.path, provider, false);
  t.is(upstream.queries.length, 1, 'nothing is bought unless it is asked for');
});

type Row = {
  readonly stage: DoctorLine['stage'];
  readonly party: RegExp;
  readonly handler?: Handler;
  readonly settings?: (folder: string) => Promise<Partial<HttpProviderConfig>>;
  readonly tls?: boolean;
};
const stranger = issueTsu(issueRoot({ subject: 'CN=Somebody' }));
const rows: readonly Row[] = [
  {
    stage: 'name',
    party: /network/,
    settings: () => Promise.resolve({ url: 'http://nowhere.invalid/' }),
  },
  {
    stage: 'connect',
    party: /network/,
    settings: () => Promise.resolve({ url: `http://127.0.0.1:${closedPort}/` }),
  },
  { stage: 'TLS', party: /TSA/, tls: true },
  { stage: 'HTTP', party: /TSA/, handler: () => ({ status: 401, type: 'text/plain', body: 'no' }) },
  {
    stage: 'PKIStatus',
    party: /TSA/,
    handler: () => ({
      body: buildTimeStampResp({
        status: 'rejection',
        failInfo: ['systemFailure'],
        statusString: 'no',
      }),
    }),
  },
  {
    stage: 'token',
    party: /TSA/,
    handler: (request, self) => ({ body: self.grant(request, { nonce: 1n }) }),
  },
  {
    stage: 'clock',
    party: /facility/,
    handler: (request, self) => ({
      body: self.grant(request, { genTime: Temporal.Instant.from('2029-12-31T00:00:00Z') }),
    }),
  },
  {
    stage: 'chain',
    party: /anchors/,
    handler: (request, self) => ({ body: self.grant(request, { tsu: stranger }) }),
  },
];

const names = test.macro({
  title: (_, { stage }: Row) => `the first stage that fails: ${stage}`,
  exec: async (t, row: Row) => {
    await using folder = await temporaryFolder();
    await using upstream = await startUpstream({
      ...clock,
      ...(row.handler ? { handler: row.handler } : {}),
      ...(row.tls ? { tls: pemOf(pki.server) } : {}),
    });
    const provider = await upstream.provider(folder.path, await row.settings?.(folder.path));
    const lines = await look(folder.path, provider, true);
    const failed = lines.filter(({ passed }) => !passed);
    t.deepEqual(
      failed.map(({ stage }) => stage),
      [row.stage],
      JSON.stringify(lines),
    );
    t.regex(failed[0]?.party ?? '', row.party);
    t.is(lines.at(-1)?.stage, row.stage, 'what comes behind it says nothing');
  },
});
for (const row of rows) test(names, row);

test('a folder that is not there is the facility’s', async (t) => {
  await using folder = await temporaryFolder();
  await using upstream = await startUpstream(clock);
  const config = configWith(folder.path, [await upstream.provider(folder.path)]);
  await rm(path.join(folder.path, 'journal'), { recursive: true, force: true });
  const lines = await examine({
    config,
    clock,
    random,
    events: () => undefined,
    signal: new AbortController().signal,
    journal: undefined,
  });
  t.like(
    lines.find(({ passed }) => !passed),
    { subject: 'proxy', stage: 'journal', party: 'facility' },
  );
});

test('books that are damaged, or a database that is not there, are the facility’s', async (t) => {
  await using folder = await temporaryFolder();
  await using upstream = await startUpstream(clock);
  const config = configWith(folder.path, [await upstream.provider(folder.path)]);
  const firstFailure = async (settings: Partial<TsaConfig> = {}) => {
    const lines = await examine({
      config: { ...config, ...settings },
      clock,
      random,
      events: () => undefined,
      signal: new AbortController().signal,
      journal: undefined,
    });
    return lines.find(({ passed }) => !passed);
  };
  await mkdir(config.journalDir);
  await mkdir(config.audit.dir);
  t.is(await firstFailure(), undefined);
  const facility = { subject: 'proxy', party: 'facility' };
  await writeFile(
    path.join(config.audit.dir, '000000000001.2030-01-01.00000000.jsonl'),
    '{"seq":1}\n',
  );
  t.like(await firstFailure(), { ...facility, stage: 'audit log' });
  const database = {
    host: '127.0.0.1',
    port: closedPort,
    database: 'tokiwa',
    user: 'tokiwa',
    passwordFile: undefined,
    schema: 'tokiwa',
    connections: 2,
    tls: { off: false, authorities: [], tls12: false },
  };
  t.like(await firstFailure({ database }), { ...facility, stage: 'database' });
  const stateDir = path.join(folder.path, 'nowhere');
  t.like(await firstFailure({ stateDir }), { ...facility, stage: 'state' });
});

test('a revoked TSU is for its CA', async (t) => {
  await using folder = await temporaryFolder();
  await using upstream = await startUpstream(clock);
  const provider = await upstream.provider(folder.path);
  const { root: issuer, tsu: certificate } = upstream;
  const [crl = ''] = provider.crls;
  const revoked = [{ certificate, at: '2029-06-01T00:00:00Z' }];
  await writeFile(crl, issueCrl({ issuer, thisUpdate: clock.now(), revoked }).raw);
  const failed = (await look(folder.path, provider, true)).filter(({ passed }) => !passed);
  t.deepEqual(
    failed.map(({ stage }) => stage),
    ['revocation'],
  );
  t.regex(failed[0]?.party ?? '', /CA of the TSA/);
});

/** The last line about a local unit that has been started once. */
async function lookAtUnit(
  spoil: (folder: string, keys: readonly string[]) => Promise<Partial<LocalProviderConfig>>,
  at: TestClock = clock,
): Promise<DoctorLine | undefined> {
  await using folder = await temporaryFolder();
  const config = localTsaConfig({ stateDir: folder.path });
  await (await startTestTsa(config, clock)).close();
  const keyFolder = path.join(folder.path, 'local', 'local', 'keys');
  const keys = (await readdir(keyFolder)).map((name) => path.join(keyFolder, name));
  const local = await spoil(folder.path, keys);
  const before = await readdir(folder.path, { recursive: true });
  const lines = await examine({
    config: localTsaConfig({ stateDir: folder.path, local }),
    clock: at,
    random,
    events: () => undefined,
    signal: new AbortController().signal,
    journal: undefined,
  });
  const after = await readdir(folder.path, { recursive: true });
  if (after.join() !== before.join()) throw new Error('the doctor has made something');
  return lines.at(-1);
}

test('a local unit: until when it can sign', async (t) => {
  const line = await lookAtUnit(() => Promise.resolve({}));
  t.like(line, { subject: 'local', stage: 'chain', passed: true });
  t.regex(line?.detail ?? '', /until 2039-12-30/);
  const unmade = await lookAtUnit(async (folder) => {
    await rm(path.join(folder, 'local'), { recursive: true });
    return {};
  });
  t.like(unmade, { stage: 'key', passed: true, detail: 'made at the first start' });
});

const tsuKey = (keys: readonly string[]): string =>
  keys.find((file) => path.basename(file).startsWith('tsu-')) ?? '';

for (const [name, spoil, detail] of [
  [
    'a key that others can read',
    async (_, keys) => {
      await chmod(tsuKey(keys), 0o644);
      return {};
    },
    /mode 644/,
  ],
  [
    'a key that is gone',
    async (_, keys) => {
      await rm(tsuKey(keys));
      return {};
    },
    /cannot be read/,
  ],
  [
    'a password that is not there',
    (folder) => Promise.resolve({ keyPasswordFile: path.join(folder, 'password') }),
    /key password file .* cannot be read/,
  ],
  [
    'a state that is damaged',
    async (folder) => {
      await writeFile(path.join(folder, 'local', 'local', 'authority.json'), '{');
      return {};
    },
    /is damaged/,
  ],
] satisfies [string, Parameters<typeof lookAtUnit>[0], RegExp][])
  test(`a local unit with ${name}: the facility’s, and nothing is touched`, async (t) => {
    const line = await lookAtUnit(spoil);
    t.like(line, { subject: 'local', stage: 'key', passed: false, party: 'facility' });
    t.regex(line?.detail ?? '', detail);
  });

test('a local unit whose clock is before its certificate, or behind its end', async (t) => {
  const at = (text: string): Promise<DoctorLine | undefined> =>
    lookAtUnit(() => Promise.resolve({}), createTestClock(text));
  t.like(await at('2029-01-01T00:00:00Z'), { stage: 'clock', passed: false });
  t.like(await at('2045-01-01T00:00:00Z'), { stage: 'key', passed: false });
});

test('accreditation: looked at where it was confirmed once, and over when its period is', async (t) => {
  await using folder = await temporaryFolder();
  await using upstream = await startUpstream(clock);
  const accreditation = {
    scheme: 'mic-2021-146',
    from: '2029-01-01',
    tsaPolicies: ['1.2.3'],
    confirmedBy: 'the facility',
    confirmedOn: '2029-01-02',
    document: 'the list of that day',
  };
  const stagesWith = async (until: string): Promise<readonly DoctorLine[]> => {
    const accreditations = [{ ...accreditation, until }];
    const provider = await upstream.provider(folder.path, { accreditations });
    return (await look(folder.path, provider, false)).filter(
      (one) => one.stage === 'accreditation',
    );
  };
  const [lasting] = await stagesWith('2031-01-01');
  t.like(lasting, { passed: true, detail: 'mic-2021-146 until 2030-12-31T15:00:00Z' });
  const [ended] = await stagesWith('2029-12-31');
  t.is(ended?.passed, false);
  t.regex(ended?.party ?? '', /facility/);
});
