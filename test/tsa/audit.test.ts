// The audit log of a running proxy: a line for every answer and refusal, the daily stamp, and the command that checks
// it from outside.
import { execFile } from 'node:child_process';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { readAuditFolder } from '#tsa/adapters/audit-files.ts';
import { parseTimeStampResp } from '#shared/tsp/response.ts';
import { answerQuery } from '#tsa/answer-query.ts';
import { emptyHead } from '#tsa/audit/audit-line.ts';
import type { AuditLog } from '#tsa/audit/audit-log.ts';
import { defaultProfile, localTsaConfig } from '#tsa/config/config.ts';
import { createTally } from '#tsa/status/tally.ts';
import { checkAuditLog } from '#tsa/audit/audit-check.ts';
import { issueRoot } from '../_authority.ts';
import { projectRoot } from '../_sources.ts';
import { ask, createTestClock, queryFor, startLocal, temporaryFolder } from './_proxy.ts';

type Line = Readonly<Record<string, unknown>>;

async function linesOf(stateDir: string): Promise<readonly Line[]> {
  const folder = path.join(stateDir, 'audit');
  const names = (await readdir(folder)).filter((name) => name.endsWith('.jsonl')).toSorted();
  const texts = await Promise.all(names.map((name) => readFile(path.join(folder, name), 'utf8')));
  return texts
    .join('')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);
}

const run = promisify(execFile);

/** Exit code and output of `tokiwa audit verify`. */
async function verify(...args: readonly string[]): Promise<{ code: unknown; stdout: string }> {
  const command = [path.join(projectRoot, 'cli.ts'), 'audit', 'verify', ...args];
  try {
    const { stdout } = await run(process.execPath, command);
    return { code: 0, stdout };
  } catch (error) {
    return error as { code: unknown; stdout: string };
  }
}

test('whom a client asks for stands beside it, bounded and printable', async (t) => {
  await using folder = await temporaryFolder();
  const tsa = await startLocal(folder.path, createTestClock());
  const headers = { 'content-type': 'application/timestamp-query' };
  for (const user of ['ward 3, discharge letters', 'x'.repeat(500), undefined])
    await fetch(tsa.url, {
      method: 'POST',
      headers: { ...headers, ...(user === undefined ? {} : { 'tokiwa-user': user }) },
      body: Buffer.from(queryFor('a')),
    });
  await tsa.close();
  const answers = (await linesOf(folder.path)).filter(({ event }) => event === 'answer');
  const [named, long, none] = answers.map(({ user }) => user);
  t.is(named, 'ward 3, discharge letters');
  t.true(typeof long === 'string' && long.length <= 130);
  t.is(none, undefined);
});

test('every answer and every refusal has its line', async (t) => {
  await using folder = await temporaryFolder();
  const tsa = await startLocal(folder.path, createTestClock());
  await ask(tsa.url, queryFor('a'));
  await ask(tsa.url, queryFor('a'));
  await ask(tsa.url, new Uint8Array([1]));
  const refused = await fetch(`${tsa.url}tsa/nobody`, { method: 'POST', body: 'x' });
  t.is(refused.status, 404);
  await tsa.close();
  const lines = await linesOf(folder.path);
  t.deepEqual(
    lines.map(({ event, verdict, status }) => [event, verdict ?? status]),
    [
      ['started', undefined],
      ['answer', 'granted'],
      ['answer', 'repeated'],
      ['answer', 'rejected'],
      ['refused', 404],
      ['stopped', undefined],
    ],
  );
  const [, granted, repeated, rejected, refusal] = lines;
  t.like(granted, {
    client: 'anonymous',
    address: '127.0.0.1',
    profile: 'default',
    provider: 'local',
    genTime: '2030-01-01T00:00:00Z',
    imprint: {
      algorithm: 'SHA-256',
      digest: 'ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb',
    },
  });
  t.is(repeated?.['serialNumber'], granted?.['serialNumber']);
  t.like(rejected, { failInfo: 'badDataFormat' });
  t.is(refusal?.['id'], refused.headers.get('x-request-id'));
});

