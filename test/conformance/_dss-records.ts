// Corpus `dss`: what RFC 4998 records in signatures and containers, or beside a file, refer to. Records by
// themselves are walked in full by _dss-evidence-records.ts.
import { toHex } from '#shared/bytes.ts';
import { isDigestAlgorithm } from '#shared/crypto/digest.ts';
import type { DetachedContent } from '#shared/validation/facts.ts';
import type { DocumentReading } from '#shared/validation/inspect.ts';
import { type Comparison, compareLists } from './_dss-compare.ts';
import type { DssEntry, DssReference } from './_dss-manifest.ts';

function isOneOf(contents: readonly DetachedContent[], algorithm: string, digest: string): boolean {
  return (
    isDigestAlgorithm(algorithm) &&
    contents.some((content) => {
      const value = content.digest(algorithm);
      return value !== undefined && toHex(value) === digest;
    })
  );
}

/**
 * References of initial archive timestamps with a tree; without one the reference is the imprint, which is
 * compared as such. `detached`: what else a record beside the file may be over.
 */
export function compareRecordReferences(
  entry: DssEntry,
  reading: DocumentReading,
  beside: readonly DocumentReading[],
  detached: readonly DetachedContent[],
): Comparison {
  const line = (digest: string | null, isFound: boolean): string =>
    `${digest ?? '-'} ${isFound ? 'found' : 'not found'}`;
  const linesOf = (
    { facts }: DocumentReading,
    others: readonly DetachedContent[],
  ): readonly string[] =>
    facts.evidenceRecords
      .filter(
        ({ kind, chains }) =>
          kind === 'RFC 4998' && chains[0]?.archiveTimeStamps[0]?.reducedHashtree.length !== 0,
      )
      .flatMap(({ references }) =>
        references.map(({ algorithm, digest, found, intact }) =>
          line(digest, (found && intact) === true || isOneOf(others, algorithm, digest)),
        ),
      );
  const expected = entry.evidenceRecords
    .filter(
      ({ type, sequence }) =>
        type === 'ASN1_EVIDENCE_RECORD' &&
        sequence[0]?.archiveTimeStamps[0]?.reducedHashTree?.length !== 0,
    )
    .flatMap(({ references }) => references);
  const linesOfJudge = (references: readonly DssReference[]): string[] =>
    references.map(({ digest, found, intact }) => line(digest, found && intact));
  const got = [...linesOf(reading, []), ...beside.flatMap((one) => linesOf(one, detached))];
  const what = 'record references';
  const held = compareLists(
    what,
    linesOfJudge(expected.filter(({ digest }) => digest !== null)),
    got,
  );
  const all = compareLists(what, linesOfJudge(expected), got);
  return held.expected === held.got && all.expected !== all.got
    ? { ...all, explained: 'a reference without a digest is what the judge misses in the record' }
    : all;
}
