// XML signatures over the years: saved by what their timestamps cover, and by nothing else.
import test from 'ava';
import {
  archivedXades,
  canonicalOf,
  revocationValues,
  signXades,
  withUnsigned,
  xadesTimestamp,
} from '../../_xades.ts';
import { ca, crlsOf, judge, profileWith, said, signer, stamp, type TsuName } from './_world.ts';

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const by =
  (tsu: TsuName, on: string) =>
  (imprint: Uint8Array): Uint8Array =>
    stamp(tsu, on, imprint);

const signed = signXades({ signer });
const crls = (...days: readonly string[]): readonly Uint8Array[] =>
  days.flatMap((day) => crlsOf(day)).map(({ raw }) => raw);
const stamped = withUnsigned(
  withUnsigned(
    signed,
    xadesTimestamp('SignatureTimeStamp', [canonicalOf(signed, 'SignatureValue')], {
      stamp: by('first', '2027-01-01'),
    }),
  ),
  revocationValues(crls('2027-02-01')),
);
const archived = archivedXades({
  signer,
  signatureStamp: by('first', '2027-01-01'),
  certificates: [ca.certificate.raw],
  // Of the signer while it lasted, and of the unit shortly before its timestamp is covered.
  crls: crls('2027-02-01', '2029-05-20'),
  archive: { stamp: by('second', '2029-06-01') },
});

/** Each judged as of a day, with the authority's certificate at hand. */
const rows: readonly (readonly [what: string, text: string, at: string, expected: string])[] = [
  ['while the signer lasts', signed, '2027-06-01', 'valid'],
  ['the signer expired, no timestamp', signed, '2029-06-01', 'indeterminate OUT_OF_BOUNDS_NO_POE'],
  ['the signer expired, stamped before', stamped, '2029-06-01', 'valid'],
  [
    'the unit that stamped it expired, too',
    stamped,
    '2031-06-01',
    'indeterminate OUT_OF_BOUNDS_NO_POE',
  ],
  ['saved by an archive timestamp', archived, '2031-06-01', 'valid'],
  [
    'an archive timestamp over other data',
    archived.replace('>one<', '>two<'),
    '2031-06-01',
    'invalid HASH_FAILURE',
  ],
];

for (const [what, text, at, expected] of rows)
  test(what, (t) => {
    const material = { certificates: [ca.certificate] };
    const verdict = judge({ bytes: encode(text), at, material });
    t.is(said(verdict.tree.children[0]), expected);
  });

test('the policy is asked for the digests of references, too', (t) => {
  const algorithmPolicy = profileWith({
    algorithm: 'SHA-256',
    endExclusive: Temporal.Instant.from('2026-06-01T00:00:00Z'),
    source: 'test',
  });
  const verdict = judge({
    bytes: encode(signed),
    at: '2027-06-01',
    material: { certificates: [ca.certificate], algorithmPolicy },
  });
  t.is(said(verdict.tree.children[0]), 'indeterminate CRYPTO_CONSTRAINTS_FAILURE_NO_POE');
});
