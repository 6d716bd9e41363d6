// Memory of proxies at load, over an hour: what each holds after the first part of the time it holds at the end. One
// stamps itself, the other has the first as its provider. Processes of their own, so that nothing else is measured; the
// journal's index of repeats grows with tokens, and is allowed for.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import {
  defaultHttpProvider,
  localTsaConfig,
  localTsaPolicy,
  type TsaConfig,
} from '#tsa/config.ts';
import type { ConformanceResult } from '../conformance/_report.ts';
import { ask, configWith, queryFor, random } from '../tsa/_proxy.ts';

const script = fileURLToPath(new URL('../tsa/_crash-child.ts', import.meta.url));
const lanes = 8;
/** What the index of repeats holds for a token: a key, a place and an instant. */
const octetsPerToken = 600;
/** What a collector may have left lying about. */
const slackOctets = 48 * 1024 * 1024;

type Started = { readonly url: string; readonly process: number };
type Sample = { readonly tokens: number; readonly octets: readonly number[] };

/** Resident octets of a process (proc(5): statm, in pages of 4096). */
function residentOf(process: number): number {
  return Number(readFileSync(`/proc/${process}/statm`, 'utf8').split(' ')[1]) * 4096;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

async function start(config: TsaConfig, stack: AsyncDisposableStack): Promise<Started> {
  const child = spawn(process.execPath, [script, JSON.stringify(config)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  stack.defer(() => {
    child.kill('SIGKILL');
  });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return { url: line.toString().trim(), process: child.pid ?? 0 };
}

/** Asks until there is an answer: an idle connection may be closed at the moment that it is used again. */
async function isGranted(url: string, query: Uint8Array, left = 5): Promise<boolean> {
  try {
    return (await ask(url, query)).token !== undefined;
  } catch (error) {
    if (left === 0 || !(error instanceof TypeError)) throw error;
    await delay(500);
    return isGranted(url, query, left - 1);
  }
}

/** A proxy whose provider is the unit at `url`, which keeps its anchors and CRLs in `folder`. */
function proxying(url: string, folder: string): TsaConfig {
  return configWith(path.join(folder, 'proxy'), [
    {
      ...defaultHttpProvider,
      kind: 'http',
      name: 'unit',
      url,
      anchors: [path.join(folder, 'unit/public/anchors.pem')],
      crls: [path.join(folder, 'unit/public/crls')],
      tsaPolicies: [localTsaPolicy],
    },
  ]);
}

function judge(
  name: string,
  octets: readonly number[],
  samples: readonly Sample[],
): ConformanceResult {
  const third = Math.floor(samples.length / 3);
  const before = median(octets.slice(third, 2 * third));
  const after = median(octets.slice(2 * third));
  const tokens = samples.map((one) => one.tokens);
  const bought = median(tokens.slice(2 * third)) - median(tokens.slice(third, 2 * third));
  const allowed = slackOctets + bought * octetsPerToken;
  const inMegabytes = (one: number): string => (one / 2 ** 20).toFixed(0);
  const got = `${inMegabytes(before)} MB, then ${inMegabytes(after)} MB, ${bought} tokens between, ${tokens.at(-1) ?? 0} in all`;
  const expected = `at most ${inMegabytes(allowed)} MB more`;
  return { case: `resident memory, ${name}`, passed: after - before <= allowed, expected, got };
}

/**
 * @param milliseconds how long; a third of it is for what a start needs
 * @param rate tokens a second that each is asked for at most; 0: as many as it gives
 */
export async function memoryAtLoad(
  milliseconds: number,
  rate: number,
): Promise<readonly ConformanceResult[]> {
  const folder = await mkdtemp(path.join(tmpdir(), 'tokiwa-memory-'));
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const unit = await start(localTsaConfig({ stateDir: path.join(folder, 'unit') }), stack);
  const proxy = await start(proxying(unit.url, folder), stack);
  const both = [unit, proxy];
  const ends = Date.now() + milliseconds;
  const samples: Sample[] = [];
  let tokens = 0;
  const lane = async (url: string): Promise<void> => {
    while (Date.now() < ends) {
      const due = Date.now() + (rate === 0 ? 0 : (1000 * lanes) / rate);
      const nonce = BigInt(`0x${Buffer.from(random(8)).toString('hex')}`) >> 1n;
      const granted = await isGranted(url, queryFor('document', { nonce }));
      if (granted && url === proxy.url) tokens++;
      await delay(Math.max(0, due - Date.now()));
    }
  };
  const watch = async (): Promise<void> => {
    while (Date.now() < ends) {
      await delay(Math.min(5000, milliseconds / 30));
      samples.push({ tokens, octets: both.map((one) => residentOf(one.process)) });
    }
  };
  await Promise.all([
    watch(),
    ...both.flatMap(({ url }) => Array.from({ length: lanes }, () => lane(url))),
  ]);
  return ['a unit of its own', 'a provider behind it'].map((name, i) =>
    judge(
      name,
      samples.map(({ octets }) => octets[i] ?? NaN),
      samples,
    ),
  );
}
