// Memory of proxies over an hour of mixed requests at a modest rate: what each holds after it has warmed up it holds at
// the end. One stamps itself, the other has the first as its provider; both run as an operator runs them, as processes of
// their own, so that nothing else is measured. The index of repeats grows with tokens, and is allowed for. Resident memory
// swings with the size that the collector gives its spaces; what is alive after a collection tells a leak from that.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { localTsaPolicy } from '#tsa/config/config.ts';
import type { ConformanceResult } from '../conformance/_report.ts';
import { serveTsa, type ServedTsa } from '../tsa/_served.ts';
import { createMixedLoad, exchange, type MixedLoad } from './_mixed-load.ts';
import { numbers } from './_numbers.ts';

export type MemoryOptions = {
  /** How long; the first sixth is for what a start needs. */
  readonly milliseconds: number;
  /** Requests a second to each of the two. */
  readonly rate: number;
  /** Of resident memory: the young generation grows to 48 MB and shrinks again as the collector sees fit. */
  readonly slackOctets: number;
  /** Of what is alive: code that is compiled when it has been used often, and what is in hand. */
  readonly liveSlackOctets: number;
  readonly seed: number;
};

const connections = 4;

/**
 * The index of repeats has 32 octets a slot, and once it has begun to grow a table is never less than three eighths
 * full and never more than six (tsa/journal/repeat-index.ts).
 */
const leastOctetsPerToken = 32 / 0.75;
const mostOctetsPerToken = 32 / 0.375;

type Started = ServedTsa & {
  readonly name: string;
  /** Address of its inspector. */
  readonly inspector: string;
};

/** Of one process at one time. */
type Sample = { readonly octets: number; readonly tokens: number };

/** Where a machine stands still for a while, the others come later. */
const fewestSamples = 12;

