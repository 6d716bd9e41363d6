// Whole servers side by side, each in a process of its own and asked over HTTP by the same clients: the local unit with
// journal and audit log, the proxy in front of it, servers that we did not write, and the least that either takes in
// Node.js. What a token costs is CPU time of the server's process, which other work on the machine disturbs less than rates.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { Agent, request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { buildTimeStampReq } from '#shared/tsp/request.ts';
import { parseTimeStampResp } from '#shared/tsp/response.ts';
import { localTsaPolicy, type LocalKeyKind } from '#tsa/config/config.ts';
import { freePort } from '../test/_free-port.ts';
import {
  endChild,
  startSigstore,
  startUtsServer,
  untilAnswers,
} from '../test/interop/_peer-tsas.ts';
import { opensslSignatures } from './measure.ts';

type Server = {
  readonly name: string;
  readonly url: string;
  readonly process: number;
  /** Whether its answers hold tokens, as all but a bare one's do. */
  readonly readsTokens?: boolean;
};

type Figures = {
  readonly perSecond: number;
  readonly cpuMicros: number;
  readonly p50: number;
  readonly p99: number;
};

const laneCounts = [1, 16, 64] as const;
const warmUpMs = 1000;
const turnMs = 1000;
const turns = 3;
const projectRoot = path.dirname(import.meta.dirname);
const ticksPerSecond = 100;

