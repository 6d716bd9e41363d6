// The way to a host, stage by stage: name, connection, TLS; and whether a folder takes files. Each says what it found,
// or throws why it came no further.
import { randomBytes } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { access, constants, rm, statfs, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { TlsOptions } from './http-sender.ts';

/** Addresses of a name. @throws the resolver's error */
async function resolveName(host: string): Promise<string> {
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
async function shakeHands(
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

/** The way to the host of a URL as stages of their own: `name`, `connect`, and `TLS` where it speaks it. */
export async function reachHost(
  address: string,
  options: {
    readonly stage: (
      name: 'name' | 'connect' | 'TLS',
      work: () => Promise<string>,
    ) => Promise<void>;
    readonly connectMs: number;
    readonly tls: () => Promise<TlsOptions>;
  },
): Promise<void> {
  const { stage, connectMs, tls } = options;
  const url = new URL(address);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = Number(url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : url.port);
  await stage('name', () => resolveName(host));
  await stage('connect', () => reachPort(host, port, connectMs));
  if (url.protocol === 'https:')
    await stage('TLS', async () => shakeHands(host, port, await tls(), connectMs));
}

/** Octets that this process may still write where the folder is. @throws the system's error */
export async function freeOctets(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
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
