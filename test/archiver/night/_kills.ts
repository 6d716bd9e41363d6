// kill -9 of a night at any call to stores or TSA, or at any moment: the next night ends where an unbroken one
// ends, and the TSA, which lives on, made one token for it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { digestStoreName, stateDigests } from '#archiver/intake/digest-statement.ts';
import { createArchive, type Settings, type TestArchive } from './_night.ts';

const child = path.join(import.meta.dirname, '_killed-night.ts');

/** Compiled once for all of these processes. */
const compileCache = path.join(tmpdir(), 'tokiwa-compile-cache');

/** A night that says nothing for so long hangs. */
const longestNightMs = 120_000;

export type KillAtCall = {
  readonly situation: Situation;
  /** From 1; beyond the last call the night comes through. */
  readonly call: number;
  readonly when: 'before' | 'after';
};

export type KillAtMoment = {
  readonly situation: Situation;
  /** Milliseconds after the night began; beyond its end it comes through. */
  readonly afterMs: number;
};

export type Kill = KillAtCall | KillAtMoment;

/** Of a document that is elsewhere: its digest came in between nights. */
const statedKey = 'c.txt';

/** What was left for the night that is killed. */
export const situations = [
  'protect',
  'timestamp-renewal',
  'hash-tree-renewal',
  'two-tsas',
  'intake',
  'join',
] as const;
export type Situation = (typeof situations)[number];

/** Where the archive's objects are. */
export type Place = {
  readonly settings: Settings;
  readonly put: (archive: TestArchive, key: string, content: string) => Promise<void>;
};

/** In the archive's own folder. */
const inFolder: Place = { settings: {}, put: (archive, key, content) => archive.put(key, content) };

/** An archive that such a night is left for. */
export async function prepared(situation: Situation, place = inFolder): Promise<TestArchive> {
  const second = situation === 'two-tsas';
  const options = { tsuDays: 300, signatureDigest: 'SHA-512', second } as const;
  const archive = await createArchive(place.settings, options);
  await place.put(archive, 'a.txt', 'a');
  await place.put(archive, 'b.txt', 'b');
  await place.put(archive, 'b.txt.p7s', 'no signature, but named as one');
  if (situation === 'timestamp-renewal') {
    await archive.night();
    archive.clock.set(archive.clock.now().add({ hours: 24 * 220 }));
    await archive.upkeep();
  }
  if (situation === 'hash-tree-renewal') {
    await archive.night();
    await archive.configure({
      algorithms: { overrides: [{ algorithm: 'SHA-256', endExclusive: '2027-03-01' }] },
    });
    archive.clock.set(archive.clock.now().add({ hours: 24 }));
  }
  if (situation === 'join') {
    await archive.configure({ joinBatches: 2 });
    await archive.night();
    await place.put(archive, 'c.txt', 'c');
    await archive.nightAfter(1);
    archive.clock.set(archive.clock.now().add({ hours: 24 * 220 }));
    await archive.upkeep();
  }
  if (situation === 'intake') {
    const { evidence } = await archive.open();
    const stated = { key: statedKey, digests: { 'SHA-256': 'ab'.repeat(32) } };
    await stateDigests(evidence.objects, stated, new AbortController().signal);
  }
  await archive.close();
  return archive;
}

/** A night that came through: its calls, and how long it took from its beginning. */
export type Unbroken = { readonly calls: number; readonly milliseconds: number };

