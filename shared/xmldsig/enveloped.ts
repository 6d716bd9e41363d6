// A document that carries the signature over itself: policies (RFC 5698 §3.1.5) and trusted lists (ETSI
// TS 119 612 §5.7). One signature, over the whole, by a key that the reader already trusts. Signatures of
// documents with their properties and times are for shared/xades and shared/validation.
import { equalBytes } from '#shared/bytes.ts';
import { digestAlgorithmOfUri } from '#shared/crypto/digest-uri.ts';
import { type DigestAlgorithm, digest } from '#shared/crypto/digest.ts';
import { TokiwaError } from '#shared/errors.ts';
import { type Certificate, parseCertificate } from '#shared/x509/certificate.ts';
import type { XmlDocument, XmlElement } from '#shared/xml/tree.ts';
import { attributeOf, childNamed, childrenNamed } from '#shared/xml/tree.ts';
import { dsNamespace } from '#shared/xmldsig/names.ts';
import {
  type SignedDocument,
  octetsOf,
  processReference,
  signedDocument,
} from '#shared/xmldsig/process.ts';
import { type XmlReference, base64Of, readReferences } from '#shared/xmldsig/references.ts';
import { readSignatureMethod } from '#shared/xmldsig/signature-method.ts';
import { signedInfoVerifier } from '#shared/xmldsig/verify.ts';

export type EnvelopedVerdict =
  | { readonly kind: 'unsigned' }
  /** The whole document is as this certificate's key signed it. Whether that key counts was given. */
  | { readonly kind: 'signed'; readonly signer: Certificate }
  | { readonly kind: 'broken'; readonly reason: string };

/** Keys that are tried; more are a mistake. */
const maxKeys = 100;
const maxReferences = 20;

/** What signs rules that are taken in today has to hold today. */
const accepted: ReadonlySet<DigestAlgorithm> = new Set([
  'SHA-256',
  'SHA-384',
  'SHA-512',
  'SHA3-256',
  'SHA3-384',
  'SHA3-512',
]);

function broken(reason: string): EnvelopedVerdict {
  return { kind: 'broken', reason };
}

/** Over all of the document but the signature: §4.4.3.3, §6.6.4. Anything less would leave a part free. */
function coversWhole({ uri, transforms }: XmlReference, root: XmlElement): boolean {
  const id = attributeOf(root, 'Id') ?? attributeOf(root, 'ID') ?? attributeOf(root, 'id');
  return (
    (uri === '' || (id !== undefined && uri === `#${id}`)) &&
    transforms.some(({ kind }) => kind === 'enveloped') &&
    transforms.every(({ kind }) => kind === 'enveloped' || kind === 'canonical')
  );
}

function referenceProblem(reference: XmlReference, home: SignedDocument): string | undefined {
  const algorithm = digestAlgorithmOfUri(reference.digestMethod);
  if (!algorithm || !accepted.has(algorithm))
    return `digest algorithm ${reference.digestMethod} is not accepted`;
  const data = processReference(reference, home, () => undefined);
  if (!data) return `the signature is over ${JSON.stringify(reference.uri)}, which is not in it`;
  return equalBytes(digest(algorithm, octetsOf(data)), reference.digestValue)
    ? undefined
    : 'what is signed was changed';
}

/** Certificates of KeyInfo: none of them counts for being there. */
function keyCertificates(signature: XmlElement): readonly Certificate[] {
  const keyInfo = childNamed(signature, dsNamespace, 'KeyInfo');
  return childrenNamed(keyInfo, dsNamespace, 'X509Data')
    .flatMap((data) => childrenNamed(data, dsNamespace, 'X509Certificate'))
    .slice(0, maxKeys)
    .map((element) => parseCertificate(base64Of(element, 'X509Certificate')));
}

function verify(
  signature: XmlElement,
  home: SignedDocument,
  signers: readonly Certificate[] | undefined,
): EnvelopedVerdict {
  const signedInfo = childNamed(signature, dsNamespace, 'SignedInfo');
  if (!signedInfo) return broken('signature without SignedInfo');
  const references = readReferences(signedInfo);
  if (references.length > maxReferences) return broken(`more than ${maxReferences} references`);
  if (!references.some((reference) => coversWhole(reference, home.document.root)))
    return broken('the signature is not over the whole document');
  for (const reference of references) {
    const problem = referenceProblem(reference, home);
    if (problem !== undefined) return broken(problem);
  }
  const check = signedInfoVerifier({
    home,
    signedInfo,
    method: readSignatureMethod(signedInfo),
    value: base64Of(childNamed(signature, dsNamespace, 'SignatureValue'), 'SignatureValue'),
  });
  const candidates = signers ?? keyCertificates(signature);
  if (candidates.length > maxKeys) return broken(`more than ${maxKeys} signers`);
  const signer = candidates.find(({ publicKey }) => check(publicKey).ok);
  if (signer) return { kind: 'signed', signer };
  return broken(
    signers
      ? 'the signature is by none of the signers that are expected, or was changed'
      : 'the signature value does not verify',
  );
}

/**
 * Verifies the signature that a document carries over itself. `signers`: whose keys count; without, one
 * that KeyInfo names is taken, which shows that nothing was changed and not by whom. Never throws for
 * hostile input.
 * @see XML Signature 1.1 §3.2
 */
export function verifyEnveloped(
  document: XmlDocument,
  signers?: readonly Certificate[],
): EnvelopedVerdict {
  const signatures = childrenNamed(document.root, dsNamespace, 'Signature');
  const [signature] = signatures;
  if (!signature) return { kind: 'unsigned' };
  // Two would let two readers each look at another one.
  if (signatures.length > 1) return broken('several signatures');
  try {
    return verify(signature, signedDocument(document), signers);
  } catch (error) {
    if (!(error instanceof TokiwaError)) throw error;
    return broken(error.message);
  }
}
