// The chains of a group's record in XML (RFC 6283) from the same trees and tokens that give it in ASN.1. What renewals
// hash differs, so that each renewal has its groups a second time for records in XML; those of another
// product go on in their own octets. Where some renewal lacks them there is no record in XML, and it is said why.
import { canonicalSequenceOf, continueXmlRecord } from '#shared/ers/xml-continuation.ts';
import {
  buildXmlEvidenceRecord,
  canonicalSequence,
  type XmlArchiveTimeStampFields,
  type XmlChainFields,
} from '#shared/ers/xml-record-writer.ts';
import { FormatError } from '#shared/errors.ts';
import { cached } from './bounded-cache.ts';
import type { ChainIndex } from './chains.ts';
import type { StoredGroup } from './leaf-table-reader.ts';
import { xmlGroupIndex } from './manifest.ts';
import type { TakenOver } from './taken-over.ts';
import type { BatchId, ChainPlace, GroupPosition } from './types.ts';

/** A record in XML in parts. */
export type XmlParts = {
  readonly kind: 'parts';
  /** What it goes on from, with the timestamp renewals of that record's current chain since. */
  readonly found?: TakenOver & { readonly renewals: readonly XmlArchiveTimeStampFields[] };
  /** Chains of this archive, oldest first. */
  readonly chains: readonly XmlChainFields[];
};

/** Why there is none. */
export type NotInXml = { readonly kind: 'none'; readonly why: string };

export type XmlSources = {
  readonly chains: ChainIndex;
  readonly group: (position: GroupPosition) => Promise<StoredGroup>;
  readonly token: (id: BatchId) => Promise<Uint8Array>;
  readonly takenOver: (id: BatchId) => Promise<TakenOver>;
  /** Where a group's record stood before its hash-tree renewal. */
  readonly before: (position: GroupPosition) => Promise<ChainPlace | undefined>;
};

/** What a token covers is fixed, and RFC 6283 knows no other input of a renewal. */
const onlyAnew =
  'in XML its evidence can only begin anew, with a copy of the document under another key';

function none(why: string): NotInXml {
  return { kind: 'none', why };
}

/**
 * A record in ASN.1 as a chain in XML: only one that no renewal follows, since that hashed ASN.1. Its token and
 * tree have to have one hash algorithm, which RFC 6283 §3.2.1 demands.
 */
function asXmlChain({ record, newest }: TakenOver): XmlArchiveTimeStampFields | NotInXml {
  const [chain, ...more] = record.sequence.chains;
  const [first, ...renewals] = chain?.archiveTimeStamps ?? [];
  if (!first || more.length > 0 || renewals.length > 0)
    return none('another product made and renewed its record in ASN.1');
  if (first.imprint.algorithm !== first.effectiveDigestAlgorithm)
    return none('the timestamp of its record in ASN.1 has another hash than the tree');
  return { reducedHashtree: first.reducedHashtree ?? [], timeStamp: newest };
}

/** Parts of records over one state of the store; renewals are read once for all groups of a batch. */
export function createXmlChains(
  sources: XmlSources,
): (place: ChainPlace) => Promise<XmlParts | NotInXml> {
  const { chains, group, token, takenOver, before } = sources;
  type Renewals = readonly XmlArchiveTimeStampFields[] | NotInXml;
  const known = new Map<string, Promise<Renewals>>();

  const stampAt = async (position: GroupPosition): Promise<XmlArchiveTimeStampFields> => ({
    reducedHashtree: (await group(position)).reducedHashtree,
    timeStamp: await token(position.batchId),
  });

  const readRenewals = async (id: BatchId, count: number): Promise<Renewals> => {
    const renewals: XmlArchiveTimeStampFields[] = [];
    for (const { batchId, index } of chains.renewalsOf(id).slice(0, count)) {
      const inXml = xmlGroupIndex(chains.manifest(batchId), index);
      if (inXml === undefined)
        return none(
          `timestamp renewal ${batchId} was made by release 0.1 over tokens as records in ASN.1 hash them, where RFC 6283 §4.2.1 hashes XML; ${onlyAnew}`,
        );
      renewals.push(await stampAt({ batchId, index: inXml }));
    }
    return renewals;
  };

  /** The first archive timestamp of a chain of this archive. */
  const firstOf = async ({
    batchId,
    index,
  }: GroupPosition): Promise<XmlArchiveTimeStampFields | NotInXml> => {
    const manifest = chains.manifest(batchId);
    if (manifest.kind === 'taken-over') return asXmlChain(await takenOver(batchId));
    const inXml = manifest.kind === 'initial' ? index : xmlGroupIndex(manifest, index);
    if (inXml === undefined)
      return none(
        `hash-tree renewal ${batchId} was made by release 0.1, or with xmlRecords false, over chains in ASN.1 alone, where RFC 6283 §4.2.2 hashes XML; ${onlyAnew}`,
      );
    return stampAt({ batchId, index: inXml });
  };

  return async (place) => {
    const later: XmlChainFields[] = [];
    const seen = new Set<BatchId>();
    for (let at: ChainPlace | undefined = place; at; at = await before(at)) {
      const { batchId } = at;
      if (seen.has(batchId))
        throw new FormatError('ERR_FORMAT_STORED', `batch ${batchId} stands before itself`);
      seen.add(batchId);
      const { recordForm, digestAlgorithm } = chains.manifest(batchId);
      const count = at.renewals;
      const renewals = await cached(known, `${batchId}/${count}`, () =>
        readRenewals(batchId, count),
      );
      if ('kind' in renewals) return renewals;
      if (recordForm === 'xml')
        return {
          kind: 'parts',
          found: { ...(await takenOver(batchId)), renewals },
          chains: later,
        };
      const first = await firstOf(at);
      if ('kind' in first) return first;
      later.unshift({ digestAlgorithm, archiveTimeStamps: [first, ...renewals] });
    }
    return { kind: 'parts', chains: later };
  };
}

/** The record. @throws FormatError, UnsupportedError: what it goes on from cannot be gone on from */
export function xmlRecordOf({ found, chains }: XmlParts): Uint8Array {
  return found
    ? continueXmlRecord(found.record.raw, { ...found, chains })
    : buildXmlEvidenceRecord(chains);
}

/** What the next hash-tree renewal hashes of it (RFC 6283 §4.2.2). Throws as `xmlRecordOf`. */
export function xmlSequenceOf(parts: XmlParts): Uint8Array {
  return parts.found ? canonicalSequenceOf(xmlRecordOf(parts)) : canonicalSequence(parts.chains);
}
