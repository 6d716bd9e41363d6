// `kill -9` at any moment of the first night, again and again until one comes through: nothing is lost,
// nothing is bought twice, and the catalogue is what the stores say.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { loadConfig } from '#archiver/commands/context.ts';
import { openArchiver } from '#archiver/main.ts';
import { rebuildCatalogue } from '#archiver/rebuild.ts';
import type { ConformanceResult } from '../conformance/_report.ts';
import { freePort } from '../_free-port.ts';
import { numbers } from './_numbers.ts';

const run = promisify(execFile);
const projectRoot = path.dirname(path.dirname(import.meta.dirname));
const killsPerHistory = 5;

/** Long enough on a slow machine to be killed in every part of a first night. */
const longestLifeMs = 6_000;

/** Starts the first night and ends it without a word after `lifeMs`; whether it came through before. */
async function startAndKill(command: readonly string[], lifeMs: number): Promise<boolean> {
  const child = spawn(process.execPath, command, { cwd: projectRoot, stdio: 'ignore' });
  const ended = once(child, 'exit');
  const stop = new AbortController();
  const killing = delay(lifeMs, undefined, { signal: stop.signal }).then(
    () => child.kill('SIGKILL'),
    () => false,
  );
  const [status] = (await ended) as [number | null];
  stop.abort();
  await killing;
  return status === 0;
}

type Outcome = {
  readonly states: Readonly<Record<string, number>>;
  readonly initialBatches: number;
  readonly rebuiltEqual: boolean;
};

async function examine(state: string): Promise<Outcome> {
  const { signal } = new AbortController();
  const clock = { now: () => Temporal.Now.instant() };
  const options = { clock, events: () => undefined, signal };
  const config = await loadConfig(path.join(state, 'tokiwa.yaml'));
  const look = async () => {
    await using archiver = await openArchiver(config, { ...options, create: false });
    const batches = await Array.fromAsync(archiver.catalogue.batches());
    return {
      states: await archiver.catalogue.countByState(),
      initialBatches: batches.filter(({ kind }) => kind === 'initial').length,
      dump: await Array.fromAsync(archiver.catalogue.dump()),
    };
  };
  const before = await look();
  await rebuildCatalogue(config, options);
  const after = await look();
  const { states, initialBatches } = before;
  return {
    states,
    initialBatches,
    rebuiltEqual: JSON.stringify(before.dump) === JSON.stringify(after.dump),
  };
}

export async function killRuns(seed: number): Promise<readonly ConformanceResult[]> {
  const folder = await mkdtemp(path.join(tmpdir(), 'tokiwa-kills-'));
  try {
    const state = path.join(folder, 'state');
    const settings = {
      '--state': state,
      '--documents': path.join(folder, 'documents'),
      '--port': String(await freePort()),
      '--tsa-port': String(await freePort()),
    };
    const command = ['cli.ts', 'start', '--once', ...Object.entries(settings).flat()];
    const draw = numbers(seed);
    let killed = 0;
    for (; killed < killsPerHistory; killed++)
      if (await startAndKill(command, Math.round(draw() * longestLifeMs))) break;
    await run(process.execPath, command, { cwd: projectRoot, timeout: 300_000 });
    const { states, initialBatches, rebuiltEqual } = await examine(state);
    const unprotected = Object.entries(states).filter(([name, n]) => name !== 'protected' && n > 0);
    return [
      {
        case: `seed ${seed}, ${killed} times killed`,
        // A batch that a crash left half way is finished; what came in meanwhile may be a second one.
        passed: unprotected.length === 0 && initialBatches <= killed + 1 && rebuiltEqual,
        expected: 'every document protected, the catalogue as rebuilt',
        got: `${JSON.stringify(states)}, ${initialBatches} batches, rebuilt ${rebuiltEqual ? 'equal' : 'otherwise'}`,
      },
    ];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
