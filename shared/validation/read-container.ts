// ZIP archives and ASiC containers into facts.
import type { Facts } from '#shared/validation/facts.ts';
import type { Reading } from '#shared/validation/reading.ts';

export function readContainer(_reading: Reading, _octets: Uint8Array): Pick<Facts, 'format'> {
  return { format: 'ZIP' };
}
