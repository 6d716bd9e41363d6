import test from 'ava';
import fc from 'fast-check';
import { compareBytes } from '#shared/bytes.ts';
import { digest, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import {
  buildArchiveTimeStamp,
  buildArchiveTimeStampChain,
  buildArchiveTimeStampSequence,
  buildEvidenceRecord,
} from '#shared/ers/build.ts';
import { evidenceRecordChecks } from '#shared/ers/checks.ts';
import { reEncodeAsDer } from '#shared/der/re-encode.ts';
import { parseEvidenceRecord } from '#shared/ers/evidence-record.ts';
import type { PartialHashtree } from '#shared/ers/evidence-record.ts';
import { verifyToken } from '#shared/tsp/verify-token.ts';
import { verifyEvidenceRecord } from '#shared/ers/verify.ts';
import { createArchive, makeGroups, recordOf, renewHashTree, renewTimestamps } from './_archive.ts';
import { archiveAfter, damages, firstTime, renewalPlans, type Damage } from './_cases.ts';
import { createTestTsu } from './_tokens.ts';
import { dataObjectsOf, failedChecks, verdictOn, verifiedAt } from './_verify.ts';

const tsu = createTestTsu('Test TSU');

/** A record of one archive timestamp over the given lists and imprint. */
function singleRecord(fields: {
  readonly lists?: readonly PartialHashtree[];
  readonly imprint: Uint8Array;
  readonly algorithm?: DigestAlgorithm;
  readonly imprintAlgorithm?: DigestAlgorithm;
  readonly listed?: readonly DigestAlgorithm[];
  readonly encrypted?: boolean;
}): Uint8Array {
  const { algorithm = 'SHA-256', lists, imprint, imprintAlgorithm = algorithm } = fields;
  const timeStamp = tsu.stamp({ algorithm: imprintAlgorithm, imprint, genTime: firstTime });
  return buildEvidenceRecord({
    digestAlgorithms: fields.listed ?? [algorithm],
    encryptionInfo: fields.encrypted
      ? { type: '1.3.6.1.4.1.32473.8', value: Uint8Array.of(5, 0) }
      : undefined,
    sequence: buildArchiveTimeStampSequence([
      buildArchiveTimeStampChain([
        buildArchiveTimeStamp({ digestAlgorithm: algorithm, reducedHashtree: lists, timeStamp }),
      ]),
    ]),
  });
}

const document = Buffer.from('document');
const documentDigest = digest('SHA-256', document);
const sibling = digest('SHA-256', Buffer.from('sibling'));
const root = digest('SHA-256', ...[documentDigest, sibling].toSorted(compareBytes));

for (const form of ['der', 'ber', 'evidence'] as const) {
  test(`records of every shape are valid, tokens ${form}`, (t) => {
    fc.assert(
      fc.property(fc.nat(), fc.constantFrom(1, 2, 3, 7, 20), (seed, size) => {
        const [plan] = renewalPlans(seed, 1, [size]);
        if (!plan) return t.fail();
        const archive = plan.run({ tsu, form });
        const index = seed % size;
        const verdict = verdictOn(recordOf(archive, index), archive.groups[index] ?? [], {
          exactGroup: true,
        });
        t.deepEqual(failedChecks(verdict), [], plan.name);
        t.is(verdict.status, 'valid');
        t.is(verdict.lastTime.toString(), archive.genTime.toString());
        t.is(verdict.initialTime.toString(), firstTime.toString());
        t.true(verdict.dataObjects.every(({ found, intact }) => found && intact));
      }),
      { numRuns: 15 },
    );
    t.pass();
  });
}

const damaged = test.macro({
  exec: (t, { record, documents, check }: Damage) => {
    const verdict = verdictOn(record, documents, { exactGroup: true });
    t.is(verdict.status, 'invalid');
    t.true(failedChecks(verdict).includes(check), failedChecks(verdict).join(', '));
  },
  title: (_, damage: Damage) => `refused: ${damage.name}`,
});

for (const damage of damages({ tsu })) test(damaged, damage);

/** Damage that one check alone notices: without that check the record would count as valid. */
const onlyBy = test.macro({
  exec: (t, name: string) => {
    const found = damages({ tsu }).find(({ check }) => check === name);
    if (!found) return t.fail();
    const verdict = verdictOn(found.record, found.documents, {
      exactGroup: true,
      checks: evidenceRecordChecks.filter((check) => check.name !== name),
    });
    t.is(verdict.status, 'valid');
  },
  title: (_, name: string) => `nothing but ${name} notices its case`,
});

test(onlyBy, 'times-in-order');
test(onlyBy, 'one-digest-algorithm-per-chain');
test(onlyBy, 'renewal-covers-previous-token');
test(onlyBy, 'group-complete');

test('a changed bit of a covered octet changes the verdict', (t) => {
  const archive = archiveAfter(3, 2, ['timestamp', 'hash-tree', 'timestamp'], { tsu });
  const record = recordOf(archive, 1);
  const { sequence } = parseEvidenceRecord(record);
  const parts = sequence.chains.flatMap(({ archiveTimeStamps }) =>
    archiveTimeStamps.flatMap(({ reducedHashtree = [], timeStamp }) => [
      ...reducedHashtree.flat(),
      ...(timeStamp.length > 0 ? [timeStamp] : []),
    ]),
  );
  // The first critical extension of the certificate in the first token.
  const tokenPart = parts.findIndex((part) => part.length > 64);
  const booleanAt = Buffer.from(parts[tokenPart] ?? []).indexOf('0101ff', 0, 'hex') + 2;
  t.true(booleanAt > 2);
  fc.assert(
    fc.property(fc.nat(parts.length - 1), fc.nat(), fc.nat(7), (chosen, at, bit) => {
      const part = parts[chosen];
      if (!part) return;
      const changed = Uint8Array.from(record);
      const offset = part.byteOffset - record.byteOffset + (at % part.length);
      changed[offset] = (changed[offset] ?? 0) ^ (1 << bit);
      // A token keeps its signature where only what no signature covers changed; the next one covers it all.
      if (part === parts.at(-1)) return;
      let verdict: ReturnType<typeof verdictOn>;
      try {
        verdict = verdictOn(changed, archive.groups[1] ?? []);
      } catch {
        return;
      }
      if (verdict.status !== 'valid') return;
      // A BOOLEAN that says TRUE in other bits: the same in DER, which is what was hashed then, and that is said.
      t.deepEqual(reEncodeAsDer(changed), reEncodeAsDer(record));
      t.true(verdict.findings.some(({ check }) => check === 'hashed-form'));
    }),
    { numRuns: 300, examples: [[tokenPart, booleanAt, 0]] },
  );
  t.pass();
});

test('newest only and all earlier tokens are both accepted', (t) => {
  const base = archiveAfter(3, 1, ['timestamp', 'timestamp'], { tsu });
  for (const cover of [
    (tokens: readonly Uint8Array[]) => tokens.slice(-1),
    (tokens: readonly Uint8Array[]) => tokens,
  ]) {
    const renewed = renewTimestamps(base, { tsu, cover });
    const verdict = verdictOn(recordOf(renewed, 0), renewed.groups[0] ?? []);
    t.is(verdict.status, 'valid');
    const covers = verdict.chains[0]?.archiveTimeStamps.at(-1)?.covers;
    t.is(covers?.kind, 'previous-token');
  }
});

test('the two readings of a hash-tree renewal are accepted and told apart', (t) => {
  const sorted = (
    algorithm: DigestAlgorithm,
    digests: readonly Uint8Array[],
    sequence: Uint8Array,
  ): Uint8Array[] =>
    digests.map((value) =>
      digest(algorithm, ...[value, digest(algorithm, sequence)].toSorted(compareBytes)),
    );
  // Of twenty documents some have the greater hash: there the readings differ.
  const base = createArchive('SHA-256', makeGroups(20, 1), firstTime, { tsu });
  const renewed = renewHashTree(base, 'SHA-512', { tsu, join: sorted });
  const readings = base.groups.map((group, index) => {
    const verdict = verdictOn(recordOf(renewed, index), group);
    t.is(verdict.status, 'valid');
    const covers = verdict.chains[1]?.archiveTimeStamps[0]?.covers;
    const reading = covers?.kind === 'data-objects-and-sequence' ? covers.reading : undefined;
    t.is(
      verdict.findings.some(({ check }) => check === 'renewal-reading'),
      reading === 'sorted',
    );
    return reading;
  });
  t.true(readings.includes('sorted'));
});

test('a DER re-encoding that was hashed in place of stored BER octets is reported', (t) => {
  const base = createArchive('SHA-256', makeGroups(2, 1), firstTime, { tsu, form: 'ber' });
  const covered = renewTimestamps(base, {
    tsu,
    cover: (tokens) => tokens.map((token) => reEncodeAsDer(token)),
  });
  const verdict = verdictOn(recordOf(covered, 0), covered.groups[0] ?? []);
  t.is(verdict.status, 'valid');
  const covers = verdict.chains[0]?.archiveTimeStamps[1]?.covers;
  t.is(covers?.kind === 'previous-token' ? covers.form : undefined, 'der');
  t.true(verdict.findings.some(({ check }) => check === 'hashed-form'));
});

test('a record without a tree covers the one document', (t) => {
  const verdict = verdictOn(singleRecord({ imprint: documentDigest }), [document]);
  t.is(verdict.status, 'valid');
  t.deepEqual(verdict.chains[0]?.archiveTimeStamps[0]?.listSizes, []);
});

test('a document in a later list is not covered', (t) => {
  const verdict = verdictOn(singleRecord({ lists: [[sibling], [documentDigest]], imprint: root }), [
    document,
  ]);
  t.deepEqual(failedChecks(verdict), ['initial-covers-data-objects']);
  t.is(verdict.subIndication, 'HASH_FAILURE');
});

test('an imprint that is not of its algorithm’s length is named', (t) => {
  const short = digest('SHA-512/256', document);
  const octets = singleRecord({
    algorithm: 'SHA-512/256',
    imprintAlgorithm: 'SHA-512',
    lists: [[short]],
    imprint: short,
  });
  t.true(failedChecks(verdictOn(octets, [document])).includes('hash-value-lengths'));
});

test('an imprint under another algorithm is the root hashed once more, and is reported', (t) => {
  const verdict = verdictOn(
    singleRecord({
      lists: [[documentDigest], [sibling]],
      imprint: digest('SHA-512', root),
      imprintAlgorithm: 'SHA-512',
    }),
    [document],
  );
  t.is(verdict.status, 'valid');
  t.deepEqual(
    verdict.findings.filter(({ level }) => level === 'warning').map(({ check }) => check),
    ['imprint-algorithm'],
  );
});

test('the root itself under the name of another algorithm of the same length is refused', (t) => {
  const verdict = verdictOn(
    singleRecord({
      lists: [[documentDigest], [sibling]],
      imprint: root,
      imprintAlgorithm: 'SHA3-256',
    }),
    [document],
  );
  t.true(failedChecks(verdict).includes('root-is-imprint'));
});

test('an imprint under another algorithm than the field, without a tree, covers nothing', (t) => {
  const verdict = verdictOn(
    singleRecord({ imprint: digest('SHA-512', document), imprintAlgorithm: 'SHA-512' }),
    [document],
  );
  t.deepEqual(failedChecks(verdict), ['initial-covers-data-objects']);
});

test('values out of order are sorted before hashing, and that is said', (t) => {
  const list = [documentDigest, sibling].toSorted(compareBytes).toReversed();
  const built = singleRecord({ lists: [list], imprint: root });
  // The builder writes them in order: swap them where they stand.
  const { reducedHashtree } =
    parseEvidenceRecord(built).sequence.chains[0]?.archiveTimeStamps[0] ?? {};
  const [first, second] = reducedHashtree?.[0] ?? [];
  if (!first || !second) return t.fail();
  const swapped = Uint8Array.from(built);
  swapped.set(second, first.byteOffset - built.byteOffset);
  swapped.set(first, second.byteOffset - built.byteOffset);
  const verdict = verdictOn(swapped, [document]);
  t.is(verdict.status, 'valid');
  t.true(verdict.findings.some(({ check }) => check === 'hash-values-in-order'));
});

test('an algorithm that digestAlgorithms leaves out is a warning', (t) => {
  const octets = singleRecord({ imprint: documentDigest, listed: ['SHA-512'] });
  const verdict = verdictOn(octets, [document]);
  t.is(verdict.status, 'valid');
  t.true(verdict.findings.some(({ check }) => check === 'digest-algorithms-listed'));
});

test('a record about encrypted data objects says so', (t) => {
  const verdict = verdictOn(singleRecord({ imprint: documentDigest, encrypted: true }), [document]);
  t.true(verdict.findings.some(({ check }) => check === 'encryption-stated'));
});

test('without a data object nothing is decided', (t) => {
  const verdict = verdictOn(singleRecord({ imprint: documentDigest }), []);
  t.is(verdict.status, 'indeterminate');
  t.is(verdict.subIndication, 'SIGNED_DATA_NOT_FOUND');
  t.is(verdict.orphanDigests.length, 1);
});

test('a digest that is not known under the later algorithm leaves the verdict open', (t) => {
  const archive = archiveAfter(2, 1, ['hash-tree'], { tsu });
  const [content] = archive.groups[0] ?? [];
  if (!content) return t.fail();
  const verdict = verdictOn(recordOf(archive, 0), [], {
    dataObjects: [
      {
        name: 'by digest',
        digest: (algorithm) => (algorithm === 'SHA-256' ? digest(algorithm, content) : undefined),
      },
    ],
  });
  t.is(verdict.status, 'indeterminate');
  t.is(verdict.subIndication, 'SIGNED_DATA_NOT_FOUND');
  t.deepEqual(verdict.dataObjects, [{ name: 'by digest', found: true, intact: false }]);
});

test('other members of the group are orphans unless the group has to be complete', (t) => {
  const archive = archiveAfter(2, 3, [], { tsu });
  const [first, ...others] = archive.groups[0] ?? [];
  if (!first) return t.fail();
  const verdict = verdictOn(recordOf(archive, 0), [first]);
  t.is(verdict.status, 'valid');
  t.is(verdict.orphanDigests.length, others.length);
  t.is(verdictOn(recordOf(archive, 0), [first], { exactGroup: true }).status, 'invalid');
});

test('each token is verified as of the next archive timestamp, the last as of at', (t) => {
  const archive = archiveAfter(2, 1, ['timestamp', 'hash-tree', 'timestamp'], { tsu });
  const asked: string[] = [];
  const verdict = verifyEvidenceRecord({
    record: parseEvidenceRecord(recordOf(archive, 0)),
    dataObjects: dataObjectsOf(archive.groups[0] ?? []),
    at: verifiedAt,
    verifyToken: (token, at, imprint) => {
      asked.push(at.toString());
      return verifyToken(token, {
        imprint,
        at,
        anchors: [tsu.anchor],
        certificates: [],
        crls: [],
        ocspResponses: [],
        revocationMode: 'none',
      });
    },
  });
  t.deepEqual(failedChecks(verdict), []);
  const times = verdict.chains
    .flatMap(({ archiveTimeStamps }) => archiveTimeStamps)
    .map(({ genTime }) => genTime.toString());
  t.deepEqual(asked, [...times.slice(1), verifiedAt.toString()]);
});

const tokenStatus = test.macro({
  exec: (t, status: 'invalid' | 'indeterminate') => {
    const verdict = verdictOn(singleRecord({ imprint: documentDigest }), [document], {
      verifyToken: () => ({
        status,
        subIndication: 'EXPIRED',
        findings: [],
        signatureIntact: true,
      }),
    });
    t.is(verdict.status, status);
    t.is(verdict.subIndication, 'EXPIRED');
  },
  title: (_, status: string) => `a token that is ${status} makes the record ${status}`,
});

test(tokenStatus, 'invalid');
test(tokenStatus, 'indeterminate');

test('a tree hash has to be secure when the next chain begins, the last one at the end', (t) => {
  const archive = archiveAfter(2, 1, ['timestamp', 'hash-tree'], { tsu });
  const record = recordOf(archive, 0);
  const asked: string[] = [];
  const secure = verdictOn(record, archive.groups[0] ?? [], {
    digestSecure: (algorithm, at) => {
      asked.push(`${algorithm} ${at.toString()}`);
      return true;
    },
  });
  t.is(secure.status, 'valid');
  t.deepEqual(asked, [`SHA-256 ${archive.genTime.toString()}`, `SHA-384 ${verifiedAt.toString()}`]);
  for (const answer of [false, undefined]) {
    const verdict = verdictOn(record, archive.groups[0] ?? [], { digestSecure: () => answer });
    t.is(verdict.status, 'indeterminate');
    t.is(verdict.subIndication, 'CRYPTO_CONSTRAINTS_FAILURE_NO_POE');
  }
});
