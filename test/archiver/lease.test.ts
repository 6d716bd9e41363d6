// The lease: one holder at a time, also when answers are lost and processes are killed.
import test from 'ava';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openFolderStore } from '#archiver/adapters/folder-store.ts';
import { isProcessGone, thisProcess } from '#archiver/adapters/process-identity.ts';
import { acquireLease, type LeaseRequest } from '#archiver/lease.ts';
import { ConflictError, SourceError } from '#shared/errors.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import { createFaultyStore, type StoreFault } from '../_faulty-store.ts';
import { createMemoryStore } from '../_memory-store.ts';
import { throwsCode } from './adapters/_store-contract.ts';

const { signal } = new AbortController();
const start = Temporal.Instant.from('2026-12-01T00:00:00Z');
const minute = (n: number) => start.add({ minutes: n });
const random = (length: number) => crypto.getRandomValues(new Uint8Array(length));

function acquire(store: ObjectStore, options: Partial<LeaseRequest> = {}) {
  return acquireLease({
    store,
    holder: { host: 'one', pid: 1, instance: 'a' },
    run: 'run-1',
    at: start,
    duration: Temporal.Duration.from({ minutes: 10 }),
    random,
    signal,
    ...options,
  });
}

const other = { holder: { host: 'two', pid: 2, instance: 'b' }, run: 'run-2' };

test('while it is held, another is refused and told who and until when', async (t) => {
  const store = createMemoryStore();
  const lease = await acquire(store);
  const error = await throwsCode(
    t,
    () => acquire(store, { ...other, at: minute(9) }),
    'ERR_CONFLICT_LEASE',
  );
  for (const part of ['process 1', 'one', 'run-1', '2026-12-01T00:10:00Z'])
    t.true(error.message.includes(part), error.message);
  await lease.assertHeld(minute(9), signal);
});

test('renewed it lasts longer; run out it is refused to its holder too', async (t) => {
  const store = createMemoryStore();
  const lease = await acquire(store);
  await lease.renew(minute(5), signal);
  await lease.assertHeld(minute(14), signal);
  await throwsCode(t, () => acquire(store, { ...other, at: minute(14) }), 'ERR_CONFLICT_LEASE');
  await throwsCode(t, () => lease.assertHeld(minute(15), signal), 'ERR_CONFLICT_LEASE');
  t.false(lease.lost.aborted);
  await lease.renew(minute(16), signal);
  await lease.assertHeld(minute(16), signal);
});

test('taken over after its end, the earlier holder notices at every turn', async (t) => {
  const store = createMemoryStore();
  const first = await acquire(store);
  const second = await acquire(store, { ...other, at: minute(10) });
  t.true(second.token > first.token);
  await throwsCode(t, () => first.assertHeld(minute(10), signal), 'ERR_CONFLICT_LEASE');
  t.true(first.lost.aborted);
  t.true(first.lost.reason instanceof ConflictError);
  await throwsCode(t, () => first.renew(minute(10), signal), 'ERR_CONFLICT_LEASE');
  await first.release(signal);
  await second.assertHeld(minute(11), signal);
});

test('a renewal finds the loss by itself', async (t) => {
  const store = createMemoryStore();
  const first = await acquire(store);
  await acquire(store, { ...other, at: minute(10) });
  await throwsCode(t, () => first.renew(minute(10), signal), 'ERR_CONFLICT_LEASE');
  t.true(first.lost.aborted);
});

test('released it is free at once, and numbers go on', async (t) => {
  const store = createMemoryStore();
  {
    await using lease = await acquire(store);
    t.is(lease.token, 1);
  }
  const second = await acquire(store, { ...other, at: minute(1) });
  t.is(second.token, 2);
  await second.release(signal);
  await second.release(signal);
  await throwsCode(t, () => second.assertHeld(minute(1), signal), 'ERR_CONFLICT_LEASE');
  t.is((await acquire(store, { at: minute(1) })).token, 3);
});

test('a lease file that is gone is a lost lease', async (t) => {
  const store = createMemoryStore();
  const lease = await acquire(store);
  await store.remove('lease.json', { signal });
  const error = await throwsCode(
    t,
    () => lease.assertHeld(minute(1), signal),
    'ERR_CONFLICT_LEASE',
  );
  t.true(error.message.includes('gone'));
});

test('a lease file that is not one is an error, never a free lease', async (t) => {
  const store = createMemoryStore();
  store.put('lease.json', '{"format":"tokiwa-lease","version":1,"token":0}');
  await throwsCode(t, () => acquire(store), 'ERR_FORMAT_STORED');
});

