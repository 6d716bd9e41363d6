// State folders as earlier releases left them: this one goes on with them. Repeats get the tokens of then, the unit goes
// on under its key, what was promised is kept, and the log holds from its first line on.
import { chmod, cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { loadCertificates } from '#shared/io/trust-files.ts';
import { parseTimeStampResp } from '#shared/tsp/response.ts';
import { parseTimeStampToken } from '#shared/tsp/token.ts';
import { readAuditFolder } from '#tsa/adapters/audit-files.ts';
import { loadCredentials } from '#tsa/adapters/client-file.ts';
import { createPasswordChecker } from '#tsa/adapters/password.ts';
import { checkAuditLog } from '#tsa/audit/audit-check.ts';
import { parseAuditLine } from '#tsa/audit/audit-line.ts';
import { parseEvidenceLine } from '#tsa/evidence/lines.ts';
import { parseJournalLine } from '#tsa/journal/journal-line.ts';
import { ask, createTestClock, queryFor, startTestTsa, type TestTsa } from '../_proxy.ts';
import { startUpstream, type Upstream } from '../_upstream.ts';
import { frozenConfig, frozenTexts, keyPassword, postDigests, stateIn } from './_frozen-proxy.ts';

const releases = ['release-0.2'] as const;

type Opened = AsyncDisposable & {
  readonly folder: string;
  readonly upstream: Upstream;
  readonly tsa: TestTsa;
  readonly answer: (name: string) => Promise<Buffer>;
};

/** The state folder of a release under a proxy of its own, an hour after it was left. */
async function openRelease(release: string): Promise<Opened> {
  const from = path.join(import.meta.dirname, release);
  const clock = createTestClock((await readFile(path.join(from, 'made-at.txt'), 'utf8')).trim());
  clock.advance({ hours: 1 });
  await using opened = new AsyncDisposableStack();
  const folder = await mkdtemp(path.join(tmpdir(), 'tokiwa-tsa-release-'));
  opened.defer(() => rm(folder, { recursive: true, force: true }));
  await cp(path.join(from, 'state'), stateIn(folder), { recursive: true });
  // Git keeps no other mode, and keys that others can read are refused.
  for (const entry of await readdir(stateIn(folder), { recursive: true, withFileTypes: true }))
    if (entry.isFile()) await chmod(path.join(entry.parentPath, entry.name), 0o600);
  await writeFile(path.join(folder, 'password'), keyPassword, { mode: 0o600 });
  const upstream = opened.use(await startUpstream({ now: clock.now }));
  const paid = await upstream.provider(folder, { name: 'paid' });
  const tsa = opened.use(await startTestTsa(frozenConfig(folder, paid), clock));
  const all = opened.move();
  return {
    ...{ folder, upstream, tsa },
    answer: (name) => readFile(path.join(from, 'answers', name)),
    [Symbol.asyncDispose]: () => all[Symbol.asyncDispose](),
  };
}

async function linesIn(folder: string): Promise<readonly Buffer[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.jsonl')).toSorted();
  const texts = await Promise.all(names.map((name) => readFile(path.join(folder, name), 'utf8')));
  return texts
    .flatMap((text) => text.split('\n').filter((line) => line !== ''))
    .map((line) => Buffer.from(line));
}

function kindsIn(lines: readonly ({ readonly kind: string } | undefined)[]): readonly string[] {
  return [...new Set(lines.map((line) => line?.kind ?? 'damaged'))].toSorted();
}

for (const release of releases) {
  test(`${release}: a repeat gets the token of then, and nobody is asked for it`, async (t) => {
    await using opened = await openRelease(release);
    const { tsa, upstream, answer } = opened;
    for (const [number, text] of frozenTexts.entries())
      t.deepEqual(
        Buffer.from((await ask(tsa.url, queryFor(text))).octets),
        await answer(`${number}.tsr`),
        text,
      );
    const asked = upstream.queries.map((octets) => Buffer.from(octets).toString('hex'));
    for (const text of frozenTexts)
      t.false(asked.includes(Buffer.from(queryFor(text)).toString('hex')), text);
  });

  test(`${release}: the unit goes on under its certificate and key, with a new serial number`, async (t) => {
    await using opened = await openRelease(release);
    const { tsa, folder, answer } = opened;
    const config = frozenConfig(folder, await opened.upstream.provider(folder, { name: 'paid' }));
    const { default: profile } = config.profiles;
    if (!profile) throw new Error('no default profile');
    await tsa.reload({ ...config, profiles: { default: { ...profile, providers: ['local'] } } });
    const { token } = await ask(tsa.url, queryFor('another'));
    const { token: octets = new Uint8Array() } = parseTimeStampResp(await answer('0.tsr'));
    const before = parseTimeStampToken(octets);
    t.deepEqual(
      token?.signedData.certificates.map(({ fingerprint }) => fingerprint),
      before.signedData.certificates.map(({ fingerprint }) => fingerprint),
    );
    t.not(token?.tstInfo.serialNumber, before.tstInfo.serialNumber);
  });

  test(`${release}: records are given again, and digests that waited get theirs`, async (t) => {
    await using opened = await openRelease(release);
    const { tsa, folder, answer } = opened;
    const again = await postDigests(tsa.url, ['document', 'signature']);
    t.is(await again.text(), (await answer('digests.json')).toString('utf8'));
    const lines = (await linesIn(path.join(stateIn(folder), 'evidence'))).map(parseEvidenceLine);
    const waiting = lines.findLast((line) => line?.kind === 'submission');
    const { id } = waiting?.kind === 'submission' ? waiting : { id: '' };
    t.is((await postDigests(tsa.url, ['waits'])).status, 200);
    t.is((await fetch(`${tsa.url}evidence/default/${id}`)).status, 200);
  });

  test(`${release}: the audit log holds from its first line through what is added`, async (t) => {
    await using opened = await openRelease(release);
    const { tsa, folder } = opened;
    await ask(tsa.url, queryFor('another'));
    await tsa.close();
    const anchors = await loadCertificates([
      path.join(stateIn(folder), 'public', 'anchors.pem'),
      path.join(import.meta.dirname, release, 'paid-anchors.pem'),
    ]);
    const audit = path.join(stateIn(folder), 'audit');
    const { status, firstLine, lines, stamps, findings } = await checkAuditLog(
      readAuditFolder(audit),
      { anchors: anchors.map((certificate) => ({ certificate })) },
    );
    t.deepEqual([status, firstLine, stamps, findings], ['intact', 1, 1, []]);
    t.is(lines, (await linesIn(audit)).length);
    const events = (await linesIn(audit)).map((line) => parseAuditLine(line)?.event ?? '');
    t.deepEqual(
      [...new Set(events)].toSorted(),
      [
        ...['answer', 'digests', 'evidence', 'late', 'refused', 'reloaded', 'stamped'],
        ...['started', 'stopped'],
      ].toSorted(),
    );
  });

  test(`${release}: keys and passwords of clients are read`, async (t) => {
    const { records } = await loadCredentials(
      path.join(import.meta.dirname, release, 'state', 'clients.json'),
    );
    const [key, password] = records ?? [];
    t.is(key?.sha256, '00'.repeat(32));
    const check = createPasswordChecker();
    t.is(await check('a frozen password', [password?.password ?? '']), 'right');
    t.not(await check('another password', [password?.password ?? '']), 'right');
  });

  test(`${release}: every line of journal and evidence log is read`, async (t) => {
    const state = path.join(import.meta.dirname, release, 'state');
    const journal = (await linesIn(path.join(state, 'journal'))).map(parseJournalLine);
    t.deepEqual(kindsIn(journal), ['failure', 'request', 'token']);
    t.is(journal.filter((record) => record?.kind === 'token' && record.late).length, 1);
    const evidence = (await linesIn(path.join(state, 'evidence'))).map(parseEvidenceLine);
    t.deepEqual(kindsIn(evidence), ['batch', 'submission', 'token']);
  });
}
