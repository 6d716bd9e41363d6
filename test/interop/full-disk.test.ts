// A disk that is really full: a small tmpfs, which only root can mount. Writes are refused whole, and
// the store and the log go on when there is space again.
import test from 'ava';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, rmdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { openFolderStore } from '#archiver/adapters/folder-store.ts';
import { openAppendLog } from '#shared/io/append-log.ts';
import { replaceFile } from '#shared/io/durable-file.ts';
import { collect } from '../_faulty-store.ts';
import { stream, throwsCode } from '../archiver/adapters/_store-contract.ts';

const run = promisify(execFile);
const { signal } = new AbortController();
let disk: string;

test.before(async () => {
  disk = await mkdtemp(join(tmpdir(), 'tokiwa-disk-'));
  await run('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tokiwa-test', disk]);
});
test.after.always(async () => {
  await run('umount', [disk]);
  await rmdir(disk);
});

test.serial('a store on a full disk', async (t) => {
  await using store = await openFolderStore({ name: 'evidence', folder: disk, access: 'write' });
  await store.write('kept', Buffer.from('kept'), { signal });
  for (const condition of [undefined, { kind: 'absent' }] as const) {
    const error = await throwsCode(
      t,
      () => store.write('big', stream(64, 65_536), { signal, condition }),
      'ERR_SOURCE_FULL',
    );
    t.like(error, { retryable: true, outcomeUnknown: false });
  }
  const keys = (await Array.fromAsync(store.list({ signal }))).map((entry) => entry.key);
  t.deepEqual(keys, ['kept']);
  t.is((await collect((await store.read('kept', { signal })).body)).toString(), 'kept');
  await store.write('fits', stream(8, 65_536), { signal });
  await store.remove('fits', { signal });
});

test.serial('a log and a file on a full disk', async (t) => {
  const path = join(disk, 'log');
  await using log = await openAppendLog(path);
  await replaceFile(join(disk, 'file'), Buffer.from('old'));
  await log.append(Buffer.from('first\n'));
  const filler = join(disk, 'filler');
  await t.throwsAsync(() => writeFile(filler, Buffer.alloc(4 << 20)), { code: 'ENOSPC' });
  await t.throwsAsync(() => log.append(Buffer.alloc(100_000)), { code: 'ENOSPC' });
  await t.throwsAsync(() => replaceFile(join(disk, 'file'), Buffer.alloc(100_000)), {
    code: 'ENOSPC',
  });
  t.is(log.size(), 6);
  await rm(filler);
  await log.append(Buffer.from('second\n'));
  t.is(log.size(), 13);
});
