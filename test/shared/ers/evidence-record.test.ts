import test from 'ava';
import fc from 'fast-check';
import { concatBytes } from '#shared/bytes.ts';
import {
  buildArchiveTimeStamp,
  buildArchiveTimeStampChain,
  buildArchiveTimeStampSequence,
  buildEvidenceRecord,
} from '#shared/ers/build.ts';
import { defaultEvidenceRecordLimits, parseEvidenceRecord } from '#shared/ers/evidence-record.ts';
import { digest } from '#shared/crypto/digest.ts';
import { findDerOffence } from '#shared/der/strict.ts';
import {
  derInteger,
  derObjectIdentifier,
  derOctetString,
  derSequence,
  derSetOf,
} from '#shared/der/writer.ts';
import { FormatError, UnsupportedError, type ErrorCode } from '#shared/errors.ts';
import { archiveAfter } from './_cases.ts';
import { recordOf } from './_archive.ts';
import { createTestTsu } from './_tokens.ts';

const tsu = createTestTsu('Record TSU');
const archive = archiveAfter(3, 2, ['timestamp', 'hash-tree'], { tsu });
const record = recordOf(archive, 1);
const value = digest('SHA-256', Buffer.from('a'));
const token = tsu.stamp({
  algorithm: 'SHA-256',
  imprint: value,
  genTime: Temporal.Instant.from('2001-01-01T00:00:00Z'),
});

function recordAround(archiveTimeStamp: Uint8Array): Uint8Array {
  return buildEvidenceRecord({
    digestAlgorithms: ['SHA-256'],
    sequence: buildArchiveTimeStampSequence([buildArchiveTimeStampChain([archiveTimeStamp])]),
  });
}

test('what is built is DER and reads back as it was', (t) => {
  t.is(findDerOffence(record), undefined);
  const { version, digestAlgorithms, sequence } = parseEvidenceRecord(record);
  t.is(version, 1);
  t.deepEqual(digestAlgorithms, ['2.16.840.1.101.3.4.2.1', '2.16.840.1.101.3.4.2.2']);
  t.deepEqual(
    sequence.chains.map(({ archiveTimeStamps }) => archiveTimeStamps.length),
    [2, 1],
  );
  const stored = archive.chains[1]?.flatMap((chain) => chain.archiveTimeStamps) ?? [];
  const read = sequence.chains.flatMap((chain) => chain.archiveTimeStamps);
  t.deepEqual(
    read.map(({ raw }) => Buffer.from(raw)),
    stored.map(({ raw }) => Buffer.from(raw)),
  );
  t.deepEqual(
    read.map(({ timeStamp }) => Buffer.from(timeStamp)),
    stored.map((one) => Buffer.from(one.token)),
  );
  t.deepEqual(
    read.map(({ digestAlgorithm }) => digestAlgorithm),
    ['SHA-256', 'SHA-256', 'SHA-384'],
  );
});

test('without the field the algorithm is that of the imprint', (t) => {
  const { sequence } = parseEvidenceRecord(recordAround(derSequence(token)));
  const [archiveTimeStamp] = sequence.chains[0]?.archiveTimeStamps ?? [];
  t.is(archiveTimeStamp?.digestAlgorithm, undefined);
  t.is(archiveTimeStamp?.effectiveDigestAlgorithm, 'SHA-256');
  t.is(archiveTimeStamp?.reducedHashtree, undefined);
});

test('cryptoInfos, encryptionInfo and attributes are read', (t) => {
  const attribute = derSequence(
    derObjectIdentifier('1.3.6.1.4.1.32473.7'),
    derSetOf(derInteger(7)),
  );
  const octets = buildEvidenceRecord({
    digestAlgorithms: ['SHA-256'],
    cryptoInfos: [attribute],
    encryptionInfo: { type: '1.3.6.1.4.1.32473.8', value: derOctetString(value) },
    sequence: buildArchiveTimeStampSequence([
      buildArchiveTimeStampChain([
        buildArchiveTimeStamp({
          digestAlgorithm: 'SHA-256',
          attributes: [attribute],
          timeStamp: token,
        }),
      ]),
    ]),
  });
  t.is(findDerOffence(octets), undefined);
  const { cryptoInfos, encryptionInfo, sequence } = parseEvidenceRecord(octets);
  t.deepEqual(cryptoInfos, sequence.chains[0]?.archiveTimeStamps[0]?.attributes);
  t.is(cryptoInfos[0]?.oid, '1.3.6.1.4.1.32473.7');
  t.deepEqual(cryptoInfos[0]?.values, [derInteger(7)]);
  t.is(encryptionInfo?.type, '1.3.6.1.4.1.32473.8');
});