test('without its line no answer leaves', async (t) => {
  const failing: AuditLog = {
    append: () => Promise.reject(new Error('no space')),
    head: () => emptyHead,
    unstamped: () => ({ head: emptyHead, since: undefined }),
    writable: () => false,
    recheck: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  const asking = { id: '00', client: 'test', address: '' };
  const answer = await answerQuery(new Uint8Array(), asking, defaultProfile, {
    service: { stamp: () => Promise.reject(new Error('not asked')), idle: () => Promise.resolve() },
    settings: () => ({ config: localTsaConfig({ stateDir: '' }), providers: new Map() }),
    audit: failing,
    tally: createTally(),
    clock: createTestClock(),
    events: () => undefined,
  });
  const octets = answer.kind === 'reply' ? answer.octets : new Uint8Array();
  t.deepEqual(parseTimeStampResp(octets).failInfo, ['systemFailure']);
});

test('the head is stamped once a day, and the stamp guards the end of the log', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock();
  const audit = path.join(folder.path, 'audit');
  const anchors = path.join(folder.path, 'public', 'anchors.pem');
  {
    await using tsa = await startLocal(folder.path, clock);
    await ask(tsa.url, queryFor('a'));
    await tsa.upkeep();
    t.is((await readdir(audit)).filter((name) => name.endsWith('.tsr')).length, 0, 'same day');
    clock.advance({ days: 1 });
    await tsa.upkeep();
    await tsa.upkeep();
    clock.advance({ days: 1 });
    await tsa.upkeep();
  }
  const stamps = (await readdir(audit)).filter((name) => name.endsWith('.tsr'));
  t.deepEqual(stamps, ['head-000000000002.tsr'], 'an idle day has nothing to stamp');

  const good = await verify(audit, '--anchors', anchors);
  t.is(good.code, 0, good.stdout);
  t.regex(good.stdout, /intact: lines 1 to 4 \(4\)[\s\S]*1 stamps, the last good one over line 2/);
  const [, last = ''] = /of the last: ([0-9a-f]{64})/.exec(good.stdout) ?? [];
  t.is((await verify(audit, '--seen', `4:${last}`)).code, 0);
  const later = await verify(audit, '--seen', `5:${last}`);
  t.is(later.code, 1);
  t.regex(later.stdout, /^error: line 5 was seen with the SHA-256 .* it is not there/);
  t.is((await verify(audit, '--seen', last)).code, 3);
  const names = (await readdir(audit)).filter((name) => name.endsWith('.jsonl')).toSorted();
  const first = path.join(audit, names[0] ?? '');
  for (const name of names.slice(1)) await rm(path.join(audit, name));
  const text = await readFile(first, 'utf8');
  await writeFile(first, `${text.split('\n')[0] ?? ''}\n`);
  const cut = await verify(audit, '--json');
  t.is(cut.code, 1);
  t.regex(cut.stdout, /covers line 2, which is not there: the end was cut off/);
});

test('a stamp that leads to none of the anchors leaves the log indeterminate', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock();
  {
    await using tsa = await startLocal(folder.path, clock);
    clock.advance({ days: 1 });
    await tsa.upkeep();
  }
  const audit = readAuditFolder(path.join(folder.path, 'audit'));
  const stranger = issueRoot({ subject: 'CN=Stranger' });
  const report = await checkAuditLog(audit, { anchors: [{ certificate: stranger.certificate }] });
  t.is(report.status, 'indeterminate', JSON.stringify(report.findings));
  t.like(report.findings, [{ level: 'unknown', file: 'head-000000000001.tsr' }]);
});

test('a folder without a log is a matter of usage', async (t) => {
  await using folder = await temporaryFolder();
  t.is((await verify(folder.path)).code, 3);
});
