// What this bucket really does, tried at start under a prefix of its own: services differ, and a
// condition that is ignored would be found out by losing evidence. (Seen: If-None-Match ignored in
// versioned buckets, If-Match always refused, sixteen winners of one race, bad checksums kept.)
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetBucketVersioningCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { toBase64 } from '#shared/bytes.ts';
import { digest } from '#shared/crypto/digest.ts';
import type { StoreCapabilities } from '#shared/ports/object-store.ts';
import { statusOf } from './s3-errors.ts';

export type ProbeTarget = {
  readonly client: S3Client;
  readonly bucket: string;
  /** Keys under it may be read and, for `write`, made and removed. */
  readonly prefix: string;
  readonly access: 'read' | 'write';
  readonly signal: AbortSignal;
};

const racers = 8;

/** @throws errors of the SDK where the bucket cannot be used at all */
export async function probeBucket(target: ProbeTarget): Promise<StoreCapabilities> {
  const { client, bucket, prefix, access, signal } = target;
  await client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, MaxKeys: 1 }), {
    abortSignal: signal,
  });
  const versioning = await probeVersions(target);
  if (access === 'read')
    return {
      conditionalWrites: false,
      versions: versioning.works,
      checksums: false,
      remarks: versioning.remarks,
    };
  const scratch: ProbeTarget = {
    ...target,
    prefix: `${prefix}.tokiwa-probe/${crypto.randomUUID()}/`,
  };
  try {
    const conditions = await probeConditions(scratch);
    const checksums = await probeChecksum(scratch);
    return {
      conditionalWrites: conditions.works,
      versions: versioning.works,
      checksums: checksums.works,
      remarks: [...versioning.remarks, ...conditions.remarks, ...checksums.remarks],
    };
  } finally {
    await cleanUp(scratch, versioning.works);
  }
}

type Probed = { readonly works: boolean; readonly remarks: readonly string[] };

const works: Probed = { works: true, remarks: [] };
const fails = (...remarks: readonly string[]): Probed => ({ works: false, remarks });

async function probeVersions({ client, bucket, prefix, signal }: ProbeTarget): Promise<Probed> {
  const context = { abortSignal: signal };
  try {
    const { Status } = await client.send(
      new GetBucketVersioningCommand({ Bucket: bucket }),
      context,
    );
    if (Status !== 'Enabled')
      return fails(
        'The bucket keeps no versions: what is overwritten is gone, and shown as changed.',
      );
    await client.send(
      new ListObjectVersionsCommand({ Bucket: bucket, Prefix: prefix, MaxKeys: 1 }),
      context,
    );
    return works;
  } catch (error) {
    if (statusOf(error) === undefined) throw error;
    return fails(
      `Whether the bucket keeps versions cannot be asked (${nameOf(error)}): it is used as one without.`,
    );
  }
}

/** One PUT of a few random octets; gives its ETag. */
async function put(
  { client, bucket, prefix, signal }: ProbeTarget,
  name: string,
  input: Partial<PutObjectCommandInput> = {},
): Promise<string> {
  const body = Buffer.from(crypto.randomUUID());
  const answer = await client.send(
    new PutObjectCommand({
      Bucket: bucket,
      Key: prefix + name,
      Body: body,
      ChecksumSHA256: toBase64(digest('SHA-256', body)),
      ...input,
    }),
    { abortSignal: signal },
  );
  return answer.ETag ?? '';
}

/** The status of one PUT, whichever it is. @throws where no answer came */
async function putStatus(...call: Parameters<typeof put>): Promise<number> {
  try {
    await put(...call);
    return 200;
  } catch (error) {
    const status = statusOf(error);
    if (status === undefined) throw error;
    return status;
  }
}

