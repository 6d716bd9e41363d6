// Groups of digests from JSON: what is taken, and what is refused by which code.
import test from 'ava';
import { toBase64, toHex } from '#shared/bytes.ts';
import { digest } from '#shared/crypto/digest.ts';
import { FormatError, UnsupportedError } from '#shared/errors.ts';
import { nameOfGroups, readDigestGroups } from '#shared/intake/digest-groups.ts';

const of = (text: string): Uint8Array => digest('SHA-256', Buffer.from(text));
const a = of('a');
const b = of('b');
const limits = { groups: 3, digestsOfGroup: 2 };
const read = (value: unknown) => readDigestGroups(value, limits);

test('one group in hexadecimal, in either case', (t) => {
  const one = read({ hashAlgorithm: 'SHA-256', digests: [toHex(a), toHex(b).toUpperCase()] });
  t.is(one.algorithm, 'SHA-256');
  t.deepEqual(
    one.groups.map((group) => group.map(toHex)),
    [[toHex(a), toHex(b)]],
  );
});

test('several groups, in base64', (t) => {
  const { groups } = read({ hashAlgorithm: 'SHA-256', groups: [[toBase64(a)], [toBase64(b)]] });
  t.deepEqual(
    groups.map((group) => group.map(toHex)),
    [[toHex(a)], [toHex(b)]],
  );
});

const A = toHex(a);
const refused: readonly (readonly [name: string, value: unknown])[] = [
  ['no object', [A]],
  ['null', null],
  ['neither digests nor groups', { hashAlgorithm: 'SHA-256' }],
  ['both', { hashAlgorithm: 'SHA-256', digests: [A], groups: [[A]] }],
  ['no algorithm', { digests: [A] }],
  ['an unknown key', { hashAlgorithm: 'SHA-256', digests: [A], name: 'x' }],
  ['an empty group', { hashAlgorithm: 'SHA-256', digests: [] }],
  ['no group', { hashAlgorithm: 'SHA-256', groups: [] }],
  ['a text as a group', { hashAlgorithm: 'SHA-256', groups: [A] }],
  ['a number as a digest', { hashAlgorithm: 'SHA-256', digests: [1] }],
  ['a digest of another algorithm', { hashAlgorithm: 'SHA-512', digests: [A] }],
  ['a digest that is cut', { hashAlgorithm: 'SHA-256', digests: [A.slice(2)] }],
  ['no hexadecimal', { hashAlgorithm: 'SHA-256', digests: [`${A.slice(1)}x`] }],
  ['a digest twice in a group', { hashAlgorithm: 'SHA-256', digests: [A, A.toUpperCase()] }],
  ['too many digests', { hashAlgorithm: 'SHA-256', digests: [A, toHex(b), toHex(of('c'))] }],
  ['too many groups', { hashAlgorithm: 'SHA-256', groups: [[A], [A], [A], [A]] }],
];
for (const [name, value] of refused)
  test(`refused: ${name}`, (t) => {
    t.is(t.throws(() => read(value), { instanceOf: FormatError }).code, 'ERR_FORMAT_DIGESTS');
  });

test('an algorithm that nobody knows is unsupported', (t) => {
  t.throws(() => read({ hashAlgorithm: 'SHA-0', digests: [A] }), { instanceOf: UnsupportedError });
});

test('the name tells sender, algorithm, digests and grouping apart', (t) => {
  const algorithm = 'SHA-256';
  const names = [
    nameOfGroups(['one', 'default'], { algorithm, groups: [[a], [b]] }),
    nameOfGroups(['one', 'default'], { algorithm, groups: [[a, b]] }),
    nameOfGroups(['one', 'default'], { algorithm, groups: [[b], [a]] }),
    nameOfGroups(['one', 'other'], { algorithm, groups: [[a], [b]] }),
    nameOfGroups(['two', 'default'], { algorithm, groups: [[a], [b]] }),
    nameOfGroups(['one', 'default'], { algorithm: 'SHA3-256', groups: [[a], [b]] }),
  ];
  t.is(new Set(names).size, names.length);
  t.is(names[0], nameOfGroups(['one', 'default'], { algorithm, groups: [[a], [b]] }));
});
