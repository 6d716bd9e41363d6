// Archives: what is read, and for every contradiction an archive that only this check refuses.
import { crc32, deflateRawSync } from 'node:zlib';
import test from 'ava';
import { concatBytes } from '#shared/bytes.ts';
import { entryData, readZip } from '#shared/asic/zip.ts';
import { type ErrorCode, FormatError, TokiwaError } from '#shared/errors.ts';
import { type TestArchive, type TestEntry, buildZip } from '../../_zip.ts';

const good: TestEntry = { name: 'a.txt', data: 'one' };

const refused = test.macro({
  exec: (t, code: ErrorCode, entries: readonly TestEntry[], archive: TestArchive = {}) => {
    const error = t.throws(
      () => {
        const read = readZip(buildZip(entries, archive));
        for (const entry of read.entries) entryData(read, entry);
      },
      { any: true },
    );
    t.true(error instanceof TokiwaError);
    t.is((error as TokiwaError).code, code);
  },
  title: (what) => `refused: ${what ?? ''}`,
});

const warned = test.macro({
  exec: (t, code: string, entries: readonly TestEntry[], archive: TestArchive = {}) => {
    const read = readZip(buildZip(entries, archive));
    t.deepEqual(
      read.problems.map((problem) => problem.code),
      [code],
    );
  },
  title: (what) => `read with a warning: ${what ?? ''}`,
});

test('entries in the order of the directory, data as stored', (t) => {
  const archive = readZip(
    buildZip([good, { name: '日本語/b.txt', data: 'two', deflated: true }, { name: 'c/' }]),
  );
  t.deepEqual(
    archive.entries.map(({ name, directory, method }) => [name, directory, method]),
    [
      ['a.txt', false, 'stored'],
      ['日本語/b.txt', false, 'deflated'],
      ['c/', true, 'stored'],
    ],
  );
  t.deepEqual(
    archive.entries.map((entry) => new TextDecoder().decode(entryData(archive, entry))),
    ['one', 'two', ''],
  );
  t.deepEqual(archive.problems, []);
});

test('Shift_JIS names, whose octets include the backslash; others octet by octet', (t) => {
  const flags = { central: { flags: 0 }, local: { flags: 0 } };
  const read = readZip(
    buildZip([
      { name: Uint8Array.of(0x83, 0x5c, 0x2e, 0x74), ...flags },
      { name: Uint8Array.of(0x80, 0xff), ...flags },
    ]),
  );
  t.deepEqual(
    read.entries.map(({ name }) => name),
    ['ソ.t', '\u{80}ÿ'],
  );
});

/** An entry whose sizes stand behind its data, these octets among them. APPNOTE §4.3.9 */
function described(...descriptor: readonly Uint8Array[]): TestEntry {
  const data = new TextEncoder().encode('one');
  const sizes = { size: data.length, compressedSize: data.length, crc: crc32(data) };
  return {
    name: 'a.txt',
    data: concatBytes(data, ...descriptor),
    central: { ...sizes, flags: 0x0808 },
    local: { size: 0, compressedSize: 0, crc: 0, flags: 0x0808 },
  };
}

/** Little-endian, of these widths. */
function descriptorOf(
  crc: number,
  width: 4 | 8,
  sizes: readonly [number, number] = [3, 3],
): Uint8Array {
  const octets = Buffer.alloc(4 + 2 * width);
  octets.writeUInt32LE(crc);
  for (const [index, size] of sizes.entries()) octets.writeUInt32LE(size, 4 + index * width);
  return octets;
}

const crcOfOne = crc32('one');
const descriptorSignature = Uint8Array.of(0x50, 0x4b, 0x07, 0x08);

for (const [what, ...descriptor] of [
  ['with a signature', descriptorSignature, descriptorOf(crcOfOne, 4)],
  ['without a signature', descriptorOf(crcOfOne, 4)],
  ['in 64 bits', descriptorSignature, descriptorOf(crcOfOne, 8)],
  ['that is not there'],
] as const)
  test(`read: a data descriptor ${what}`, (t) => {
    const read = readZip(buildZip([described(...descriptor), { name: 'b.txt', data: 'two' }]));
    t.deepEqual(read.problems, []);
    t.deepEqual(readZip(buildZip([described(...descriptor)])).problems, []);
  });

for (const [what, descriptor] of [
  ['another CRC', descriptorOf(crcOfOne ^ 1, 4)],
  ['another compressed size', descriptorOf(crcOfOne, 4, [4, 3])],
  ['another size', descriptorOf(crcOfOne, 4, [3, 4])],
  ['another size in 64 bits', descriptorOf(crcOfOne, 8, [3, 4])],
] as const)
  test(`a data descriptor with ${what}`, refused, 'ERR_FORMAT_ZIP', [
    described(descriptorSignature, descriptor),
  ]);

const deflatedOne = { method: 8, size: 3, crc: crcOfOne };
test('octets behind the compressed data', refused, 'ERR_FORMAT_ZIP', [
  {
    name: 'a.txt',
    data: concatBytes(deflateRawSync('one'), new Uint8Array(2)),
    central: deflatedOne,
    local: deflatedOne,
  },
]);

