// Files that hold secrets: read only where nobody but their owner can.
import { readFile, stat } from 'node:fs/promises';
import { ConfigError } from '#shared/errors.ts';

/**
 * The text of a file.
 * @throws ConfigError ERR_CONFIG_INVALID: it cannot be read, or can be by others
 */
export async function readPrivateFile(file: string, what: string): Promise<string> {
  try {
    const { mode } = await stat(file);
    // Windows keeps no such bits.
    if (process.platform !== 'win32' && (mode & 0o077) !== 0)
      throw new ConfigError(
        'ERR_CONFIG_INVALID',
        `${what} ${file} can be read by others (mode ${(mode & 0o777).toString(8)}): set it to 600`,
      );
    return await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError('ERR_CONFIG_INVALID', `${what} ${file} cannot be read`, { cause: error });
  }
}

/** A secret: the text of a private file without its final line break; it has to be there. @throws ConfigError ERR_CONFIG_INVALID */
export async function readSecretFile(file: string, what: string): Promise<string> {
  const secret = (await readPrivateFile(file, what)).replace(/\r?\n$/, '');
  if (secret !== '') return secret;
  throw new ConfigError('ERR_CONFIG_INVALID', `${what} ${file} is empty`);
}

/**
 * A secret that is another service's: the content of its file, without a final line break. Who may read the file is the
 * operator's choice; orchestrators mount such files for the group.
 * @throws ConfigError ERR_CONFIG_INVALID
 */
export async function readSecret(file: string, what: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).replace(/\r?\n$/, '');
  } catch (error) {
    throw new ConfigError('ERR_CONFIG_INVALID', `${what} file ${file} cannot be read`, {
      cause: error,
    });
  }
}
