// Memories of what records share (RFC 4998 §4.2): whatever comes in whatever order is read and judged with
// them as it is without them.
import test from 'ava';
import fc from 'fast-check';
import { toHex } from '#shared/bytes.ts';
import { TokiwaError } from '#shared/errors.ts';
import {
  defaultEvidenceRecordLimits,
  parseEvidenceRecord,
  type PartParsers,
} from '#shared/ers/evidence-record.ts';
import { hashMembers, rootOfReduced, type NodeHasher } from '#shared/ers/reduce.ts';
import { rememberTokens, rememberVerdicts } from '#shared/ers/token-memory.ts';
import { rememberNodes, rememberTrees } from '#shared/ers/tree-memory.ts';
import type { ArchiveTokenVerdict, ArchiveTokenVerifier } from '#shared/ers/verdict.ts';
import { verifyEvidenceRecord } from '#shared/ers/verify.ts';
import { mutated } from '../../fuzz/_mutate.ts';
import { recordOf, type TestArchive } from './_archive.ts';
import { archiveAfter } from './_cases.ts';
import { verifyTokenSignature } from './_token-signature.ts';
import { createTestTsu } from './_tokens.ts';
import { dataObjectsOf, verifiedAt } from './_verify.ts';

const numRuns = process.env['TEST_LONG'] === '1' ? 5000 : 60;
const tsu = createTestTsu('memory');

type Way = {
  readonly parsers?: PartParsers;
  readonly verifyToken: ArchiveTokenVerifier;
  readonly hashNode?: NodeHasher;
};

const plain: Way = { verifyToken: verifyTokenSignature };

function withMemory(): Way {
  return {
    parsers: { token: rememberTokens(), tree: rememberTrees() },
    verifyToken: rememberVerdicts<ArchiveTokenVerdict>(verifyTokenSignature),
    hashNode: rememberNodes(),
  };
}

/** All that a record leads to, for comparison: every field of its verdict, or why there is none. */
function outcome(record: Uint8Array, documents: readonly Uint8Array[], way: Way): string {
  try {
    const { parsers, ...verification } = way;
    const verdict = verifyEvidenceRecord({
      record: parseEvidenceRecord(record, undefined, parsers),
      dataObjects: dataObjectsOf(documents),
      exactGroup: true,
      at: verifiedAt,
      ...verification,
    });
    // A buffer says what it is before a replacer sees it.
    return JSON.stringify(verdict, function (this: Record<string, unknown>, key, value: unknown) {
      const own = this[key];
      return own instanceof Uint8Array ? toHex(own) : value;
    });
  } catch (error) {
    if (error instanceof TokiwaError) return `${error.code}: ${error.message}`;
    throw error;
  }
}

const archives: readonly TestArchive[] = [
  archiveAfter(13, 1, [], { tsu }),
  archiveAfter(9, 3, ['timestamp', 'timestamp'], { tsu }),
  archiveAfter(6, 2, ['timestamp', 'hash-tree', 'timestamp'], { tsu, form: 'ber' }),
];

/** Group by number, as it is or changed: records of one archive as they might come, strangers among them. */
const incoming = fc.constantFrom(...archives).chain((archive) => {
  const records = archive.groups.map((_, index) => recordOf(archive, index));
  const strangers = archives.map((other) => recordOf(other, 0));
  const group = fc.nat(records.length - 1);
  return fc.record({
    archive: fc.constant(archive),
    items: fc.array(
      fc.oneof(
        group.map((index) => ({ index, record: records[index] ?? new Uint8Array(0) })),
        fc.record({ index: group, record: mutated([...records, ...strangers]) }),
      ),
      { minLength: 2, maxLength: 24 },
    ),
  });
});

test('records, whole and damaged, in any order: read and judged as without a memory', (t) => {
  fc.assert(
    fc.property(incoming, ({ archive, items }) => {
      const memory = withMemory();
      for (const { index, record } of items) {
        const documents = archive.groups[index] ?? [];
        // A buffer that is used again for the next record, as a reader might.
        const lent = Buffer.from(record);
        const got = outcome(lent, documents, memory);
        lent.fill(0x30);
        if (got !== outcome(record, documents, plain)) return false;
      }
      return true;
    }),
    { numRuns },
  );
  t.pass();
});

test('every octet of a tree turned over after its neighbour was judged: refused', (t) => {
  const [archive] = archives;
  if (!archive) return t.fail();
  const memory = withMemory();
  const record = recordOf(archive, 5);
  const tree = parseEvidenceRecord(record).sequence.chains[0]?.archiveTimeStamps[0];
  const isValid = (octets: Uint8Array, index: number): boolean =>
    outcome(octets, archive.groups[index] ?? [], memory).startsWith('{"status":"valid"');
  for (const value of tree?.reducedHashtree?.flat() ?? [])
    for (let at = 0; at < value.length; at++) {
      t.true(isValid(recordOf(archive, 4), 4));
      const changed = Uint8Array.from(record);
      const place = value.byteOffset - record.byteOffset + at;
      changed[place] = (changed[place] ?? 0) ^ 1;
      t.false(isValid(changed, 5));
    }
  t.true(isValid(record, 5));
});

test('remembered hash values count against the limit as read ones do', (t) => {
  const [archive] = archives;
  if (!archive) return t.fail();
  const { parsers } = withMemory();
  const record = recordOf(archive, 0);
  const count =
    parseEvidenceRecord(record).sequence.chains[0]?.archiveTimeStamps[0]?.reducedHashtree?.length;
  const parse = (maxHashValues: number) =>
    parseEvidenceRecord(record, { ...defaultEvidenceRecordLimits, maxHashValues }, parsers);
  t.notThrows(() => parse(count ?? 0));
  t.throws(() => parse((count ?? 0) - 1), { code: 'ERR_FORMAT_LIMIT' });
});

test('a tree too large to remember is read all the same', (t) => {
  const tree = rememberTrees();
  const read = () => t.fail('asked to read what it does not keep');
  t.is(tree(new Uint8Array(64 * 1024), 0, read), undefined);
  t.is(tree(new Uint8Array(64), 1000, read), undefined);
});

test('of neighbours in order, about two nodes a record are hashed', (t) => {
  const archive = archiveAfter(64, 1, [], { tsu });
  const { parsers } = withMemory();
  let hashed = 0;
  const remembering = rememberNodes((...node) => {
    hashed++;
    return hashMembers(...node);
  });
  for (const index of archive.groups.keys()) {
    const { sequence } = parseEvidenceRecord(recordOf(archive, index), undefined, parsers);
    const lists = sequence.chains[0]?.archiveTimeStamps[0]?.reducedHashtree ?? [];
    t.deepEqual(rootOfReduced('SHA-256', lists, remembering), rootOfReduced('SHA-256', lists));
  }
  t.true(hashed < 2 * 64, `${hashed}`);
});
