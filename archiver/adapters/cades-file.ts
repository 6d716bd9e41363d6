// A CAdES file to be raised, and its result as a file of its own: read, written whole or not at all, and read
// again to be judged. The file itself is only read.
import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { DigestAlgorithm } from '#shared/crypto/digest.ts';
import { type Splice, streamSplice } from '#shared/der/splice.ts';
import { ConfigError, FormatError } from '#shared/errors.ts';
import { publishFile, systemErrorCode, writeNewFile } from '#shared/io/durable-file.ts';
import { decodePem } from '#shared/x509/certificate.ts';
import type { DetachedContent } from '#shared/validation/facts.ts';
import { defaultInspectLimit } from '#shared/validation/inspect.ts';
import { type ReadableDocument, readStored } from '../augmentation/stored-document.ts';
import type { CadesDocument } from '../augmentation/types.ts';
import { readVerifiedFile } from './verified-file.ts';

function notCms(file: string, error: unknown): ConfigError {
  return new ConfigError(
    'ERR_CONFIG_USAGE',
    `${file} is no CMS signature that can be raised: ${error instanceof Error ? error.message : String(error)}`,
    { cause: error },
  );
}

async function contentOf(
  file: string,
  algorithms: readonly DigestAlgorithm[],
  signal: AbortSignal,
): Promise<DetachedContent> {
  const { bytes, size, digest } = await readVerifiedFile(file, algorithms, signal);
  return { name: file, digest, ...(bytes.length === size && { octets: () => bytes }) };
}

function readableFile(file: string, size: number, signal: AbortSignal): ReadableDocument {
  const open = (): Promise<AsyncIterable<Uint8Array>> =>
    Promise.resolve(createReadStream(file, { signal }));
  return { name: file, size, open };
}

/**
 * A file of which only the content is too large to be held: what else there is, and the digests of the
 * content that its signatures and timestamps name.
 * @throws FormatError: no SignedData
 */
export function readLargeCades(
  file: string,
  size: number,
  signal: AbortSignal,
): Promise<CadesDocument> {
  const options = { digestAlgorithm: 'SHA-256', limitBytes: defaultInspectLimit } as const;
  return readStored(readableFile(file, size, signal), options);
}

/**
 * A file with the content that its signatures are over. Content that is too large to be held is streamed,
 * in the file or beside it.
 * @throws ConfigError ERR_CONFIG_USAGE: not readable, no SignedData, or content missing or too many
 */
export async function readCadesFile(
  file: string,
  options: {
    readonly detached?: string | undefined;
    readonly digestAlgorithm: DigestAlgorithm;
    readonly signal: AbortSignal;
  },
): Promise<CadesDocument> {
  const { detached, digestAlgorithm, signal } = options;
  const { bytes, size } = await readVerifiedFile(file, [], signal);
  if (bytes[0] === 0x2d && decodePem(Buffer.from(bytes).toString('latin1'), 'CMS').length > 0)
    throw notCms(file, new Error('it is PEM, which has to be decoded first'));
  const read = async (): Promise<CadesDocument> => {
    try {
      return await readStored(readableFile(file, size, signal), {
        digestAlgorithm,
        limitBytes: defaultInspectLimit,
        detached:
          detached === undefined
            ? undefined
            : (algorithms) => contentOf(detached, algorithms, signal),
      });
    } catch (error) {
      if (error instanceof FormatError) throw notCms(file, error);
      throw error;
    }
  };
  const document = await read();
  const { signedData, elided } = document.stored;
  const isDetached = signedData.eContent === undefined && !elided;
  if (isDetached === (detached !== undefined)) return document;
  throw new ConfigError(
    'ERR_CONFIG_USAGE',
    isDetached
      ? `${file} is a detached signature: name what it is over with --detached`
      : `${file} holds its content: --detached is for signatures that do not`,
  );
}

/**
 * Writes the result beside the file under a name of its own, has it judged there, and only then gives it
 * the name `out`: a run that was ended half-way leaves nothing there that looks finished.
 * @returns what `judge` says of the result
 * @throws ConfigError ERR_CONFIG_USAGE: `out` exists, or cannot be written; what `judge` throws
 */
export async function writeSpliced<T>(
  file: string,
  splice: Splice,
  options: {
    readonly out: string;
    readonly judge: (unfinished: string) => Promise<T>;
    readonly signal: AbortSignal;
  },
): Promise<T> {
  const { out, judge, signal } = options;
  const unfinished = `${out}.${crypto.randomUUID()}.tmp`;
  try {
    const octets = streamSplice(createReadStream(file, { signal }), splice);
    await writeNewFile(unfinished, octets, { signal });
    const judged = await judge(unfinished);
    if (await publishFile(unfinished, out)) return judged;
    throw new ConfigError('ERR_CONFIG_USAGE', `${out} exists already; it is not written over`);
  } catch (error) {
    if (systemErrorCode(error) === undefined) throw error;
    throw new ConfigError('ERR_CONFIG_USAGE', `${out} cannot be written: ${String(error)}`, {
      cause: error,
    });
  } finally {
    await rm(unfinished, { force: true });
  }
}
