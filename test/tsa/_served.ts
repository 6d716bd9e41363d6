// `tokiwa tsa serve` as an operator runs it: a process with a configuration file, whose log somebody reads.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { projectRoot } from '../_sources.ts';

export type ServedTsa = AsyncDisposable & {
  readonly url: string;
  readonly process: number;
  /** What it has said until it answered. */
  readonly log: string;
  readonly kill: (signal: NodeJS.Signals) => void;
  /** Goes away as who reads its log. */
  readonly closeLog: () => void;
  /** How it ended: `status 0`, or a signal. */
  readonly ended: Promise<string>;
};

/** Starts it with these settings in `FOLDER/NAME.yaml`; resolves when it answers. */
export async function serveTsa(
  folder: string,
  name: string,
  settings: Readonly<Record<string, unknown>>,
  nodeOptions: readonly string[] = [],
): Promise<ServedTsa> {
  const file = path.join(folder, `${name}.yaml`);
  const place = { listen: { port: 0 }, stateDir: path.join(folder, name) };
  // JSON is YAML.
  await writeFile(file, JSON.stringify({ ...place, ...settings }));
  const args = [...nodeOptions, 'cli.ts', 'tsa', 'serve', '--config', file];
  const child = spawn(process.execPath, args, {
    cwd: projectRoot,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = (once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>).then(
    ([status, signal]) => signal ?? `status ${String(status)}`,
  );
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let log = '';
  child.stderr.on('data', (part: Buffer) => {
    // Read on and forgotten: a pipe that nobody empties would stop it.
    if (log.length > 65_536) return;
    log += part.toString();
    const url = /^tokiwa: time-stamping at (\S+)$/m.exec(log)?.[1];
    if (url !== undefined) resolve(url);
  });
  void ended.then((how) => {
    reject(new Error(`${name} ended with ${how} before it answered: ${log}`));
  });
  return {
    url: await promise,
    process: child.pid ?? 0,
    log,
    kill: (signal) => {
      child.kill(signal);
    },
    closeLog: () => {
      child.stderr.destroy();
    },
    ended,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
