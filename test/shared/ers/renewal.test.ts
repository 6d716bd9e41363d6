import test from 'ava';
import { concatBytes } from '#shared/bytes.ts';
import { digest } from '#shared/crypto/digest.ts';
import { hashTreeRenewalDigests, timestampRenewalGroup } from '#shared/ers/renewal.ts';

const [a, b, sequence] = ['a', 'b', 'sequence'].map((text) => Buffer.from(text));

test('a timestamp renewal is about every token of the chain, oldest first', (t) => {
  if (!a || !b) return t.fail();
  t.deepEqual(timestampRenewalGroup('SHA-512', [b, a]), [
    digest('SHA-512', b),
    digest('SHA-512', a),
  ]);
});

test('a hash-tree renewal joins document hash and sequence hash, the document first', (t) => {
  if (!a || !b || !sequence) return t.fail();
  const digests = [a, b].map((document) => digest('SHA-512', document));
  t.deepEqual(
    hashTreeRenewalDigests('SHA-512', digests, sequence),
    digests.map((value) => digest('SHA-512', concatBytes(value, digest('SHA-512', sequence)))),
  );
});
