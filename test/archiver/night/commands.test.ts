// The command line on bad days: runs at once on one host and on two, configurations that cannot work,
// an evidence store that is empty or another archive's, retention said by command.
import test from 'ava';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { loadConfig } from '#archiver/commands/context.ts';
import { parseArchiverConfig } from '#archiver/config.ts';
import { ConfigError } from '#shared/errors.ts';
import { assertSound, kindsOf } from './_night.ts';
import { cli, env, today, tokiwa, type Ended } from './_tokiwa.ts';

test.serial(
  'two runs at once in two processes: the second ends with the lease’s holder',
  async (t) => {
    await using archive = await today();
    await archive.put('a.txt', 'a');
    await archive.writeConfig();
    // The first is held at its lease by this test, which is a process of this machine that lives.
    const archiver = await archive.open();
    const { lease } = await archiver.night(new AbortController().signal);
    const held = await archiver.evidence.acquireLease({
      ...lease,
      run: 'the first',
      at: archive.clock.now(),
      duration: Temporal.Duration.from({ minutes: 15 }),
      signal: new AbortController().signal,
    });
    const second = await tokiwa(archive, 'run');
    t.is(second.code, 3, second.stderr);
    t.true(second.stderr.includes('ERR_CONFLICT_LEASE'));
    t.true(second.stderr.includes(`process ${process.pid}`));
    t.is(archive.tsa.tokens(), 0);
    await held.release(new AbortController().signal);
    t.is((await tokiwa(archive, 'run')).code, 0);
    t.is(archive.tsa.tokens(), 1);
    await assertSound(t, archive);
  },
);

test.serial(
  'two processes started together: one token, each ends well or with the lease',
  async (t) => {
    await using archive = await today();
    await archive.put('a.txt', 'a');
    await archive.writeConfig();
    await archive.open();
    await archive.close();
    const ended = await Promise.all([tokiwa(archive, 'run'), tokiwa(archive, 'run')]);
    for (const { code, stderr } of ended)
      t.true(code === 0 || (code === 3 && stderr.includes('ERR_CONFLICT_LEASE')), stderr);
    t.true(ended.some(({ code }) => code === 0));
    t.is(archive.tsa.tokens(), 1);
    await assertSound(t, archive);
  },
);

test.serial(
  'damage outside of tonight’s share is found and healed when all is re-read',
  async (t) => {
    await using archive = await today();
    await archive.put('a.txt', 'a');
    await archive.writeConfig();
    const first = await tokiwa(archive, 'run');
    t.is(first.code, 0);
    t.regex(first.stderr, /re-reading a slice/);
    const [batch = ''] = await archive.batches();
    await rm(archive.batchFile(batch, 'leaves.tkl'));
    t.is((await tokiwa(archive, 'evidence', 'a.txt', '-o', 'a.ers')).code, 3);
    const all = await tokiwa(archive, 'run', '--reread-all');
    t.is(all.code, 0, all.stderr);
    t.regex(all.stderr, /leaf-table.*it holds/);
    t.regex(all.stderr, /re-reading the whole archive/);
    t.notRegex(all.stderr, /slice/);
    t.is((await tokiwa(archive, 'evidence', 'a.txt', '-o', 'a.ers')).code, 0);
    await assertSound(t, archive);
  },
);

test.serial('a holder on another host is waited for until its lease has run out', async (t) => {
  await using archive = await today();
  await archive.put('a.txt', 'a');
  await archive.writeConfig();
  await archive.open();
  await archive.close();
  const lease = {
    format: 'tokiwa-lease',
    version: 1,
    token: 7,
    id: 'ab',
    holder: { host: 'elsewhere', pid: 1, instance: 'boot pid:[1]#1' },
    run: 'theirs',
    acquired: archive.clock.now().toString(),
    until: archive.clock.now().add({ minutes: 10 }).toString(),
    released: false,
  };
  const file = path.join(archive.evidence, 'lease.json');
  await writeFile(file, JSON.stringify(lease));
  const refused = await tokiwa(archive, 'run');
  t.is(refused.code, 3);
  t.true(refused.stderr.includes('process 1 on elsewhere'));
  t.is(archive.tsa.tokens(), 0);
  const past = archive.clock.now().subtract({ minutes: 1 }).toString();
  await writeFile(file, JSON.stringify({ ...lease, until: past }));
  t.is((await tokiwa(archive, 'run')).code, 0);
  await assertSound(t, archive);
});

