// The socket in the state folder: one proxy holds it at a time, and what a killed one has left stands in nobody's way.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import test from 'ava';
import { askForReload, openControl } from '#tsa/adapters/control.ts';
import { temporaryFolder } from './_proxy.ts';

test('a second proxy is refused, and the first one goes on; after it another may', async (t) => {
  await using folder = await temporaryFolder();
  const stateDir = path.join(folder.path, 'state');
  let reloads = 0;
  const actions = {
    reload: () => {
      reloads++;
      return Promise.resolve();
    },
  };
  {
    await using _first = await openControl(stateDir, actions);
    await t.throwsAsync(openControl(stateDir, actions), {
      code: 'ERR_CONFIG_INVALID',
      message: /another proxy runs with the state folder/,
    });
    await askForReload(stateDir);
  }
  t.is(reloads, 1);
  await t.throwsAsync(askForReload(stateDir), { code: 'ERR_CONFIG_USAGE' });
  await using _next = await openControl(stateDir, actions);
  await askForReload(stateDir);
  t.is(reloads, 2);
});

if (process.platform !== 'win32')
  test('a socket that a killed process has left is taken over', async (t) => {
    await using folder = await temporaryFolder();
    const script = `require('node:net').createServer().listen(process.argv[1], () => console.log('up'))`;
    const socket = path.join(folder.path, 'control.sock');
    const child = spawn(process.execPath, ['-e', script, socket]);
    await once(child.stdout, 'data');
    const actions = { reload: () => Promise.resolve() };
    await t.throwsAsync(openControl(folder.path, actions), { code: 'ERR_CONFIG_INVALID' });
    child.kill('SIGKILL');
    await once(child, 'close');
    await using _control = await openControl(folder.path, actions);
    await t.notThrowsAsync(askForReload(folder.path));
  });
