// Time-stamping servers that we did not write, started on the loopback: as providers behind the proxy, and as peers of
// the benchmark. Where a program is said by an environment variable; one that is absent is the caller's to judge.
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { reachPort } from '#shared/io/reach.ts';
import { freePort } from '../_free-port.ts';

const run = promisify(execFile);

export type PeerTsa = AsyncDisposable & {
  readonly name: string;
  readonly url: string;
  readonly process: number;
  /** File of the root that its tokens lead to, PEM. */
  readonly anchors: string;
  readonly policy: string;
};

/** A CA and a TSU below it, made by OpenSSL: `ca.pem`, `tsa.pem`, `tsa.key`. */
export async function makePeerKeys(folder: string, kind: 'P-256' | 'RSA-3072'): Promise<void> {
  const key =
    kind === 'P-256'
      ? ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256']
      : ['-newkey', 'rsa:3072'];
  const openssl = (...args: readonly string[]) => run('openssl', args, { cwd: folder });
  const extensions = ['critical', 'timeStamping'].join(',');
  await openssl(
    ...['req', '-x509', ...key, '-nodes', '-keyout', 'ca.key', '-out', 'ca.pem', '-days', '3650'],
    ...['-subj', '/CN=Peer Root', '-addext', 'keyUsage=critical,keyCertSign,cRLSign'],
  );
  await openssl(
    ...['req', '-x509', ...key, '-nodes', '-keyout', 'tsa.key', '-out', 'tsa.pem', '-days', '3000'],
    ...['-subj', '/CN=Peer TSU', '-CA', 'ca.pem', '-CAkey', 'ca.key'],
    ...['-addext', `extendedKeyUsage=${extensions}`],
    ...['-addext', 'basicConstraints=critical,CA:FALSE'],
    ...['-addext', 'keyUsage=critical,digitalSignature'],
  );
}

/** Waits until something listens there, on the loopback. */
export async function untilAnswers(url: string, child: ChildProcess): Promise<void> {
  for (let left = 200; left > 0; left--) {
    if (child.exitCode !== null) throw new Error(`${child.spawnfile} ended before it answered`);
    try {
      await reachPort('127.0.0.1', Number(new URL(url).port), 1000);
      return;
    } catch {
      await delay(50);
    }
  }
  throw new Error(`nothing answers at ${url}`);
}

export async function endChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await exited;
}

/** sigstore's timestamp-authority with a key in memory; `undefined` where `TOKIWA_SIGSTORE_TSA` names no program. */
export async function startSigstore(): Promise<PeerTsa | undefined> {
  const program = process.env['TOKIWA_SIGSTORE_TSA'];
  if (program === undefined) return undefined;
  const folder = await mkdtemp(path.join(tmpdir(), 'tokiwa-sigstore-'));
  const port = await freePort();
  const place = ['--host', '127.0.0.1', '--port', String(port)];
  // Its chain has a CA between root and TSU; nobody asks NTP servers from here.
  const args = ['serve', ...place, '--include-chain-in-response', '--disable-ntp-monitoring'];
  const child = spawn(program, args, { stdio: 'ignore', cwd: folder });
  const base = `http://127.0.0.1:${port}/api/v1/timestamp`;
  await untilAnswers(`${base}/certchain`, child);
  const chain = await (await fetch(`${base}/certchain`)).text();
  const certificates = chain.match(/-----BEGIN [\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  const anchors = path.join(folder, 'root.pem');
  await writeFile(anchors, `${certificates.at(-1) ?? ''}\n`);
  return {
    name: 'sigstore timestamp-authority',
    url: base,
    process: child.pid ?? 0,
    anchors,
    policy: '1.3.6.1.4.1.57264.2',
    [Symbol.asyncDispose]: async () => {
      await endChild(child);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** uts-server with a P-256 key; `undefined` where `TOKIWA_UTS_SERVER` names no program. */
export async function startUtsServer(): Promise<PeerTsa | undefined> {
  const program = process.env['TOKIWA_UTS_SERVER'];
  if (program === undefined) return undefined;
  const folder = await mkdtemp(path.join(tmpdir(), 'tokiwa-uts-'));
  await makePeerKeys(folder, 'P-256');
  const port = await freePort();
  const policy = '1.2.3.4.1';
  const settings = path.join(folder, 'uts.cnf');
  await writeFile(
    settings,
    [
      '[ oids ]',
      `tsa_policy1 = ${policy}`,
      '[ main ]',
      `listening_ports = 127.0.0.1:${port}`,
      'enable_keep_alive = yes',
      'num_threads = 50',
      'tcp_nodelay = 1',
      'log_level = err',
      'log_to_syslog = no',
      '[ tsa ]',
      `dir = ${folder}`,
      'signer_cert = $dir/tsa.pem',
      'certs = $dir/ca.pem',
      'signer_key = $dir/tsa.key',
      'default_policy = tsa_policy1',
      'digests = sha256, sha384, sha512',
      'accuracy = secs:1',
      'ess_cert_id_chain = no',
      '',
    ].join('\n'),
  );
  const child = spawn(program, ['-c', settings], { stdio: 'ignore', cwd: folder });
  const url = `http://127.0.0.1:${port}/`;
  await untilAnswers(url, child);
  return {
    name: 'uts-server',
    url,
    process: child.pid ?? 0,
    anchors: path.join(folder, 'ca.pem'),
    policy,
    [Symbol.asyncDispose]: async () => {
      await endChild(child);
      await rm(folder, { recursive: true, force: true });
    },
  };
}
