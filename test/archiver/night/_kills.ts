// kill -9 of a night at any call to evidence store or TSA: the next night ends where an unbroken one
// ends, and the TSA, which lives on, made one token for it.
import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { createArchive, type TestArchive } from './_night.ts';

const run = promisify(execFile);
const child = path.join(import.meta.dirname, '_killed-night.ts');

/** Compiled once for all of these processes. */
const compileCache = path.join(tmpdir(), 'tokiwa-compile-cache');

export type Kill = {
  readonly situation: Situation;
  /** From 1; beyond the last call the night comes through. */
  readonly call: number;
  readonly when: 'before' | 'after';
};

/** What was left for the night that is killed. */
export const situations = [
  'protect',
  'timestamp-renewal',
  'hash-tree-renewal',
  'two-tsas',
  'intake',
] as const;
export type Situation = (typeof situations)[number];

function createKilled(situation: Situation): Promise<TestArchive> {
  const second = situation === 'two-tsas';
  return createArchive({}, { tsuDays: 300, signatureDigest: 'SHA-512', second });
}

async function prepare(archive: TestArchive, situation: Situation): Promise<void> {
  await archive.put('a.txt', 'a');
  await archive.put('b.txt', 'b');
  await archive.put('b.txt.p7s', 'no signature, but named as one');
  if (situation === 'protect' || situation === 'two-tsas' || situation === 'intake') return;
  await archive.night();
  if (situation === 'hash-tree-renewal') {
    await archive.configure({
      algorithms: { overrides: [{ algorithm: 'SHA-256', endExclusive: '2027-03-01' }] },
    });
    archive.clock.set(archive.clock.now().add({ hours: 24 }));
    return;
  }
  archive.clock.set(archive.clock.now().add({ hours: 24 * 220 }));
  await archive.upkeep();
}

/** Runs the night in a process of its own; its number of calls, or `undefined` where it was killed. */
async function nightInProcess(
  archive: TestArchive,
  { situation, call, when }: Kill,
): Promise<number | undefined> {
  const file = await archive.writeConfig();
  try {
    const instant = archive.clock.now().toString();
    const keys = situation === 'intake' ? ['a.txt', 'b.txt', 'b.txt.p7s'] : [];
    const args = [child, file, instant, String(call), when, ...keys];
    const env = { ...process.env, NODE_COMPILE_CACHE: compileCache };
    const { stdout } = await run(process.execPath, args, { timeout: 120_000, env });
    return (JSON.parse(stdout) as { readonly calls: number }).calls;
  } catch (error) {
    if ((error as { readonly signal?: unknown }).signal === 'SIGKILL') return undefined;
    throw error;
  }
}

/** How many calls a night in this situation has. */
export async function countCalls(situation: Situation): Promise<number> {
  await using archive = await createKilled(situation);
  await prepare(archive, situation);
  await archive.close();
  return (await nightInProcess(archive, { situation, call: 0, when: 'before' })) ?? 0;
}

/** What a killed night and the next ones came to, in one line; empty where all is as it should be. */
export async function killedNight({ situation, call, when }: Kill): Promise<string> {
  await using archive = await createKilled(situation);
  await prepare(archive, situation);
  await archive.close();
  const sold = (): number => archive.tsa.tokens() + (archive.second?.tokens() ?? 0);
  const before = sold();
  const came = await nightInProcess(archive, { situation, call, when });
  const next = await archive.night();
  const quiet = await archive.nightAfter(1);
  const wrong: string[] = [];
  const states = new Set(Object.values(await archive.states()));
  if (states.size !== 1 || !states.has('protected'))
    wrong.push(`states ${JSON.stringify(await archive.states())}`);
  const tokens = sold() - before;
  if (tokens !== (archive.second ? 2 : 1)) wrong.push(`${tokens} tokens`);
  if (next.findings.length > 0) wrong.push(JSON.stringify(next.findings));
  if (quiet.tokensBought > 0 || quiet.outcome !== 'ok') wrong.push('the night after was not quiet');
  wrong.push(...(await archive.rebuildDifferences()));
  for (const row of await archive.rows()) {
    for (const anchor of archive.second ? ([1, 2] as const) : ([1] as const)) {
      const verdict = row.attachedTo === undefined ? await archive.judge(row.key, anchor) : 'valid';
      if (verdict !== 'valid') wrong.push(`${row.key}: ${verdict}`);
    }
  }
  if (came === undefined || wrong.length === 0) return wrong.join('; ');
  return `came through after ${came} calls; ${wrong.join('; ')}`;
}

/** Minimal standard generator (Park and Miller): the same seed gives the same kills. */
export function drawKill(seed: number, calls: Readonly<Record<Situation, number>>): Kill {
  let state = (seed % 2147483646) + 1;
  const draw = (below: number): number => {
    state = (state * 48271) % 2147483647;
    return state % below;
  };
  // The first numbers of neighbouring seeds are alike.
  draw(2);
  draw(2);
  const situation = situations[draw(situations.length)] ?? 'protect';
  return {
    situation,
    call: 1 + draw(calls[situation]),
    when: draw(2) === 0 ? 'before' : 'after',
  };
}
