import test from 'ava';
import { trackProgress } from '#archiver/web/progress.ts';
import type { Event } from '#shared/ports/runtime.ts';

test('stages and counts are told from a run’s events, which all pass on', (t) => {
  const seen: Event[] = [];
  const progress = trackProgress((event) => {
    seen.push(event);
  });
  t.deepEqual(progress.stage(), {});
  progress.events({ level: 'info', name: 'archiver.run.scan' });
  progress.events({ level: 'info', name: 'archiver.scan.progress', scanned: 7 });
  t.like(progress.stage(), { stage: 'scan', done: 7, total: undefined });
  progress.events({ level: 'info', name: 'archiver.batch.committed' });
  progress.events({ level: 'info', name: 'archiver.run.renew.protect' });
  t.deepEqual(progress.stage(), { stage: 'renew.protect' });
  t.is(seen.length, 4);
});
