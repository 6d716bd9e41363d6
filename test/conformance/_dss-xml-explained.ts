// Differences from the `dss` manifest in XML signatures: the clause of each stands in docs/standards.md.
import type { Facts } from '#shared/validation/facts.ts';
import type { Difference, Rule } from './_dss-explained.ts';

type Line = { readonly subject: string; readonly state: string };

function linesOf(list: string): Line[] {
  if (list === 'none') return [];
  return list.split('; ').map((line) => {
    const [kind = '', digest = '', ...state] = line.split(' ');
    return { subject: `${kind} ${digest}`, state: state.join(' ') };
  });
}

/** Subjects on which the sides differ, by what each says; undefined: they list different subjects. */
function changes({
  expected,
  got,
}: Difference): readonly (readonly [string, string])[] | undefined {
  const [theirs, ours] = [linesOf(expected), linesOf(got)];
  const subjects = (list: readonly Line[]): string => list.map((one) => one.subject).join();
  if (subjects(theirs) !== subjects(ours)) return undefined;
  return theirs
    .map((one, index): readonly [string, string] => [one.state, ours[index]?.state ?? ''])
    .filter(([their, our]) => their !== our);
}

/** Whether every line of the one list stands in the other. */
function isWithin(list: string, other: string): boolean {
  const lines = new Set(other.split('; '));
  return list === 'none' || list.split('; ').every((line) => lines.has(line));
}

function onlyDiffersBy(difference: Difference, theirs: string, ours: string): boolean {
  const all = changes(difference) ?? [];
  return all.length > 0 && all.every(([their, our]) => their === theirs && our === ours);
}

function says({ problems }: Facts, text: RegExp): boolean {
  return problems.some(({ message }) => text.test(message));
}

export const xmlRules: readonly Rule[] = [
  {
    // XML Signature 1.1 §5.1: entries of a manifest are facts whether or not their data was given.
    reason: 'entries of a ds:Manifest without their data are listed all the same',
    applies: (_entry, _facts, { what, expected, got }) => {
      const [theirs, ours] = [linesOf(expected), linesOf(got)];
      const known = new Set(theirs.map(({ subject }) => subject));
      const added = ours.filter(({ subject }) => !known.has(subject));
      const rest = ours.filter(({ subject }) => known.has(subject));
      return (
        what === 'references' &&
        JSON.stringify(rest) === JSON.stringify(theirs) &&
        added.length > 0 &&
        added.every(
          ({ subject, state }) =>
            subject.startsWith('manifest-entry ') && state === 'not found not intact',
        )
      );
    },
  },
  {
    // XML Signature 1.1 §4.4.3, XML 1.0 §3.3.1 (ID): neither says what was meant, so nothing is found.
    reason: 'an Id of several elements, or of one that is not what the type of the reference says',
    applies: (_entry, facts, difference) =>
      onlyDiffersBy(difference, 'found not intact', 'not found not intact') &&
      says(facts, /which several elements are named|which is not as its type says/),
  },
  {
    // EN 319 132-1 §5.5.2: the data is digested together with what follows it; its digest is not enough.
    reason: 'a timestamp over data of which only a digest was given',
    applies: (entry, _facts, difference) =>
      difference.what === 'imprints' &&
      onlyDiffersBy(difference, 'found not intact', 'not found not intact') &&
      (entry.detached ?? []).some(({ digests }) => digests !== undefined),
  },
  {
    // XML Signature 1.1 §6.6.4: without the signature, nothing of a part of the signature is left.
    reason: 'enveloped-signature over what stands inside of the signature leaves nothing',
    applies: (_entry, facts, difference) =>
      difference.what === 'references' &&
      onlyDiffersBy(difference, 'found intact', 'found not intact') &&
      says(facts, /transform that leaves nothing/),
  },
  {
    // EN 319 132-1 §5.5.2: what a reference is over comes first; of nothing there is no imprint.
    reason: 'an archive timestamp over a reference of which nothing is left',
    applies: (_entry, facts, difference) =>
      difference.what === 'imprints' &&
      onlyDiffersBy(difference, 'found not intact', 'not found not intact') &&
      says(facts, /transform that leaves nothing/),
  },
  {
    // XML Signature 1.1 §4.4.3.5: named by an algorithm that is not known, the reference is there.
    reason: 'a reference under an unknown digest algorithm is listed all the same',
    applies: (entry, _facts, { what, expected, got }) => {
      const known = new Set(linesOf(expected).map(({ subject }) => subject));
      const added = linesOf(got).filter(({ subject }) => !known.has(subject));
      const unknown = entry.signatures.flatMap(({ references }) =>
        references.filter(({ digest }) => digest === null),
      );
      return (
        what === 'references' &&
        added.length > 0 &&
        added.length === unknown.length &&
        isWithin(expected, got) &&
        added.every(({ state }) => state === 'not found not intact')
      );
    },
  },
  {
    // XML Signature 1.1 §4.4.3.6: base64Binary; a SignedInfo that is malformed lists nothing.
    reason: 'a DigestValue that is no Base64: nothing is known of what was signed',
    applies: (_entry, facts, { what, got }) =>
      what === 'references' && got === 'none' && says(facts, /^DigestValue is no Base64 text/),
  },
  {
    // TS 101 903 V1.3.2 §7.1.4.3.1: it names a ds:Reference; the data itself is none.
    reason: 'an Include that names no reference: what the timestamp is over cannot be told',
    applies: (_entry, facts, difference) =>
      difference.what === 'imprints' &&
      onlyDiffersBy(difference, 'found not intact', 'not found not intact') &&
      says(facts, /^Include of .*, no reference/),
  },
];
