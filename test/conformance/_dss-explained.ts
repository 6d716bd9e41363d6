// Differences from the `dss` manifest in which our reading is the right one, or where the judge gave no
// reading at all. Each rule looks at the facts, never at a file's name; docs/standards.md gives the clauses.
import type { Facts } from '#shared/validation/facts.ts';
import type { DssEntry } from './_dss-manifest.ts';
import { containerRules } from './_dss-container-explained.ts';
import { xmlRules } from './_dss-xml-explained.ts';

export type Difference = { readonly what: string; readonly expected: string; readonly got: string };

export type Rule = {
  readonly reason: string;
  readonly applies: (entry: DssEntry, facts: Facts, difference: Difference) => boolean;
};

function lines(list: string): string[] {
  return list === 'none' ? [] : list.split('; ');
}

/** Lines of `a` that `b` lacks, each as often as it is missing. */
function without(a: readonly string[], b: readonly string[]): string[] {
  const rest = [...b];
  return a.filter((line) => {
    const at = rest.indexOf(line);
    if (at >= 0) rest.splice(at, 1);
    return at < 0;
  });
}

/** Lines that only the judge has, and lines that only we have. */
export function sides({ expected, got }: Difference): {
  readonly theirs: string[];
  readonly ours: string[];
} {
  return {
    theirs: without(lines(expected), lines(got)),
    ours: without(lines(got), lines(expected)),
  };
}

/** Same subjects on both sides, only "found …" against "not found not intact". */
function differsInFound(difference: Difference, prefix: string): boolean {
  const { theirs, ours } = sides(difference);
  const subject = (line: string): string => line.split(' ').slice(0, 2).join(' ');
  return (
    ours.length > 0 &&
    ours.every((line) => line.startsWith(prefix) && line.endsWith('not found not intact')) &&
    without(theirs.map(subject), ours.map(subject)).length === 0 &&
    theirs.length === ours.length
  );
}

const rules: readonly Rule[] = [
  {
    reason: 'the judge threw and gave no reading',
    applies: (entry) => entry.oracleError !== null,
  },
  {
    // RFC 4998 §4.3: without a reduced hash tree the imprint is the hash of the document itself.
    reason: 'a record without a tree and without its document: nothing found to compare with',
    applies: (_entry, facts, difference) =>
      difference.what === 'imprints' &&
      differsInFound(difference, 'evidence-record ') &&
      facts.evidenceRecords.some(({ chains }) =>
        chains.some(({ archiveTimeStamps }) =>
          archiveTimeStamps.some(({ reducedHashtree }) => reducedHashtree.length === 0),
        ),
      ),
  },
  {
    // EN 319 162-1 §A.4: the entries are facts of the manifest whether or not its signature fits it.
    reason: 'entries of a manifest whose own digest is wrong are listed all the same',
    applies: (entry, _facts, difference) => {
      const { theirs, ours } = sides(difference);
      return (
        difference.what === 'references' &&
        theirs.length === 0 &&
        ours.every((line) => line.startsWith('manifest-entry ')) &&
        entry.signatures.some(({ references }) => references.some(({ intact }) => !intact))
      );
    },
  },
  {
    // RFC 5652 §5.3: the signer identifier names the certificate; that ESSCertID names another one is
    // a finding of verification (RFC 5816 §2.2.1), not of reading.
    reason: 'the TSU certificate is named by the signer identifier, which ESSCertID contradicts',
    applies: (_entry, _facts, difference) => {
      const { theirs, ours } = sides(difference);
      const cut = (line: string): string => line.slice(0, line.lastIndexOf(' by '));
      return (
        difference.what === 'timestamps' &&
        theirs.length === ours.length &&
        theirs.every((line) => line.endsWith(' by - until -')) &&
        without(theirs.map(cut), ours.map(cut)).length === 0
      );
    },
  },
  {
    // ETSI TS 101 733 V1.5.1 §6.4.1 (archive timestamp, first version); ISO 32000-2 table 255: the
    // SubFilter says what a signature dictionary holds, /Type is optional.
    reason: 'tokens that the judge passes over are listed, too',
    applies: (_entry, _facts, difference) => {
      const { theirs, ours } = sides(difference);
      return (
        difference.what === 'timestamps' &&
        theirs.length === 0 &&
        ours.every((line) => /^(?:archive|document) /.test(line))
      );
    },
  },
  {
    // EN 319 142-1 §5.2, ISO 32000-2 §12.8.1: the range leaves out the signature's own /Contents and
    // nothing else; over any other range no digest is compared.
    reason: 'the ByteRange does not leave out exactly its own signature: no digest is compared',
    applies: (_entry, facts, difference) =>
      difference.what === 'references' &&
      differsInFound(difference, 'message-digest ') &&
      facts.signatures.some(({ pdf }) => pdf?.coverage === 'unclear'),
  },
  ...containerRules,
  ...xmlRules,
];

/** Why the difference counts as passed, `undefined` where nothing explains it. */
export function explainDifference(
  entry: DssEntry,
  facts: Facts,
  difference: Difference,
): string | undefined {
  return rules.find(({ applies }) => applies(entry, facts, difference))?.reason;
}
