// Serial numbers: unique over blocks, restarts and restored states, positive, of one length.
import test from 'ava';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { reserveBlock } from '#tsa/adapters/serial-file.ts';
import { createSerialSource } from '#tsa/local/serials.ts';
import { random, temporaryFolder } from '../_proxy.ts';

test('numbers count up in their block and are 16 octets, positive', async (t) => {
  for (const filler of [0x00, 0x80, 0xff]) {
    const next = createSerialSource({
      reserve: () => Promise.resolve(2 ** 33 + 5),
      random: (length) => new Uint8Array(length).fill(filler),
    });
    const [first, second] = [await next(), await next()];
    t.is(second, first + 1n);
    const hex = first.toString(16).padStart(32, '0');
    t.is(hex.length, 32);
    t.true(
      Number.parseInt(hex.slice(0, 2), 16) >= 1 && Number.parseInt(hex.slice(0, 2), 16) < 0x80,
    );
    t.is(hex.slice(14, 24), '0200000005');
  }
});

test('the same block after a restore does not give the same numbers', async (t) => {
  const open = () => createSerialSource({ reserve: () => Promise.resolve(7), random });
  t.not(await open()(), await open()());
});

test('calls at the same time share one block and get different numbers', async (t) => {
  let reserved = 0;
  const next = createSerialSource({ reserve: () => Promise.resolve(reserved++), random });
  const serials = await Promise.all(Array.from({ length: 100 }, next));
  t.is(new Set(serials).size, 100);
  t.is(reserved, 1);
});

test('a block that cannot be made durable gives no number, and the next call tries again', async (t) => {
  let full = true;
  const next = createSerialSource({
    reserve: () => (full ? Promise.reject(new Error('no space')) : Promise.resolve(1)),
    random,
  });
  await t.throwsAsync(next());
  full = false;
  t.true((await next()) > 0n);
});

test('the block file counts up; a damaged one starts again', async (t) => {
  await using folder = await temporaryFolder();
  const file = path.join(folder.path, 'serial-block');
  t.is(await reserveBlock(file), 0);
  t.is(await reserveBlock(file), 1);
  t.is(await readFile(file, 'utf8'), '1\n');
  await writeFile(file, '');
  t.is(await reserveBlock(file), 0);
});
