// What a new version of an object takes over from the one before: metadata, tags, lock, legal hold and encryption.
// A PUT names all of them anew; what it does not name is gone from the new version.
import {
  DeleteObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  type S3Client,
  type ServerSideEncryption,
} from '@aws-sdk/client-s3';
import { SourceError } from '#shared/errors.ts';
import type { WriteOptions } from '#shared/ports/object-store.ts';
import { statusOf } from './s3-errors.ts';

type Place = { readonly Bucket: string; readonly Key: string };

/** As the header wants them. A service without tags has none to take over. */
async function tagging(
  client: S3Client,
  place: Place & { readonly VersionId?: string },
  signal: AbortSignal,
): Promise<{ readonly Tagging?: string }> {
  try {
    const { TagSet = [] } = await client.send(new GetObjectTaggingCommand(place), {
      abortSignal: signal,
    });
    if (TagSet.length === 0) return {};
    const pairs = TagSet.map(({ Key = '', Value = '' }) => [Key, Value]);
    return { Tagging: new URLSearchParams(pairs).toString() };
  } catch (error) {
    const status = statusOf(error);
    if (status === 501 || status === 400) return {};
    throw error;
  }
}

function defined<T extends object>(fields: T): { [K in keyof T]?: NonNullable<T[K]> } {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: NonNullable<T[K]> };
}

/** Fields of a PUT, or of the start of an upload in parts. @throws errors of the SDK */
export async function successorInput(
  client: S3Client,
  place: Place,
  { versionId, metadata }: NonNullable<WriteOptions['successorOf']>,
  signal: AbortSignal,
) {
  const version = { ...place, ...(versionId !== undefined && { VersionId: versionId }) };
  const head = await client.send(new HeadObjectCommand(version), { abortSignal: signal });
  return defined({
    Metadata: { ...head.Metadata, ...metadata },
    ContentType: head.ContentType,
    ContentDisposition: head.ContentDisposition,
    ContentEncoding: head.ContentEncoding,
    ContentLanguage: head.ContentLanguage,
    CacheControl: head.CacheControl,
    ServerSideEncryption: head.ServerSideEncryption,
    SSEKMSKeyId: head.SSEKMSKeyId,
    BucketKeyEnabled: head.BucketKeyEnabled,
    ObjectLockMode: head.ObjectLockMode,
    ObjectLockRetainUntilDate: head.ObjectLockRetainUntilDate,
    ObjectLockLegalHoldStatus: head.ObjectLockLegalHoldStatus,
    ...(await tagging(client, version, signal)),
  });
}

/** Encryption as a PUT asks for it and a HEAD tells it. */
type Encryption = {
  readonly ServerSideEncryption?: ServerSideEncryption | undefined;
  readonly SSEKMSKeyId?: string | undefined;
};

function printEncryption({ ServerSideEncryption, SSEKMSKeyId }: Encryption): string {
  if (ServerSideEncryption === undefined) return 'not at all';
  return `by ${ServerSideEncryption}${SSEKMSKeyId === undefined ? '' : ` with the key ${SSEKMSKeyId}`}`;
}

/**
 * Reads back whether a new version is encrypted as was asked for (R-43): services that do not know the fields pass them
 * over in silence. One that is not is taken away again, so that no copy lies there less protected than the one before.
 * @throws SourceError ERR_SOURCE_REFUSED; `outcomeUnknown`: the version is still there. Errors of the SDK
 */
export async function checkEncryption(
  client: S3Client,
  store: string,
  version: Place & { readonly VersionId?: string | undefined },
  asked: Encryption,
  signal: AbortSignal,
): Promise<void> {
  // Where nothing was asked for, the bucket may encrypt by itself.
  if (asked.ServerSideEncryption === undefined) return;
  const head = await client.send(new HeadObjectCommand(version), { abortSignal: signal });
  const isSame =
    head.ServerSideEncryption === asked.ServerSideEncryption &&
    (asked.SSEKMSKeyId === undefined || head.SSEKMSKeyId === asked.SSEKMSKeyId);
  if (isSame) return;
  const isGone = await takeAway(client, version, signal);
  throw new SourceError(
    'ERR_SOURCE_REFUSED',
    `${store}: ${JSON.stringify(version.Key)}: the new version was to be encrypted ${printEncryption(asked)}, as the one before, and is encrypted ${printEncryption(head)}; ${isGone ? 'it was taken away again' : 'it is still there'}`,
    { retryable: false, outcomeUnknown: !isGone },
  );
}

/** Destroys this version alone; without versions there is none to destroy but the object itself. */
async function takeAway(
  client: S3Client,
  version: Place & { readonly VersionId?: string | undefined },
  signal: AbortSignal,
): Promise<boolean> {
  if (version.VersionId === undefined) return false;
  try {
    await client.send(new DeleteObjectCommand(version), { abortSignal: signal });
    return true;
  } catch {
    // Locked as the one before was, perhaps: what there is to say is said by the caller.
    return false;
  }
}