/** Resident octets of a process (proc(5)). */
function residentOf(process: number): number {
  const text = readFileSync(`/proc/${process}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(text)?.[1]) * 1024;
}

const heapUsage = z.object({
  usedSize: z.number(),
  embedderHeapUsedSize: z.number(),
  backingStorageSize: z.number(),
});

/** Octets of a process that something still points at: its heap after a collection, with what arrays of octets hold. */
async function liveOctetsOf({ inspector }: Started): Promise<number> {
  const socket = new WebSocket(inspector);
  await once(socket, 'open', { signal: AbortSignal.timeout(60_000) });
  let calls = 0;
  const call = async (method: string): Promise<unknown> => {
    const id = ++calls;
    const { promise, resolve } = Promise.withResolvers<unknown>();
    socket.addEventListener('message', ({ data }) => {
      const answer = JSON.parse(String(data)) as {
        readonly id?: number;
        readonly result?: unknown;
      };
      if (answer.id === id) resolve(answer.result);
    });
    socket.send(JSON.stringify({ id, method }));
    return promise;
  };
  // What one collection finalizes, the next one frees.
  for (let left = 3; left > 0; left--) await call('HeapProfiler.collectGarbage');
  const usage = heapUsage.parse(await call('Runtime.getHeapUsage'));
  socket.close();
  return usage.usedSize + usage.embedderHeapUsedSize + usage.backingStorageSize;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

async function start(
  name: string,
  folder: string,
  providers: Readonly<Record<string, unknown>>,
): Promise<Started> {
  const settings = {
    // A machine that has other things to do is no reason to go without.
    deadlineMs: 120_000,
    profiles: { default: { providers: Object.keys(providers) } },
    providers,
  };
  const served = await serveTsa(folder, name, settings, ['--inspect=127.0.0.1:0']);
  const inspector = /^Debugger listening on (ws:\S+)$/m.exec(served.log)?.[1] ?? '';
  return { ...served, name, inspector };
}

/** A connection that is kept may be closed when it is used again. */
const oneUse = new Agent({ keepAlive: false });

/** Tokens that its providers gave a proxy, as it counts them itself. */
async function tokensOf(url: string): Promise<number> {
  const { octets } = await exchange(oneUse, `${url}metrics`, undefined, {});
  const text = octets.toString();
  const given = text.matchAll(/^tokiwa_tsa_provider_answers_total\{.*outcome="granted"\} (\d+)$/gm);
  return [...given].reduce((sum, [, count]) => sum + Number(count), 0);
}

const inMegabytes = (octets: number): string => (octets / 2 ** 20).toFixed(1);

function judgeMemory(
  name: string,
  samples: readonly Sample[],
  { slackOctets }: MemoryOptions,
): ConformanceResult {
  const between = (from: number, to: number): readonly Sample[] =>
    samples.slice(Math.floor((samples.length * from) / 6), Math.floor((samples.length * to) / 6));
  const [first, last] = [between(1, 2), between(5, 6)];
  const octetsOf = (part: readonly Sample[]): number => median(part.map(({ octets }) => octets));
  const tokensIn = (part: readonly Sample[]): number => median(part.map(({ tokens }) => tokens));
  const growth = octetsOf(last) - octetsOf(first);
  const index = mostOctetsPerToken * tokensIn(last) - leastOctetsPerToken * tokensIn(first);
  const allowed = slackOctets + index;
  const most = Math.max(...between(1, 6).map(({ octets }) => octets));
  const got = [
    `${inMegabytes(octetsOf(first))} MB after the warm-up`,
    `${inMegabytes(octetsOf(last))} MB at the end (${growth < 0 ? '' : '+'}${inMegabytes(growth)})`,
    `${inMegabytes(most)} MB at most`,
    `${tokensIn(last) - tokensIn(first)} tokens between, ${samples.at(-1)?.tokens ?? 0} in all`,
  ].join(', ');
  const expected = `at most ${inMegabytes(allowed)} MB more, ${inMegabytes(index)} of them for the index of repeats`;
  // What cannot be told is no pass.
  const passed = growth <= allowed && tokensIn(last) > tokensIn(first);
  return { case: `resident memory of the ${name}`, passed, expected, got };
}

/** What was alive after the warm-up and what is now, with the tokens that came between. */
type Living = { readonly octets: number; readonly tokens: number };

function judgeLiving(
  name: string,
  [first, last]: readonly [Living, Living],
  { liveSlackOctets }: MemoryOptions,
): ConformanceResult {
  const growth = last.octets - first.octets;
  const index = mostOctetsPerToken * last.tokens - leastOctetsPerToken * first.tokens;
  const tokens = last.tokens - first.tokens;
  const inAll = `${inMegabytes(first.octets)} MB, then ${inMegabytes(last.octets)} MB`;
  return {
    case: `what is alive in the ${name}`,
    passed: growth <= liveSlackOctets + index && tokens > 0,
    expected: `at most ${inMegabytes(liveSlackOctets + index)} MB more`,
    got: `${inAll} (${(growth / tokens).toFixed(0)} octets a token)`,
  };
}

function judgeAnswers(name: string, { sent, wrong }: MixedLoad): ConformanceResult {
  const counts = [...sent].map(([kind, count]) => `${count} ${kind}`);
  const told = [...new Set(wrong)].slice(0, 5).map((one) => `; ${one}`);
  return {
    case: `answers of the ${name}`,
    passed: wrong.length === 0,
    expected: 'to each what is due',
    got: `${wrong.length} wrong of ${counts.join(', ')}${told.join('')}`,
  };
}

export async function memoryAtLoad(options: MemoryOptions): Promise<readonly ConformanceResult[]> {
  const { milliseconds, rate } = options;
  const folder = await mkdtemp(path.join(tmpdir(), 'tokiwa-memory-'));
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const unit = stack.use(await start('unit', folder, { local: { type: 'local' } }));
  const provider = {
    type: 'http',
    url: unit.url,
    anchors: [path.join(folder, 'unit/public/anchors.pem')],
    crls: [path.join(folder, 'unit/public/crls')],
    tsaPolicies: [localTsaPolicy],
    timeouts: { connectMs: 60_000, responseMs: 60_000, lateMs: 60_000 },
  };
  const proxy = stack.use(await start('proxy', folder, { unit: provider }));
  const both = [unit, proxy].map((server, i) => ({
    server,
    load: stack.use(createMixedLoad(server.url, numbers(options.seed + i), connections)),
    samples: [] as Sample[],
  }));
  const ends = Date.now() + milliseconds;
  const lane = async ({ send }: MixedLoad): Promise<void> => {
    while (Date.now() < ends) {
      const due = Date.now() + (1000 * connections) / rate;
      await send();
      await delay(Math.max(0, due - Date.now()));
    }
  };
  const livingOf = async (server: Started): Promise<Living> => ({
    octets: await liveOctetsOf(server),
    tokens: await tokensOf(server.url),
  });
  const living = (): Promise<readonly Living[]> =>
    Promise.all(both.map(({ server }) => livingOf(server)));
  const watch = async (): Promise<void> => {
    for (let taken = 0; Date.now() < ends || taken < fewestSamples; taken++) {
      await delay(Math.min(5000, milliseconds / 60));
      for (const { server, samples } of both) {
        const tokens = await tokensOf(server.url);
        samples.push({ octets: residentOf(server.process), tokens });
      }
    }
  };
  const lanes = both.flatMap(({ load }) => Array.from({ length: connections }, () => lane(load)));
  const warm = delay(milliseconds / 6).then(living);
  await Promise.all([watch(), warm, ...lanes]);
  const [before, after] = [await warm, await living()];
  const nothing: Living = { octets: NaN, tokens: NaN };
  const results = both.flatMap(({ server: { name }, load, samples }, i) => [
    judgeMemory(name, samples, options),
    judgeLiving(name, [before[i] ?? nothing, after[i] ?? nothing], options),
    judgeAnswers(name, load),
  ]);
  for (const { name, kill, ended } of [proxy, unit]) {
    kill('SIGTERM');
    const got = await ended;
    const expected = 'status 0';
    results.push({ case: `end of the ${name}`, passed: got === expected, expected, got });
  }
  return results;
}
