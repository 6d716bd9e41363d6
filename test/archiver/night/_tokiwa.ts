// The command line as a person has it: a process of its own over a test archive's configuration.
import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createArchive, type TestArchive } from './_night.ts';

const projectRoot = path.resolve(import.meta.dirname, '../../..');
export const cli = path.join(projectRoot, 'cli.ts');

/** Compiled once for all of these processes. */
export const env = {
  ...process.env,
  NODE_COMPILE_CACHE: path.join(tmpdir(), 'tokiwa-compile-cache'),
};

export type Ended = { readonly code: number; readonly stdout: string; readonly stderr: string };

export function tokiwa(archive: TestArchive, ...args: readonly string[]): Promise<Ended> {
  return tokiwaIn(archive, {}, ...args);
}

/** With more in its environment. */
export function tokiwaIn(
  archive: TestArchive,
  more: Readonly<Record<string, string>>,
  ...args: readonly string[]
): Promise<Ended> {
  return new Promise((resolve) => {
    const [command = '', ...rest] = args;
    execFile(
      process.execPath,
      [cli, ...command.split(' '), '--config', archive.configFile, ...rest],
      { cwd: archive.folder, timeout: 100_000, env: { ...env, ...more } },
      (error, stdout, stderr) => {
        resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr });
      },
    );
  });
}

/** Commands live by the machine's clock. */
export function today() {
  return createArchive({}, { start: Temporal.Now.instant().toString() });
}