/** CPU time of a process so far, in microseconds (proc(5): utime and stime). */
function cpuOf(process: number): number {
  const fields = readFileSync(`/proc/${process}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return ((Number(fields[11]) + Number(fields[12])) / ticksPerSecond) * 1e6;
}

function query(): Uint8Array {
  return buildTimeStampReq({
    algorithm: 'SHA-256',
    digest: randomBytes(32),
    nonce: BigInt(`0x${randomBytes(7).toString('hex')}`) + 1n,
    certReq: true,
  });
}

function post(agent: Agent, url: string, body: Uint8Array): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const headers = {
    'content-type': 'application/timestamp-query',
    'content-length': body.length,
  };
  const sent = httpRequest(url, { agent, method: 'POST', headers }, (answer) => {
    const parts: Buffer[] = [];
    answer.on('data', (part: Buffer) => parts.push(part));
    answer.on('error', reject);
    answer.on('end', () => {
      resolve(Buffer.concat(parts));
    });
  });
  sent.on('error', reject);
  sent.end(body);
  return promise;
}

/** Milliseconds that each of the requests took which `lanes` clients sent in this time. */
async function load(
  agent: Agent,
  { url, readsTokens = true }: Server,
  lanes: number,
  ms: number,
): Promise<number[]> {
  const took: number[] = [];
  const start = performance.now();
  const lane = async (): Promise<void> => {
    for (let now = performance.now(); now - start < ms; now = performance.now()) {
      const octets = await post(agent, url, query());
      took.push(performance.now() - now);
      if (readsTokens && parseTimeStampResp(octets).status !== 0)
        throw new Error(`${url}: no token`);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return took;
}

/** In short turns, one server after the other: what else the machine does slows all of them alike. */
async function compare(servers: readonly Server[], lanes: number): Promise<readonly Figures[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: lanes });
  const sums = servers.map(() => ({ took: [] as number[], cpu: 0, seconds: 0 }));
  for (const server of servers) await load(agent, server, lanes, warmUpMs);
  for (let turn = 0; turn < turns; turn++)
    for (const [i, server] of servers.entries()) {
      const sum = sums[i];
      if (!sum) continue;
      const [cpu, start] = [cpuOf(server.process), performance.now()];
      sum.took.push(...(await load(agent, server, lanes, turnMs)));
      sum.cpu += cpuOf(server.process) - cpu;
      sum.seconds += (performance.now() - start) / 1000;
    }
  agent.destroy();
  return sums.map(({ took, cpu, seconds }) => {
    const sorted = took.toSorted((a, b) => a - b);
    const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? NaN;
    const perSecond = took.length / seconds;
    return { perSecond, cpuMicros: cpu / took.length, p50: at(0.5), p99: at(0.99) };
  });
}

async function startOurs(
  stack: AsyncDisposableStack,
  name: string,
  providers: Readonly<Record<string, unknown>>,
): Promise<Server> {
  const folder = await mkdtemp(path.join(tmpdir(), 'tokiwa-bench-'));
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const port = await freePort();
  const file = path.join(folder, 'tsa.yaml');
  const settings = {
    listen: { host: '127.0.0.1', port },
    stateDir: path.join(folder, 'state'),
    audit: { stamp: false },
    profiles: { default: { providers: Object.keys(providers), hashAlgorithms: ['SHA-256'] } },
    providers,
  };
  // JSON is YAML.
  await writeFile(file, JSON.stringify(settings));
  const args = ['cli.ts', 'tsa', 'serve', '--config', file];
  const child = spawn(process.execPath, args, { cwd: projectRoot, stdio: 'ignore' });
  stack.defer(() => endChild(child));
  const url = `http://127.0.0.1:${port}/`;
  await untilAnswers(`${url}healthz`, child);
  return { name, url, process: child.pid ?? 0 };
}

/** @see ./_bare-server.ts */
async function startBare(
  stack: AsyncDisposableStack,
  name: string,
  ...kind: readonly string[]
): Promise<Server> {
  const port = await freePort();
  const args = [path.join(import.meta.dirname, '_bare-server.ts'), String(port), ...kind];
  const child = spawn(process.execPath, args, { cwd: projectRoot, stdio: 'ignore' });
  stack.defer(() => endChild(child));
  const url = `http://127.0.0.1:${port}/`;
  await untilAnswers(url, child);
  return { name, url, process: child.pid ?? 0, readsTokens: false };
}

const startLocal = (stack: AsyncDisposableStack, key: LocalKeyKind): Promise<Server> =>
  startOurs(stack, `Tokiwa, local ${key}`, { local: { type: 'local', key } });

await using stack = new AsyncDisposableStack();
const local = await startLocal(stack, 'P-256');
const anchors = path.join(await mkdtemp(path.join(tmpdir(), 'tokiwa-bench-')), 'anchors.pem');
stack.defer(() => rm(path.dirname(anchors), { recursive: true, force: true }));
await writeFile(anchors, await (await fetch(`${local.url}ca.pem`)).text());
const proxied = await startOurs(stack, 'Tokiwa, proxy before that', {
  local: { type: 'http', url: local.url, anchors: [anchors], tsaPolicies: [localTsaPolicy] },
});
const bareUnit = await startBare(stack, 'a bare unit', 'unit');
const bareProxy = await startBare(stack, 'a bare proxy before the local P-256', 'proxy', local.url);
const sigstore = await startSigstore();
if (sigstore) stack.use(sigstore);
const uts = await startUtsServer();
if (uts) stack.use(uts);
const rsa = await startLocal(stack, 'RSA-3072');

/** A compiler that works while the program runs has to have seen the way often before it is measured. */
const heatUpRequests = 20_000;
/** On a machine that has other work the way is shorter. */
const heatUpMostMs = 20_000;

async function heatUp(agent: Agent, server: Server): Promise<void> {
  const start = performance.now();
  for (let done = 0; done < heatUpRequests && performance.now() - start < heatUpMostMs;)
    done += (await load(agent, server, 16, turnMs)).length;
}

const own = [local, proxied, rsa, bareUnit, bareProxy];
const servers = [...own, ...(sigstore ? [sigstore] : []), ...(uts ? [uts] : [])];
const digits = (value: number, places: number): string => value.toFixed(places).padStart(9);
const heat = new Agent({ keepAlive: true, maxSockets: 16 });
for (const server of own) await heatUp(heat, server);
heat.destroy();
for (const lanes of laneCounts) {
  const figures = await compare(servers, lanes);
  process.stdout.write(
    `${`${lanes} connections`.padEnd(32)} CPU µs/token  requests/s    p50 ms    p99 ms\n`,
  );
  for (const [i, { name }] of servers.entries()) {
    const one = figures[i];
    if (!one) continue;
    const { cpuMicros, perSecond, p50, p99 } = one;
    process.stdout.write(
      `  ${name.padEnd(36)} ${digits(cpuMicros, 0)} ${digits(perSecond, 0)} ${digits(p50, 2)} ${digits(p99, 2)}\n`,
    );
  }
  const [ours, proxy, rsaFigures, , bareProxyFigures] = figures;
  if (!ours || !proxy) continue;
  const ratio = (peer: Server | undefined): void => {
    const theirs = peer && figures[servers.indexOf(peer)];
    if (theirs)
      process.stdout.write(
        `  local P-256: ${(ours.cpuMicros / theirs.cpuMicros).toFixed(2)} of the CPU per token of ${peer.name}\n`,
      );
  };
  ratio(sigstore);
  ratio(uts);
  ratio(bareUnit);
  process.stdout.write(`  proxying adds ${(proxy.p50 - ours.p50).toFixed(2)} ms at p50`);
  if (bareProxyFigures)
    process.stdout.write(`; a bare proxy ${(bareProxyFigures.p50 - ours.p50).toFixed(2)} ms`);
  process.stdout.write('\n');
  const [signing] = opensslSignatures('rsa3072');
  if (signing && rsaFigures)
    process.stdout.write(
      `  local RSA-3072: ${((rsaFigures.cpuMicros * signing.perSecond) / 1e6).toFixed(2)} of the CPU of a signature in openssl speed\n`,
    );
}
for (const [name, peer] of [
  ['TOKIWA_SIGSTORE_TSA', sigstore],
  ['TOKIWA_UTS_SERVER', uts],
] as const)
  if (!peer) process.stdout.write(`left out: ${name} names no program\n`);
