// Records in XML as they are written: canonical as they stand, so that what a renewal hashes is what any
// verifier canonicalizes.
import test from 'ava';
import { digest, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import {
  buildXmlEvidenceRecord,
  canonicalSequence,
  canonicalTimeStamp,
  type XmlArchiveTimeStampFields,
  type XmlChainFields,
} from '#shared/ers/xml-record-writer.ts';
import { parseXmlEvidenceRecord } from '#shared/ers/xml-evidence-record.ts';
import { canonicalizeFound } from '../xml/_libxml2.ts';
import { firstTime } from './_cases.ts';
import { createTestTsu } from './_tokens.ts';

const exclusive = { edition: 'exclusive', comments: false } as const;
const tsu = createTestTsu('XML TSU');
const imprint = digest('SHA-256', Buffer.from('a document'));
const timeStamp = tsu.stamp({ algorithm: 'SHA-256', imprint, genTime: firstTime });
const lists = [[imprint, digest('SHA-256', Buffer.from('another'))]];
const chain = (
  archiveTimeStamps: readonly XmlArchiveTimeStampFields[],
  digestAlgorithm: DigestAlgorithm = 'SHA-256',
): XmlChainFields => ({ digestAlgorithm, archiveTimeStamps });
const renewedOnce = chain([
  { reducedHashtree: lists, timeStamp },
  { reducedHashtree: lists, timeStamp },
]);
const record = buildXmlEvidenceRecord([renewedOnce]);
const text = Buffer.from(record).toString('utf8');

for (const edition of ['exclusive', '1.0'] as const)
  test(`a record is its own canonical form (${edition})`, (t) => {
    t.is(
      canonicalizeFound(text, "//*[local-name()='EvidenceRecord']", {
        edition,
        comments: false,
      }).toString('utf8'),
      text,
    );
  });

test('the TimeStamp that a renewal hashes is the one that stands in the record', (t) => {
  const found = canonicalizeFound(text, "(//*[local-name()='TimeStamp'])[2]", exclusive);
  t.is(Buffer.from(canonicalTimeStamp(timeStamp)).toString('utf8'), found.toString('utf8'));
});

test('the sequence that a hash-tree renewal hashes is the one that stands in the record', (t) => {
  const chains = [renewedOnce, chain([{ reducedHashtree: [], timeStamp }])];
  const two = Buffer.from(buildXmlEvidenceRecord(chains)).toString('utf8');
  const found = canonicalizeFound(two, "//*[local-name()='ArchiveTimeStampSequence']", exclusive);
  t.is(Buffer.from(canonicalSequence(chains)).toString('utf8'), found.toString('utf8'));
});

test('values of a list stand in ascending order', (t) => {
  const [first] = parseXmlEvidenceRecord(record).sequence.chains[0]?.archiveTimeStamps ?? [];
  const values = first?.reducedHashtree?.[0]?.map((value) => Buffer.from(value)) ?? [];
  t.deepEqual(
    values,
    values.toSorted((a, b) => Buffer.compare(a, b)),
  );
});

test('a hash value of another length is refused', (t) => {
  const wrong = [{ reducedHashtree: [[imprint.subarray(1)]], timeStamp }];
  t.throws(() => buildXmlEvidenceRecord([chain(wrong)]), { code: 'ERR_FORMAT_DIGEST_LENGTH' });
});

test('a digest algorithm that no URI names is refused', (t) => {
  t.notThrows(() => buildXmlEvidenceRecord([chain([], 'SHA3-512')]));
  t.throws(() => buildXmlEvidenceRecord([chain([], 'SHAKE-256' as 'SHA-256')]), {
    code: 'ERR_UNSUPPORTED_ALGORITHM',
  });
});
