// The value of an XML signature over its canonical SignedInfo, with one public key. Which key is the
// signer's, and what the references are worth, is for others. XML Signature 1.1 §3.2.2.
import { type SignatureResult, verifySignature } from '#shared/crypto/signature.ts';
import { TokiwaError } from '#shared/errors.ts';
import type { XmlElement } from '#shared/xml/tree.ts';
import type { SignedDocument } from '#shared/xmldsig/process.ts';
import { canonicalizationMethodIn } from '#shared/xmldsig/references.ts';
import { type SignatureMethod, valueForCms } from '#shared/xmldsig/signature-method.ts';

export type SignedInfoInput = {
  readonly home: SignedDocument;
  readonly signedInfo: XmlElement;
  readonly method: SignatureMethod;
  readonly value: Uint8Array;
};

/**
 * Canonicalizes SignedInfo once and gives a function that verifies the value with a key
 * (SubjectPublicKeyInfo in DER). Never throws for hostile input: a canonicalization that is not carried
 * out, or a value that is none, is a result too.
 * @see XML Signature 1.1 §3.2.2
 */
export function signedInfoVerifier(
  input: SignedInfoInput,
): (publicKey: Uint8Array) => SignatureResult {
  const { home, signedInfo, method, value } = input;
  let data: Uint8Array;
  let signature: Uint8Array;
  try {
    data = home.canonicalize(signedInfo, canonicalizationMethodIn(signedInfo));
    signature = valueForCms(method, value);
  } catch (error) {
    if (!(error instanceof TokiwaError)) throw error;
    const isWrong = error.code === 'ERR_FORMAT_XML';
    const failure: SignatureResult = {
      ok: false,
      reason: isWrong ? 'signature-wrong' : 'algorithm-unsupported',
      detail: error.message,
    };
    return () => failure;
  }
  const { algorithm, digestAlgorithm } = method;
  return (publicKey) =>
    verifySignature({
      publicKey,
      algorithm,
      ...(digestAlgorithm && { digestAlgorithm }),
      data,
      signature,
    });
}
