// CMS signatures whose content is too large to be held: read without it, as a stream, and told and judged like any
// other. What else there is has to fit (shared/cades/without-content.ts).
import { FormatError } from '#shared/errors.ts';
import type { DigestAlgorithm } from '#shared/crypto/digest.ts';
import type { ObjectEntry, ObjectStore } from '#shared/ports/object-store.ts';
import { detectFormat } from '#shared/validation/detect.ts';
import type { Facts } from '#shared/validation/facts.ts';
import { readableObject, readStored } from '../augmentation/stored-document.ts';
import type { CadesDocument } from '../augmentation/types.ts';

/** What a pass over the object gave. */
export type HeadOfObject = {
  readonly head: Uint8Array;
  readonly size: number;
  readonly digestAlgorithm: DigestAlgorithm;
  readonly inspectLimitBytes: number;
};

/** `undefined` where the object was held whole, or is no such signature. @throws SourceError from the store */
export async function readLargeSignature(
  store: ObjectStore,
  { key, versionId = '' }: Pick<ObjectEntry, 'key' | 'versionId'>,
  { head, size, digestAlgorithm, inspectLimitBytes }: HeadOfObject,
  signal: AbortSignal,
): Promise<CadesDocument | undefined> {
  if (head.length === size || detectFormat(head) !== 'cms') return undefined;
  try {
    const source = readableObject(store, { key, versionId }, size, signal);
    return await readStored(source, { digestAlgorithm, limitBytes: inspectLimitBytes });
  } catch (error) {
    // Then it is looked at by its head, which says that the whole is too large.
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

/** Facts of what was read without its content, as they are of the whole. */
export function factsOfLarge(facts: Facts, { stored }: CadesDocument): Facts {
  const { signedData, elided, length } = stored;
  const after = length - signedData.raw.length - (elided?.length ?? 0);
  return {
    ...facts,
    signatures: facts.signatures.map((one) =>
      elided && one.countersigns === undefined ? { ...one, detached: false } : one,
    ),
    problems:
      after === 0
        ? facts.problems
        : [
            ...facts.problems,
            {
              severity: 'error',
              code: 'octets-after-the-end',
              message: `${after} octets after the signature`,
            },
          ],
  };
}
