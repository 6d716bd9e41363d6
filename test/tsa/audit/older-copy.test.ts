// An older copy of the proxy's folders that is put back is noticed by what was not put back with it: the line that was
// seen last, the stamps in the journal, the tokens in the audit log.
import { cp, mkdir, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import type { Event } from '#shared/ports/runtime.ts';
import { readAuditFolder } from '#tsa/adapters/audit-files.ts';
import { readJournalFolder } from '#tsa/adapters/files.ts';
import { checkAuditLog } from '#tsa/audit/audit-check.ts';
import { parseAuditLine } from '#tsa/audit/audit-line.ts';
import { localTsaConfig, type TsaConfig } from '#tsa/config/config.ts';
import { examine } from '#tsa/doctor.ts';
import {
  ask,
  createTestClock,
  queryFor,
  random,
  startTestTsa,
  temporaryFolder,
  type TestClock,
} from '../_proxy.ts';

type Place = AsyncDisposable & {
  readonly config: TsaConfig;
  readonly clock: TestClock;
  /** Lets the proxy run for two days, with a query and a stamp over the log on each; what it said. */
  readonly work: () => Promise<readonly Event[]>;
  readonly folder: (name: 'audit' | 'journal') => string;
  /** Takes copies of folders of the state; calling the result puts them back in their place. */
  readonly copy: (...names: readonly string[]) => Promise<() => Promise<void>>;
};

async function createPlace(settings: { readonly isSeen?: boolean } = {}): Promise<Place> {
  const folder = await temporaryFolder();
  const stateDir = path.join(folder.path, 'state');
  const seenFile = settings.isSeen ? path.join(folder.path, 'seen.json') : undefined;
  const base = localTsaConfig({ stateDir });
  const config = { ...base, audit: { ...base.audit, seenFile } };
  const clock = createTestClock();
  let number = 0;
  let copies = 0;
  return {
    config,
    clock,
    work: async () => {
      await using tsa = await startTestTsa(config, clock);
      for (let day = 0; day < 2; day++) {
        await ask(tsa.url, queryFor(`query ${number++}`));
        clock.advance({ days: 1 });
        await tsa.upkeep();
      }
      return tsa.events.filter(({ name }) => name.startsWith('tsa.state.'));
    },
    folder: (name) => path.join(stateDir, name),
    copy: async (...names) => {
      const kept = path.join(folder.path, `copy-${copies++}`);
      for (const name of names)
        await cp(path.join(stateDir, name), path.join(kept, name), { recursive: true });
      return async () => {
        for (const name of names) {
          await rm(path.join(stateDir, name), { recursive: true });
          await cp(path.join(kept, name), path.join(stateDir, name), { recursive: true });
        }
      };
    },
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

async function restoredLines(place: Place): Promise<readonly (string | undefined)[]> {
  const audit = readAuditFolder(place.folder('audit'));
  const lines: (string | undefined)[] = [];
  for (const name of await audit.list())
    for await (const { octets } of audit.lines(name)) {
      const line = parseAuditLine(octets);
      if (line?.event === 'restored') lines.push(line.restored?.what);
    }
  return lines;
}

async function doctorOf({ config, clock }: Place) {
  const { signal } = new AbortController();
  const events = (): void => undefined;
  const lines = await examine({ config, clock, random, events, signal, journal: undefined });
  return lines.find(({ stage }) => stage === 'audit log');
}

test('what goes on from where it was is no older copy', async (t) => {
  await using place = await createPlace({ isSeen: true });
  for (let times = 0; times < 3; times++) t.deepEqual(await place.work(), []);
  t.deepEqual(await restoredLines(place), []);
  t.like(await doctorOf(place), { passed: true });
  t.regex((await doctorOf(place))?.detail ?? '', /line \d+ was seen/);
});

test('journal and log put back together: the line that was seen says so, once, and the doctor before', async (t) => {
  await using place = await createPlace({ isSeen: true });
  await place.work();
  const putBack = await place.copy('audit', 'journal');
  await place.work();
  await putBack();
  const found = await doctorOf(place);
  t.like(found, { passed: false, party: 'facility' });
  t.regex(found?.detail ?? '', /was seen with the SHA-256 .*an older copy was put back/);
  const [event, ...others] = await place.work();
  t.like(event, { name: 'tsa.state.restored', level: 'error', what: 'audit log' });
  t.deepEqual(others, []);
  t.deepEqual(await place.work(), [], 'once');
  t.deepEqual(await restoredLines(place), ['audit log']);
  const report = await checkAuditLog(readAuditFolder(place.folder('audit')), { anchors: [] });
  t.is(report.status, 'intact', JSON.stringify(report.findings));
  t.like(report.findings, [{ level: 'warning' }]);
  t.regex(report.findings[0]?.cause ?? '', /older copy of the audit log was put back/);
});

test('a log that grew past what was seen after it was put back is another one all the same', async (t) => {
  await using place = await createPlace({ isSeen: true });
  await place.work();
  const putBack = await place.copy('audit', 'journal');
  await place.work();
  await putBack();
  const unwatched = { ...place.config, audit: { ...place.config.audit, seenFile: undefined } };
  await using tsa = await startTestTsa(unwatched, place.clock);
  for (let i = 0; i < 20; i++) await ask(tsa.url, queryFor(`unwatched ${i}`));
  await tsa.close();
  t.like(await place.work(), [{ name: 'tsa.state.restored', what: 'audit log' }]);
});

test('without a file for what was seen nothing is noticed of both together, and the doctor says so', async (t) => {
  await using place = await createPlace();
  await place.work();
  const putBack = await place.copy('audit', 'journal');
  await place.work();
  await putBack();
  t.regex((await doctorOf(place))?.detail ?? '', /would not be noticed: audit.seenFile is not set/);
  t.deepEqual(await place.work(), []);
});

test('an older log beside the journal: a stamp in the journal is over a line that it has not', async (t) => {
  await using place = await createPlace();
  await place.work();
  const putBack = await place.copy('audit');
  await place.work();
  await putBack();
  t.like(await place.work(), [{ name: 'tsa.state.restored', what: 'audit log' }]);
  t.deepEqual(await place.work(), []);
});

test('an older journal beside the log: the log names a token that it has not', async (t) => {
  await using place = await createPlace();
  await place.work();
  const putBack = await place.copy('journal');
  await place.work();
  await putBack();
  const [event, ...others] = await place.work();
  t.like(event, { name: 'tsa.state.restored', what: 'journal', provider: 'local' });
  t.regex(String(event?.['serialNumber']), /^[0-9a-f]+$/);
  t.deepEqual(others, []);
  t.deepEqual(await place.work(), []);
});

test('a stamp that a crash kept out of the folder is over a line that is there', async (t) => {
  await using place = await createPlace();
  await place.work();
  const audit = place.folder('audit');
  for (const name of await readdir(audit))
    if (name.endsWith('.tsr')) await rm(path.join(audit, name));
  t.deepEqual(await place.work(), []);
});

test('a file for what was seen that is lost is said, and takes the check away', async (t) => {
  await using place = await createPlace({ isSeen: true });
  await place.work();
  await rm(place.config.audit.seenFile ?? '');
  t.like(await place.work(), [{ name: 'tsa.state.not-seen', level: 'warn' }]);
  await rm(place.config.audit.seenFile ?? '');
  await mkdir(place.config.audit.seenFile ?? '');
  const events = await place.work();
  t.deepEqual(
    [...new Set(events.map(({ name }) => name))],
    ['tsa.state.not-seen', 'tsa.state.seen-failed'],
  );
});

test('lines and tokens that are old enough to be gone are no older copy', async (t) => {
  await using place = await createPlace({ isSeen: true });
  const keeping = { ...place.config, audit: { ...place.config.audit, keepDays: 1 } };
  for (let start = 0; start < 3; start++) {
    await using tsa = await startTestTsa(keeping, place.clock);
    await ask(tsa.url, queryFor(`query ${start}`));
    t.deepEqual(
      tsa.events.filter(({ name }) => name.startsWith('tsa.state.')),
      [],
    );
    await tsa.close();
    place.clock.advance({ days: 9 });
    for (const name of await readJournalFolder(place.folder('journal')).list())
      await rm(path.join(place.folder('journal'), name));
  }
  const report = await checkAuditLog(readAuditFolder(place.folder('audit')), { anchors: [] });
  t.true(report.firstLine > 1);
});
