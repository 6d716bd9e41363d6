// Writes to S3: octets in one PUT with their SHA-256, streams in parts with one each. Until the last
// request an object in parts is not there, and that request carries the condition.
import { Readable } from 'node:stream';
import { PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { toBase64 } from '#shared/bytes.ts';
import { digest } from '#shared/crypto/digest.ts';
import { SourceError } from '#shared/errors.ts';
import { checkEncryption, successorInput } from './s3-successor.ts';
import type { WriteCondition, WriteOptions, WrittenObject } from '#shared/ports/object-store.ts';

/** 10,000 parts of this size are 160 GiB; two are held in memory at a time. */
const partBytes = 16 * 1024 * 1024;
const partsAtOnce = 2;

export type S3Target = {
  readonly client: S3Client;
  readonly store: string;
  readonly bucket: string;
  readonly versions: boolean;
};

/** @throws errors of the SDK, and those of the content's source as they are */
export async function writeObject(
  target: S3Target,
  key: string,
  content: Uint8Array | AsyncIterable<Uint8Array>,
  options: WriteOptions,
): Promise<WrittenObject> {
  const place = { Bucket: target.bucket, Key: key };
  const successor =
    options.successorOf &&
    (await successorInput(target.client, place, options.successorOf, options.signal));
  const input = {
    ...place,
    ...successor,
    ...(options.contentType === undefined ? {} : { ContentType: options.contentType }),
    ...conditionInput(options.condition),
  };
  const { size, output } =
    content instanceof Uint8Array
      ? await putOctets(target, input, content, options.signal)
      : await uploadStream(target, input, content, options.signal);
  if (output.ETag === undefined)
    throw new SourceError('ERR_SOURCE_ANSWER', `${target.store} gives no ETag for ${key}`, {
      retryable: false,
      outcomeUnknown: true,
    });
  const version =
    target.versions && output.VersionId !== undefined ? { versionId: output.VersionId } : {};
  if (successor) {
    const { versionId: VersionId } = version;
    const { client, store } = target;
    await checkEncryption(client, store, { ...place, VersionId }, successor, options.signal);
  }
  return { key, size, etag: output.ETag, ...version };
}

/** The headers of a condition: If-None-Match or If-Match (RFC 9110 §13.1). */
function conditionInput(condition: WriteCondition | undefined): {
  readonly IfNoneMatch?: '*';
  readonly IfMatch?: string;
} {
  switch (condition?.kind) {
    case 'absent':
      return { IfNoneMatch: '*' };
    case 'match':
      return { IfMatch: condition.etag };
    case undefined:
      return {};
  }
}

type PutInput = { readonly Bucket: string; readonly Key: string };
type Put = {
  readonly size: number;
  readonly output: {
    readonly ETag?: string | undefined;
    readonly VersionId?: string | undefined;
  };
};

async function putOctets(
  { client }: S3Target,
  input: PutInput,
  octets: Uint8Array,
  signal: AbortSignal,
): Promise<Put> {
  const command = new PutObjectCommand({
    ...input,
    Body: octets,
    ContentLength: octets.length,
    // Without one, a service may keep what a broken connection left of the body.
    ChecksumSHA256: toBase64(digest('SHA-256', octets)),
  });
  return { size: octets.length, output: await client.send(command, { abortSignal: signal }) };
}

async function uploadStream(
  { client }: S3Target,
  input: PutInput,
  content: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<Put> {
  let size = 0;
  let sourceError: { readonly error: unknown } | undefined;
  const counted = async function* () {
    try {
      for await (const chunk of content) {
        signal.throwIfAborted();
        size += chunk.length;
        yield chunk;
      }
    } catch (error) {
      sourceError = { error };
      throw error;
    }
  };
  const upload = new Upload({
    client,
    params: {
      ...input,
      Body: Readable.from(counted(), { objectMode: false }),
      ChecksumAlgorithm: 'SHA256',
    },
    partSize: partBytes,
    queueSize: partsAtOnce,
  });
  const onAbort = () => void upload.abort();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return { output: await upload.done(), size };
  } catch (error) {
    // The failure of the source is what the caller must see, not what it did to the upload.
    throw sourceError === undefined ? error : sourceError.error;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
