// A socket in the state folder by which commands on the same machine, of the same user, speak to the running proxy. It
// keeps a second one out of the folder as well.
import { chmod, rm } from 'node:fs/promises';
import { createServer, request, type Server } from 'node:http';
import { connect } from 'node:net';
import path from 'node:path';
import { ConfigError } from '#shared/errors.ts';
import { systemErrorCode } from '#shared/io/durable-file.ts';
import { makeFolder } from '#shared/io/make-folder.ts';

/** What a command may ask for. */
export type ControlActions = { readonly reload: () => Promise<void> };

function socketOf(stateDir: string): string {
  return process.platform === 'win32'
    ? `\\\\.\\pipe\\tokiwa-${Buffer.from(path.resolve(stateDir)).toString('hex')}`
    : path.join(stateDir, 'control.sock');
}

function listen(server: Server, socket: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<undefined>();
  server.once('error', reject);
  server.listen(socket, () => {
    server.off('error', reject);
    resolve(undefined);
  });
  return promise;
}

/** Whether a process is behind a socket, or one that was killed has left it. */
function isAnswered(socket: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const connection = connect(socket);
  connection.once('connect', () => {
    connection.destroy();
    resolve(true);
  });
  connection.once('error', (error) => {
    resolve(!['ECONNREFUSED', 'ENOENT'].includes(systemErrorCode(error) ?? ''));
  });
  return promise;
}

/**
 * Listens in the state folder, which one process at a time uses; it is made where it is missing.
 * @throws ConfigError ERR_CONFIG_INVALID: another process uses it; the system's error
 */
export async function openControl(
  stateDir: string,
  actions: ControlActions,
): Promise<AsyncDisposable> {
  const socket = socketOf(stateDir);
  await makeFolder(stateDir, { mode: 0o700 });
  const server = createServer((incoming, response) => {
    if (incoming.method !== 'POST' || incoming.url !== '/reload') {
      response.writeHead(404).end();
      return;
    }
    actions.reload().then(
      () => response.end('reloaded\n'),
      (error: unknown) => {
        const known = error instanceof ConfigError;
        response.writeHead(known ? 409 : 500).end(known ? error.message : 'the proxy failed');
      },
    );
  });
  try {
    await listen(server, socket);
  } catch (error) {
    if (systemErrorCode(error) !== 'EADDRINUSE') throw error;
    if (await isAnswered(socket))
      throw new ConfigError(
        'ERR_CONFIG_INVALID',
        `another proxy runs with the state folder ${stateDir}: one process at a time writes its journal and audit log`,
        { problems: [{ key: 'stateDir', message: 'in use by another process' }], cause: error },
      );
    await rm(socket, { force: true });
    await listen(server, socket);
  }
  if (process.platform !== 'win32') await chmod(socket, 0o600);
  return {
    [Symbol.asyncDispose]: () =>
      new Promise((closed) => {
        server.closeAllConnections();
        server.close(() => {
          closed();
        });
      }),
  };
}

/**
 * Has the running proxy reload.
 * @throws ConfigError ERR_CONFIG_USAGE: none runs in this state folder; ERR_CONFIG_INVALID: it keeps the old settings, and why
 */
export async function askForReload(stateDir: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<undefined>();
  const outgoing = request(
    { socketPath: socketOf(stateDir), method: 'POST', path: '/reload' },
    (incoming) => {
      let text = '';
      incoming.on('data', (part: Buffer) => (text += part.toString()));
      incoming.on('error', reject);
      incoming.on('end', () => {
        if (incoming.statusCode === 200) resolve(undefined);
        else reject(new ConfigError('ERR_CONFIG_INVALID', text));
      });
    },
  );
  outgoing.on('error', (error) => {
    const message = `no proxy runs with the state folder ${stateDir}`;
    reject(new ConfigError('ERR_CONFIG_USAGE', message, { cause: error }));
  });
  outgoing.end();
  await promise;
}
