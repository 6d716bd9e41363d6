// Replicas of the proxy as processes of their own, killed without a word and started again.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { TsaConfig } from '#tsa/config/config.ts';

const script = fileURLToPath(new URL('../tsa/_crash-child.ts', import.meta.url));

export type Replica = {
  /** Where it answers; `undefined` while it is down. */
  readonly url: () => string | undefined;
  /** Ends it with SIGKILL and starts it again. */
  readonly kill: () => Promise<void>;
  readonly stop: () => Promise<void>;
};

/** Lives that ended by SIGKILL, and when. */
export type Deaths = Map<string, number>;

/** @param configOf the settings of one life, by a mark that its providers see in the address */
export async function startReplica(
  name: string,
  configOf: (life: string) => TsaConfig,
  deaths: Deaths,
): Promise<Replica> {
  let lives = 0;
  let url: string | undefined;
  let life = '';
  let child: ReturnType<typeof spawn> | undefined;

  const start = async (): Promise<void> => {
    life = `/${name}/${lives++}`;
    const args = [script, JSON.stringify(configOf(life))];
    const started = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    child = started;
    const line = once(started.stdout, 'data') as Promise<[Buffer]>;
    const died = once(started, 'exit').then(() => {
      throw new Error(`replica ${name} did not start`);
    });
    const [text] = await Promise.race([line, died]);
    died.catch(() => undefined);
    url = text.toString().trim();
  };

  const end = async (): Promise<void> => {
    const dying = child;
    url = undefined;
    child = undefined;
    if (!dying) return;
    const exited = once(dying, 'exit');
    deaths.set(life, Date.now());
    dying.kill('SIGKILL');
    await exited;
  };

  await start();
  return {
    url: () => url,
    kill: async () => {
      await end();
      await start();
    },
    stop: async () => {
      await end();
      // With nothing in hand this was no death that excuses anything.
      deaths.delete(life);
    },
  };
}
