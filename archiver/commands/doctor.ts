// `tokiwa doctor`, the archiver's half: an archive by its configuration file.
import type { ExaminedStage } from '#shared/examination.ts';
import { terminalEvents } from '../adapters/terminal-events.ts';
import { examineArchive } from '../doctor.ts';
import { interruptSignal, loadConfig, systemClock } from './context.ts';

/** @throws ConfigError: the configuration is not there, or cannot be used */
export async function doctorOfArchive(file: string | undefined): Promise<readonly ExaminedStage[]> {
  return await examineArchive({
    config: await loadConfig(file),
    clock: systemClock(),
    events: terminalEvents({ json: false }),
    signal: interruptSignal(),
  });
}
