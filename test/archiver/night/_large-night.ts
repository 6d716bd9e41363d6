// A night over one large file in a process of its own, so that its memory can be measured. Arguments:
// configuration file, instant. Writes outcome and greatest resident memory in bytes.
import process from 'node:process';
import { loadConfig } from '#archiver/commands/context.ts';
import { openArchiver } from '#archiver/main.ts';
import { runNight } from '#archiver/run.ts';
import { peakResidentBytes } from '../../_peak-memory.ts';

const [configFile = '', instant = ''] = process.argv.slice(2);
const runAt = Temporal.Instant.from(instant);
const clock = { now: () => runAt };
const { signal } = new AbortController();
const options = { clock, events: () => undefined, signal, create: true };
await using archiver = await openArchiver(await loadConfig(configFile), options);
const summary = await runNight(await archiver.night(signal), { runAt, signal, reread: 'whole' });
const rows = await Array.fromAsync(archiver.catalogue.documents());
process.stdout.write(
  `${JSON.stringify({
    outcome: summary.outcome,
    states: rows.map(({ state, size }) => `${state} ${size}`),
    maxResidentBytes: peakResidentBytes(),
  })}\n`,
);
