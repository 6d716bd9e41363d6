// Archive timestamps of CAdES against imprints made by hand: what is over what, what an index says, and
// what has to be noticed.
import test from 'ava';
import { toHex } from '#shared/bytes.ts';
import {
  type ArchivedContent,
  type ArchiveTimestampReading,
  createArchiveTimestampReader,
} from '#shared/cades/archive-timestamp.ts';
import { readCades } from '#shared/cades/read.ts';
import { digest } from '#shared/crypto/digest.ts';
import { readChildren, readWhole } from '#shared/der/reader.ts';
import { derNull, derOctetString, derSequence } from '#shared/der/writer.ts';
import { oids } from '#shared/oid.ts';
import {
  type TestIndex,
  addArchiveTimestampV2,
  addArchiveTimestampV3,
  buildIndex,
  indexTypes,
  withAttributes,
  withParts,
} from '../../_archive-timestamp.ts';
import { issueCrl } from '../../_authority.ts';
import { buildTestCms, testContent, testRoot, testSigner } from '../../_cms.ts';
import { createTsu, issueToken, testAttribute } from '../../_tsu.ts';

const tsu = createTsu();
const crl = issueCrl({ issuer: testRoot, thisUpdate: '2026-01-01T00:00:00Z' });
const signatureToken = issueToken(tsu);
const signatureTimestamp = testAttribute(oids.idAaSignatureTimeStampToken, signatureToken);
const refs = testAttribute(oids.idAaEtsCertificateRefs, derOctetString(Uint8Array.of(1)));

const whole: ArchivedContent = {
  digest: (algorithm) => digest(algorithm, testContent),
  octets: () => testContent,
};

/** A signature with certificates, a CRL and a signature timestamp. */
const stamped = (spec: Parameters<typeof buildTestCms>[0] = {}): Uint8Array =>
  buildTestCms({
    certificates: [testSigner.certificate, testRoot.certificate],
    crls: [crl.raw],
    unsigned: () => [signatureTimestamp],
    ...spec,
  });

/** The readings of all archive timestamps, in stored order. */
function readAll(
  cms: Uint8Array,
  content: ArchivedContent | undefined = whole,
): (ArchiveTimestampReading | undefined)[] {
  const { signedData, signatures } = readCades(cms);
  const reader = createArchiveTimestampReader(signedData);
  return signatures.flatMap(({ signerInfo, timestamps }) =>
    timestamps.flatMap(({ covered, token }) =>
      covered.kind === 'archive'
        ? [reader.read(signerInfo, { version: covered.version, token }, content)]
        : [],
    ),
  );
}

function read(cms: Uint8Array, content?: ArchivedContent): ArchiveTimestampReading | undefined {
  const [first] = readAll(cms, content);
  return first;
}

const intact = { imprintFound: true, imprintIntact: true };
const wrong = { imprintFound: true, imprintIntact: false };
const missing = { imprintFound: false, imprintIntact: false };

function imprint(reading: ArchiveTimestampReading | undefined): unknown {
  return reading && { imprintFound: reading.imprintFound, imprintIntact: reading.imprintIntact };
}

for (const version of ['ats-hash-index', 'ats-hash-index-v2', 'ats-hash-index-v3'] as const)
  for (const algorithm of ['SHA-256', 'SHA-512'] as const)
    test(`version 3 with ${version}, ${algorithm}: over all that the index lists`, (t) => {
      const index = { version, hashIndAlgorithm: algorithm };
      const reading = read(addArchiveTimestampV3(tsu, stamped(), { algorithm, index }));
      t.deepEqual(imprint(reading), intact);
      t.deepEqual(reading?.hashIndex, { version, valid: true, problem: undefined });
      t.deepEqual(
        reading?.covers?.certificates.map(toHex),
        [testSigner, testRoot].map(({ certificate }) => toHex(certificate.raw)),
      );
      t.deepEqual(reading?.covers?.crls.map(toHex), [toHex(crl.raw)]);
      t.deepEqual(
        reading?.covers?.unsignedAttrs.map(({ oid, values }) => [oid, values.map(toHex)]),
        [[oids.idAaSignatureTimeStampToken, [toHex(signatureToken)]]],
      );
    });

/** The algorithm and the three lists of an index, whole elements. */
function membersOf(index: Uint8Array): Uint8Array[] {
  return readChildren(readWhole(index)).map(({ raw }) => raw);
}

const withoutAlgorithm = (version: keyof typeof indexTypes): TestIndex => ({
  version,
  value: derSequence(...membersOf(buildIndex(stamped(), { version })).slice(1)),
});

