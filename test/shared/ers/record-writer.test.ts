// Records of a batch written one after the other are those that the general writer builds.
import test from 'ava';
import fc from 'fast-check';
import { digest, digestLength, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import { derOctetString, derSequence } from '#shared/der/writer.ts';
import {
  buildArchiveTimeStamp,
  buildArchiveTimeStampChain,
  buildArchiveTimeStampSequence,
  buildEvidenceRecord,
} from '#shared/ers/build.ts';
import {
  buildHashTree,
  leafDigest,
  reducedHashtreeFor,
  siblingPath,
} from '#shared/ers/hash-tree.ts';
import {
  createBlockWriter,
  createPathEncoder,
  createRecordWriter,
} from '#shared/ers/record-writer.ts';

const algorithms: readonly DigestAlgorithm[] = ['SHA-256', 'SHA-512', 'SHA3-384'];

function values(algorithm: DigestAlgorithm, count: number, seed: number): Uint8Array[] {
  return Array.from({ length: count }, (_, i) =>
    digest(algorithm, new TextEncoder().encode(`${seed}/${i}`)),
  );
}

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');

test('the same octets as the general writer, whatever sizes and orders are asked for', (t) => {
  fc.assert(
    fc.property(
      fc.constantFrom(...algorithms),
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 0, max: 3 }),
      fc.integer({ min: 1, max: 3000 }),
      fc.array(fc.tuple(fc.nat(39), fc.nat(39), fc.integer({ min: 1, max: 4 })), {
        minLength: 1,
        maxLength: 12,
      }),
      (algorithm, lowerLeaves, upperLeaves, renewalCount, tokenLength, asked) => {
        const lower = buildHashTree(algorithm, Buffer.concat(values(algorithm, lowerLeaves, 1)));
        const upper = buildHashTree(algorithm, Buffer.concat(values(algorithm, upperLeaves, 2)));
        const timeStamp = derSequence(derOctetString(new Uint8Array(tokenLength)));
        const renewals = values(algorithm, renewalCount, 3).map((value) =>
          derSequence(derOctetString(value)),
        );
        const fields = { digestAlgorithm: algorithm, timeStamp, renewals };
        const write = createRecordWriter(fields);
        const writeSequence = createRecordWriter({ ...fields, sequenceOnly: true });
        const [low, high] = [createPathEncoder(algorithm), createPathEncoder(algorithm)];
        let above = high(upper, 0);
        let block = 0;
        for (const [leaf, root, size] of asked) {
          const index = leaf % lowerLeaves;
          if (root % upperLeaves !== block) {
            block = root % upperLeaves;
            above = high(upper, block);
          }
          const members = values(algorithm, size, leaf);
          const sequence = buildArchiveTimeStampSequence([
            buildArchiveTimeStampChain([
              buildArchiveTimeStamp({
                digestAlgorithm: algorithm,
                reducedHashtree: reducedHashtreeFor(
                  members,
                  siblingPath(lower, index),
                  siblingPath(upper, block),
                ),
                timeStamp,
              }),
              ...renewals,
            ]),
          ]);
          const expected = buildEvidenceRecord({ digestAlgorithms: [algorithm], sequence });
          const written = write(members, low(lower, index), above);
          if (!Buffer.from(written).equals(expected)) return false;
          const alone = writeSequence(members, low(lower, index), above);
          if (!Buffer.from(alone).equals(sequence)) return false;
        }
        return true;
      },
    ),
    { numRuns: 300 },
  );
  t.pass();
});

test('block after block, the same octets as one record after the other', (t) => {
  const path = fc.integer({ min: 1, max: 20 });
  fc.assert(
    fc.property(
      fc.constantFrom(...algorithms),
      // Of each block: how many groups, how many of them are lone objects in a row, its place under the root.
      fc.array(fc.tuple(path, path, fc.nat(19)), { minLength: 2, maxLength: 8 }),
      path,
      fc.integer({ min: 1, max: 300 }),
      (algorithm, blocks, upperLeaves, tokenLength) => {
        const timeStamp = derSequence(derOctetString(new Uint8Array(tokenLength)));
        const renewals = values(algorithm, 2, 3).map((value) => derSequence(derOctetString(value)));
        const fields = { digestAlgorithm: algorithm, timeStamp, renewals };
        const upper = buildHashTree(algorithm, Buffer.concat(values(algorithm, upperLeaves, 2)));
        const [below, over] = [createPathEncoder(algorithm), createPathEncoder(algorithm)];
        const writeOne = createRecordWriter(fields);
        const writeBlock = createBlockWriter(fields);
        for (const [seed, [size, lone, place]] of blocks.entries()) {
          const groups = Array.from({ length: size }, (_, at) =>
            values(algorithm, at % (lone + 1) === lone ? 2 : 1, seed * 100 + at),
          );
          const leaves = groups.map((group) => leafDigest(algorithm, group));
          const tree = buildHashTree(algorithm, Buffer.concat(leaves));
          const above = over(upper, place % upperLeaves);
          const several = (at: number) => {
            const group = groups[at] ?? [];
            return group.length > 1 ? group : undefined;
          };
          const expected = groups.map((group, at) => hex(writeOne(group, below(tree, at), above)));
          if (writeBlock({ tree, above, several }).map(hex).join() !== expected.join())
            return false;
        }
        return true;
      },
    ),
    { numRuns: 300 },
  );
  t.pass();
});

test('a digest of another length is refused', (t) => {
  const fields = { digestAlgorithm: 'SHA-256', timeStamp: derSequence(), renewals: [] } as const;
  const wrong = new Uint8Array(digestLength('SHA-512'));
  t.throws(() => createRecordWriter(fields)([wrong]), { code: 'ERR_FORMAT_DIGEST_LENGTH' });
  const block = {
    tree: buildHashTree('SHA-256', Buffer.concat(values('SHA-256', 1, 1))),
    above: new Uint8Array(0),
    several: () => [wrong, wrong],
  };
  t.throws(() => createBlockWriter(fields)(block), { code: 'ERR_FORMAT_DIGEST_LENGTH' });
});
