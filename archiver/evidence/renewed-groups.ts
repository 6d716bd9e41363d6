// What the two renewals put under a new archive timestamp, in both forms: as records in ASN.1 hash it (RFC 4998
// §5.2) and as records in XML do (RFC 6283 §4.2). Written by renewals, looked at by checks, made again when a
// table is lost.
import { digest, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import {
  timestampRenewalGroup,
  xmlHashTreeRenewalGroup,
  xmlTimestampRenewalGroup,
} from '#shared/ers/renewal.ts';
import { canonicalTimeStamps } from '#shared/ers/xml-continuation.ts';
import { FormatError } from '#shared/errors.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import { renewalMembers, type Assembler } from './assemble.ts';
import type { ChainIndex } from './chains.ts';
import { tokensBefore } from './taken-over.ts';
import type { BatchId, ChainPlace, PreviousBatch } from './types.ts';
import { xmlRecordOf, xmlSequenceOf } from './xml-chains.ts';

/** A group in either form. */
export type RenewedGroup = {
  /** Of the form in which the record goes on: ASN.1, unless another product began it in XML. */
  readonly members: readonly Uint8Array[];
  readonly inXml: readonly Uint8Array[];
};

/**
 * The group of a hash-tree renewal for data objects of these digests under the new algorithm, in XML where that is
 * wanted. A record that cannot be had in XML has the same group twice.
 * @throws FormatError ERR_FORMAT_STORED; what the store throws
 */
export async function hashTreeRenewalOf(
  assembler: Assembler,
  place: ChainPlace,
  {
    algorithm,
    digests,
    xmlGroup,
  }: {
    readonly algorithm: DigestAlgorithm;
    readonly digests: readonly Uint8Array[];
    readonly xmlGroup: boolean | undefined;
  },
): Promise<Pick<RenewedGroup, 'members'> & Partial<RenewedGroup>> {
  const upTo = await assembler.sequenceUpTo(place);
  const members = renewalMembers(algorithm, digests, upTo);
  if (!xmlGroup) return { members };
  if (upTo.form === 'xml') return { members, inXml: members };
  const parts = await assembler.inXml(place);
  const inXml =
    parts.kind === 'none'
      ? members
      : xmlHashTreeRenewalGroup(algorithm, digests, xmlSequenceOf(parts));
  return { members, inXml };
}

export type TimestampRenewalSources = {
  readonly store: ObjectStore;
  readonly chains: ChainIndex;
  readonly assembler: Assembler;
  /** A batch's token in evidence form. */
  readonly token: (id: BatchId) => Promise<Uint8Array>;
  readonly signal: AbortSignal;
};

/**
 * The group of a timestamp renewal: all tokens of a batch's current chain with its first `renewals` renewals.
 * @throws FormatError: a record that was taken over is damaged; what the store throws
 */
export async function timestampRenewalOf(
  { store, chains, assembler, token, signal }: TimestampRenewalSources,
  { batchId, renewals }: PreviousBatch,
): Promise<RenewedGroup> {
  const { digestAlgorithm, recordForm } = chains.manifest(batchId);
  const tokens = [...(await tokensBefore(store, chains, batchId, { signal }))];
  const later = chains.renewalsOf(batchId).slice(0, renewals);
  for (const id of [batchId, ...later.map((position) => position.batchId)])
    tokens.push(await token(id));
  const members = timestampRenewalGroup(digestAlgorithm, tokens);
  if (recordForm !== 'xml')
    return { members, inXml: xmlTimestampRenewalGroup(digestAlgorithm, tokens) };
  // Another product's own elements, in their place and by the method that it names.
  const parts = await assembler.inXml({ batchId, index: 0, renewals });
  if (parts.kind === 'none') throw new FormatError('ERR_FORMAT_STORED', parts.why);
  const elements = canonicalTimeStamps(xmlRecordOf(parts));
  return { members, inXml: elements.map((element) => digest(digestAlgorithm, element)) };
}