test('only the first version takes SHA-256 for an algorithm that is not written', (t) => {
  for (const version of Object.keys(indexTypes) as (keyof typeof indexTypes)[]) {
    const index = withoutAlgorithm(version);
    const reading = read(addArchiveTimestampV3(tsu, stamped(), { index }));
    t.is(reading?.imprintIntact, version === 'ats-hash-index');
  }
});

type IndexRow = {
  readonly what: string;
  readonly index: TestIndex;
  readonly version?: string;
  /** Whether the imprint is intact all the same. */
  readonly intact: boolean;
};

const good = buildIndex(stamped());
const attribute = testAttribute(indexTypes['ats-hash-index-v3'], good);

const wrongIndexes: readonly IndexRow[] = [
  ...(['certificates', 'crls', 'unsignedAttrs'] as const).map((foreign) => ({
    what: `lists something of ${foreign} that is not there`,
    index: { foreign },
    intact: true,
  })),
  {
    what: 'another algorithm than the imprint',
    index: { hashIndAlgorithm: 'SHA-384' },
    intact: true,
  },
  { what: 'no index', index: { value: derNull() }, intact: false },
  {
    what: 'entries that are no octet strings',
    index: { value: derSequence(...membersOf(good).slice(0, 3), derSequence(derNull())) },
    intact: false,
  },
  { what: 'twice', index: { attributes: [attribute, attribute] }, intact: false },
  {
    what: 'two values',
    index: { attributes: [testAttribute(indexTypes['ats-hash-index-v3'], good, derNull())] },
    intact: false,
  },
];

for (const { what, index, intact: isIntact } of wrongIndexes)
  test(`a wrong index: ${what}`, (t) => {
    const reading = read(addArchiveTimestampV3(tsu, stamped(), { index }));
    t.is(reading?.imprintIntact, isIntact);
    t.false(reading?.hashIndex?.valid);
    t.is(typeof reading?.hashIndex?.problem, 'string');
  });

test('an entry that is listed twice stands for two members', (t) => {
  const [algorithm, certificates, ...rest] = membersOf(good);
  const twice = readChildren(readWhole(certificates ?? good)).flatMap(({ raw }) => [raw, raw]);
  const value = derSequence(algorithm ?? good, derSequence(...twice), ...rest);
  const reading = read(addArchiveTimestampV3(tsu, stamped(), { index: { value } }));
  t.deepEqual(imprint(reading), intact);
  t.false(reading?.hashIndex?.valid);
});

test('without an index there is nothing to be over', (t) => {
  const reading = read(addArchiveTimestampV3(tsu, stamped(), { index: { attributes: [] } }));
  t.deepEqual(imprint(reading), wrong);
  t.is(reading?.hashIndex, undefined);
});

test('what is taken away afterwards leaves the imprint and breaks the index', (t) => {
  const cms = addArchiveTimestampV3(tsu, stamped());
  for (const parts of [{ crls: [] }, { certificates: [testSigner.certificate.raw] }]) {
    const reading = read(withParts(cms, parts));
    t.deepEqual(imprint(reading), intact);
    t.is(reading?.hashIndex?.valid, false);
  }
});

test('what is added afterwards is not covered, and breaks nothing', (t) => {
  const other = issueCrl({ issuer: testRoot, thisUpdate: '2026-02-02T00:00:00Z' });
  const cms = withAttributes(addArchiveTimestampV3(tsu, stamped()), refs);
  const reading = read(withParts(cms, { crls: [crl.raw, other.raw] }));
  t.deepEqual(imprint(reading), intact);
  t.true(reading?.hashIndex?.valid);
  t.is(reading?.covers?.crls.length, 1);
  t.deepEqual(
    reading?.covers?.unsignedAttrs.map(({ oid }) => oid),
    [oids.idAaSignatureTimeStampToken],
  );
});

test('a second archive timestamp covers the first', (t) => {
  const once = addArchiveTimestampV3(tsu, stamped());
  const twice = addArchiveTimestampV3(tsu, once, { genTime: '2030-01-01T00:00:00Z' });
  const [first, second] = readAll(twice);
  t.is(first?.covers?.unsignedAttrs.length, 1);
  t.is(second?.covers?.unsignedAttrs.length, 2);
});

for (const [what, add] of [
  ['version 2', addArchiveTimestampV2],
  ['version 3', addArchiveTimestampV3],
] as const) {
  const detached = { detached: true } as const;
  test(`${what}: detached content`, (t) => {
    const cms = add(tsu, stamped(detached), { content: testContent });
    t.deepEqual(imprint(read(cms)), intact);
    const other = Uint8Array.of(1);
    t.deepEqual(
      imprint(read(cms, { digest: (one) => digest(one, other), octets: () => other })),
      wrong,
    );
  });
}

