// Imprints of XAdES timestamps: each kind over what its clause says, and one octet changed in any of it.
import test from 'ava';
import type { Facts } from '#shared/validation/facts.ts';
import { inspect } from '#shared/validation/inspect.ts';
import {
  archivedXades,
  canonicalOf,
  signXades,
  withUnsigned,
  xades141,
  xadesTimestamp,
} from '../../_xades.ts';
import { canonicalizeFound } from '../xml/_libxml2.ts';

const exclusive = { edition: 'exclusive', comments: false } as const;

function read(text: string): Facts {
  const bytes = new TextEncoder().encode(text);
  return inspect({ bytes, size: bytes.length });
}

function imprints(text: string): readonly string[] {
  return read(text).timestamps.map(
    ({ type, imprintFound, imprintIntact }) => `${type} ${imprintFound} ${imprintIntact}`,
  );
}

const data = (text: string): Buffer => canonicalizeFound(text, "//*[@Id='data']", exclusive);

const signed = signXades();
const stamped = withUnsigned(
  signed,
  xadesTimestamp('SignatureTimeStamp', [canonicalOf(signed, 'SignatureValue')]),
);
const references = (edition: '' | 'V2'): string => {
  const namespace = edition === '' ? '' : ` xmlns:x="${xades141}"`;
  return `<x:CompleteCertificateRefs${edition}${namespace}>c</x:CompleteCertificateRefs${edition}><x:CompleteRevocationRefs>r</x:CompleteRevocationRefs>`;
};

function overReferences(name: string, edition: '' | 'V2', withValue: boolean): string {
  const text = withUnsigned(stamped, references(edition));
  const parts = [
    ...(withValue ? ['SignatureValue', 'SignatureTimeStamp'] : []),
    `CompleteCertificateRefs${edition}`,
    'CompleteRevocationRefs',
  ].map((one) => canonicalOf(text, one));
  return withUnsigned(
    text,
    xadesTimestamp(`${name}${edition}`, parts, edition === '' ? {} : { namespace: xades141 }),
  );
}

const individual = (referencedData: string, over: (text: string) => Buffer): string =>
  signXades({
    dataObjectProperties: (text) =>
      xadesTimestamp('IndividualDataObjectsTimeStamp', [over(text)], {
        before: `<x:Include xmlns:x="http://uri.etsi.org/01903/v1.3.2#" URI="#r-data"${referencedData}/>`,
      }),
  });

const rows: readonly (readonly [what: string, text: string, expected: readonly string[]])[] = [
  ['signature', stamped, ['signature true true']],
  [
    'signature, its value named by Include',
    withUnsigned(
      signed,
      xadesTimestamp('SignatureTimeStamp', [canonicalOf(signed, 'SignatureValue')], {
        before: '<x:Include URI="#value"/>',
      }),
    ),
    ['signature true true'],
  ],
  [
    'all data objects: references but that to the properties',
    signXades({
      dataObjectProperties: (text) => xadesTimestamp('AllDataObjectsTimeStamp', [data(text)]),
    }),
    ['all-data-objects true true'],
  ],
  [
    'one data object',
    individual(' referencedData="true"', data),
    ['individual-data-objects true true'],
  ],
  [
    'signature and references',
    overReferences('SigAndRefsTimeStamp', '', true),
    ['signature true true', 'validation-data true true'],
  ],
  [
    'signature and references, second edition',
    overReferences('SigAndRefsTimeStamp', 'V2', true),
    ['signature true true', 'validation-data true true'],
  ],
  [
    'references alone',
    overReferences('RefsOnlyTimeStamp', '', false),
    ['signature true true', 'references-only true true'],
  ],
  ['archive', archivedXades(), ['signature true true', 'archive true true']],
  [
    'archive, with another object',
    archivedXades({ objects: '<ds:Object Id="o">more</ds:Object>' }),
    ['signature true true', 'archive true true'],
  ],
  [
    'archive of V1.3.2',
    archivedXades({ archive: { is132: true } }),
    ['signature true true', 'archive true true'],
  ],
  ...(['covered', 'beside'] as const).map(
    (validationData) =>
      [
        `archive of V1.3.2, a property of a later version ${validationData}`,
        archivedXades({ archive: { is132: true }, validationData }),
        ['signature true true', 'archive true true'],
      ] as const,
  ),
];

for (const [what, text, expected] of rows)
  test(`over what it says: ${what}`, (t) => {
    const facts = read(text);
    t.deepEqual(imprints(text), expected);
    t.deepEqual(facts.problems, []);
    t.true(facts.signatures.every((one) => one.references.every(({ intact }) => intact)));
  });

test('a reference of its own is what Include names without referencedData', (t) => {
  // The reference holds the digest of the data alone, so that it does not change with the timestamp.
  const first = individual('', () => Buffer.alloc(0));
  const over = canonicalizeFound(first, "//*[@Id='r-data']", exclusive);
  t.deepEqual(imprints(individual('', () => over)), ['individual-data-objects true true']);
});

test('a timestamp that says it is over something else than its kind is not computed', (t) => {
  const text = withUnsigned(
    signed,
    xadesTimestamp('SignatureTimeStamp', [data(signed)], { before: '<x:Include URI="#data"/>' }),
  );
  t.deepEqual(imprints(text), ['signature undefined undefined']);
  t.like(read(text).problems[0], { code: 'ERR_UNSUPPORTED_FEATURE' });
});

const archived = archivedXades({ objects: '<ds:Object Id="o">more</ds:Object>' });

/** One character changed in each thing that an archive timestamp is over. */
const changes: readonly (readonly [what: string, from: RegExp, to: string])[] = [
  ['the data', />one</, '>two<'],
  ['the signed properties', /T04:05:06Z/, 'T04:05:07Z'],
  ['SignedInfo', /Id="r-data"/, 'Id="r-date"'],
  ['the signature value', /(<ds:SignatureValue Id="value">)./, '$1+'],
  ['KeyInfo', /<ds:KeyInfo>/, '<ds:KeyInfo Id="k">'],
  ['an earlier timestamp', /<t:SignatureTimeStamp /, '<t:SignatureTimeStamp Id="t" '],
  ['validation data', /<x:CertificateValues>/, '<x:CertificateValues Id="c">'],
  ['another object', />more</, '>less<'],
  [
    'a property added before it',
    /<x:CertificateValues>/,
    '<x:CompleteRevocationRefs/><x:CertificateValues>',
  ],
];

for (const [what, from, to] of changes)
  test(`an archive timestamp notices a change of ${what}`, (t) => {
    const changed = archived.replace(from, to);
    t.not(changed, archived);
    t.is(imprints(changed).at(-1), 'archive true false');
  });

test('an archive timestamp of the current version is over every property before it', (t) => {
  const text = archivedXades({ validationData: 'beside' });
  t.is(imprints(text).at(-1), 'archive true false');
});

test('either reading of V1.3.2 notices a change of what its list names', (t) => {
  for (const validationData of ['covered', 'beside'] as const) {
    const text = archivedXades({ archive: { is132: true }, validationData });
    const changed = text.replace('<x:CRLValues>', '<x:CRLValues> ');
    t.not(changed, text);
    t.is(imprints(changed).at(-1), 'archive true false');
  }
});

test('what stands after an archive timestamp is not covered by it', (t) => {
  const text = withUnsigned(archived, '<x:RevocationValues/>');
  t.deepEqual(imprints(text), imprints(archived));
});

test('a signature timestamp notices another value', (t) => {
  t.deepEqual(imprints(stamped.replace(/(Id="value">)./, '$1+')), ['signature true false']);
});