const names: readonly (readonly [string, string])[] = [
  ['empty', ''],
  ['parent folder', '../a'],
  ['parent folder in the middle', 'a/../b'],
  ['absolute', '/a'],
  ['drive', 'C:a'],
  ['backslash', 'a\\b'],
  ['dot', './a'],
  ['two slashes', 'a//b'],
  ['NUL', 'a\0b'],
  ['line break', 'a\nb'],
  ['escape', '\u{1b}[2J'],
];
for (const [what, name] of names) test(`name: ${what}`, refused, 'ERR_FORMAT_ZIP', [{ name }]);
test('name too long', refused, 'ERR_FORMAT_LIMIT', [{ name: 'a'.repeat(5000) }]);
test('name too deep', refused, 'ERR_FORMAT_LIMIT', [{ name: 'a/'.repeat(70) }]);
test('name flagged as UTF-8 that is none', refused, 'ERR_FORMAT_ZIP', [
  { name: Uint8Array.of(0xc0, 0xae) },
]);

const differing: readonly (readonly [string, TestEntry])[] = [
  ['name', { ...good, local: { name: 'b.txt' } }],
  ['method', { ...good, local: { method: 8 } }],
  ['CRC', { ...good, local: { crc: 1 } }],
  ['size', { ...good, local: { size: 4 } }],
  ['compressed size', { ...good, local: { compressedSize: 2 } }],
  ['descriptor flag', { ...good, local: { flags: 0x0808 } }],
  ['encryption flag', { ...good, local: { flags: 0x0801 } }],
];
for (const [what, entry] of differing)
  test(`local and central differ: ${what}`, refused, 'ERR_FORMAT_ZIP', [entry]);

const wrongCrc = { crc: 1 };
test('CRC wrong in both', refused, 'ERR_FORMAT_ZIP', [
  { ...good, local: wrongCrc, central: wrongCrc },
]);
test('same name twice', refused, 'ERR_FORMAT_ZIP', [good, good]);
test('encrypted', refused, 'ERR_UNSUPPORTED_FEATURE', [{ ...good, central: { flags: 1 } }]);
test('other method', refused, 'ERR_UNSUPPORTED_FEATURE', [{ ...good, central: { method: 12 } }]);
test('symbolic link', refused, 'ERR_FORMAT_ZIP', [
  { ...good, central: { attributes: 0xa1ff_0000 } },
]);
test('entries that overlap', refused, 'ERR_FORMAT_ZIP', [
  good,
  { ...good, name: 'a.txt', central: { name: 'b.txt', offset: 0 }, local: { name: 'b.txt' } },
]);
test('offset outside', refused, 'ERR_FORMAT_ZIP', [{ ...good, central: { offset: 5000 } }]);
test('fewer entries than counted', refused, 'ERR_FORMAT_ZIP', [good], { count: 2 });
test('more entries than counted', refused, 'ERR_FORMAT_ZIP', [good, { name: 'b' }], { count: 1 });
test('no entries', refused, 'ERR_FORMAT_ZIP', []);
test('octets after the end', refused, 'ERR_FORMAT_ZIP', [good], { suffix: Uint8Array.of(1) });
test('another archive before', refused, 'ERR_FORMAT_ZIP', [good], { prefix: buildZip([good]) });
test('end record in the comment', refused, 'ERR_FORMAT_ZIP', [good], {
  comment: buildZip([good]).subarray(-22),
});
test('extra field past its block', refused, 'ERR_FORMAT_ZIP', [
  { ...good, central: { extra: Uint8Array.of(9, 9, 50, 0) } },
]);
test('zip64 size without its field', refused, 'ERR_FORMAT_ZIP', [
  { ...good, central: { size: 0xffff_ffff } },
]);
test('grows too much', refused, 'ERR_FORMAT_LIMIT', [
  { name: 'a', data: new Uint8Array(4_000_000), deflated: true },
]);
test('size that lies', refused, 'ERR_FORMAT_LIMIT', [
  {
    name: 'a',
    data: new Uint8Array(100_000),
    deflated: true,
    local: { size: 10 },
    central: { size: 10 },
  },
]);

test('octets before the archive', warned, 'zip-prepended', [good], { prefix: new Uint8Array(9) });
test('names that differ in case', warned, 'zip-similar-names', [good, { name: 'A.TXT' }]);
test('local entry that is not listed', warned, 'zip-unlisted-octets', [good], {
  gap: buildZip([good]).subarray(0, 38),
});
test('name that looks like another', warned, 'zip-misleading-name', [{ name: 'a\u{202e}b' }]);

test('limits are the caller’s', (t) => {
  const limits = { maxEntries: 1, maxEntryOctets: 10, maxTotalOctets: 10, maxRatio: 10 };
  const error = t.throws(() => readZip(buildZip([good, { name: 'b' }]), limits), {
    instanceOf: FormatError,
  });
  t.is(error.code, 'ERR_FORMAT_LIMIT');
});
