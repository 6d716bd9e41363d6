// Python with one package, for judges that are written in it: made once, below the cache of .ci/run.
import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
// Set to nothing is not set.
const { XDG_CACHE_HOME: cacheHome = '' } = process.env;
const cache = path.join(cacheHome === '' ? path.join(homedir(), '.cache') : cacheHome, 'tokiwa-ci');

/** The interpreter that can import `module`, which `name` in this version brings. */
export async function pythonWith(name: string, version: string, module: string): Promise<string> {
  const folder = path.join(cache, `${name}-${version}`);
  const python = path.join(folder, 'bin', 'python');
  try {
    await run(python, ['-c', `import ${module}`]);
  } catch {
    await rm(folder, { recursive: true, force: true });
    await run('python3', ['-m', 'venv', folder]);
    await run(python, ['-m', 'pip', 'install', '-q', `${name}==${version}`], { timeout: 300_000 });
  }
  return python;
}
