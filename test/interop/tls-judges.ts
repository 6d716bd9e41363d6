// The proxy's listeners before `openssl s_client`: what is offered is the table and nothing else, and a listener that
// requires certificates refuses every other client in the handshake.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { tls12Suites, tls13Suites, tlsGroups } from '#tsa/tls-table.ts';
import type { ConformanceReport, ConformanceResult } from '../conformance/_report.ts';
import { createTestClock, startTestTsa } from '../tsa/_proxy.ts';
import { createPki, pemOf, tlsConfig, type TestPki } from '../tsa/_tls.ts';

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

type Row = {
  readonly name: string;
  readonly listener: 0 | 1;
  readonly args: readonly string[];
  readonly answered: boolean;
};

const groupNames: Readonly<Record<string, string>> = { X25519: 'X25519', X448: 'X448' };

/** Every version, suite and group on the listener for keys, by whether it should be spoken. */
function scanRows(tls12: boolean): readonly Row[] {
  const row = (name: string, answered: boolean, ...args: readonly string[]): Row => ({
    name: `${tls12 ? 'TLS 1.2 allowed' : 'default'}: ${name}`,
    listener: 1,
    args,
    answered,
  });
  const suites13 = [...tls13Suites, 'TLS_AES_128_CCM_SHA256', 'TLS_AES_128_CCM_8_SHA256'];
  const suites12 = [
    ...tls12Suites.filter((one) => one.includes('ECDSA')),
    'ECDHE-ECDSA-AES256-SHA384',
    'ECDHE-ECDSA-AES128-SHA',
    'ECDHE-ECDSA-AES256-CCM',
    'ECDHE-ECDSA-CAMELLIA256-SHA384',
    'AES256-GCM-SHA384',
    'AES128-SHA',
    'DHE-RSA-AES256-GCM-SHA384',
  ];
  const offered = new Set<string>([...tls13Suites, ...tlsGroups, ...(tls12 ? tls12Suites : [])]);
  return [
    row('TLS 1.1', false, '-tls1_1', '-cipher', 'ALL:@SECLEVEL=0'),
    row('TLS 1.0', false, '-tls1', '-cipher', 'ALL:@SECLEVEL=0'),
    row('TLS 1.2', tls12, '-tls1_2'),
    ...suites13.map((one) => row(one, offered.has(one), '-tls1_3', '-ciphersuites', one)),
    ...suites12.map((one) =>
      row(one, offered.has(one), '-tls1_2', '-cipher', `${one}:@SECLEVEL=0`),
    ),
    ...[...tlsGroups, 'X448', 'ffdhe2048', 'ffdhe3072'].map((one) =>
      row(one, offered.has(one), '-tls1_3', '-groups', groupNames[one] ?? one),
    ),
  ];
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

async function clientRows(folder: string, pki: TestPki): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const [name, answered] of clients) {
    const args: string[] = [];
    if (name) {
      const { cert, key } = pemOf(pki[name]);
      const file = path.join(folder, `client-${name}.pem`);
      await writeFile(file, cert + key, { mode: 0o600 });
      args.push('-cert', file, '-key', file);
    }
    rows.push({ name: `client certificate: ${name ?? 'none'}`, listener: 0, args, answered });
  }
  return rows;
}

/** @throws the system's error where there is no openssl */
export async function judgeTls(): Promise<ConformanceReport> {
  const folder = await mkdtemp(path.join(tmpdir(), 'tokiwa-tls-'));
  const results: ConformanceResult[] = [];
  const pki = createPki();
  try {
    for (const tls12 of [false, true]) {
      const config = await tlsConfig(folder, pki, { tls12 });
      await using tsa = await startTestTsa(config, createTestClock());
      const rows = [...scanRows(tls12), ...(tls12 ? [] : await clientRows(folder, pki))];
      for (const { name, listener, args, answered } of rows) {
        const got = await isAnswered(tsa.secureUrls[listener] ?? '', args);
        const say = (is: boolean): string => (is ? 'answered' : 'refused');
        results.push({
          case: name,
          passed: got === answered,
          expected: say(answered),
          got: say(got),
        });
      }
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return { results };
}
