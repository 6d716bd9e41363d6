// What a record of another product brings into its continuation (RFC 4998 §5.2): older chains as they are
// stored, since a hash-tree renewal hashed them; of the current chain, which no later timestamp covers yet,
// everything around its tokens in DER. It judges nothing: verify.ts does, over the record as found.
import { toHex } from '#shared/bytes.ts';
import { reEncodeAsDer } from '#shared/der/re-encode.ts';
import { readChildren, readTlv } from '#shared/der/reader.ts';
import { findDerOffence } from '#shared/der/strict.ts';
import { derSequence } from '#shared/der/writer.ts';
import { FormatError } from '#shared/errors.ts';
import type { ArchiveTimeStamp, ArchiveTimeStampChain, EvidenceRecord } from './evidence-record.ts';
import { createFormHasher } from './hashed-forms.ts';
import { xmlHashTreeRenewalGroup } from './renewal.ts';
import type { RenewalReading } from './verdict.ts';
import { joinedDigest } from './walk.ts';

/** A record in parts, its newest token in the form that it goes on with. */
export type ContinuedRecord = {
  /** Whole ArchiveTimeStampChain elements before the current one, as stored. */
  readonly olderChains: readonly Uint8Array[];
  /** Whole ArchiveTimeStamp elements of the current chain, oldest first. */
  readonly archiveTimeStamps: readonly Uint8Array[];
};

function der(element: Uint8Array): Uint8Array {
  return findDerOffence(element) ? reEncodeAsDer(element) : element;
}

/** The chain that goes on. */
export function currentChain({ sequence }: EvidenceRecord): ArchiveTimeStampChain {
  const chain = sequence.chains.at(-1);
  if (chain) return chain;
  throw new FormatError('ERR_FORMAT_EVIDENCE_RECORD', 'a record without a chain', {
    clause: 'RFC 4998 §5.1',
  });
}

/** The archive timestamp that a renewal covers. */
export function newestArchiveTimeStamp(record: EvidenceRecord): ArchiveTimeStamp {
  const newest = currentChain(record).archiveTimeStamps.at(-1);
  if (newest) return newest;
  throw new FormatError('ERR_FORMAT_EVIDENCE_RECORD', 'a record without an archive timestamp', {
    clause: 'RFC 4998 §5.1',
  });
}

/** The same fields in DER around a token. */
function withToken({ raw }: ArchiveTimeStamp, token: Uint8Array): Uint8Array {
  const fields = readChildren(readTlv(raw));
  return derSequence(...fields.slice(0, -1).map((field) => der(field.raw)), token);
}

/**
 * The parts of a record in ASN.1 with `newest` in place of its newest token: the same token in evidence form.
 * @see RFC 4998 §5.2
 */
export function continueRecord(record: EvidenceRecord, newest: Uint8Array): ContinuedRecord {
  const { archiveTimeStamps } = currentChain(record);
  return {
    olderChains: record.sequence.chains.slice(0, -1).map(({ raw }) => raw),
    archiveTimeStamps: archiveTimeStamps.map((each, index) =>
      withToken(each, index === archiveTimeStamps.length - 1 ? newest : each.timeStamp),
    ),
  };
}

/** Tokens of the current chain before the newest, as other verifiers hash them: in DER. */
export function olderTokens(record: EvidenceRecord): readonly Uint8Array[] {
  return currentChain(record)
    .archiveTimeStamps.slice(0, -1)
    .map(({ token }) => der(token.raw));
}

/** The hash values that the current chain starts from: its first list or, without a tree, the imprint. */
export function currentFirstList(record: EvidenceRecord): readonly Uint8Array[] {
  const [first] = currentChain(record).archiveTimeStamps;
  if (!first) return [];
  return first.reducedHashtree?.[0] ?? [first.imprint.digest];
}

/**
 * What the current chain's first list has to hold for data objects of these digests, under its own
 * algorithm: the digests or, after a hash-tree renewal, joined with the older chains in the reading
 * that fits most of them; in XML the digests and that of the older chains.
 * @see RFC 4998 §5.2 step 4; RFC 6283 §4.2.2
 */
export function currentLeaves(
  record: EvidenceRecord,
  digests: readonly Uint8Array[],
): readonly Uint8Array[] {
  const { chains } = record.sequence;
  if (chains.length === 1) return digests;
  const { digestAlgorithm } = currentChain(record);
  if (record.xml) {
    const older = record.xml.olderSequence(chains.length - 1);
    return xmlHashTreeRenewalGroup(digestAlgorithm, digests, older);
  }
  const present = new Set(currentFirstList(record).map(toHex));
  const older = chains.slice(0, -1).map(({ raw }) => raw);
  let best: { readonly values: readonly Uint8Array[]; readonly hits: number } | undefined;
  for (const { value: sequence } of createFormHasher().sequence(digestAlgorithm, older))
    for (const reading of ['positional', 'sorted'] as const satisfies readonly RenewalReading[]) {
      const values = digests.map((each) => joinedDigest(digestAlgorithm, reading, each, sequence));
      const hits = values.filter((value) => present.has(toHex(value))).length;
      if (!best || hits > best.hits) best = { values, hits };
    }
  return best?.values ?? [];
}
