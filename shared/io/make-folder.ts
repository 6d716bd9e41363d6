// A folder with those above it. `mkdir` of Node with `recursive` never ends where a file system has the folder above and
// yet answers that it has not, such as /proc.
import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { systemErrorCode } from './durable-file.ts';

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/** One that is there is left as it is. @throws the system's error: it cannot be one */
export async function makeFolder(
  path: string,
  options: { readonly mode?: number } = {},
): Promise<void> {
  const make = async (): Promise<void> => {
    try {
      await mkdir(path, options);
    } catch (error) {
      // Another process may have been as quick.
      if (systemErrorCode(error) === 'ENOENT' || !(await isFolder(path))) throw error;
    }
  };
  try {
    await make();
  } catch (error) {
    const above = dirname(path);
    if (systemErrorCode(error) !== 'ENOENT' || above === path) throw error;
    await makeFolder(above, options);
    await make();
  }
}
