// A document's own EvidenceRecord in XML (RFC 6283) from the trees and tokens that give it in ASN.1. What renewals
// hash differs: a timestamp renewal has its groups a second time for records in XML; a hash-tree renewal has
// not, so that a record in XML ends there, and that is said (docs/decisions/records-in-xml.md).
import { buildXmlEvidenceRecord } from '#shared/ers/xml-record-writer.ts';
import { UnsupportedError } from '#shared/errors.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import { batchKey, readSmall } from './batch-objects.ts';
import { loadChainIndex, type ChainIndex } from './chains.ts';
import { openLeafTable } from './leaf-table-reader.ts';
import { hasXmlGroups, leafTableOf } from './manifest.ts';
import type { GroupPosition } from './types.ts';

/** Why there is no record in XML, for whoever asked for one. */
export function notInXml(why: string): UnsupportedError {
  return new UnsupportedError('ERR_UNSUPPORTED_FEATURE', `no record in XML can be given: ${why}`, {
    feature: 'RFC 6283',
  });
}

/** Where the archive timestamps of the chain stand as records in XML see them, oldest first. */
function placesOf(chains: ChainIndex, position: GroupPosition): readonly GroupPosition[] {
  const { kind } = chains.manifest(position.batchId);
  if (kind === 'taken-over')
    throw notInXml('it goes on from a record in ASN.1 that another product made');
  if (kind !== 'initial')
    throw notInXml('its hash-tree renewal is over the chains in ASN.1, RFC 6283 §4.2.2 wants XML');
  return [
    position,
    ...chains.renewalsOf(position.batchId).map(({ batchId, index }) => {
      const renewal = chains.manifest(batchId);
      if (hasXmlGroups(renewal)) return { batchId, index: renewal.previous.length + index };
      throw notInXml(
        `renewal ${batchId} is of an earlier version, over tokens in ASN.1 alone; RFC 6283 §4.2.1 wants XML`,
      );
    }),
  ];
}

/**
 * One group's EvidenceRecord in XML, from the store alone.
 * @throws UnsupportedError ERR_UNSUPPORTED_FEATURE: a renewal was not hashed for records in XML
 * @throws FormatError ERR_FORMAT_STORED; InvariantError ERR_INVARIANT_STATE: no such batch
 * @see RFC 6283 §2.1, §4.2.1
 */
export async function assembleXmlEvidenceRecord(
  store: ObjectStore,
  position: GroupPosition,
  options: { readonly signal: AbortSignal; readonly chains?: ChainIndex },
): Promise<Uint8Array> {
  const chains = options.chains ?? (await loadChainIndex(store, options.signal));
  const archiveTimeStamps = await Promise.all(
    placesOf(chains, position).map(async ({ batchId, index }) => {
      const table = openLeafTable(store, leafTableOf(chains.manifest(batchId)), options);
      const { reducedHashtree } = await table.group(index);
      const { octets } = await readSmall(store, batchKey(batchId, 'token'), options);
      return { reducedHashtree, timeStamp: octets };
    }),
  );
  return buildXmlEvidenceRecord(
    chains.manifest(position.batchId).digestAlgorithm,
    archiveTimeStamps,
  );
}
