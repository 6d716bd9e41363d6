// No room left in the evidence store from some write on: the night fails with that as its cause, what
// counted before stays, and with room again the next night ends what was left with one token.
import test from 'ava';
import { openEvidenceStore } from '#archiver/evidence-store.ts';
import { SourceError } from '#shared/errors.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import { assertSound, createArchive, kindsOf } from './_night.ts';

/** A store whose writes are refused for want of room from number `from` on. */
function fullFrom(store: ObjectStore, from: number): ObjectStore {
  let writes = 0;
  return {
    ...store,
    write: (key, content, options) => {
      // The lease is rewritten in place by its holder; only what is new wants room.
      if (key === 'lease.json' || ++writes < from) return store.write(key, content, options);
      const full = `evidence: ${key}: ENOSPC: no space left on device`;
      return Promise.reject(new SourceError('ERR_SOURCE_FULL', full, { retryable: true }));
    },
  };
}

/** Journal, object list, leaf table, request, answer, evidence form, manifest, journal. */
for (const from of [1, 2, 3, 4, 5, 6, 7, 8])
  test(`no room from write ${from} on`, async (t) => {
    await using archive = await createArchive();
    await archive.night();
    await archive.put('a.txt', 'a');
    await archive.put('b.txt', 'b');
    const archiver = await archive.open();
    const evidence = await openEvidenceStore({
      store: fullFrom(archiver.evidence.objects, from),
      prefix: '',
      expectedArchiveId: archiver.evidence.archiveId,
      create: false,
      at: archive.clock.now(),
      random: (length) => new Uint8Array(length).fill(from),
      signal: new AbortController().signal,
    });
    const deps = { deps: (own: Parameters<typeof archive.always>[0]) => ({ ...own, evidence }) };
    const night = await archive.night(deps);
    t.is(night.outcome, 'failed');
    t.true(night.findings.some(({ kind }) => kind === 'ERR_SOURCE_FULL'));
    t.true(night.findings.every(({ message }) => message.includes('ENOSPC')));
    const next = await archive.nightAfter(1);
    t.deepEqual(kindsOf(next), []);
    t.deepEqual(await archive.states(), { 'a.txt': 'protected', 'b.txt': 'protected' });
    t.is(archive.tsa.tokens(), 1);
    t.is((await archive.nightAfter(1)).tokensBought, 0);
    await assertSound(t, archive);
  });