test('an indefinite length around the record is read', (t) => {
  const inner = record.subarray(4);
  const indefinite = concatBytes(Uint8Array.of(0x30, 0x80), inner, Uint8Array.of(0, 0));
  t.is(record[1], 0x82);
  t.is(parseEvidenceRecord(indefinite).sequence.chains.length, 2);
});

test('a hash value of another length is not built', (t) => {
  const error = t.throws(
    () =>
      buildArchiveTimeStamp({
        digestAlgorithm: 'SHA-512',
        reducedHashtree: [[value]],
        timeStamp: token,
      }),
    { instanceOf: FormatError },
  );
  t.is(error.code, 'ERR_FORMAT_DIGEST_LENGTH');
});

const refused = test.macro({
  exec: (t, octets: Uint8Array, code: ErrorCode) => {
    const error = t.throws(() => parseEvidenceRecord(octets));
    t.true(error instanceof FormatError || error instanceof UnsupportedError);
    if (error instanceof FormatError || error instanceof UnsupportedError) t.is(error.code, code);
  },
  title: (name) => `refused: ${name ?? ''}`,
});

const sequence = buildArchiveTimeStampSequence([buildArchiveTimeStampChain([derSequence(token)])]);
const algorithms = derSequence(derSequence(derObjectIdentifier('2.16.840.1.101.3.4.2.1')));

test('octets after the record', refused, concatBytes(record, Uint8Array.of(0)), 'ERR_FORMAT_DER');
test('a record cut short', refused, record.subarray(0, -1), 'ERR_FORMAT_DER');
test('nothing', refused, new Uint8Array(), 'ERR_FORMAT_DER');
test('another type', refused, derInteger(1), 'ERR_FORMAT_EVIDENCE_RECORD');
test(
  'another version',
  refused,
  derSequence(derInteger(2), algorithms, sequence),
  'ERR_UNSUPPORTED_VERSION',
);
test('no sequence', refused, derSequence(derInteger(1), algorithms), 'ERR_FORMAT_EVIDENCE_RECORD');
test(
  'a field too many',
  refused,
  derSequence(derInteger(1), algorithms, sequence, derInteger(1)),
  'ERR_FORMAT_EVIDENCE_RECORD',
);
test(
  'an empty sequence',
  refused,
  derSequence(derInteger(1), algorithms, derSequence()),
  'ERR_FORMAT_EVIDENCE_RECORD',
);
test(
  'an empty chain',
  refused,
  derSequence(derInteger(1), algorithms, derSequence(derSequence())),
  'ERR_FORMAT_EVIDENCE_RECORD',
);
test(
  'an archive timestamp without a token',
  refused,
  recordAround(derSequence()),
  'ERR_FORMAT_EVIDENCE_RECORD',
);
test(
  'fields out of order',
  refused,
  recordAround(derSequence(token, token)),
  'ERR_FORMAT_EVIDENCE_RECORD',
);

test('limits hold before memory is spent', (t) => {
  const codeUnder = (limits: Partial<typeof defaultEvidenceRecordLimits>): string | undefined => {
    const error = t.throws(
      () => parseEvidenceRecord(record, { ...defaultEvidenceRecordLimits, ...limits }),
      { instanceOf: FormatError },
    );
    return error.code;
  };
  t.is(codeUnder({ maxOctets: record.length - 1 }), 'ERR_FORMAT_LIMIT');
  t.is(codeUnder({ maxArchiveTimeStamps: 2 }), 'ERR_FORMAT_LIMIT');
  t.is(codeUnder({ maxHashValues: 3 }), 'ERR_FORMAT_LIMIT');
  t.is(codeUnder({ maxRenewalOctets: 1_000 }), 'ERR_FORMAT_LIMIT');
});

test('a record with octets changed is read or refused by name', (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ at: fc.nat(record.length - 1), octet: fc.nat(255) }), {
        minLength: 1,
        maxLength: 4,
      }),
      (changes) => {
        const changed = Uint8Array.from(record);
        for (const { at, octet } of changes) changed[at] = octet;
        try {
          parseEvidenceRecord(changed);
        } catch (error) {
          if (!(error instanceof FormatError || error instanceof UnsupportedError)) throw error;
        }
      },
    ),
    { numRuns: 1_000 },
  );
  t.pass();
});
