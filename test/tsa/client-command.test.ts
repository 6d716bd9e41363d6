// `tokiwa tsa client`: the key is shown once, its file holds no secret, and the proxy knows it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { parseTsaConfig } from '#tsa/config/config-file.ts';
import { projectRoot } from '../_sources.ts';
import { createTestClock, queryFor, startTestTsa, temporaryFolder } from './_proxy.ts';

async function client(input: string, ...args: readonly string[]) {
  const child = spawn(process.execPath, [
    path.join(projectRoot, 'cli.ts'),
    'tsa',
    'client',
    ...args,
  ]);
  let stdout = '';
  child.stdout.on('data', (part: Buffer) => (stdout += part.toString()));
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const [code] = (await once(child, 'close')) as [number];
  return { code, stdout };
}

test('a key that was made opens the door, a password as well, and one that was removed no longer', async (t) => {
  await using folder = await temporaryFolder();
  const file = path.join(folder.path, 'tsa.yaml');
  const text = [
    'stateDir: state',
    'listen: { port: 0, anonymous: false }',
    'profiles: { default: { providers: [local] } }',
    'providers: { local: { type: local } }',
  ].join('\n');
  await writeFile(file, text);
  // The folder is made by the first start.
  const config = parseTsaConfig(text, { fileName: file });
  await (await startTestTsa(config, createTestClock())).close();
  const made = await client('', 'add', 'records', '--config', file);
  t.is(made.code, 0);
  const key = made.stdout.trim();
  t.regex(key, /^tokiwa_[\w-]{43}$/);
  t.is((await client('tooshort\n', 'add', 'records', '--password', '--config', file)).code, 3);
  t.is((await client('correct horse\n', 'add', 'records', '--password', '--config', file)).code, 0);
  t.is((await client('', 'add', 'audit', '--config', file)).code, 3, 'a name of the books');
  t.is((await client('', 'remove', 'constructor', '--config', file)).code, 3);
  t.is((await client('', 'add', 'constructor', '--config', file)).code, 0);
  const kept = path.join(folder.path, 'state', 'clients.json');
  t.notRegex(await readFile(kept, 'utf8'), new RegExp(`${key}|correct horse`));
  t.is((await stat(kept)).mode & 0o077, 0);

  await using tsa = await startTestTsa(config, createTestClock());
  const ask = async (secret: string): Promise<number> => {
    const authorization = `Basic ${Buffer.from(`records:${secret}`).toString('base64')}`;
    const headers = { 'content-type': 'application/timestamp-query', authorization };
    const answer = await fetch(tsa.url, {
      method: 'POST',
      headers,
      body: Buffer.from(queryFor('a')),
    });
    return answer.status;
  };
  t.deepEqual(
    [await ask(key), await ask('correct horse'), await ask('wrong horse')],
    [200, 200, 401],
  );
});
