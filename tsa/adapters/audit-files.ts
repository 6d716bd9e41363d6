// The audit log's folder: files of lines that one process at a time appends to, and stamps over their heads. What
// stands in them is for audit-log.ts and audit-check.ts.
import { open, readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { FormatError } from '#shared/errors.ts';
import { type AppendLog, openAppendLog } from '#shared/io/append-log.ts';
import { createFile, syncDirectory } from '#shared/io/durable-file.ts';
import { maxReplyOctets } from '#shared/tsp/http-exchange.ts';
import { maxAuditLineBytes, parseAuditFileName, parseStampFileName } from '../audit/audit-line.ts';
import { type FileLine, linesOf } from './lines.ts';
import { takesWrites } from '#shared/io/reach.ts';
import { makeFolder } from '#shared/io/make-folder.ts';

/** What an audit log is read from. */
export type AuditFolder = {
  /** Names of the files of lines, in the order of the log. @throws the system's error */
  readonly list: () => Promise<readonly string[]>;
  /** Names of the stamps' files, in the order of the lines that they cover. @throws the system's error */
  readonly stamps: () => Promise<readonly string[]>;
  /** Streams a file's lines. @throws FormatError ERR_FORMAT_LIMIT: a line above the limit */
  readonly lines: (name: string) => AsyncIterable<FileLine>;
  /** The TimeStampResp in a stamp's file. @throws the system's error, FormatError ERR_FORMAT_LIMIT */
  readonly stamp: (name: string) => Promise<Uint8Array>;
};

/** What an audit log is written to. */
export type AuditFiles = AuditFolder & {
  /** Makes a new file to append to. @throws the system's error */
  readonly create: (name: string) => Promise<AppendLog>;
  /** Whether a file can be written here, as large as an ordinary day of lines begins. */
  readonly takesWrites: () => Promise<boolean>;
  /** Keeps a stamp, durable when the promise fulfils. @throws the system's error */
  readonly storeStamp: (name: string, octets: Uint8Array) => Promise<void>;
  readonly remove: (names: readonly string[]) => Promise<void>;
};

/** A folder that is only read; it has to be there. */
export function readAuditFolder(folder: string): AuditFolder {
  const file = (name: string): string => path.join(folder, name);
  const names = async (parse: (name: string) => unknown): Promise<readonly string[]> =>
    (await readdir(folder)).filter((name) => parse(name) !== undefined).toSorted();
  return {
    list: () => names(parseAuditFileName),
    stamps: () => names(parseStampFileName),
    lines: (name) => linesOf(file(name), maxAuditLineBytes),
    stamp: async (name) => {
      await using handle = await open(file(name), 'r');
      const { size } = await handle.stat();
      if (size > maxReplyOctets)
        throw new FormatError('ERR_FORMAT_LIMIT', `${name}: more than ${maxReplyOctets} octets`);
      return await readFile(handle);
    },
  };
}

/** Opens the folder to write, making it where it is missing. @throws the system's error */
export async function openAuditFiles(folder: string): Promise<AuditFiles> {
  await makeFolder(folder, { mode: 0o700 });
  const file = (name: string): string => path.join(folder, name);
  return {
    ...readAuditFolder(folder),
    takesWrites: () => takesWrites(folder),
    create: (name) => openAppendLog(file(name)),
    storeStamp: async (name, octets) => {
      // The same line may be stamped again after a crash: the first stamp stands.
      await createFile(file(name), octets, { mode: 0o600 });
    },
    remove: async (removed) => {
      for (const name of removed) await rm(file(name), { force: true });
      await syncDirectory(folder);
    },
  };
}
