// The folder of the evidence log: segments like the journal's, and they may be taken away when they are old.
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { openJournalFiles, type JournalFiles } from './files.ts';

export type EvidenceFiles = JournalFiles & {
  /** @throws the system's error */
  readonly remove: (name: string) => Promise<void>;
};

/** Opens the folder, making it where it is missing. @throws the system's error */
export async function openEvidenceFiles(folder: string): Promise<EvidenceFiles> {
  const files = await openJournalFiles(folder);
  return {
    ...files,
    remove: (name) => rm(path.join(folder, name), { force: true }),
  };
}