test.serial('stopped by SIGTERM: a clean end, and the next run goes on', async (t) => {
  await using archive = await today();
  for (let i = 0; i < 300; i++) await archive.put(`${i}.txt`, `${i}`);
  await archive.writeConfig();
  const args = [cli, 'run', '--json', '--config', archive.configFile];
  const child = spawn(process.execPath, args, { cwd: archive.folder, stdio: 'pipe', env });
  child.stdout.resume();
  await once(child.stderr, 'data');
  child.stderr.resume();
  child.kill('SIGTERM');
  const [code] = (await once(child, 'exit')) as [number | null];
  t.true(code === 1 || code === 0, `exit ${code}`);
  t.is((await tokiwa(archive, 'run')).code, 0);
  t.is(archive.tsa.tokens(), 1);
  await assertSound(t, archive);
});

test.serial(
  'stopped by SIGTERM before its first stage: the same status, and no trace',
  async (t) => {
    // Never answers: the run is at its revocation data, and no stage has begun.
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.teardown(() => {
      server.closeAllConnections();
      server.close();
    });
    const asked = once(server, 'request');
    await using archive = await today();
    const { port } = server.address() as AddressInfo;
    await archive.configure({ signers: { crls: [`http://127.0.0.1:${port}/`] } });
    await archive.writeConfig();
    const args = [cli, 'run', '--json', '--config', archive.configFile];
    const child = spawn(process.execPath, args, { cwd: archive.folder, stdio: 'pipe', env });
    const exit = once(child, 'exit') as Promise<[number | null]>;
    let told = '';
    child.stderr.on('data', (octets: Buffer) => (told += octets.toString()));
    child.stdout.resume();
    await asked;
    child.kill('SIGTERM');
    const [code] = await exit;
    t.is(code, 1, told);
    t.notRegex(told, /\n {4}at /);
    t.is(archive.tsa.tokens(), 0);
  },
);

test.serial('a configuration that cannot work: every problem with its line and key', async (t) => {
  await using archive = await today();
  const text = [
    'state: state',
    'stores:',
    '  - kind: folder',
    '    path: documents',
    '  - kind: folder',
    '    path: documents',
    'evidence:',
    '  kind: folder',
    '  path: documents/evidence',
    'tsa:',
    '  url: http://127.0.0.1:1/',
    '  anchors: [anchors.pem]',
    'digestAlgorithm: MD9',
    'retention:',
    '  rules:',
    '    - match: "("',
    '      preset: none',
  ].join('\n');
  await writeFile(archive.configFile, text);
  const ended = await tokiwa(archive, 'run');
  t.is(ended.code, 3);
  for (const said of [
    'line 5: stores[1].name',
    'line 13: digestAlgorithm',
    'line 16: retention.rules[0]',
    'evidence: the evidence store lies inside',
  ])
    t.true(ended.stderr.includes(said), `${said} in\n${ended.stderr}`);

  const problemsOf = (yaml: string) =>
    t.throws(() => parseArchiverConfig(yaml, 'tokiwa.yaml'), { instanceOf: ConfigError }).problems;
  t.true(problemsOf('state: [\nstores: 1\n').every(({ line }) => line !== undefined));
  const keys = problemsOf('stats: 1\ntsa: {}\nstores: []\n').map(
    ({ key, message }) => key + message,
  );
  for (const key of ['stats', 'tsa.url', 'tsa.anchors', 'stores'])
    t.true(keys.join('\n').includes(key), `${key} in ${keys.join('\n')}`);
  await t.throwsAsync(loadConfig(path.join(archive.folder, 'nowhere.yaml')), {
    code: 'ERR_CONFIG_INVALID',
  });
});

test.serial(
  'folders and anchors that are not there are told before anything is made',
  async (t) => {
    await using archive = await today();
    await archive.put('a.txt', 'a');
    await archive.configure({ stores: [{ kind: 'folder', name: 'documents', path: 'documnts' }] });
    await archive.writeConfig();
    const mistyped = await tokiwa(archive, 'run');
    t.is(mistyped.code, 3, mistyped.stderr);
    t.true(mistyped.stderr.includes('documnts'));
    await archive.configure({
      stores: [{ kind: 'folder', name: 'documents', path: 'documents' }],
      tsa: { anchors: ['nowhere.pem'] },
    });
    await archive.writeConfig();
    const anchorless = await tokiwa(archive, 'run');
    t.is(anchorless.code, 3, anchorless.stderr);
    t.true(anchorless.stderr.includes('nowhere.pem'));
    t.is(archive.tsa.tokens(), 0);
  },
);

