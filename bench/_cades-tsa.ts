// The local TSU over HTTP in a process of its own, so that what it costs is nobody's who asks. Argument: folder. Says
// where it is and where its public files are; ends with its standard input.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import process from 'node:process';
import { localTsaConfig } from '#tsa/config/config.ts';
import { startTsa } from '#tsa/main.ts';

const [stateDir = ''] = process.argv.slice(2);
const { signal } = new AbortController();
const running = await startTsa({
  config: localTsaConfig({ stateDir, stampAudit: false }),
  clock: { now: () => Temporal.Now.instant() },
  random: (length) => new Uint8Array(randomBytes(length)),
  events: () => undefined,
  signal,
});
const { url, anchorsPath, crlPath } = running;
process.stdout.write(`${JSON.stringify({ url, anchorsPath, crlPath })}\n`);
await once(process.stdin.resume(), 'end');
await running.close();
