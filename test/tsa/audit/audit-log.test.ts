// The chain of the audit log: it goes on over restarts, days, sizes and failed writes, and whatever is done to it
// afterwards is found, with its file and line.
import { appendFile, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { openAuditFiles, readAuditFolder, type AuditFiles } from '#tsa/adapters/audit-files.ts';
import { checkAuditLog, type AuditReport } from '#tsa/audit/audit-check.ts';
import {
  buildAuditLine,
  emptyHead,
  parseAuditLine,
  type AuditEntry,
} from '#tsa/audit/audit-line.ts';
import { openAuditLog } from '#tsa/audit/audit-log.ts';
import { createTestClock, random, temporaryFolder, type TestClock } from '../_proxy.ts';

const entry = (reason: string): AuditEntry => ({
  event: 'refused',
  id: '00',
  address: '127.0.0.1',
  status: 404,
  reason,
});

function open(files: AuditFiles, clock: TestClock, settings: { keepDays?: number } = {}) {
  return openAuditLog({
    files,
    clock,
    random,
    events: () => undefined,
    maxFileBytes: 400,
    keepDays: 0,
    ...settings,
  });
}

/** Four lines of three days and three openings; the last three lines are one write of their own each. */
async function writeLog(folder: string): Promise<void> {
  const clock = createTestClock();
  const files = await openAuditFiles(folder);
  for (const reason of ['one', 'two', 'three']) {
    await using log = await open(files, clock);
    await Promise.all([log.append(entry(reason)), log.append(entry(`${reason} again`))]);
    clock.advance({ days: 1 });
  }
  await using log = await open(files, clock);
  for (const reason of ['four', 'five', 'six', 'seven']) await log.append(entry(reason));
}

function check(folder: string): Promise<AuditReport> {
  return checkAuditLog(readAuditFolder(folder), { anchors: [] });
}

test('restarts, days and sizes make new files and no breach', async (t) => {
  await using folder = await temporaryFolder();
  await writeLog(folder.path);
  const files = await readdir(folder.path);
  t.true(files.length >= 5, files.join());
  const report = await check(folder.path);
  t.like(report, { status: 'intact', lines: 10, firstLine: 1, stamps: 0, findings: [] });
  t.is(report.head.seq, 10);
});

type Attack = {
  readonly name: string;
  /** Changes the lines of all files together; files are written back as they are cut here. */
  readonly alter: (lines: string[][]) => string[][];
  readonly cause: RegExp;
};

const attacks: readonly Attack[] = [
  {
    name: 'a changed word',
    alter: (files) =>
      files.map((lines) => lines.map((line) => line.replace('two again', 'too again'))),
    cause: /line 5 does not hold the SHA-256/,
  },
  {
    name: 'a removed line',
    alter: (files) => files.map((lines) => lines.filter((line) => !line.includes('"two"'))),
    cause: /line 4 follows line 2: .* removed/,
  },
  {
    name: 'two lines in another order',
    alter: (files) => files.map((lines) => lines.toReversed()),
    cause: /comes again|does not hold|removed/,
  },
  {
    name: 'a line put in twice',
    alter: (files) => files.map((lines, i) => (i === 1 ? [...lines, ...lines.slice(-1)] : lines)),
    cause: /line 4 comes again/,
  },
  {
    name: 'a file removed from the middle',
    alter: (files) => files.map((lines, i) => (i === 1 ? [] : lines)),
    cause: /line 5 follows line 2/,
  },
  {
    name: 'the first file removed',
    alter: (files) => files.map((lines, i) => (i === 0 ? [] : lines)),
    cause: /begins with line 3, and no line says/,
  },
  {
    name: 'something else in between',
    alter: (files) => files.map((lines, i) => (i === 1 ? ['{}', ...lines] : lines)),
    cause: /no line of an audit log/,
  },
];

const found = test.macro({
  title: (_, { name }: Attack) => `found: ${name}`,
  exec: async (t, { alter, cause }: Attack) => {
    await using folder = await temporaryFolder();
    await writeLog(folder.path);
    const names = (await readdir(folder.path)).toSorted();
    const contents = await Promise.all(
      names.map(async (name) =>
        (await readFile(path.join(folder.path, name), 'utf8')).split('\n').slice(0, -1),
      ),
    );
    const altered = alter(contents);
    for (const [i, name] of names.entries()) {
      const lines = altered[i] ?? [];
      const file = path.join(folder.path, name);
      if (lines.length === 0) await rm(file);
      else await writeFile(file, lines.map((line) => `${line}\n`).join(''));
    }
    const report = await check(folder.path);
    t.is(report.status, 'broken');
    const finding = report.findings.find((one) => cause.test(one.cause));
    t.truthy(finding, JSON.stringify(report.findings));
    t.true(names.includes(finding?.file ?? ''));
    t.is(typeof finding?.line, 'number');
  },
});
for (const attack of attacks) test(found, attack);

test('with the line that was seen last, any octet that is turned is noticed, the end included', async (t) => {
  await using folder = await temporaryFolder();
  await writeLog(folder.path);
  const { head: seen } = await check(folder.path);
  const again = async () =>
    (await checkAuditLog(readAuditFolder(folder.path), { anchors: [], seen })).status;
  t.is(await again(), 'intact');
  for (const name of await readdir(folder.path)) {
    const file = path.join(folder.path, name);
    const octets = await readFile(file);
    for (let at = octets.length - 1; at >= 0; at -= 13) {
      const turned = Buffer.from(octets);
      turned[at] = (turned[at] ?? 0) ^ 0x01;
      await writeFile(file, turned);
      t.is(await again(), 'broken', `${name} at ${at}`);
    }
    await writeFile(file, octets);
  }
});

for (const [what, seen, status] of [
  ['a line that is there', 10, 'intact'],
  ['one that was cut off', 12, 'broken'],
] as const)
  test(`seen before: ${what}`, async (t) => {
    await using folder = await temporaryFolder();
    await writeLog(folder.path);
    const { head } = await check(folder.path);
    const options = { anchors: [], seen: { seq: seen, hash: head.hash } };
    const report = await checkAuditLog(readAuditFolder(folder.path), options);
    t.is(report.status, status);
    if (status === 'broken') t.regex(report.findings[0]?.cause ?? '', /line 12 was seen/);
  });

test('removing old files that was cut short is said and no breach', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock();
  const real = await openAuditFiles(folder.path);
  const files: AuditFiles = {
    ...real,
    // As a crash leaves it.
    remove: (names) => real.remove(names.slice(0, 1)),
  };
  for (let day = 0; day < 8; day++) {
    await using log = await open(files, clock, { keepDays: day < 7 ? 0 : 3 });
    await log.append(entry(`day ${day}`));
    clock.advance({ days: 1 });
  }
  const report = await check(folder.path);
  t.like(report, { status: 'intact', firstLine: 2 });
  t.like(report.findings, [{ level: 'warning' }]);
  t.regex(report.findings[0]?.cause ?? '', /were being removed as old/);
});

