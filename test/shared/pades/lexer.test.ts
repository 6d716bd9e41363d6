// PDF objects from octets, ISO 32000-2 §7.3.
import test from 'ava';
import { readIndirectObject, readObject } from '#shared/pades/lexer.ts';
import { isKind } from '#shared/pades/objects.ts';

const encode = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));

const scalars: readonly (readonly [string, unknown])[] = [
  ['12', 12],
  ['-.5', -0.5],
  ['4.', 4],
  ['true', true],
  ['null', null],
  ['/A#42', { kind: 'name', value: 'AB' }],
  ['12 3 R', { kind: 'reference', number: 12, generation: 3 }],
  [' % comment\n7', 7],
];
for (const [text, expected] of scalars)
  test(`reads ${JSON.stringify(text)}`, (t) => {
    t.deepEqual(readObject(encode(text), 0).value, expected as never);
  });

const strings: readonly (readonly [string, string])[] = [
  ['(a(b)c)', 'a(b)c'],
  ['(a\\)b)', 'a)b'],
  ['(\\101\\7x)', 'A\u{7}x'],
  ['(a\\\r\nb\\n)', 'ab\n'],
  ['<41 4>', 'A@'],
  ['()', ''],
];
for (const [text, expected] of strings)
  test(`string ${JSON.stringify(text)}`, (t) => {
    const { value, end } = readObject(encode(text), 0);
    t.true(isKind(value, 'string'));
    t.is(isKind(value, 'string') ? Buffer.from(value.octets).toString('latin1') : '', expected);
    t.is(end, text.length);
  });

test('12 3 Rx is an integer, not a reference', (t) => {
  t.is(readObject(encode('12 3 Rx'), 0).value, 12);
});

test('a stream begins after its line end', (t) => {
  const { object, number } = readIndirectObject(encode('5 0 obj<< /Length 1 >>stream\r\nx'), 0);
  t.is(number, 5);
  t.is(isKind(object, 'stream') ? object.start : -1, 30);
});

for (const text of ['', '<<', '<< 1 2 >>', '[1', '>>', '1.2.3', '(a', '<4'])
  test(`refused: ${JSON.stringify(text)}`, (t) => {
    t.throws(() => readObject(encode(text), 0), { code: 'ERR_FORMAT_PDF' });
  });
