// Differences from the `dss` manifest in containers: the clause of each stands in docs/standards.md.
import type { Facts } from '#shared/validation/facts.ts';
import { type Difference, type Rule, sides } from './_dss-explained.ts';

/** The sides list the same, and ours says `ours` where the judge says `theirs`. */
function onlyChanges(difference: Difference, theirs: string, ours: string): boolean {
  const both = sides(difference);
  return (
    both.ours.length > 0 &&
    both.ours.every((line) => line.endsWith(ours)) &&
    both.theirs.every((line) => line.endsWith(theirs)) &&
    both.ours.map((line) => line.slice(0, -ours.length)).join() ===
      both.theirs.map((line) => line.slice(0, -theirs.length)).join()
  );
}

function findsMore(difference: Difference): boolean {
  return (
    (difference.what === 'record references' && onlyChanges(difference, ' not found', ' found')) ||
    (difference.what === 'token validity' && onlyChanges(difference, ' not valid', ' valid'))
  );
}

/** One data object, no manifest, no media type. */
function isSimpleByContent({ container, format }: Facts): boolean {
  return (
    format === 'ASiC-S' && container?.mimetype === undefined && container?.manifests.length === 0
  );
}

function recordManifests({ container }: Facts): NonNullable<Facts['container']>['manifests'] {
  return (container?.manifests ?? []).filter(({ kind }) => kind === 'evidence-record');
}

export const containerRules: readonly Rule[] = [
  {
    // APPNOTE §4.3.16: where the archive ends would be for the reader to choose.
    reason: 'an archive with a second end record is refused: two readers would see two archives',
    applies: (_entry, facts, { got }) =>
      got === 'none' &&
      facts.problems.some(
        ({ code, message }) => code === 'ERR_FORMAT_ZIP' && message.includes('end record'),
      ),
  },
  {
    // EN 319 162-1 §4.3.3.1, §4.3.3.2: the judge goes by the file's name.
    reason: 'the simple form by what is inside: the record is over the data object',
    applies: (_entry, facts, difference) => isSimpleByContent(facts) && findsMore(difference),
  },
  {
    // EN 319 162-1 §4.4.4.2: the data is in the record; that the manifest is wrong is for the verdict.
    reason: 'a record is over the data that is there, though its manifest gives another digest',
    applies: (_entry, facts, difference) =>
      findsMore(difference) &&
      recordManifests(facts).some(({ references }) =>
        references.some(({ found, intact }) => found && !intact),
      ),
  },
  {
    // RFC 6283 §3.1.1: of the entry the judge knows the digest in the manifest, which is of its octets.
    reason: 'a record in XML over the canonical form of an entry',
    applies: (_entry, facts, difference) =>
      facts.evidenceRecords.some(({ kind }) => kind === 'RFC 6283') &&
      recordManifests(facts).length > 0 &&
      ((difference.what === 'imprints' &&
        onlyChanges(difference, ' found not intact', ' found intact')) ||
        (difference.what === 'token validity' && onlyChanges(difference, ' not valid', ' valid'))),
  },
];