/** Runs the night in a process of its own; `undefined` where it was killed. */
export async function nightInProcess(
  archive: TestArchive,
  kill: Kill,
  longestMs = longestNightMs,
): Promise<Unbroken | undefined> {
  const [call, when] = 'call' in kill ? [kill.call, kill.when] : [0, 'before'];
  const keys = kill.situation === 'intake' ? ['a.txt', 'b.txt', 'b.txt.p7s', statedKey] : [];
  const file = await archive.writeConfig();
  const args = [child, file, archive.clock.now().toString(), String(call), when, ...keys];
  const night = spawn(process.execPath, args, {
    env: { ...process.env, NODE_COMPILE_CACHE: compileCache },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(night, 'exit');
  const hanging = setTimeout(() => night.kill('SIGTERM'), longestMs);
  const timers: NodeJS.Timeout[] = [hanging];
  let began = 0;
  let came: Unbroken | undefined;
  for await (const line of createInterface({ input: night.stdout })) {
    if (line === 'begins') {
      began = performance.now();
      if ('afterMs' in kill) timers.push(setTimeout(() => night.kill('SIGKILL'), kill.afterMs));
      continue;
    }
    const { calls } = JSON.parse(line) as { readonly calls: number };
    came = { calls, milliseconds: performance.now() - began };
  }
  const [status, signal] = (await ended) as [number | null, NodeJS.Signals | null];
  for (const timer of timers) clearTimeout(timer);
  if (signal === 'SIGKILL') return undefined;
  if (status !== 0) throw new Error(`the night ended with ${signal ?? `status ${status}`}`);
  return came;
}

/** A night in this situation with nothing in its way. */
export async function unbroken(situation: Situation, place?: Place): Promise<Unbroken> {
  await using archive = await prepared(situation, place);
  const came = await nightInProcess(archive, { situation, call: 0, when: 'before' });
  if (!came) throw new Error('an unbroken night was killed');
  return came;
}

/** What is not as it should be once all is over. */
export async function faultsIn(archive: TestArchive): Promise<string[]> {
  const wrong: string[] = [];
  const states = new Set(Object.values(await archive.states()));
  if (states.size !== 1 || !states.has('protected'))
    wrong.push(`states ${JSON.stringify(await archive.states())}`);
  wrong.push(...(await archive.rebuildDifferences()));
  for (const row of await archive.rows()) {
    // That it is protected, and found by a rebuild, is what can be seen without its document.
    if (row.store === digestStoreName) continue;
    for (const anchor of archive.second ? ([1, 2] as const) : ([1] as const)) {
      const verdict = row.attachedTo === undefined ? await archive.judge(row.key, anchor) : 'valid';
      if (verdict !== 'valid') wrong.push(`${row.key}: ${verdict}`);
    }
  }
  return wrong;
}

/** What a killed night and the next ones came to, in one line; empty where all is as it should be. */
export async function killedNight(kill: Kill, place?: Place): Promise<string> {
  await using archive = await prepared(kill.situation, place);
  const sold = (): number => archive.tsa.tokens() + (archive.second?.tokens() ?? 0);
  const before = sold();
  const came = await nightInProcess(archive, kill);
  const next = await archive.night();
  const quiet = await archive.nightAfter(1);
  const wrong = await faultsIn(archive);
  const tokens = sold() - before;
  if (tokens !== (archive.second ? 2 : 1)) wrong.push(`${tokens} tokens`);
  if (next.findings.length > 0) wrong.push(JSON.stringify(next.findings));
  if (quiet.tokensBought > 0 || quiet.outcome !== 'ok') wrong.push('the night after was not quiet');
  if (came === undefined || wrong.length === 0) return wrong.join('; ');
  return `came through after ${came.calls} calls; ${wrong.join('; ')}`;
}

/** Minimal standard generator (Park and Miller): the same seed gives the same kills. */
export function draws(seed: number): (below: number) => number {
  let state = (seed % 2147483646) + 1;
  const draw = (below: number): number => {
    state = (state * 48271) % 2147483647;
    return state % below;
  };
  // The first numbers of neighbouring seeds are alike.
  draw(2);
  draw(2);
  return draw;
}

export type AllUnbroken = Readonly<Record<Situation, Unbroken>>;

export async function allUnbroken(): Promise<AllUnbroken> {
  const entries: [Situation, Unbroken][] = [];
  for (const situation of situations) entries.push([situation, await unbroken(situation)]);
  return Object.fromEntries(entries) as AllUnbroken;
}

export function drawKill(seed: number, nights: AllUnbroken): KillAtCall {
  const draw = draws(seed);
  const situation = situations[draw(situations.length)] ?? 'protect';
  return {
    situation,
    call: 1 + draw(nights[situation].calls),
    when: draw(2) === 0 ? 'before' : 'after',
  };
}

/** A moment of a night in one of the situations given. */
export function drawMoment(
  seed: number,
  nights: Readonly<Partial<Record<Situation, Unbroken>>>,
): KillAtMoment {
  const draw = draws(seed);
  const among = situations.filter((situation) => nights[situation]);
  const situation = among[draw(among.length)] ?? 'protect';
  return { situation, afterMs: draw(Math.ceil(nights[situation]?.milliseconds ?? 1000)) };
}
