// Splices of BER: which octets change beside those that are put in, and that a stream gives the same as a document
// in memory.
import fc from 'fast-check';
import test from 'ava';
import { concatBytes } from '#shared/bytes.ts';
import { readChildren, readWhole, type Tlv } from '#shared/der/reader.ts';
import {
  applySplice,
  contentEnd,
  contentStart,
  planSplice,
  type SpliceEdit,
  spliceElement,
  type SpliceElement,
  streamSplice,
} from '#shared/der/splice.ts';
import { derOctetString, derSequence } from '#shared/der/writer.ts';
import { FormatError, InvariantError } from '#shared/errors.ts';

const octets = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));
const place = (tlv: Tlv, parent?: SpliceElement): SpliceElement =>
  spliceElement(tlv, parent, { start: tlv.offset, contentLength: tlv.content.length });

/** The root of a document and its first child, as elements to be edited. */
function elementsOf(source: Uint8Array): { root: SpliceElement; child: SpliceElement } {
  const whole = readWhole(source);
  const root = place(whole);
  const [first] = readChildren(whole);
  if (!first) throw new Error('no child');
  return { root, child: place(first, root) };
}

const null_ = octets('0500');

type Row = {
  readonly name: string;
  readonly source: string;
  readonly edits: (elements: ReturnType<typeof elementsOf>) => readonly SpliceEdit[];
  readonly result: string;
};
const rows: readonly Row[] = [
  {
    name: 'lengths of all elements around grow',
    source: '3004' + '3002' + '0500',
    edits: ({ child }) => [{ at: contentEnd(child), remove: 0, octets: null_, within: child }],
    result: '3006' + '3004' + '0500' + '0500',
  },
  {
    name: 'what is put after an element is not put in it',
    source: '3004' + '3002' + '0500',
    edits: ({ root, child }) => [
      { at: contentEnd(child), remove: 0, octets: octets('020101'), within: root },
      { at: contentEnd(child), remove: 0, octets: null_, within: child },
    ],
    result: '3009' + '3004' + '0500' + '0500' + '020101',
  },
  {
    name: 'an indefinite length stays',
    source: '3080' + '3002' + '0500' + '0000',
    edits: ({ root, child }) => [
      { at: contentEnd(child), remove: 0, octets: null_, within: child },
      { at: contentEnd(root), remove: 0, octets: null_, within: root },
    ],
    result: '3080' + '3004' + '0500' + '0500' + '0500' + '0000',
  },
  {
    name: 'a replacement of equal length leaves every length alone',
    source: '3004' + '3002' + '0500',
    edits: ({ child }) => [
      { at: contentStart(child), remove: 2, octets: octets('0100'), within: child },
    ],
    result: '3004' + '3002' + '0100',
  },
];

for (const { name, source, edits, result } of rows) {
  test(name, (t) => {
    const document = octets(source);
    const splice = planSplice(document.length, edits(elementsOf(document)));
    t.deepEqual(applySplice(document, splice), octets(result));
    t.is(splice.length, octets(result).length);
  });
}

test('a length in more octets than needed keeps their number', (t) => {
  const document = octets('30830000' + '05' + '308102' + '0500');
  const { child } = elementsOf(document);
  const splice = planSplice(document.length, [
    { at: contentEnd(child), remove: 0, octets: null_, within: child },
  ]);
  t.deepEqual(
    applySplice(document, splice),
    octets('30830000' + '07' + '308104' + '0500' + '0500'),
  );
});

test('a length that needs another octet makes the one around it longer, too', (t) => {
  const document = derSequence(derSequence(derOctetString(new Uint8Array(122))));
  const { child } = elementsOf(document);
  const splice = planSplice(document.length, [
    { at: contentEnd(child), remove: 0, octets: derOctetString(new Uint8Array(8)), within: child },
  ]);
  t.deepEqual(
    applySplice(document, splice),
    derSequence(
      derSequence(derOctetString(new Uint8Array(122)), derOctetString(new Uint8Array(8))),
    ),
  );
});

test('edits that overlap are refused', (t) => {
  const document = octets('300430020500');
  const { child } = elementsOf(document);
  const edit = { at: 4, remove: 2, octets: null_, within: child };
  const error = t.throws(() => planSplice(document.length, [edit, { ...edit, at: 5 }]), {
    instanceOf: InvariantError,
  });
  t.is(error.code, 'ERR_INVARIANT_STATE');
});

async function* chunked(source: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let start = 0;
  for (const size of sizes) {
    await Promise.resolve();
    yield source.subarray(start, start + size);
    start += size;
  }
  yield source.subarray(start);
}

test('a stream in any pieces gives what the whole gives', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ minLength: 1, maxLength: 300 }),
      fc.array(fc.tuple(fc.nat(2), fc.uint8Array({ maxLength: 20 })), { maxLength: 6 }),
      fc.array(fc.nat(40), { maxLength: 12 }),
      async (content, additions, sizes) => {
        const document = derSequence(derOctetString(content), derSequence(derOctetString(content)));
        const whole = readWhole(document);
        const root = place(whole);
        const [, last] = readChildren(whole);
        if (!last) throw new Error('no last child');
        const inner = place(last, root);
        const edits = additions.map(([where, added]): SpliceEdit => {
          const at = [contentStart(root), contentStart(inner), contentEnd(inner)][where] ?? 0;
          return { at, remove: 0, octets: added, within: where === 0 ? root : inner };
        });
        const splice = planSplice(document.length, edits);
        const streamed = await Array.fromAsync(streamSplice(chunked(document, sizes), splice));
        t.deepEqual(concatBytes(...streamed), applySplice(document, splice));
      },
    ),
  );
});

test('a document of another length than planned is no result', async (t) => {
  const document = octets('300430020500');
  const { child } = elementsOf(document);
  const splice = planSplice(document.length, [
    { at: contentEnd(child), remove: 0, octets: null_, within: child },
  ]);
  for (const other of [document.subarray(0, 5), concatBytes(document, null_)]) {
    const error = await t.throwsAsync(Array.fromAsync(streamSplice(chunked(other, [2]), splice)), {
      instanceOf: FormatError,
    });
    t.is(error.code, 'ERR_FORMAT_STORED');
  }
});