test.serial(
  'an evidence store that is empty, mistyped or another archive’s stops before it buys',
  async (t) => {
    await using archive = await today();
    await archive.put('a.txt', 'a');
    await archive.writeConfig();
    t.is((await tokiwa(archive, 'run')).code, 0);
    await archive.put('b.txt', 'b');

    await rename(archive.evidence, `${archive.evidence}-away`);
    const gone = await tokiwa(archive, 'run');
    t.is(gone.code, 3, gone.stderr);
    await mkdir(archive.evidence, { recursive: true });
    const empty = await tokiwa(archive, 'run');
    t.is(empty.code, 3);
    t.true(empty.stderr.includes('ERR_CONFIG_ARCHIVE_ID'));

    await using other = await today();
    await other.open();
    await other.close();
    await rm(archive.evidence, { recursive: true });
    await cp(other.evidence, archive.evidence, { recursive: true });
    const foreign = await tokiwa(archive, 'run');
    t.is(foreign.code, 3);
    t.true(foreign.stderr.includes('ERR_CONFIG_ARCHIVE_ID'));
    t.is(archive.tsa.tokens(), 1, 'nothing was bought meanwhile');

    await rm(archive.evidence, { recursive: true });
    await rename(`${archive.evidence}-away`, archive.evidence);
    t.is((await tokiwa(archive, 'run')).code, 0);
    await assertSound(t, archive);
  },
);

test.serial('retention by command: set, import, hold; kept by a rebuild', async (t) => {
  await using archive = await today();
  for (const key of ['a.txt', 'b.txt', 'c d.txt']) await archive.put(key, key);
  await archive.writeConfig();
  t.is((await tokiwa(archive, 'run')).code, 0);
  const rule = 'jp-medical-record';
  const set = await tokiwa(
    archive,
    'retention set',
    'a.txt',
    '--rule',
    rule,
    '--start',
    '2026-04-01',
  );
  t.is(set.code, 0, set.stderr);
  const list = path.join(archive.folder, 'list.csv');
  await writeFile(list, `key,rule,start\nb.txt,${rule},2025-01-31\n"c d.txt",${rule},2020-02-29\n`);
  const imported = await tokiwa(archive, 'retention import', list);
  t.is(imported.code, 0, imported.stderr);
  const hold = await tokiwa(archive, 'retention hold', 'b.txt', 'on');
  t.is(hold.code, 0, hold.stderr);
  t.is((await archive.row('a.txt')).retention.source, 'journal');
  t.is((await archive.row('a.txt')).retention.start, '2026-04-01');
  t.true((await archive.row('b.txt')).retention.hold);
  t.is((await archive.row('c d.txt')).retention.start, '2020-02-29');
  for (const [args, said] of [
    [['retention set', 'a.txt', '--rule', 'none'], 'none'],
    [['retention set', 'a.txt', '--start', '2026-02-30'], '2026-02-30'],
    [['retention set', 'z.txt', '--rule', rule], 'z.txt'],
  ] as const) {
    const refused = await tokiwa(archive, ...args);
    t.is(refused.code, 3);
    t.true(refused.stderr.includes(said), refused.stderr);
  }
  await assertSound(t, archive);
});

test.serial('a word by command between two nights of a process that runs on', async (t) => {
  await using archive = await today();
  await archive.put('a.txt', 'a');
  await archive.writeConfig();
  t.is((await archive.night()).outcome, 'ok');
  const args = ['retention set', 'a.txt', '--rule', 'jp-medical-record', '--start', '2026-04-01'];
  const set = await tokiwa(archive, ...args);
  t.is(set.code, 0, set.stderr);
  t.is((await tokiwa(archive, 'run')).code, 0);
  await archive.put('b.txt', 'b');
  const night = await archive.night();
  t.is(night.outcome, 'ok', JSON.stringify(night.findings));
  t.is(night.protectedGroups, 1);
  await assertSound(t, archive);
});

test.serial('evidence, by command, verified by command', async (t) => {
  await using archive = await today();
  await archive.put('a.txt', 'a');
  await archive.put('b.txt', 'b');
  await archive.writeConfig();
  t.is((await tokiwa(archive, 'run')).code, 0);
  const file = path.join(archive.folder, 'a.ers');
  const given = await tokiwa(archive, 'evidence', 'a.txt', '-o', file);
  t.is(given.code, 0, given.stderr);
  const record = await readFile(file);
  t.is((await tokiwa(archive, 'evidence', 'a.txt', '-o', file)).code, 0);
  t.deepEqual(await readFile(file), record);
  const judged = (key: string): Promise<Ended> =>
    new Promise((resolve) => {
      const { anchorsPath, crlPath } = archive.tsa.running;
      const document = path.join(archive.documents, key);
      const args = [
        'verify',
        document,
        '--evidence',
        file,
        '--trust',
        anchorsPath,
        '--crls',
        crlPath,
      ];
      execFile(process.execPath, [cli, ...args], { env }, (error, stdout, stderr) => {
        resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr });
      });
    });
  t.is((await judged('a.txt')).code, 0, (await judged('a.txt')).stdout);
  t.is((await judged('b.txt')).code, 1, 'another document');
  t.is((await tokiwa(archive, 'evidence', 'c.txt', '-o', file)).code, 3);
  t.deepEqual(kindsOf(await archive.night()), []);
  await assertSound(t, archive);
});
