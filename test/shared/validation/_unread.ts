// What the rows of evidence that cannot be read share.

export const unreadOn = '2027-02-10';

export type UnreadRow = {
  readonly name: string;
  readonly octets: Uint8Array;
  /** Of the whole document. */
  readonly says: string;
  /** Why EU DSS says something else, where it does. */
  readonly dss?: string | undefined;
};

export const skips = 'it lists what it can read and passes over the rest';

export const good = 'valid';
export const broken = 'invalid FORMAT_FAILURE';
export const unknown = 'indeterminate CUSTOM';
/** The document is what it is without it; what cannot be read is said beside it. */
export const remarked = 'valid, and said';

/** A token, or a record, with one octet turned in the first time in it, so that it is none. */
export function timeTurned(octets: Uint8Array): Uint8Array {
  const at = Buffer.from(octets).indexOf('20270');
  if (at < 0) throw new Error('no time');
  return octets.with(at, 0x22);
}
