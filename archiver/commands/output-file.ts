// Where `-o` writes: a file is there whole or as it was before, so that a command that was ended half-way
// leaves nothing that looks finished. A pipe or device is written to as it is.
import { createWriteStream } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ConfigError } from '#shared/errors.ts';
import { replaceFile, systemErrorCode } from '#shared/io/durable-file.ts';

/** The file that a name leads to, links followed; `undefined` where it is no file to be replaced. */
async function regularFile(name: string): Promise<string | undefined> {
  try {
    return (await stat(name)).isFile() ? await realpath(name) : undefined;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return name;
    throw error;
  }
}

async function write(name: string, content: Uint8Array | AsyncIterable<Uint8Array>): Promise<void> {
  const file = await regularFile(name);
  if (file !== undefined) {
    await replaceFile(file, content);
    return;
  }
  const pieces = content instanceof Uint8Array ? [content] : content;
  await pipeline(Readable.from(pieces), createWriteStream(name));
}

/**
 * @throws ConfigError ERR_CONFIG_USAGE: the system refuses to write there; the content's error. A file of that name is
 *   untouched
 */
export async function writeOutput(
  name: string,
  content: Uint8Array | AsyncIterable<Uint8Array>,
): Promise<void> {
  try {
    await write(name, content);
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === undefined) throw error;
    throw new ConfigError('ERR_CONFIG_USAGE', `${name} cannot be written (${code})`, {
      cause: error,
    });
  }
}