test('a torn last line is said and no breach; the log goes on behind it', async (t) => {
  await using folder = await temporaryFolder();
  await writeLog(folder.path);
  const last = (await readdir(folder.path)).toSorted().at(-1) ?? '';
  await appendFile(path.join(folder.path, last), '{"seq":11,"prev":"');
  t.like(await check(folder.path), { status: 'intact', lines: 10 });
  await using log = await open(await openAuditFiles(folder.path), createTestClock());
  await log.append(entry('after the crash'));
  const report = await check(folder.path);
  t.like(report, { status: 'intact', lines: 11 });
  t.like(report.findings, [{ level: 'warning', file: last }]);
});

test('a failed write leaves lines that are no part of the log, and the next line says so', async (t) => {
  await using folder = await temporaryFolder();
  const real = await openAuditFiles(folder.path);
  let failing = false;
  const files: AuditFiles = {
    ...real,
    create: async (name) => {
      const log = await real.create(name);
      return {
        ...log,
        append: async (octets) => {
          const offset = await log.append(octets);
          // The octets are there, and the caller is told that they may not be.
          if (failing) throw Object.assign(new Error('fsync failed'), { code: 'EIO' });
          return offset;
        },
      };
    },
  };
  await using log = await open(files, createTestClock());
  await log.append(entry('good'));
  failing = true;
  await t.throwsAsync(Promise.all([log.append(entry('a')), log.append(entry('b'))]));
  t.false(log.writable());
  await t.throwsAsync(log.append(entry('c')));
  failing = false;
  await log.append(entry('better'));
  t.true(log.writable());
  const report = await check(folder.path);
  t.is(report.status, 'intact', JSON.stringify(report.findings));
  t.is(report.lines, 3);
  t.true(report.findings.every(({ level }) => level === 'warning'));
  t.true(report.findings.length > 0);
});

test('old files go after the log has said so, and the rest still verifies', async (t) => {
  await using folder = await temporaryFolder();
  const clock = createTestClock();
  const files = await openAuditFiles(folder.path);
  await using log = await open(files, clock, { keepDays: 3 });
  for (let day = 0; day < 8; day++) {
    await log.append(entry(`day ${day}`));
    clock.advance({ days: 1 });
  }
  const report = await check(folder.path);
  t.is(report.status, 'intact', JSON.stringify(report.findings));
  t.true(report.firstLine > 4);
  t.true((await files.list()).length <= 5);
  await rm(path.join(folder.path, (await files.list())[0] ?? ''));
  t.is((await check(folder.path)).status, 'broken', 'one more than was said');
});

test('a line is read back as it was written, and no other octets are one', (t) => {
  fc.assert(
    fc.property(fc.string(), fc.nat(), (reason, position) => {
      const { octets, head } = buildAuditLine(entry(reason), emptyHead, createTestClock().now());
      const line = octets.subarray(0, -1);
      t.like(parseAuditLine(line), { seq: 1, prev: emptyHead.hash, event: 'refused' });
      t.is(head.seq, 1);
      t.notThrows(() => parseAuditLine(line.subarray(0, position % line.length)));
    }),
  );
  t.is(parseAuditLine(new Uint8Array(20_000)), undefined);
});
