// The libraries of the EU DSS judge, for programs of our own beside it.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A class path: what the judge was built with; its first call builds. `oracle` is the folder that holds `dss`. */
export async function judgeLibraries(oracle: string): Promise<string> {
  const folder = path.join(oracle, 'dss');
  const sources = await Promise.all(
    ['pom.xml', 'Oracle.java'].map((name) => readFile(path.join(folder, name))),
  );
  const hash = createHash('sha256').update(Buffer.concat(sources)).digest('hex').slice(0, 16);
  const cache = process.env['ORACLE_CACHE'] ?? path.join(homedir(), '.cache', 'tokiwa-oracle');
  const libraries = path.join(cache, hash, 'lib');
  const isBuilt = await stat(libraries).then(
    () => true,
    () => false,
  );
  // Without arguments it prints its usage and ends with status 2, but is built then.
  if (!isBuilt) await run(path.join(folder, 'validate'), []).catch(() => undefined);
  return path.join(libraries, '*');
}
