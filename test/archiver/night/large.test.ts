// A file far larger than memory should be: streamed, protected as octets, its memory bounded. 300 MiB
// of hole here, 5 GiB with TEST_LONG=1.
import test from 'ava';
import { execFile } from 'node:child_process';
import { truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { assertSound, createArchive } from './_night.ts';

const run = promisify(execFile);
const child = path.join(import.meta.dirname, '_large-night.ts');
const mebibyte = 1024 * 1024;
const size = process.env['TEST_LONG'] === '1' ? 5 * 1024 * mebibyte : 300 * mebibyte;

/** Node with Tokiwa loaded and 64 MiB of inspection; a file held whole would show above it. */
const residentLimit = 450 * mebibyte;

test(`a file of ${size / mebibyte} MiB in flat memory`, async (t) => {
  t.timeout(600_000);
  await using archive = await createArchive();
  const file = path.join(archive.documents, 'large.iso');
  await writeFile(file, 'head');
  await truncate(file, size);
  const config = await archive.writeConfig();
  const args = [child, config, archive.clock.now().toString()];
  const { stdout } = await run(process.execPath, args);
  const { outcome, states, maxResidentBytes } = JSON.parse(stdout) as {
    readonly outcome: string;
    readonly states: readonly string[];
    readonly maxResidentBytes: number;
  };
  t.is(outcome, 'ok');
  t.deepEqual(states, [`protected ${size}`]);
  t.true(maxResidentBytes < residentLimit, `${Math.round(maxResidentBytes / mebibyte)} MiB`);
  t.log(`${Math.round(maxResidentBytes / mebibyte)} MiB resident`);
  await assertSound(t, archive, { notJudged: ['large.iso'] });
});