test('a holder that is gone need not be waited for; any other must', async (t) => {
  const store = createMemoryStore();
  await acquire(store);
  const isGone = (holder: { readonly host: string }) => holder.host === 'one';
  const second = await acquire(store, { ...other, isGone });
  await throwsCode(t, () => acquire(store, { isGone }), 'ERR_CONFLICT_LEASE');
  t.is(second.token, 2);
});

for (let round = 0; round < 3; round++)
  test(`of sixteen that ask at once one gets it, ${round}`, async (t) => {
    const store = createMemoryStore();
    if (round > 0) await (await acquire(store)).release(signal);
    const results = await Promise.allSettled(Array.from({ length: 16 }, () => acquire(store)));
    t.is(results.filter((one) => one.status === 'fulfilled').length, 1);
    for (const one of results)
      if (one.status === 'rejected') t.like(one.reason, { code: 'ERR_CONFLICT_LEASE' });
  });

const steps = ['acquire', 'renew', 'assertHeld', 'release'] as const;
for (const fault of ['before', 'after'] satisfies StoreFault[])
  for (let faulty = 1; faulty <= 8; faulty++)
    test(`call ${faulty} fails ${fault} its effect: the lease is ours or free`, async (t) => {
      const memory = createMemoryStore();
      const store = createFaultyStore(memory, ({ number }) =>
        number === faulty ? fault : undefined,
      );
      let lease: Awaited<ReturnType<typeof acquire>> | undefined;
      for (const step of steps)
        try {
          if (step === 'acquire') lease = await acquire(store);
          else if (step === 'release') await lease?.release(signal);
          else await lease?.[step](minute(1), signal);
        } catch (error) {
          t.true(error instanceof SourceError, String(error));
          // The holder tries again and is not taken for another.
          if (step === 'acquire') lease = await acquire(store, { at: minute(20) });
          else if (step === 'release') await lease?.release(signal);
          else await lease?.[step](minute(1), signal);
        }
      t.false(lease?.lost.aborted);
      await acquire(memory, { ...other, at: minute(21) });
    });

test('a process knows itself alive, and an ended one gone', async (t) => {
  t.false(isProcessGone(thisProcess()));
  const script = `
    import { thisProcess } from '#archiver/adapters/process-identity.ts';
    console.log(JSON.stringify(thisProcess()));
    setTimeout(() => {}, 60_000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
    cwd: join(import.meta.dirname, '../..'),
  });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const holder = JSON.parse(line.toString()) as ReturnType<typeof thisProcess>;
  t.true(holder.pid === child.pid);
  t.false(isProcessGone(holder));
  t.true(
    isProcessGone({ ...holder, instance: `${holder.instance}0` }) || process.platform !== 'linux',
  );
  child.kill('SIGKILL');
  await once(child, 'exit');
  t.true(isProcessGone(holder));
  t.false(isProcessGone({ ...holder, host: 'elsewhere' }));
  t.false(isProcessGone({ ...holder, instance: `another boot#1` }));
});

test('two processes on one folder: one holds, a killed one is followed at once', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'tokiwa-lease-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const script = `
    import { openFolderStore } from '#archiver/adapters/folder-store.ts';
    import { isProcessGone, thisProcess } from '#archiver/adapters/process-identity.ts';
    import { acquireLease } from '#archiver/lease.ts';
    const store = await openFolderStore({ name: 's', folder: process.argv[1], access: 'write' });
    try {
      const lease = await acquireLease({ store, holder: thisProcess(), run: 'r',
        at: Temporal.Instant.from('${start.toString()}'), duration: Temporal.Duration.from({ hours: 1 }),
        random: (n) => crypto.getRandomValues(new Uint8Array(n)), isGone: isProcessGone,
        signal: new AbortController().signal });
      console.log('token ' + lease.token);
      setTimeout(() => {}, 60_000);
    } catch (error) {
      console.log(error.code);
    }`;
  const launch = () =>
    spawn(process.execPath, ['--input-type=module', '-e', script, folder], {
      stdio: ['ignore', 'pipe', 'inherit'],
      cwd: join(import.meta.dirname, '../..'),
    });
  const said = async (child: ReturnType<typeof launch>) =>
    String(((await once(child.stdout, 'data')) as [Buffer])[0]).trim();
  const both = [launch(), launch()];
  t.teardown(() => {
    for (const child of both) child.kill('SIGKILL');
  });
  const answers = await Promise.all(both.map(said));
  t.deepEqual(answers.toSorted(), ['ERR_CONFLICT_LEASE', 'token 1']);
  const holder = both[answers.indexOf('token 1')];
  holder?.kill('SIGKILL');
  if (holder) await once(holder, 'exit');
  await using store = await openFolderStore({ name: 's', folder, access: 'write' });
  await throwsCode(t, () => acquire(store), 'ERR_CONFLICT_LEASE');
  t.is((await acquire(store, { isGone: isProcessGone })).token, 2);
});
