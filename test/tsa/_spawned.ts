// A proxy in a process of its own, so that it can be killed.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { TsaConfig } from '#tsa/config/config.ts';

const child = fileURLToPath(new URL('_crash-child.ts', import.meta.url));

export type SpawnedTsa = {
  readonly url: string;
  readonly kill: () => Promise<void>;
  readonly exited: Promise<readonly [number | null, NodeJS.Signals | null]>;
};

/** Starts a proxy that kills itself at an event of that name; resolves with its address and process when it answers. */
export async function spawnTsa(config: TsaConfig, fatalEvent = ''): Promise<SpawnedTsa> {
  const started = spawn(process.execPath, [child, JSON.stringify(config), fatalEvent], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(started, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  const [url] = (await once(started.stdout, 'data')) as [Buffer];
  return {
    url: url.toString().trim(),
    kill: async () => {
      started.kill('SIGKILL');
      await exited;
    },
    exited,
  };
}
