// Documents, or evidence, in a bucket of any S3-compatible service: the object store contract over
// the AWS SDK, which also finds the credentials and retries with back-off.
import { S3Client } from '@aws-sdk/client-s3';
import { FormatError, SourceError } from '#shared/errors.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import { DeleteObjectCommand } from '@aws-sdk/client-s3';
import { type S3Call, translateS3Error } from './s3-errors.ts';
import { listObjects } from './s3-list.ts';
import { probeBucket } from './s3-probe.ts';
import { headObject, readObject } from './s3-read.ts';
import { writeObject } from './s3-write.ts';

export type S3StoreOptions = {
  /** The name that configuration gives the store. */
  readonly name: string;
  readonly bucket: string;
  readonly region: string;
  /** Absent: AWS, by region. */
  readonly endpoint?: string | undefined;
  readonly forcePathStyle?: boolean | undefined;
  /** `write` tries at start what the bucket does, under `probePrefix`. */
  readonly access: 'read' | 'write';
  readonly probePrefix?: string | undefined;
  readonly maxAttempts?: number | undefined;
  readonly connectMs?: number | undefined;
  /** From the start of a request, its body included, to the answer's header. */
  readonly requestMs?: number | undefined;
  readonly signal: AbortSignal;
};

const maxKeyBytes = 1024;

/**
 * Opens a bucket that exists and asks what it can do.
 * @throws SourceError ERR_SOURCE_UNREACHABLE, ERR_SOURCE_REFUSED (no such bucket, no permission,
 *   no credentials), ERR_SOURCE_CLOCK
 */
export async function openS3Store(options: S3StoreOptions): Promise<ObjectStore> {
  const { name, bucket, access } = options;
  const requestMs = options.requestMs ?? 120_000;
  const client = new S3Client({
    region: options.region,
    ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint }),
    forcePathStyle: options.forcePathStyle ?? false,
    maxAttempts: options.maxAttempts ?? 4,
    requestHandler: {
      connectionTimeout: options.connectMs ?? 10_000,
      requestTimeout: requestMs,
      throwOnRequestTimeout: true,
    },
  });

  /** Runs one operation: key checked first, errors translated. */
  const calling = async <T>(call: Omit<S3Call, 'store'>, work: () => Promise<T>): Promise<T> => {
    call.signal.throwIfAborted();
    checkObjectKey(name, call.key);
    try {
      return await work();
    } catch (error) {
      throw translateS3Error(error, { store: name, ...call });
    }
  };

  const checkWritable = (key: string): void => {
    if (access === 'write') return;
    throw new SourceError(
      'ERR_SOURCE_REFUSED',
      `${name} is opened for reading: ${JSON.stringify(key)} stays as it is`,
      { retryable: false },
    );
  };

  try {
    const { signal, probePrefix = '' } = options;
    const capabilities = await probeBucket({ client, bucket, prefix: probePrefix, access, signal });
    const { versions } = capabilities;
    const place = { client, store: name, bucket, versions, idleMs: requestMs };
    return {
      name,
      capabilities,
      list: async function* ({ prefix = '', startAfter = '', signal: given }) {
        given.throwIfAborted();
        const listing = { store: name, bucket, versions, prefix, startAfter, signal: given };
        try {
          yield* listObjects(client, listing);
        } catch (error) {
          throw translateS3Error(error, { store: name, key: prefix, kind: 'read', signal: given });
        }
      },
      head: (key, given) =>
        calling({ key, kind: 'read', signal: given.signal }, () => headObject(place, key, given)),
      read: (key, given) =>
        calling({ key, kind: 'read', signal: given.signal }, () => readObject(place, key, given)),
      write: (key, content, given) =>
        calling({ key, kind: 'write', condition: given.condition, signal: given.signal }, () => {
          checkWritable(key);
          return writeObject(place, key, content, given);
        }),
      remove: (key, given) =>
        calling({ key, kind: 'write', signal: given.signal }, async () => {
          checkWritable(key);
          const { versionId: VersionId } = given;
          await client.send(new DeleteObjectCommand({ Bucket: bucket, Key: key, VersionId }), {
            abortSignal: given.signal,
          });
        }),
      [Symbol.asyncDispose]: () => {
        client.destroy();
        return Promise.resolve();
      },
    };
  } catch (error) {
    client.destroy();
    throw translateS3Error(error, {
      store: name,
      key: bucket,
      kind: 'read',
      signal: options.signal,
    });
  }
}

/**
 * S3 takes any Unicode of up to 1,024 octets; a NUL would be cut or refused on the way.
 * @throws FormatError ERR_FORMAT_KEY
 */
export function checkObjectKey(store: string, key: string): void {
  const why =
    key === ''
      ? 'it is empty'
      : Buffer.byteLength(key) > maxKeyBytes
        ? `it is longer than ${maxKeyBytes} octets`
        : !key.isWellFormed()
          ? 'it is not Unicode'
          : key.includes('\0')
            ? 'it has a NUL character'
            : undefined;
  if (why !== undefined)
    throw new FormatError(
      'ERR_FORMAT_KEY',
      `${store} cannot hold the key ${JSON.stringify(key.slice(0, 200))}: ${why}`,
    );
}
