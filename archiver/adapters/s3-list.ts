// Pages of an S3 listing as one stream of entries, ascending. Where the bucket keeps versions, the
// current version of each key, with its id; deleted keys are left out.
import { ListObjectsV2Command, ListObjectVersionsCommand, type S3Client } from '@aws-sdk/client-s3';
import { SourceError } from '#shared/errors.ts';
import type { ObjectEntry } from '#shared/ports/object-store.ts';

type Listing = {
  readonly store: string;
  readonly bucket: string;
  readonly versions: boolean;
  readonly prefix: string;
  readonly startAfter: string;
  readonly signal: AbortSignal;
};

/** What both kinds of listing say of an object. */
type Listed = {
  readonly Key?: string | undefined;
  readonly Size?: number | undefined;
  readonly ETag?: string | undefined;
  readonly LastModified?: Date | undefined;
  readonly VersionId?: string | undefined;
};

/** @throws SourceError ERR_SOURCE_ANSWER: pages that do not go on, keys out of order, missing fields */
export async function* listObjects(
  client: S3Client,
  listing: Listing,
): AsyncGenerator<ObjectEntry> {
  const pages = listing.versions ? versionPages(client, listing) : objectPages(client, listing);
  let last = Buffer.from(listing.startAfter);
  for await (const page of pages)
    for (const listed of page) {
      listing.signal.throwIfAborted();
      const entry = entryOfListed(listing, listed);
      const key = Buffer.from(entry.key);
      const order = Buffer.compare(key, last);
      // Some services begin a page with the key that it should start after.
      if (order === 0) continue;
      if (order < 0) throw badAnswer(listing, 'lists keys out of order');
      last = key;
      yield entry;
    }
}

async function* objectPages(client: S3Client, listing: Listing): AsyncGenerator<readonly Listed[]> {
  let token: string | undefined;
  do {
    const page = await client.send(
      new ListObjectsV2Command({
        Bucket: listing.bucket,
        Prefix: listing.prefix,
        EncodingType: 'url',
        ...(listing.startAfter === '' ? {} : { StartAfter: listing.startAfter }),
        ...(token === undefined ? {} : { ContinuationToken: token }),
      }),
      { abortSignal: listing.signal },
    );
    const decode = decoder(page.EncodingType);
    yield (page.Contents ?? []).map((one) => ({ ...one, Key: decode(one.Key) }));
    if (page.IsTruncated === true && (page.NextContinuationToken ?? token) === token)
      throw badAnswer(listing, 'gives the same page of its listing again');
    token = page.IsTruncated === true ? page.NextContinuationToken : undefined;
  } while (token !== undefined);
}

async function* versionPages(
  client: S3Client,
  listing: Listing,
): AsyncGenerator<readonly Listed[]> {
  let marker = { key: listing.startAfter, version: '' };
  for (;;) {
    const page = await client.send(
      new ListObjectVersionsCommand({
        Bucket: listing.bucket,
        Prefix: listing.prefix,
        EncodingType: 'url',
        ...(marker.key === '' ? {} : { KeyMarker: marker.key }),
        ...(marker.version === '' ? {} : { VersionIdMarker: marker.version }),
      }),
      { abortSignal: listing.signal },
    );
    const decode = decoder(page.EncodingType);
    yield (page.Versions ?? [])
      .filter((one) => one.IsLatest === true)
      .map((one) => ({ ...one, Key: decode(one.Key) }));
    if (page.IsTruncated !== true) return;
    const next = {
      key: decode(page.NextKeyMarker) ?? '',
      version: page.NextVersionIdMarker ?? '',
    };
    if (next.key === marker.key && next.version === marker.version)
      throw badAnswer(listing, 'gives the same page of its listing again');
    marker = next;
  }
}

/**
 * XML cannot carry every character of a key, so they are asked for percent-encoded. A service that
 * does not know that says so, and its keys are as they stand.
 */
function decoder(encoding: string | undefined): (text: string | undefined) => string | undefined {
  if (encoding !== 'url') return (text) => text;
  return (text) =>
    text === undefined ? undefined : decodeURIComponent(text.replaceAll('+', '%20'));
}

function entryOfListed(listing: Listing, listed: Listed): ObjectEntry {
  const { Key, Size, ETag, LastModified, VersionId } = listed;
  if (Key === undefined || ETag === undefined || LastModified === undefined)
    throw badAnswer(listing, 'lists objects without key, ETag or time');
  return {
    key: Key,
    size: Size ?? 0,
    etag: ETag,
    lastModified: Temporal.Instant.fromEpochMilliseconds(LastModified.getTime()),
    ...(listing.versions && VersionId !== undefined ? { versionId: VersionId } : {}),
  };
}

function badAnswer({ store }: Listing, what: string): SourceError {
  return new SourceError('ERR_SOURCE_ANSWER', `${store} ${what}`, { retryable: false });
}
