// A night whose evidence store fails at any one call, before or after its effect, then the next night:
// it ends where an unbroken one ends, and the TSA made no more tokens than for that.
import test from 'ava';
import { cp } from 'node:fs/promises';
import path from 'node:path';
import { SourceError } from '#shared/errors.ts';
import { createFaultyStore, type StoreCall, type StoreFault } from '../../_faulty-store.ts';
import { evidenceOver } from './_evidence-over.ts';
import { assertSound, createArchive, type TestArchive } from './_night.ts';

const { signal } = new AbortController();

type Fault = (call: StoreCall) => StoreFault | undefined;

/** One night with the fault; returns how many calls there were. */
async function brokenNight(archive: TestArchive, fault: Fault): Promise<number> {
  const archiver = await archive.open();
  const own = await archiver.night(signal);
  let armed = false;
  const faulty = createFaultyStore(own.evidence.objects, (call) =>
    armed ? fault(call) : undefined,
  );
  const deps = await evidenceOver(own, faulty);
  const before = faulty.calls().length;
  armed = true;
  try {
    await archive.night({ deps: () => deps, reread: 'whole' });
  } catch (error) {
    // The lease itself could not be had or kept.
    if (!(error instanceof SourceError)) throw error;
  }
  return faulty.calls().length - before;
}

/** What a night has to do, each in an archive that is ready for it. */
const situations = {
  protect: async (archive: TestArchive) => {
    await archive.night();
    await archive.put('a.txt', 'a');
    await archive.put('b.txt', 'b');
  },
  'timestamp renewal': async (archive: TestArchive) => {
    await archive.put('a.txt', 'a');
    await archive.night();
    await archive.put('b.txt', 'b');
    await archive.nightAfter(1);
    archive.clock.set(archive.clock.now().add({ hours: 24 * 220 }));
    await archive.upkeep();
  },
  'hash-tree renewal': async (archive: TestArchive) => {
    await archive.put('a.txt', 'a');
    await archive.put('b.txt', 'b');
    await archive.night();
    await archive.configure({
      algorithms: { overrides: [{ algorithm: 'SHA-256', endExclusive: '2027-03-01' }] },
    });
    archive.clock.set(archive.clock.now().add({ hours: 24 }));
  },
  'take-over': async (archive: TestArchive) => {
    await using other = await createArchive();
    await other.put('a.txt', 'a');
    await other.night();
    const { anchorsPath, crlPath } = other.tsa.running;
    const copy = async (file: string): Promise<string> => {
      const to = path.join(archive.folder, `other-${path.basename(file)}`);
      await cp(file, to, { recursive: true });
      return to;
    };
    const signers = { tsuAnchors: [await copy(anchorsPath)], crls: [await copy(crlPath)] };
    await archive.configure({ signers });
    await archive.night();
    await archive.put('a.txt', 'a');
    await archive.put('a.txt.ers', await other.record('a.txt'));
  },
} as const;

/** Kinds of the batches that documents stand in. */
async function kindsInUse(archive: TestArchive): Promise<readonly string[]> {
  const { catalogue } = await archive.open();
  const kinds = new Set<string>();
  for await (const { batchId, kind } of catalogue.batches())
    if (await catalogue.hasActiveMembers(batchId)) kinds.add(kind);
  return [...kinds].toSorted();
}

/** So many parts of one situation, each a test, so that they share the cores. */
const parts = 4;

/** Renewals in every fourth call, or in all of them; `evidence/crash.test.ts` takes them call by call. */
const isLong = process.env['TEST_LONG'] === '1';

const stopped = test.macro({
  exec: async (
    t,
    name: keyof typeof situations,
    fault: StoreFault,
    part: number,
    second: boolean,
  ) => {
    await using archive = await createArchive(
      {},
      { tsuDays: 300, signatureDigest: 'SHA-512', second },
    );
    await situations[name](archive);
    const start = archive.clock.now();
    const restore = await archive.snapshot();
    const calls = await brokenNight(archive, () => undefined);
    const whole = { states: await archive.states(), kinds: await kindsInUse(archive) };
    t.true(calls > 20, `${calls} calls`);
    let reached = 0;
    for (let at = 1 + part; at <= calls; at += parts) {
      await restore();
      archive.clock.set(start);
      const before = [archive.tsa.tokens(), archive.second?.tokens() ?? 0] as const;
      await brokenNight(archive, (call) => (call.number === at ? fault : undefined));
      archive.clock.set(start.add({ hours: 24 }));
      await archive.night();
      const next = await archive.night();
      const place = `call ${at} of ${calls}`;
      t.deepEqual(await archive.states(), whole.states, place);
      t.deepEqual(await kindsInUse(archive), whole.kinds, place);
      t.is(archive.tsa.tokens() - before[0], 1, `tokens, ${place}`);
      if (archive.second)
        t.is(archive.second.tokens() - before[1], 1, `tokens of the second TSA, ${place}`);
      t.is(next.tokensBought, 0, place);
      t.deepEqual(await archive.rebuildDifferences(), [], place);
      reached++;
    }
    t.true(reached > 0);
    await assertSound(t, archive);
  },
  title: (_, name: string, fault: string, part: number, second: boolean) =>
    `${name}${second ? ' by two TSAs' : ''}: the evidence store fails ${fault} each call (${part + 1} of ${parts})`,
});

for (const name of Object.keys(situations) as (keyof typeof situations)[])
  for (const fault of ['before', 'after'] as const)
    for (let part = 0; part < parts; part++)
      for (const second of [false, true])
        if (isLong || part === 0 || (name === 'protect' && !second))
          test(stopped, name, fault, part, second);
