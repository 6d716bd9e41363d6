// A CAdES file to be raised, and its result as a file of its own: read, written whole or not at all, and read
// again to be judged. The file itself is only read.
import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { digestContent, readWithoutContent } from '#shared/cades/without-content.ts';
import { parseSignedData, type SignedData } from '#shared/cms/signed-data.ts';
import { type DigestAlgorithm, digestAlgorithmOfOid } from '#shared/crypto/digest.ts';
import { readTlv } from '#shared/der/reader.ts';
import { type Splice, streamSplice } from '#shared/der/splice.ts';
import { ConfigError, FormatError } from '#shared/errors.ts';
import { systemErrorCode, writeNewFile } from '#shared/io/durable-file.ts';
import { decodePem } from '#shared/x509/certificate.ts';
import type { DetachedContent } from '#shared/validation/facts.ts';
import { readDocument } from '#shared/validation/inspect.ts';
import type { CadesDocument } from '../augmentation/types.ts';
import { readVerifiedFile } from './verified-file.ts';

export type CadesFile = CadesDocument & { readonly file: string };

function notCms(file: string, error: unknown): ConfigError {
  return new ConfigError(
    'ERR_CONFIG_USAGE',
    `${file} is no CMS signature that can be raised: ${error instanceof Error ? error.message : String(error)}`,
    { cause: error },
  );
}

/** Digests of the content that judging and stamping will ask for. */
function algorithmsOf(
  { raw, signerInfos }: SignedData,
  digestAlgorithm: DigestAlgorithm,
): readonly DigestAlgorithm[] {
  const { timestamps } = readDocument({ bytes: raw, size: raw.length });
  const used = [
    digestAlgorithm,
    ...signerInfos.map((signerInfo) => digestAlgorithmOfOid(signerInfo.digestAlgorithm.oid)),
    ...timestamps.map(({ token }) => token.tstInfo.messageImprint.algorithm),
  ];
  return [...new Set(used.flatMap((algorithm) => algorithm ?? []))];
}

async function readContent(
  file: string,
  algorithms: readonly DigestAlgorithm[],
  signal: AbortSignal,
): Promise<DetachedContent> {
  const { bytes, size, digest } = await readVerifiedFile(file, algorithms, signal);
  return { name: file, digest, ...(bytes.length === size && { octets: () => bytes }) };
}

/**
 * A file of which only the content is too large to be held: what else there is, and the digests of the
 * content that its signatures and timestamps name.
 * @throws FormatError: no SignedData
 */
export async function readLargeCades(
  file: string,
  digestAlgorithm: DigestAlgorithm,
  signal: AbortSignal,
): Promise<Omit<CadesFile, 'file' | 'name'>> {
  const open = (): AsyncIterable<Uint8Array> => createReadStream(file, { signal });
  const { octets, elided, length } = await readWithoutContent(open());
  const signedData = parseSignedData(readTlv(octets).raw);
  const stored = { signedData, elided, length };
  if (!elided) return { stored };
  const digests = await digestContent(open(), algorithmsOf(signedData, digestAlgorithm));
  return { stored, content: { name: file, digest: (algorithm) => digests.get(algorithm) } };
}

/** A file that is held whole. @throws FormatError: no SignedData */
function readSmallFile(bytes: Uint8Array): Omit<CadesFile, 'file' | 'name'> {
  if (bytes[0] === 0x2d && decodePem(Buffer.from(bytes).toString('latin1'), 'CMS').length > 0)
    throw new FormatError('ERR_FORMAT_PEM', 'it is PEM, which has to be decoded first');
  const signedData = parseSignedData(readTlv(bytes).raw);
  return { stored: { signedData, length: bytes.length } };
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
): Promise<CadesFile> {
  const { detached, digestAlgorithm, signal } = options;
  const { bytes, size } = await readVerifiedFile(file, [], signal);
  let read: Omit<CadesFile, 'file' | 'name'>;
  try {
    read =
      bytes.length < size
        ? await readLargeCades(file, digestAlgorithm, signal)
        : readSmallFile(bytes);
  } catch (error) {
    if (error instanceof FormatError) throw notCms(file, error);
    throw error;
  }
  const { signedData, elided } = read.stored;
  const isDetached = signedData.eContent === undefined && !elided;
  if (isDetached !== (detached !== undefined))
    throw new ConfigError(
      'ERR_CONFIG_USAGE',
      isDetached
        ? `${file} is a detached signature: name what it is over with --detached`
        : `${file} holds its content: --detached is for signatures that do not`,
    );
  const algorithms = algorithmsOf(signedData, digestAlgorithm);
  return {
    file,
    name: file,
    ...read,
    ...(detached !== undefined && { content: await readContent(detached, algorithms, signal) }),
  };
}

/**
 * Writes the result beside the file; nothing stays of one that was not finished.
 * @throws ConfigError ERR_CONFIG_USAGE: `out` exists, or cannot be written
 */
export async function writeSpliced(
  file: string,
  splice: Splice,
  out: string,
  signal: AbortSignal,
): Promise<void> {
  try {
    await writeNewFile(out, streamSplice(createReadStream(file, { signal }), splice), { signal });
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === undefined) throw error;
    throw new ConfigError(
      'ERR_CONFIG_USAGE',
      code === 'EEXIST'
        ? `${out} exists already; it is not written over`
        : `${out} cannot be written: ${String(error)}`,
      { cause: error },
    );
  }
}

/** Takes away a result that does not hold. */
export async function removeResult(out: string): Promise<void> {
  await rm(out, { force: true });
}
