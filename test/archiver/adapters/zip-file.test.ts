// ZIP files as `tokiwa pack` writes them: streamed, and under their name whole or not at all.
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { zipOf } from '#archiver/adapters/zip-file.ts';
import { writeOutput } from '#archiver/commands/output-file.ts';
import type { PackFile } from '#archiver/pack/pack-files.ts';
import { toHex } from '#shared/bytes.ts';
import { entryData, readZip } from '#shared/asic/zip.ts';
import { digest } from '#shared/crypto/digest.ts';

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const options = {
  at: Temporal.Instant.from('2027-01-10T02:00:00Z'),
  signal: new AbortController().signal,
};

const word = (name: string, text: string): PackFile => ({ name, octets: encode(text) });

/** A document that a store streams; `stored`: what it has become since it was judged. */
function document(name: string, text: string, { stored = text, after = Promise.resolve() } = {}) {
  return {
    name,
    size: text.length,
    sha256: toHex(digest('SHA-256', encode(text))),
    open: () =>
      Promise.resolve(
        (async function* () {
          yield encode(stored.slice(0, 1));
          await after;
          yield encode(stored.slice(1));
        })(),
      ),
  } satisfies PackFile;
}

async function inFolder(act: (file: string, names: () => Promise<string[]>) => Promise<void>) {
  const folder = await mkdtemp(join(tmpdir(), 'tokiwa-zip-'));
  try {
    await act(join(folder, 'a.zip'), () => readdir(folder));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function contents(file: string): Promise<readonly (readonly [string, string])[]> {
  const zip = readZip(new Uint8Array(await readFile(file)));
  return zip.entries.map((entry) => [entry.name, Buffer.from(entryData(zip, entry)).toString()]);
}

test('files come back in their order', async (t) => {
  await inFolder(async (file) => {
    await writeOutput(file, zipOf([document('a.txt', 'streamed'), word('b.txt', 'held')], options));
    t.deepEqual(await contents(file), [
      ['a.txt', 'streamed'],
      ['b.txt', 'held'],
    ]);
  });
});

test('a document that changed since it was judged: no pack, and the one before stays', async (t) => {
  await inFolder(async (file, names) => {
    await writeFile(file, 'before');
    const files = [word('b.txt', 'held'), document('a.txt', 'judged', { stored: 'changed' })];
    await t.throwsAsync(writeOutput(file, zipOf(files, options)), { code: 'ERR_CONFLICT_CHANGED' });
    t.is(await readFile(file, 'utf8'), 'before');
    t.deepEqual(await names(), ['a.zip']);
  });
});

test('two under one name at once do not meet: the later one stays', async (t) => {
  await inFolder(async (file, names) => {
    const begun = Promise.withResolvers<undefined>();
    const slow = writeOutput(
      file,
      zipOf([document('a.txt', 'slow', { after: begun.promise })], options),
    );
    await writeOutput(file, zipOf([word('a.txt', 'quick')], options));
    t.deepEqual(await contents(file), [['a.txt', 'quick']]);
    begun.resolve(undefined);
    await slow;
    t.deepEqual(await contents(file), [['a.txt', 'slow']]);
    t.deepEqual(await names(), ['a.zip']);
  });
});

test('who stops reading lets go of the document', async (t) => {
  const closed = Promise.withResolvers<undefined>();
  const endless: PackFile = {
    ...document('a.txt', 'endless'),
    open: () =>
      Promise.resolve(
        (async function* () {
          try {
            for (;;) yield await Promise.resolve(crypto.getRandomValues(new Uint8Array(65_536)));
          } finally {
            closed.resolve(undefined);
          }
        })(),
      ),
  };
  for await (const piece of zipOf([endless], options)) if (piece.length > 0) break;
  await closed.promise;
  t.pass();
});
