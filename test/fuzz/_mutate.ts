// Mutations of good octets for fuzzing parsers: what a hostile or broken sender makes of a genuine
// structure. fast-check shrinks them, so a failure comes as the smallest change that shows it.
import fc from 'fast-check';

type Mutation =
  | { readonly kind: 'set'; readonly at: number; readonly octet: number }
  | { readonly kind: 'cut'; readonly at: number }
  | { readonly kind: 'remove'; readonly at: number; readonly length: number }
  | { readonly kind: 'repeat'; readonly at: number; readonly length: number }
  | { readonly kind: 'insert'; readonly at: number; readonly octets: Uint8Array }
  | {
      readonly kind: 'splice';
      readonly at: number;
      readonly from: number;
      readonly length: number;
    };

/** Places are fractions of the length, so that one mutation fits every seed. */
const place = fc.double({ min: 0, max: 1, noNaN: true });
const length = fc.integer({ min: 1, max: 64 });

/** Octets that mean something in BER: tags, long and indefinite lengths, the ends of ranges. */
const tellingOctet = fc.oneof(
  fc.constantFrom(
    0x00,
    0x01,
    0x02,
    0x03,
    0x04,
    0x05,
    0x06,
    0x30,
    0x31,
    0x7f,
    0x80,
    0x84,
    0xa0,
    0xff,
  ),
  fc.nat(255),
);

const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  fc.record({ kind: fc.constant('set' as const), at: place, octet: tellingOctet }),
  fc.record({ kind: fc.constant('cut' as const), at: place }),
  fc.record({ kind: fc.constant('remove' as const), at: place, length }),
  fc.record({ kind: fc.constant('repeat' as const), at: place, length }),
  fc.record({
    kind: fc.constant('insert' as const),
    at: place,
    octets: fc.uint8Array({ minLength: 1, maxLength: 16 }),
  }),
  fc.record({ kind: fc.constant('splice' as const), at: place, from: place, length }),
);

function apply(octets: Uint8Array, donor: Uint8Array, change: Mutation): Uint8Array {
  const at = Math.min(octets.length, Math.floor(change.at * octets.length));
  const head = octets.subarray(0, at);
  switch (change.kind) {
    case 'set': {
      const copy = Uint8Array.from(octets);
      if (at < copy.length) copy[at] = change.octet;
      return copy;
    }
    case 'cut':
      return head;
    case 'remove':
      return Buffer.concat([head, octets.subarray(at + change.length)]);
    case 'repeat':
      return Buffer.concat([head, octets.subarray(at, at + change.length), octets.subarray(at)]);
    case 'insert':
      return Buffer.concat([head, change.octets, octets.subarray(at)]);
    case 'splice': {
      // The same part of another seed: two genuine structures that do not belong together.
      const from = Math.floor(change.from * donor.length);
      const part = donor.subarray(from, from + change.length);
      return Buffer.concat([head, part, octets.subarray(at + part.length)]);
    }
  }
}

/** One of the seeds with one to six changes. */
export function mutated(seeds: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  const seed = fc.constantFrom(...seeds);
  return fc
    .tuple(seed, seed, fc.array(mutation, { minLength: 1, maxLength: 6 }))
    .map(([first, donor, changes]) =>
      changes.reduce((octets, change) => apply(octets, donor, change), first),
    );
}
