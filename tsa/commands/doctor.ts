// `tokiwa doctor`, the proxy's half: its books and its providers by its configuration file.
import { randomBytes } from 'node:crypto';
import type { ExaminedStage } from '#shared/examination.ts';
import { openJournalFiles } from '../adapters/files.ts';
import { openBooks } from '../books.ts';
import { examine } from '../doctor.ts';
import { openJournal } from '../journal/journal.ts';
import { loadTsaConfig, logEvents, untilSignal } from './context.ts';

/** With `stamp`, one token of each provider is bought. @throws ConfigError: the configuration cannot be used */
export async function doctorOfProxy(
  file: string,
  stamp: boolean,
): Promise<readonly ExaminedStage[]> {
  const config = await loadTsaConfig(file);
  const runtime = {
    config,
    clock: { now: () => Temporal.Now.instant() },
    random: (length: number) => new Uint8Array(randomBytes(length)),
    events: logEvents,
    signal: untilSignal(),
  };
  if (!stamp) return examine({ ...runtime, journal: undefined });
  if (config.database) {
    await using books = await openBooks(runtime);
    return await examine({ ...runtime, journal: books.journal });
  }
  // Segments of its own: the running proxy's are not touched, and the bill has these tokens too.
  const files = await openJournalFiles(config.journalDir);
  await using journal = await openJournal({ ...runtime, files });
  return await examine({ ...runtime, journal });
}