async function probeConditions(target: ProbeTarget): Promise<Probed> {
  const remarks: string[] = [];
  // Plain writes that are refused make the bucket useless: their errors are not caught.
  const first = await put(target, 'match');
  await put(target, 'absent');
  if ((await putStatus(target, 'absent', { IfNoneMatch: '*' })) === 200)
    remarks.push('It ignores If-None-Match: two writers could overwrite each other.');
  if ((await putStatus(target, 'match', { IfMatch: first })) !== 200)
    remarks.push('It refuses If-Match with the right ETag: nothing could be replaced safely.');
  else if ((await putStatus(target, 'match', { IfMatch: first })) === 200)
    remarks.push('It ignores If-Match: two writers could overwrite each other.');
  if ((await completeStatus(target)) === 200)
    remarks.push('It ignores If-None-Match on uploads in parts.');
  const created = await race(target, 'race-absent', { IfNoneMatch: '*' });
  const IfMatch = await put(target, 'race-match');
  const replaced = await race(target, 'race-match', { IfMatch });
  if (created > 1 || replaced > 1)
    remarks.push(
      `Its conditions do not hold at once: ${Math.max(created, replaced)} of ${racers} writers won.`,
    );
  return remarks.length === 0 ? works : fails(...remarks);
}

async function race(
  target: ProbeTarget,
  name: string,
  input: Partial<PutObjectCommandInput>,
): Promise<number> {
  const answers = await Promise.all(
    Array.from({ length: racers }, () => putStatus(target, name, input)),
  );
  return answers.filter((status) => status === 200).length;
}

/** Whether an upload in parts over an existing key is refused when it must be absent. */
async function completeStatus(target: ProbeTarget): Promise<number> {
  const { client, bucket, prefix, signal } = target;
  const input = { Bucket: bucket, Key: `${prefix}absent` };
  const context = { abortSignal: signal };
  const { UploadId } = await client.send(new CreateMultipartUploadCommand(input), context);
  const upload = { ...input, UploadId };
  try {
    const part = await client.send(
      new UploadPartCommand({
        ...upload,
        PartNumber: 1,
        Body: Buffer.from('part'),
        ChecksumSHA256: toBase64(digest('SHA-256', Buffer.from('part'))),
      }),
      context,
    );
    await client.send(
      new CompleteMultipartUploadCommand({
        ...upload,
        IfNoneMatch: '*',
        MultipartUpload: { Parts: [{ PartNumber: 1, ETag: part.ETag }] },
      }),
      context,
    );
    return 200;
  } catch (error) {
    const status = statusOf(error);
    if (status === undefined) throw error;
    await client.send(new AbortMultipartUploadCommand(upload), context).catch(() => undefined);
    return status;
  }
}

async function probeChecksum(target: ProbeTarget): Promise<Probed> {
  const remark = 'It does not check SHA-256 on arrival: what is written is read back to be sure.';
  const wrong = toBase64(digest('SHA-256', Buffer.from('something else')));
  if ((await putStatus(target, 'checksum', { ChecksumSHA256: wrong })) === 200)
    return fails(remark);
  try {
    await target.client.send(
      new HeadObjectCommand({ Bucket: target.bucket, Key: `${target.prefix}checksum` }),
      { abortSignal: target.signal },
    );
    return fails('It refuses a wrong SHA-256 and keeps the object all the same.', remark);
  } catch (error) {
    if (statusOf(error) === 404) return works;
    throw error;
  }
}

/** Takes away what the probe made; what a lock or a missing permission keeps there does no harm. */
async function cleanUp(target: ProbeTarget, versions: boolean): Promise<void> {
  const { client, bucket, prefix } = target;
  const place = { Bucket: bucket, Prefix: prefix };
  try {
    const found = versions
      ? await client.send(new ListObjectVersionsCommand(place))
      : await client.send(new ListObjectsV2Command(place));
    const listed =
      'Contents' in found
        ? (found.Contents ?? []).map(({ Key }) => ({ Key }))
        : 'Versions' in found
          ? (found.Versions ?? []).map(({ Key, VersionId }) => ({ Key, VersionId }))
          : [];
    for (const one of listed)
      await client.send(new DeleteObjectCommand({ Bucket: bucket, ...one }));
  } catch (error) {
    if (statusOf(error) === undefined && !(error instanceof Error && '$metadata' in error))
      throw error;
  }
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : String(error);
}
