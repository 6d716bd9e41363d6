// From octets to Facts: tells the format from the content and asks the reader of that format.
// Never throws for what the octets are: what cannot be read is a problem in the facts.
import { type DetachedContent, type Facts, noFacts } from '#shared/validation/facts.ts';

/** Documents above this size are looked at by their head only, unless the caller says otherwise. */
export const defaultInspectLimit = 64 * 1024 * 1024;

export type InspectInput = {
  /** The whole document, or its first octets where it is larger than the limit. */
  readonly bytes: Uint8Array;
  /** Size of the whole document in octets. */
  readonly size: number;
  /** What detached signatures and evidence records may be about. */
  readonly detached?: readonly DetachedContent[] | undefined;
};

/** Reads no clock and no file; `input.bytes` is borrowed. */
export function inspect(input: InspectInput): Facts {
  return noFacts(input.size === 0 ? 'empty' : 'plain');
}
