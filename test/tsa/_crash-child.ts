// A proxy in a process of its own that kills itself with SIGKILL at the event that its parent names. Arguments: the
// configuration as JSON, the event's name or nothing.
import { randomBytes } from 'node:crypto';
import type { TsaConfig } from '#tsa/config/config.ts';
import { startTsa } from '#tsa/main.ts';

const [config = '', fatal = ''] = process.argv.slice(2);
const tsa = await startTsa({
  config: JSON.parse(config) as TsaConfig,
  clock: { now: () => Temporal.Now.instant() },
  random: (length) => new Uint8Array(randomBytes(length)),
  events: (event) => {
    if (event.name === fatal) process.kill(process.pid, 'SIGKILL');
  },
  signal: new AbortController().signal,
});
process.stdout.write(`${tsa.url}\n`);
