// What the rows of evidence that cannot be read share.

export const unreadOn = '2027-02-10';

/** `dssPasses`: why EU DSS has nothing against it, where it has not. */
export type UnreadRow = {
  readonly name: string;
  readonly octets: Uint8Array;
  /** Of the whole document. */
  readonly says: string;
  readonly dssPasses?: string | undefined;
};

export const good = 'valid';
export const broken = 'invalid FORMAT_FAILURE';
export const unknown = 'indeterminate CUSTOM';
export const unproved = 'indeterminate CERTIFICATE_CHAIN_GENERAL_FAILURE';

/** A token, or a record, with one octet turned in the first time in it, so that it is none. */
export function timeTurned(octets: Uint8Array): Uint8Array {
  const at = Buffer.from(octets).indexOf('20270');
  if (at < 0) throw new Error('no time');
  return octets.with(at, 0x22);
}