test('of detached content that is not given nothing is found', (t) => {
  const spec = { detached: true } as const;
  const none: ArchivedContent = { digest: () => undefined };
  for (const add of [addArchiveTimestampV2, addArchiveTimestampV3])
    t.deepEqual(imprint(read(add(tsu, stamped(spec), { content: testContent }), none)), missing);
});

test('version 2 needs the octets of detached content, version 3 its digest', (t) => {
  const spec = { detached: true } as const;
  const digests: ArchivedContent = { digest: whole.digest };
  const [two, three] = [addArchiveTimestampV2, addArchiveTimestampV3].map((add) =>
    imprint(read(add(tsu, stamped(spec), { content: testContent }), digests)),
  );
  t.deepEqual(two, missing);
  t.deepEqual(three, intact);
});

for (const bare of [false, true])
  test(`version 2, unsigned attributes ${bare ? 'without' : 'with'} tag and length`, (t) => {
    const cms = addArchiveTimestampV2(tsu, stamped(), { bare });
    const reading = read(cms);
    t.deepEqual(imprint(reading), intact);
    t.is(reading?.hashIndex, undefined);
    t.is(reading?.covers?.certificates.length, 2);
    t.is(reading?.covers?.crls.length, 1);
    t.is(reading?.covers?.unsignedAttrs.length, 1);
    t.deepEqual(imprint(read(withParts(cms, { crls: [] }))), wrong);
    t.deepEqual(imprint(read(withParts(cms, { certificates: [] }))), wrong);
  });

test('version 2 without unsigned attributes before it', (t) => {
  t.deepEqual(imprint(read(addArchiveTimestampV2(tsu, buildTestCms()))), intact);
});

test('version 2: attributes appended later are told by their place', (t) => {
  const reading = read(withAttributes(addArchiveTimestampV2(tsu, stamped()), refs));
  t.deepEqual(imprint(reading), intact);
  t.is(reading?.covers?.unsignedAttrs.length, 1);
});

test('version 2: later archive timestamps are told by their time, in whatever order they stand', (t) => {
  const first = addArchiveTimestampV2(tsu, stamped(), { genTime: '2026-01-01T00:00:00Z' });
  const second = addArchiveTimestampV2(tsu, first, { genTime: '2028-01-01T00:00:00Z' });
  const third = addArchiveTimestampV3(tsu, second, { genTime: '2030-01-01T00:00:00Z' });
  t.deepEqual(readAll(third).map(imprint), [intact, intact, intact]);
  t.is(readAll(third)[1]?.covers?.unsignedAttrs.length, 2);
  const [, ...later] = readCades(third).signatures[0]?.signerInfo.unsignedAttrs ?? [];
  const sorted = withParts(third, {
    unsignedAttrs: [...later.map(({ raw }) => raw).reverse(), signatureTimestamp],
  });
  // Version 2 hashes the order as well: only the first one is over a set that kept its own.
  t.deepEqual(readAll(sorted).map(imprint), [intact, wrong, intact]);
});

test('version 2 of another signature value', (t) => {
  const attributes = readCades(addArchiveTimestampV2(tsu, stamped())).signatures.flatMap(
    ({ signerInfo }) => signerInfo.unsignedAttrs.map(({ raw }) => raw),
  );
  t.deepEqual(imprint(read(withParts(stamped(), { unsignedAttrs: attributes }))), wrong);
});

test('no claim for version 1 and for signers of something else', (t) => {
  const cms = withAttributes(
    stamped(),
    testAttribute(oids.idAaEtsArchiveTimestamp, signatureToken),
  );
  t.is(read(cms), undefined);
  const [signature] = readCades(addArchiveTimestampV3(tsu, stamped())).signatures;
  const [timestamp] = signature?.timestamps.filter(({ type }) => type === 'archive') ?? [];
  const reader = createArchiveTimestampReader(readCades(stamped()).signedData);
  if (!signature || !timestamp) return t.fail();
  const { token } = timestamp;
  t.is(reader.read(signature.signerInfo, { version: 3, token }, whole), undefined);
});

test('version 2 over more than may be hashed ends early, with an error', (t) => {
  const large = testAttribute(oids.idAaEtsCertificateRefs, derOctetString(new Uint8Array(4 << 20)));
  const cms = withAttributes(buildTestCms(), large);
  const one = addArchiveTimestampV2(tsu, buildTestCms());
  const [attribute] = readCades(one).signatures[0]?.signerInfo.unsignedAttrs ?? [];
  const many = Array.from({ length: 80 }, () => attribute?.raw ?? one);
  t.throws(() => readAll(withAttributes(cms, ...many)), { code: 'ERR_FORMAT_LIMIT' });
});
