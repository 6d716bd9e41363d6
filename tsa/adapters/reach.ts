// The way to a host, stage by stage: name, connection, TLS; and whether a folder takes files. Each says what it found,
// or throws why it came no further.
import { randomBytes } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { access, constants, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { TlsOptions } from '#shared/io/http-sender.ts';

/** Addresses of a name. @throws the resolver's error */
export async function resolveName(host: string): Promise<string> {
  const found = await lookup(host, { all: true });
  return found.map(({ address }) => address).join(', ');
}

/** Connects and hangs up. @throws the system's error; a TimeoutError after `ms` */
export async function reachPort(host: string, port: number, ms: number): Promise<string> {
  const socket = connectTcp({ host, port });
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(ms) });
    return `${socket.remoteAddress ?? ''}:${port}`;
  } finally {
    socket.destroy();
  }
}

/** Shakes hands and hangs up; the server's certificate has to be good for this name. @throws OpenSSL's error */
export async function shakeHands(
  host: string,
  port: number,
  tls: TlsOptions,
  ms: number,
): Promise<string> {
  const servername = /^[\d.]+$|:/.test(host) ? {} : { servername: host };
  const socket = connectTls({ host, port, ...servername, ...tls });
  try {
    await once(socket, 'secureConnect', { signal: AbortSignal.timeout(ms) });
    const { valid_to: until } = socket.getPeerCertificate();
    return `${socket.getProtocol() ?? ''}, ${socket.getCipher().standardName}, certificate until ${until}`;
  } finally {
    socket.destroy();
  }
}

/** Octets that a folder must have room for before it counts as writable again. */
const roomOctets = 64 * 1024;

/** Whether a file can be written, made durable and removed again in a folder. */
export async function takesWrites(folder: string): Promise<boolean> {
  const scratch = path.join(folder, `.scratch-${randomBytes(8).toString('hex')}`);
  try {
    await writeFile(scratch, Buffer.alloc(roomOctets, 1), { flag: 'wx', flush: true, mode: 0o600 });
    return true;
  } catch {
    return false;
  } finally {
    await rm(scratch, { force: true }).catch(() => undefined);
  }
}

/** @throws the system's error: the folder cannot be written */
export function checkWritable(folder: string): Promise<void> {
  return access(folder, constants.W_OK | constants.X_OK);
}
