// A document's own EvidenceRecord in XML (RFC 6283) from the store alone, or why there is none
// (docs/decisions/records-in-xml.md).
import { UnsupportedError } from '#shared/errors.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import { createAssembler } from './assemble.ts';
import { loadChainIndex, type ChainIndex } from './chains.ts';
import type { GroupPosition } from './types.ts';
import { xmlRecordOf } from './xml-chains.ts';

/** Why there is no record in XML, for whoever asked for one. */
export function notInXml(why: string): UnsupportedError {
  return new UnsupportedError(
    'ERR_UNSUPPORTED_FEATURE',
    `no record in XML can be given: ${why}. Its record in ASN.1 (without --xml) proves as much`,
    { feature: 'RFC 6283' },
  );
}

/**
 * One group's EvidenceRecord in XML, from the store alone.
 * @throws UnsupportedError ERR_UNSUPPORTED_FEATURE: a renewal was not hashed for records in XML
 * @throws FormatError ERR_FORMAT_STORED; InvariantError ERR_INVARIANT_STATE: no such batch
 * @see RFC 6283 §2.1, §4.2
 */
export async function assembleXmlEvidenceRecord(
  store: ObjectStore,
  position: GroupPosition,
  options: { readonly signal: AbortSignal; readonly chains?: ChainIndex },
): Promise<Uint8Array> {
  const { signal } = options;
  const chains = options.chains ?? (await loadChainIndex(store, signal));
  const renewals = chains.renewalsOf(position.batchId).length;
  const parts = await createAssembler(store, chains, { signal }).inXml({ ...position, renewals });
  if (parts.kind === 'none') throw notInXml(parts.why);
  return xmlRecordOf(parts);
}
