// SignedData read as a stream: what is left parses like the whole, the digests are those of the content, and a splice
// planned on what is left does to the whole what one planned on the whole does.
import fc from 'fast-check';
import test from 'ava';
import { concatBytes } from '#shared/bytes.ts';
import { noAdditions, spliceSignedData } from '#shared/cades/augment/splice-signed-data.ts';
import { digestContent, readWithoutContent } from '#shared/cades/without-content.ts';
import { parseSignedData } from '#shared/cms/signed-data.ts';
import { digest } from '#shared/crypto/digest.ts';
import { readChildren, readWhole } from '#shared/der/reader.ts';
import { applySplice } from '#shared/der/splice.ts';
import { derContext, derElement, derOctetString, derSequence } from '#shared/der/writer.ts';
import { FormatError } from '#shared/errors.ts';
import { oids } from '#shared/oid.ts';
import { issueRoot } from '../../_authority.ts';
import { buildTestCms, testContent } from '../../_cms.ts';
import { testAttribute } from '../../_tsu.ts';
import { withIndefiniteLengths } from '../../interop/_cades-samples.ts';

async function* chunked(source: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < source.length; start += size) {
    await Promise.resolve();
    yield source.subarray(start, start + size);
  }
}

const end = Uint8Array.of(0, 0);
/** The content in segments, two deep, under an indefinite length, as streaming signers write it. */
function segmented(cms: Uint8Array, content: Uint8Array, size: number): Uint8Array {
  const segments: Uint8Array[] = [];
  for (let start = 0; start < content.length; start += size)
    segments.push(derOctetString(content.subarray(start, start + size)));
  const inner = derElement(0x24, ...segments.slice(0, 1));
  const outer = concatBytes(Uint8Array.of(0x24, 0x80), inner, ...segments.slice(1), end);
  const wrapped = concatBytes(Uint8Array.of(0xa0, 0x80), outer, end);
  const [type, wrapper] = readChildren(readWhole(cms));
  const [signedData] = wrapper ? readChildren(wrapper) : [];
  const [version, algorithms, encap, ...rest] = signedData ? readChildren(signedData) : [];
  const [contentType] = encap ? readChildren(encap) : [];
  if (!type || !version || !algorithms || !contentType) throw new Error('no SignedData');
  const newEncap = concatBytes(Uint8Array.of(0x30, 0x80), contentType.raw, wrapped, end);
  return derSequence(
    type.raw,
    derContext(
      0,
      derSequence(version.raw, algorithms.raw, newEncap, ...rest.map(({ raw }) => raw)),
    ),
  );
}

const added = {
  ...noAdditions,
  certificates: [issueRoot({ subject: 'CN=Added' }).certificate.raw],
  digestAlgorithms: ['SHA-512'] as const,
  signers: [
    { attributes: [testAttribute(oids.idAaContentHint, derOctetString(new Uint8Array(200)))] },
  ],
};

const shapes = fc.record({
  content: fc.uint8Array({ minLength: 1, maxLength: 2000 }),
  shape: fc.constantFrom('DER', 'indefinite', 'segmented', 'detached'),
  chunk: fc.integer({ min: 1, max: 400 }),
  segment: fc.integer({ min: 1, max: 300 }),
});

test('what is left, its digests and its splice are those of the whole', async (t) => {
  await fc.assert(
    fc.asyncProperty(shapes, async ({ content, shape, chunk, segment }) => {
      const der = buildTestCms({ content, detached: shape === 'detached' });
      const source =
        shape === 'indefinite'
          ? withIndefiniteLengths(der)
          : shape === 'segmented'
            ? segmented(der, content, segment)
            : der;
      const whole = parseSignedData(source);
      const { octets, elided, length } = await readWithoutContent(chunked(source, chunk));
      const left = parseSignedData(octets);
      t.is(length, source.length);
      t.is(octets.length + (elided?.length ?? 0), source.length);
      t.is(left.eContent, undefined);
      t.is(elided === undefined, shape === 'detached');
      t.deepEqual(
        left.signerInfos.map(({ raw }) => raw),
        whole.signerInfos.map(({ raw }) => raw),
      );
      t.deepEqual(left.elements.certificates?.raw, whole.elements.certificates?.raw);
      if (elided) {
        const digests = await digestContent(chunked(source, chunk), ['SHA-256', 'SHA3-256']);
        t.deepEqual(digests.get('SHA-256'), digest('SHA-256', content));
        t.deepEqual(digests.get('SHA3-256'), digest('SHA3-256', content));
      }
      const expected = applySplice(
        source,
        spliceSignedData({ signedData: whole, length: source.length }, added),
      );
      const spliced = applySplice(
        source,
        spliceSignedData({ signedData: left, elided, length }, added),
      );
      t.deepEqual(spliced, expected);
    }),
    { numRuns: 200 },
  );
});

const cms = buildTestCms();
const place = Buffer.from(cms).indexOf(derOctetString(testContent));
const refused: readonly (readonly [name: string, octets: Uint8Array])[] = [
  ['a document that ends too early', cms.subarray(0, cms.length - 400).subarray(0, 60)],
  ['no SignedData', derOctetString(cms)],
  ['no octets at all', new Uint8Array()],
  ['eContent that is no OCTET STRING', Buffer.from(cms).fill(0x13, place, place + 1)],
  [
    'segments nested without end',
    concatBytes(
      cms.subarray(0, place),
      ...Array.from({ length: 40 }, () => Uint8Array.of(0x24, 0x80)),
    ),
  ],
];
for (const [name, octets] of refused) {
  test(`${name} is a format error`, async (t) => {
    const error = await t.throwsAsync(readWithoutContent(chunked(octets, 7)), {
      instanceOf: FormatError,
    });
    t.is(error.code, 'ERR_FORMAT_CMS');
  });
}
