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
import { buildHashTree, reducedHashtreeFor, siblingPath } from '#shared/ers/hash-tree.ts';
import { createPathEncoder, createRecordWriter } from '#shared/ers/record-writer.ts';

const algorithms: readonly DigestAlgorithm[] = ['SHA-256', 'SHA-512', 'SHA3-384'];

function values(algorithm: DigestAlgorithm, count: number, seed: number): Uint8Array[] {
  return Array.from({ length: count }, (_, i) =>
    digest(algorithm, new TextEncoder().encode(`${seed}/${i}`)),
  );
}

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

test('a digest of another length is refused', (t) => {
  const timeStamp = derSequence();
  const write = createRecordWriter({ digestAlgorithm: 'SHA-256', timeStamp, renewals: [] });
  const wrong = new Uint8Array(digestLength('SHA-512'));
  t.throws(() => write([wrong]), { code: 'ERR_FORMAT_DIGEST_LENGTH' });
});
