// What the judge of a raised document refuses: each row does one thing that nobody may do.
import test from 'ava';
import { concatBytes, equalBytes } from '#shared/bytes.ts';
import { parseSignedData } from '#shared/cms/signed-data.ts';
import { readChildren } from '#shared/der/reader.ts';
import { applySplice } from '#shared/der/splice.ts';
import { FormatError } from '#shared/errors.ts';
import { addArchiveTimestampV3, withParts } from '../../_archive-timestamp.ts';
import { issueRoot } from '../../_authority.ts';
import { testContent } from '../../_cms.ts';
import { sign, signatureTimestamp, tsuOf } from '../../shared/validation/_world.ts';
import {
  documentOf,
  flipped,
  raised,
  raiseDocument,
  type Raising,
  readBack,
  turned,
} from './_raising.ts';

const tsu = tsuOf('first');
const raising: Raising = { on: '2027-02-01' };
const before = sign({
  unsigned: signatureTimestamp('first', '2026-12-01'),
  crlsOn: ['2026-12-15'],
});
const { splice } = await raiseDocument(documentOf(before), raising);
const good = applySplice(before, splice);

const raws = (field: 'certificates' | 'crls', octets: Uint8Array): readonly Uint8Array[] => {
  const tlv = parseSignedData(octets).elements[field];
  return tlv ? readChildren(tlv).map(({ raw }) => raw) : [];
};
const attributes = (octets: Uint8Array): readonly Uint8Array[] =>
  parseSignedData(octets).signerInfos.flatMap(({ unsignedAttrs }) =>
    unsignedAttrs.map(({ raw }) => raw),
  );
const missingFrom = (all: readonly Uint8Array[], one: Uint8Array | undefined) =>
  all.filter((member) => !one || !equalBytes(member, one));

type Row = {
  readonly name: string;
  readonly after: Uint8Array;
  readonly says: RegExp;
  readonly raising?: Raising;
};
const rows: readonly Row[] = [
  {
    name: 'a certificate that was taken away',
    after: withParts(good, { certificates: raws('certificates', good).slice(1) }),
    says: /member of certificates/,
  },
  {
    name: 'certificates in another order',
    after: withParts(good, { certificates: raws('certificates', good).toReversed() }),
    says: /member of certificates/,
  },
  {
    name: 'a CRL that was taken away',
    after: withParts(good, { crls: missingFrom(raws('crls', good), raws('crls', before)[0]) }),
    says: /member of crls/,
  },
  {
    name: 'an unsigned attribute that was taken away',
    after: withParts(good, {
      unsignedAttrs: missingFrom(attributes(good), attributes(before)[0]),
    }),
    says: /unsigned attribute of signer 1/,
  },
  {
    name: 'another signature',
    after: await raised(sign({ crlsOn: ['2026-12-15'] }), raising),
    says: /signer 1 is another one|unsigned attribute/,
  },
  {
    name: 'other content',
    after: flipped(good, testContent),
    says: /encapsulated content/,
  },
  {
    name: 'a level that was not reached',
    after: await raised(before, { ...raising, level: 'LT' }),
    says: /signature-1 is at level LT, not LTA/,
  },
  {
    name: 'a certificate under no archive timestamp',
    after: withParts(good, {
      certificates: [
        ...raws('certificates', good),
        issueRoot({ subject: 'CN=Added Later' }).certificate.raw,
      ],
    }),
    says: /under no archive timestamp/,
  },
  {
    name: 'an archive timestamp over other content',
    after: addArchiveTimestampV3(tsu, good, {
      content: new TextEncoder().encode('something else'),
      genTime: '2027-02-02T00:00:00Z',
    }),
    says: /imprint|data/i,
  },
  {
    name: 'an outer length that was definite before',
    after: concatBytes(
      good.subarray(0, 1),
      Uint8Array.of(0x80),
      good.subarray(4),
      Uint8Array.of(0, 0),
    ),
    says: /outer frame/,
  },
  {
    name: 'a signer whom the verifier does not trust',
    after: good,
    says: /signature-1/,
    raising: { ...raising, material: { signerAnchors: [] } },
  },
];

test('what holds has nothing against it', (t) => {
  t.deepEqual(readBack(before, good, raising).offences, []);
});

for (const { name, after, says, raising: other } of rows) {
  test(`${name} is an offence`, (t) => {
    const { offences } = readBack(before, after, other ?? raising);
    t.true(
      offences.some((offence) => says.test(offence)),
      offences.join('; '),
    );
  });
}

/** Where octets of the document stand in the result. */
function copiedPlaces(): readonly number[] {
  const places: number[] = [];
  let at = 0;
  for (const part of splice.parts) {
    const length = part.kind === 'copy' ? part.end - part.start : part.octets.length;
    if (part.kind === 'copy') for (let next = at; next < at + length; next++) places.push(next);
    at += length;
  }
  return places;
}

function isRefused(after: Uint8Array): boolean {
  try {
    return readBack(before, after, raising).offences.length > 0;
  } catch (error) {
    if (error instanceof FormatError) return true;
    throw error;
  }
}

test('one octet of the document turned in the assembled result is refused, whatever was verified before', (t) => {
  // Judged first, so that all signatures of the result are known to hold.
  t.deepEqual(readBack(before, good, raising).offences, []);
  const places = copiedPlaces();
  t.true(places.length > before.length - 100);
  const unnoticed = places
    .filter((_, index) => index % 41 === 0)
    .filter((place) => !isRefused(turned(good, place)));
  t.deepEqual(unnoticed, []);
});
