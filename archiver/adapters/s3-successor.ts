// What a new version of an object takes over from the one before: metadata, tags, lock, legal hold and encryption.
// A PUT names all of them anew; what it does not name is gone from the new version.
import { GetObjectTaggingCommand, HeadObjectCommand, type S3Client } from '@aws-sdk/client-s3';
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
