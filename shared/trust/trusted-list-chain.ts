// Whose list a trusted list is: from the signers that a reader trusts, over the pivots of a list of lists, to the
// national lists that it points to. ETSI TS 119 612 §5.3.13, §5.7; Commission notice on pivot lists. Nothing
// is fetched: the files are given.
import { FormatError, UnsupportedError } from '#shared/errors.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import { verifyEnveloped } from '#shared/xmldsig/enveloped.ts';
import { listOfLists } from './trusted-list-names.ts';
import { type TrustedList, parseTrustedList } from './trusted-list.ts';

/** A file with the name that messages give it. */
export type ListFile = { readonly name: string; readonly octets: Uint8Array };

export type VerifiedList = {
  readonly name: string;
  readonly list: TrustedList;
  readonly signer: Certificate;
};

/** A list that cannot be relied on, and why. */
export type RefusedList = { readonly name: string; readonly reason: string };

export type ListVerdict =
  | { readonly kind: 'verified'; readonly verified: VerifiedList }
  | ({ readonly kind: 'refused' } & RefusedList);

function refused(name: string, reason: string): ListVerdict {
  return { kind: 'refused', name, reason };
}

/**
 * A list signed over the whole by one of these. Never throws for hostile input.
 * @see ETSI TS 119 612 §5.7
 */
export function verifyTrustedList(
  { name, octets }: ListFile,
  signers: readonly Certificate[],
): ListVerdict {
  let list: TrustedList;
  try {
    list = parseTrustedList(octets);
  } catch (error) {
    if (error instanceof FormatError || error instanceof UnsupportedError)
      return refused(name, error.message);
    throw error;
  }
  const verdict = verifyEnveloped(list.document, signers);
  if (verdict.kind === 'signed')
    return { kind: 'verified', verified: { name, list, signer: verdict.signer } };
  return refused(name, verdict.kind === 'unsigned' ? 'it is not signed' : verdict.reason);
}

/** Signers that a list of lists names for its own successors. */
function ownSigners({ pointers, territory }: TrustedList): readonly Certificate[] {
  return pointers
    .filter((pointer) => pointer.type === listOfLists && pointer.territory === territory)
    .flatMap(({ signers }) => signers);
}

/**
 * The newest list of lists, over its pivots: each is signed by signers that the one before names for itself,
 * the first by those that are trusted from outside. `files` in any order; their sequence numbers give it.
 */
export function verifyListOfLists(
  files: readonly ListFile[],
  trusted: readonly Certificate[],
): ListVerdict {
  const read = files.map((file) => {
    try {
      return { file, list: parseTrustedList(file.octets) };
    } catch (error) {
      if (error instanceof FormatError || error instanceof UnsupportedError)
        return { file, problem: error.message };
      throw error;
    }
  });
  const bad = read.find((one) => one.problem !== undefined);
  if (bad) return refused(bad.file.name, bad.problem ?? '');
  const ordered = read
    .flatMap(({ file, list }) => (list ? [{ file, list }] : []))
    .toSorted((a, b) => a.list.sequenceNumber - b.list.sequenceNumber);
  let signers = trusted;
  let newest: ListVerdict = refused('list of lists', 'there is none');
  for (const { file, list } of ordered) {
    if (list.type !== listOfLists) return refused(file.name, 'it is no list of lists');
    newest = verifyTrustedList(file, signers);
    if (newest.kind === 'refused') return newest;
    signers = ownSigners(list);
  }
  return newest;
}

/**
 * Of the files, the lists that the list of lists points to, each signed by a signer that it names for that
 * territory. A file of a territory that it does not name is refused.
 */
export function verifyPointedLists(
  { list: lotl }: VerifiedList,
  files: readonly ListFile[],
): readonly ListVerdict[] {
  return files.map((file) => {
    let territory: string | undefined;
    try {
      ({ territory } = parseTrustedList(file.octets));
    } catch (error) {
      if (error instanceof FormatError || error instanceof UnsupportedError)
        return refused(file.name, error.message);
      throw error;
    }
    const signers = lotl.pointers
      .filter((one) => one.territory === territory && one.type !== listOfLists)
      .flatMap((one) => one.signers);
    return signers.length === 0
      ? refused(file.name, `the list of lists points to no list of ${territory ?? 'no territory'}`)
      : verifyTrustedList(file, signers);
  });
}
