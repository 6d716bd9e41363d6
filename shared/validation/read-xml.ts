// XML documents, XML signatures and RFC 6283 records into facts.
import type { Facts } from '#shared/validation/facts.ts';
import type { Reading } from '#shared/validation/reading.ts';
import { parseXml } from '#shared/xml/parse.ts';

export function readXmlDocument(_reading: Reading, octets: Uint8Array): Pick<Facts, 'format'> {
  parseXml(octets);
  return { format: 'XML' };
}
