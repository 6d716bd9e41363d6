// The proxy's TLS before OpenSSL. As server (`openssl s_client`): what is offered is the table and nothing else, whatever
// the key, and a listener that requires certificates refuses every other client in the handshake. As client of a
// provider (`openssl s_server`): the same table.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openHttpSender, type HttpSender } from '#shared/io/http-sender.ts';
import { toPem } from '#tsa/adapters/public-files.ts';
import { tlsSettings } from '#tsa/tls-table.ts';
import type { ConformanceReport, ConformanceResult } from '../conformance/_report.ts';
import type { Issued } from '../_authority.ts';
import { createTestClock, startTestTsa } from '../tsa/_proxy.ts';
import { createPki, pemOf, tlsConfig, type TestPki } from '../tsa/_tls.ts';
import {
  groupRows12,
  issueServer,
  keyKinds,
  signatureRows,
  suiteRows,
  versionRows,
  type KeyKind,
  type ScanRow,
} from './_tls-scan.ts';

const lanes = 4;

/** Asks for every row, a few at a time. */
async function judge(
  what: string,
  rows: readonly ScanRow[],
  isSpoken: (args: readonly string[]) => Promise<boolean>,
): Promise<readonly ConformanceResult[]> {
  const waiting = rows.values();
  const say = (is: boolean): string => (is ? 'answered' : 'refused');
  const lane = async (): Promise<readonly ConformanceResult[]> => {
    const results: ConformanceResult[] = [];
    for (const { name, args, spoken } of waiting) {
      const got = await isSpoken(args);
      const passed = got === spoken;
      results.push({ case: `${what}: ${name}`, passed, expected: say(spoken), got: say(got) });
    }
    return results;
  };
  return (await Promise.all(Array.from({ length: lanes }, lane))).flat();
}

/** Whether a request over this connection was answered: in TLS 1.3 a refused client hears of it after its own part. */
async function isAnswered(url: string, args: readonly string[]): Promise<boolean> {
  const { host } = new URL(url);
  const child = spawn('openssl', ['s_client', '-connect', host, '-quiet', ...args]);
  let text = '';
  child.stdout.on('data', (part: Buffer) => (text += part.toString()));
  child.stdin.on('error', () => undefined);
  child.stdin.write('GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  await once(child, 'close');
  return text.includes('"status":"ok"');
}

/** The listener for keys, with a server's key of each kind. */
async function judgeListener(
  folder: string,
  pki: TestPki,
  tls12: boolean,
): Promise<readonly ConformanceResult[]> {
  const results: ConformanceResult[] = [];
  for (const kind of keyKinds) {
    const server = issueServer(pki.root, kind);
    const config = await tlsConfig(folder, { ...pki, server }, { tls12 });
    await using tsa = await startTestTsa(config, createTestClock());
    const [byCertificate = '', byCredentials = ''] = tsa.secureUrls;
    const rows = [
      ...(kind === 'P-256' ? versionRows(tls12) : []),
      ...(kind === 'RSA' && tls12 ? groupRows12() : []),
      ...(kind === 'P-256' || kind === 'RSA' ? await suiteRows(kind, tls12) : []),
      ...signatureRows(kind, tls12),
    ];
    const what = `listener, ${tls12 ? 'TLS 1.2 allowed' : 'default'}`;
    results.push(...(await judge(what, rows, (args) => isAnswered(byCredentials, args))));
    if (kind !== 'P-256' || tls12) continue;
    const clients = await clientRows(folder, pki);
    results.push(...(await judge('client', clients, (args) => isAnswered(byCertificate, args))));
  }
  return results;
}

/** Starts `openssl s_server` for one connection and asks it as a provider would be asked. */
async function isAskedOf(
  sender: HttpSender,
  pemFile: string,
  args: readonly string[],
): Promise<boolean> {
  const fixed = ['-accept', '0', '-naccept', '1', '-www', '-cert', pemFile, '-key', pemFile];
  const child = spawn('openssl', ['s_server', ...fixed, ...args]);
  child.stderr.resume();
  try {
    const port = await new Promise<number | undefined>((resolve) => {
      let text = '';
      child.stdout.on('data', (part: Buffer) => {
        text += part.toString();
        const [, found] = /ACCEPT .*:(\d+)/.exec(text) ?? [];
        if (found !== undefined) resolve(Number(found));
      });
      // What it does not know it does not start with.
      child.once('close', () => {
        resolve(undefined);
      });
    });
    if (port === undefined) return false;
    const limits = {
      connectMs: 60_000,
      firstByteMs: 60_000,
      totalMs: 60_000,
      maxAnswerBytes: 65_536,
    };
    const { status } = await sender.send({
      url: `https://127.0.0.1:${port}/`,
      method: 'GET',
      addresses: 'any',
      limits,
      signal: new AbortController().signal,
    });
    return status === 200;
  } catch {
    return false;
  } finally {
    child.kill();
  }
}

/** The sender that asks providers, before servers that speak one thing each. */
async function judgeSender(
  folder: string,
  root: Issued,
  tls12: boolean,
): Promise<readonly ConformanceResult[]> {
  const results: ConformanceResult[] = [];
  const ca = toPem([root.certificate.raw]);
  for (const kind of ['P-256', 'RSA'] satisfies KeyKind[]) {
    const { cert, key } = pemOf(issueServer(root, kind));
    const file = path.join(folder, `provider-${kind}.pem`);
    await writeFile(file, cert + key, { mode: 0o600 });
    const rows = [
      ...(kind === 'P-256' ? versionRows(tls12) : await suiteRows('RSA', tls12)),
      ...(kind === 'RSA' && tls12 ? groupRows12() : []),
      ...signatureRows(kind, tls12),
    ];
    const what = `to a provider, ${tls12 ? 'TLS 1.2 allowed' : 'default'}`;
    const isSpoken = async (args: readonly string[]): Promise<boolean> => {
      const sender = openHttpSender({ tls: { ...tlsSettings({ tls12 }), ca } });
      try {
        return await isAskedOf(sender, file, args);
      } finally {
        await sender[Symbol.asyncDispose]();
      }
    };
    results.push(...(await judge(what, rows, isSpoken)));
  }
  return results;
}

const clients: readonly (readonly [name: keyof TestPki | undefined, answered: boolean])[] = [
  ['good', true],
  [undefined, false],
  ['expired', false],
  ['future', false],
  ['forServers', false],
  ['revoked', false],
  ['foreign', false],
];

async function clientRows(folder: string, pki: TestPki): Promise<readonly ScanRow[]> {
  const rows: ScanRow[] = [];
  for (const [name, spoken] of clients) {
    const args: string[] = [];
    if (name) {
      const { cert, key } = pemOf(pki[name]);
      const file = path.join(folder, `client-${name}.pem`);
      await writeFile(file, cert + key, { mode: 0o600 });
      args.push('-cert', file, '-key', file);
    }
    rows.push({ name: `certificate: ${name ?? 'none'}`, args, spoken });
  }
  return rows;
}

/** @throws the system's error where there is no openssl */
export async function judgeTls(): Promise<ConformanceReport> {
  const folder = await mkdtemp(path.join(tmpdir(), 'tokiwa-tls-'));
  const pki = createPki();
  try {
    const results: ConformanceResult[] = [];
    for (const tls12 of [false, true]) {
      results.push(...(await judgeListener(folder, pki, tls12)));
      results.push(...(await judgeSender(folder, pki.root, tls12)));
    }
    return { results };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
