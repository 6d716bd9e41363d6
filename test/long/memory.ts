// Memory of a proxy at load, over an hour: what it holds after the first part of the time it holds at the end. A process
// of its own, so that nothing else is measured; the journal's index of repeats grows with tokens, and is allowed for.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { localTsaConfig } from '#tsa/config.ts';
import type { ConformanceResult } from '../conformance/_report.ts';
import { ask, queryFor, random } from '../tsa/_proxy.ts';

const script = fileURLToPath(new URL('../tsa/_crash-child.ts', import.meta.url));
const lanes = 8;
/** What the index of repeats holds for a token: a key, a place and an instant. */
const octetsPerToken = 600;
/** What a collector may have left lying about. */
const slackOctets = 48 * 1024 * 1024;

/** Resident octets of a process (proc(5): statm, in pages of 4096). */
function residentOf(process: number): number {
  return Number(readFileSync(`/proc/${process}/statm`, 'utf8').split(' ')[1]) * 4096;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

/** @param milliseconds how long; a third of it is for what a start needs */
export async function memoryAtLoad(milliseconds: number): Promise<readonly ConformanceResult[]> {
  const folder = await mkdtemp(path.join(tmpdir(), 'tokiwa-memory-'));
  const config = localTsaConfig({ stateDir: folder });
  const child = spawn(process.execPath, [script, JSON.stringify(config)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const url = line.toString().trim();
    const ends = Date.now() + milliseconds;
    const samples: { readonly tokens: number; readonly octets: number }[] = [];
    let tokens = 0;
    const lane = async (): Promise<void> => {
      while (Date.now() < ends) {
        const nonce = BigInt(`0x${Buffer.from(random(8)).toString('hex')}`) >> 1n;
        if ((await ask(url, queryFor('document', { nonce }))).token) tokens++;
      }
    };
    const watch = async (): Promise<void> => {
      while (Date.now() < ends) {
        await delay(Math.min(5000, milliseconds / 30));
        samples.push({ tokens, octets: residentOf(child.pid ?? 0) });
      }
    };
    await Promise.all([watch(), ...Array.from({ length: lanes }, lane)]);
    const third = Math.floor(samples.length / 3);
    const [middle, last] = [samples.slice(third, 2 * third), samples.slice(2 * third)];
    const before = median(middle.map(({ octets }) => octets));
    const after = median(last.map(({ octets }) => octets));
    const bought = median(last.map((one) => one.tokens)) - median(middle.map((one) => one.tokens));
    const allowed = slackOctets + bought * octetsPerToken;
    const inMegabytes = (octets: number): string => (octets / 2 ** 20).toFixed(0);
    const got = `${inMegabytes(before)} MB, then ${inMegabytes(after)} MB, ${bought} tokens between, ${tokens} in all`;
    const expected = `at most ${inMegabytes(allowed)} MB more`;
    return [{ case: 'resident memory', passed: after - before <= allowed, expected, got }];
  } finally {
    child.kill('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  }
}
