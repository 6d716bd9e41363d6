// The object that keeps the validation data of a document's signatures, in the evidence store under
// `validation/<SHA-256>.p7c`: written once, read back, and looked at again with its document. Documents
// whose signers share a CA share it.
import { toHex } from '#shared/bytes.ts';
import {
  type EmbeddedValidationData,
  embeddedValidationData,
} from '#shared/cms/revocation-values.ts';
import { parseSignedData } from '#shared/cms/signed-data.ts';
import { buildValidationData } from '#shared/cms/validation-data.ts';
import { digest, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import { ConflictError, InvariantError, SourceError } from '#shared/errors.ts';
import type { ValidationObject } from '#shared/ports/catalogue.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import { readDocument } from './read-document.ts';

/** A SignedData with whole CRLs; what is larger was not written by us. */
const maxOctets = 256 * 1024 * 1024;

/** SHA-256 of what stands there; `undefined` where nothing does. */
async function storedDigest(
  store: ObjectStore,
  key: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  try {
    const reading = await readDocument(store, key, { algorithms: ['SHA-256'], keep: 0, signal });
    return reading.digests['SHA-256'];
  } catch (error) {
    if (error instanceof SourceError && error.code === 'ERR_SOURCE_NOT_FOUND') return undefined;
    throw error;
  }
}

/** Whether the object is there with the octets that were stamped. @throws what the store throws */
export async function isValidationObjectSound(
  store: ObjectStore,
  { key, digests }: ValidationObject,
  signal: AbortSignal,
): Promise<boolean> {
  return (await storedDigest(store, key, signal)) === digests['SHA-256'];
}

/**
 * Writes the object and reads it back. The same data is the same object; a damaged one is replaced.
 * @throws InvariantError ERR_INVARIANT_READ_BACK; what the store throws
 */
export async function storeValidationObject(
  store: ObjectStore,
  data: EmbeddedValidationData,
  options: { readonly digestAlgorithm: DigestAlgorithm; readonly signal: AbortSignal },
): Promise<ValidationObject> {
  const { digestAlgorithm, signal } = options;
  const octets = buildValidationData(data);
  const sha256 = toHex(digest('SHA-256', octets));
  const object: ValidationObject = {
    key: `validation/${sha256}.p7c`,
    size: octets.length,
    digests: { [digestAlgorithm]: toHex(digest(digestAlgorithm, octets)), 'SHA-256': sha256 },
  };
  const write = (condition?: { readonly kind: 'absent' }) =>
    store.write(object.key, octets, {
      signal,
      contentType: 'application/pkcs7-mime',
      ...(condition && { condition }),
    });
  try {
    await write({ kind: 'absent' });
  } catch (error) {
    // Another document's signers have the same data.
    if (!(error instanceof ConflictError)) throw error;
    if (!(await isValidationObjectSound(store, object, signal))) await write();
  }
  if (await isValidationObjectSound(store, object, signal)) return object;
  throw new InvariantError(
    'ERR_INVARIANT_READ_BACK',
    `${object.key} does not read back as it was written`,
  );
}

/** Its octets. @throws what the store throws */
export async function readValidationObject(
  store: ObjectStore,
  { key }: ValidationObject,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const { head } = await readDocument(store, key, { algorithms: [], keep: maxOctets, signal });
  return head;
}

/** What it holds. @throws FormatError; what the store throws */
export async function loadValidationObject(
  store: ObjectStore,
  object: ValidationObject,
  signal: AbortSignal,
): Promise<EmbeddedValidationData> {
  return embeddedValidationData(parseSignedData(await readValidationObject(store, object, signal)));
}
