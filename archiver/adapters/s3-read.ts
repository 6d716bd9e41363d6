// Reads from S3: what a GET or HEAD says of an object, and its body as a stream that ends early only
// with an error.
import type { Readable } from 'node:stream';
import {
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { SourceError } from '#shared/errors.ts';
import type { ObjectEntry, ObjectHead, ObjectStore } from '#shared/ports/object-store.ts';
import { statusOf, translateS3Error } from './s3-errors.ts';

export type S3Place = {
  readonly client: S3Client;
  readonly store: string;
  readonly bucket: string;
  readonly versions: boolean;
  /** Longest wait for the next octets of a body. */
  readonly idleMs: number;
};

type LookUpOptions = Parameters<ObjectStore['head']>[1];
type ReadOptions = Parameters<ObjectStore['read']>[1];

/** Fields that GET and HEAD have in common. */
type Described = {
  readonly ContentLength?: number | undefined;
  readonly ContentRange?: string | undefined;
  readonly ETag?: string | undefined;
  readonly LastModified?: Date | undefined;
  readonly VersionId?: string | undefined;
};

function inputOf(place: S3Place, key: string, versionId: string | undefined) {
  const version = versionId === undefined || versionId === '' ? {} : { VersionId: versionId };
  return { Bucket: place.bucket, Key: key, ...version };
}

function entryOf(place: S3Place, key: string, described: Described): ObjectEntry {
  const { ContentLength, ContentRange, ETag, LastModified, VersionId } = described;
  // Of a part, Content-Range says how long the whole is.
  const size = ContentRange === undefined ? ContentLength : Number(ContentRange.split('/')[1]);
  if (ETag === undefined || LastModified === undefined || !Number.isSafeInteger(size ?? NaN))
    throw new SourceError('ERR_SOURCE_ANSWER', `${place.store}: no size, ETag or time of ${key}`, {
      retryable: false,
    });
  return {
    key,
    size: size ?? 0,
    etag: ETag,
    lastModified: Temporal.Instant.fromEpochMilliseconds(LastModified.getTime()),
    ...(place.versions && VersionId !== undefined ? { versionId: VersionId } : {}),
  };
}

/** HEAD, and the tags that need a request of their own and perhaps a permission of their own. */
export async function headObject(
  place: S3Place,
  key: string,
  options: LookUpOptions,
): Promise<ObjectHead> {
  const input = inputOf(place, key, options.versionId);
  const context = { abortSignal: options.signal };
  const head = await place.client.send(new HeadObjectCommand(input), context);
  const entry = { ...entryOf(place, key, head), metadata: head.Metadata ?? {} };
  try {
    const { TagSet } = await place.client.send(new GetObjectTaggingCommand(input), context);
    const tags = (TagSet ?? []).map(({ Key, Value }) => [Key ?? '', Value ?? ''] as const);
    return { ...entry, tags: Object.fromEntries(tags) };
  } catch (error) {
    const status = statusOf(error);
    // Not allowed, or not known to the service: the object itself is as readable as before.
    if (status !== 403 && status !== 501 && status !== 400) throw error;
    const remark = `the tags of ${key} cannot be read: ${error instanceof Error ? error.name : ''}`;
    return { ...entry, tags: {}, remark };
  }
}

/** GET, of a part where a range is given. @throws errors of the SDK */
export async function readObject(
  place: S3Place,
  key: string,
  options: ReadOptions,
): Promise<{ readonly entry: ObjectEntry; readonly body: AsyncIterable<Uint8Array> }> {
  const { range, signal, versionId } = options;
  const nothing = async () => {
    const head = await place.client.send(new HeadObjectCommand(inputOf(place, key, versionId)), {
      abortSignal: signal,
    });
    return { entry: entryOf(place, key, head), body: emptyBody() };
  };
  // HTTP has no range without octets.
  if (range !== undefined && range.end <= range.start) return nothing();
  try {
    const answer = await place.client.send(
      new GetObjectCommand({
        ...inputOf(place, key, versionId),
        ...(range === undefined ? {} : { Range: `bytes=${range.start}-${range.end - 1}` }),
      }),
      { abortSignal: signal },
    );
    const entry = entryOf(place, key, answer);
    const expected = answer.ContentLength ?? entry.size;
    const whole = answer.ContentRange === undefined;
    if (range !== undefined && whole && (range.start > 0 || range.end < entry.size)) {
      (answer.Body as Readable).destroy();
      throw new SourceError('ERR_SOURCE_ANSWER', `${place.store} ignores ranges`, {
        retryable: false,
      });
    }
    return {
      entry,
      body: bodyOf(place, key, { stream: answer.Body as Readable, expected, signal }),
    };
  } catch (error) {
    // Behind the end of the object, also of an empty one.
    if (statusOf(error) === 416) return nothing();
    throw error;
  }
}

async function* emptyBody(): AsyncGenerator<Uint8Array> {
  // Nothing to yield.
}

type Body = {
  readonly stream: Readable;
  readonly expected: number;
  readonly signal: AbortSignal;
};

function bodyOf(place: S3Place, key: string, body: Body): AsyncIterable<Uint8Array> {
  const { stream, signal } = body;
  const onAbort = () => {
    stream.destroy();
  };
  signal.addEventListener('abort', onAbort, { once: true });
  stream.once('close', () => {
    signal.removeEventListener('abort', onAbort);
  });
  // An error before the first octet is asked for is thrown then; without a listener it would end us.
  stream.on('error', () => undefined);
  return iterateBody(place, key, body);
}

async function* iterateBody(
  place: S3Place,
  key: string,
  { stream, expected, signal }: Body,
): AsyncGenerator<Uint8Array> {
  let length = 0;
  try {
    const octets = stream[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
    for (;;) {
      signal.throwIfAborted();
      // Only our waiting counts, not what the reader does between two chunks.
      const timer = setTimeout(() => {
        stream.destroy(idleError(place, key));
      }, place.idleMs);
      const next = await octets.next().finally(() => {
        clearTimeout(timer);
      });
      if (next.done === true) break;
      length += next.value.length;
      yield next.value;
    }
    signal.throwIfAborted();
    if (length !== expected)
      throw new SourceError(
        'ERR_SOURCE_UNREACHABLE',
        `${place.store}: ${JSON.stringify(key)} ended after ${length} of ${expected} octets`,
        { retryable: true },
      );
  } catch (error) {
    throw translateBodyError(error, place, key, signal);
  } finally {
    stream.destroy();
  }
}

function idleError(place: S3Place, key: string): SourceError {
  return new SourceError(
    'ERR_SOURCE_TIMEOUT',
    `${place.store}: no more octets of ${JSON.stringify(key)} for ${place.idleMs} ms`,
    { retryable: true },
  );
}

/** The SDK compares a checksum at the end of the body, and says so in words only. */
function translateBodyError(
  error: unknown,
  place: S3Place,
  key: string,
  signal: AbortSignal,
): unknown {
  if (!signal.aborted && error instanceof Error && error.message.startsWith('Checksum mismatch'))
    return new SourceError(
      'ERR_SOURCE_ANSWER',
      `${place.store}: ${JSON.stringify(key)} arrived with another checksum than it is stored with`,
      { retryable: true, cause: error },
    );
  return translateS3Error(error, { store: place.store, key, kind: 'read', signal });
}
