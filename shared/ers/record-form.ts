// An evidence record in either of its forms: ASN.1 (RFC 4998) or XML (RFC 6283), told apart by the first octet.
import { parseEvidenceRecord, type EvidenceRecord } from './evidence-record.ts';
import { parseXmlEvidenceRecord } from './xml-evidence-record.ts';

export type RecordForm = 'asn1' | 'xml';

/** In which form octets would have to be read. A SEQUENCE begins with 0x30, which begins no XML document. */
export function recordFormOf(octets: Uint8Array): RecordForm {
  return octets[0] === 0x30 ? 'asn1' : 'xml';
}

/** A record in either form. @throws FormatError, UnsupportedError as the reader of its form */
export function parseRecord(octets: Uint8Array): EvidenceRecord {
  return recordFormOf(octets) === 'asn1'
    ? parseEvidenceRecord(octets)
    : parseXmlEvidenceRecord(octets);
}
