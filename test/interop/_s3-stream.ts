// A long object through the S3 store and back, in a process of its own, so that its memory can be measured. Arguments:
// endpoint, region, bucket, MiB. Writes the length that came back and the greatest resident memory, before and at the end.
import process from 'node:process';
import { openS3Store } from '#archiver/adapters/s3-store.ts';
import { peakResidentBytes } from '../_peak-memory.ts';

const [endpoint = '', region = '', bucket = '', mebibytes = ''] = process.argv.slice(2);
const { signal } = new AbortController();

async function* content(): AsyncGenerator<Uint8Array> {
  for (let index = 0; index < Number(mebibytes); index++)
    yield await Promise.resolve(Buffer.alloc(1 << 20, index % 251));
}

const store = await openS3Store({
  ...{ name: 's3', bucket, region, endpoint, forcePathStyle: true },
  ...{ access: 'write', signal },
});
await store.write('small', new Uint8Array(1), { signal });
const before = peakResidentBytes();
await store.write('big', content(), { signal });
let length = 0;
for await (const part of (await store.read('big', { signal })).body) length += part.length;
await store[Symbol.asyncDispose]?.();
process.stdout.write(`${JSON.stringify({ length, before, peak: peakResidentBytes() })}\n`);
