// Files as `tokiwa verify` reads them: whole where they can be inspected, else their head, with digests
// of any size streamed once; and the file that a detached signature or token lies beside.
import { createReadStream } from 'node:fs';
import { open, readFile, stat } from 'node:fs/promises';
import { createDigest, digest, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import { ConfigError } from '#shared/errors.ts';
import { defaultInspectLimit } from '#shared/validation/inspect.ts';
import type { DetachedContent } from '#shared/validation/facts.ts';

const headBytes = 64 * 1024;
/** Names under which proofs lie beside what they are over. */
const detachedNames = /\.(?:p7s|p7m|sig|tsr|tst|ers|er)$/i;

function unreadable(file: string, error: unknown): ConfigError {
  return new ConfigError(
    'ERR_CONFIG_USAGE',
    `${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    { cause: error },
  );
}

/** @throws ConfigError ERR_CONFIG_USAGE: not readable, or larger than evidence may be */
export async function readEvidenceFile(file: string): Promise<Uint8Array> {
  const size = await sizeOf(file);
  if (size > defaultInspectLimit)
    throw new ConfigError(
      'ERR_CONFIG_USAGE',
      `${file} is larger than ${defaultInspectLimit} octets`,
    );
  try {
    return new Uint8Array(await readFile(file));
  } catch (error) {
    throw unreadable(file, error);
  }
}

async function sizeOf(file: string): Promise<number> {
  try {
    const status = await stat(file);
    if (!status.isFile()) throw new Error('no regular file');
    return status.size;
  } catch (error) {
    throw unreadable(file, error);
  }
}

async function readHead(file: string): Promise<Uint8Array> {
  await using handle = await open(file);
  const { buffer, bytesRead } = await handle.read(new Uint8Array(headBytes), 0, headBytes, 0);
  return buffer.subarray(0, bytesRead);
}

async function streamDigests(
  file: string,
  algorithms: readonly DigestAlgorithm[],
  signal: AbortSignal,
): Promise<ReadonlyMap<DigestAlgorithm, Uint8Array>> {
  const running = algorithms.map((algorithm) => createDigest(algorithm));
  for await (const chunk of createReadStream(file, { signal }))
    for (const one of running) one.update(chunk as Uint8Array);
  return new Map(running.map((one) => [one.algorithm, one.finish()]));
}

export type VerifiedFile = {
  readonly bytes: Uint8Array;
  readonly size: number;
  readonly digest: (algorithm: DigestAlgorithm) => Uint8Array | undefined;
};

/**
 * A file to be judged. Above the limit of inspection only `algorithms` are computed.
 * @throws ConfigError ERR_CONFIG_USAGE: not readable
 */
export async function readVerifiedFile(
  file: string,
  algorithms: readonly DigestAlgorithm[],
  signal: AbortSignal,
): Promise<VerifiedFile> {
  const size = await sizeOf(file);
  try {
    if (size <= defaultInspectLimit) {
      const bytes = new Uint8Array(await readFile(file, { signal }));
      return { bytes, size: bytes.length, digest: (algorithm) => digest(algorithm, bytes) };
    }
    const digests = await streamDigests(file, algorithms, signal);
    return {
      bytes: await readHead(file),
      size,
      digest: (algorithm) => digests.get(algorithm),
    };
  } catch (error) {
    if (signal.aborted) throw error;
    throw unreadable(file, error);
  }
}

/** `report.pdf` for `report.pdf.p7s`, if it is there: what a detached signature, token or record is over. */
export async function contentBeside(
  file: string,
  signal: AbortSignal,
): Promise<readonly DetachedContent[]> {
  const name = file.replace(detachedNames, '');
  if (name === file) return [];
  try {
    if (!(await stat(name)).isFile()) return [];
  } catch {
    // Nothing lies beside it: then the proof is judged without its content, which is said.
    return [];
  }
  const all = ['SHA-1', 'SHA-256', 'SHA-384', 'SHA-512'] as const;
  const { bytes, size, digest: digestOf } = await readVerifiedFile(name, all, signal);
  return [{ name, digest: digestOf, ...(bytes.length === size && { octets: () => bytes }) }];
}
