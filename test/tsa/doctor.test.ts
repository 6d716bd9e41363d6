// The doctor names the first stage that fails and who has to act, provider by provider.
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { buildTimeStampResp } from '#shared/tsp/response.ts';
import { openJournalFiles } from '#tsa/adapters/files.ts';
import type { HttpProviderConfig } from '#tsa/config.ts';
import { examine, type DoctorLine } from '#tsa/doctor.ts';
import { openJournal } from '#tsa/journal.ts';
import { issueRoot, issueTsu } from '../_authority.ts';
import { closedPort } from '../_free-port.ts';
import { configWith, createTestClock, random, temporaryFolder } from './_proxy.ts';
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
