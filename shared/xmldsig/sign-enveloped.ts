// Signs a document over itself, as policies are handed on (RFC 5698 §3.1.5): one enveloped signature over the whole,
// exclusive canonicalization, the certificate in KeyInfo. How it is verified: enveloped.ts.
import { toBase64 } from '#shared/bytes.ts';
import { digestUri } from '#shared/crypto/digest-uri.ts';
import { type DigestAlgorithm, digest } from '#shared/crypto/digest.ts';
import { InvariantError, UnsupportedError } from '#shared/errors.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import { type CanonicalMethod, createCanonicalizer } from '#shared/xml/canonicalize.ts';
import { parseXml } from '#shared/xml/parse.ts';
import { childNamed, childrenNamed } from '#shared/xml/tree.ts';
import { dsNamespace, envelopedSignature } from '#shared/xmldsig/names.ts';
import { verifyEnveloped } from '#shared/xmldsig/enveloped.ts';

/** A key, wherever it is kept, with its certificate. */
export type EnvelopedSigner = {
  readonly certificate: Certificate;
  /** A signature value; of an elliptic curve two integers of the same length one after the other (§6.4.3). */
  readonly sign: (octets: Uint8Array, digestAlgorithm: DigestAlgorithm) => Uint8Array;
};

const exclusive = 'http://www.w3.org/2001/10/xml-exc-c14n#';
const exclusiveMethod: CanonicalMethod = { edition: 'exclusive', comments: false };
const more2001 = 'http://www.w3.org/2001/04/xmldsig-more#';
const referenceDigest = 'SHA-512';

type Method = { readonly uri: string; readonly digestAlgorithm: DigestAlgorithm };

const curveMethods: Readonly<Record<string, Method>> = {
  'P-256': { uri: `${more2001}ecdsa-sha256`, digestAlgorithm: 'SHA-256' },
  'P-384': { uri: `${more2001}ecdsa-sha384`, digestAlgorithm: 'SHA-384' },
  'P-521': { uri: `${more2001}ecdsa-sha512`, digestAlgorithm: 'SHA-512' },
};

/** RFC 9231 §2.3: what verifiers of XML signatures know, none weaker than 112 bits. */
function methodOf({ key }: Certificate): Method {
  const method =
    key.kind === 'RSA' && key.bits >= 2048
      ? ({ uri: `${more2001}rsa-sha512`, digestAlgorithm: 'SHA-512' } as const)
      : curveMethods[key.kind === 'EC' ? (key.curve ?? '') : ''];
  if (method) return method;
  const what = `${key.kind} ${key.curve ?? key.bits}`;
  throw new UnsupportedError(
    'ERR_UNSUPPORTED_ALGORITHM',
    `policies are signed with RSA of 2048 bits or more, P-256, P-384 or P-521, not with ${what}`,
    { feature: what },
  );
}

/**
 * The document with its signature as the last child of the root, every other octet as it was.
 * @throws UnsupportedError ERR_UNSUPPORTED_ALGORITHM: such a key signs no policy
 * @throws InvariantError: it is signed already, or the key is not that of the certificate
 */
export function signEnveloped(octets: Uint8Array, signer: EnvelopedSigner): Uint8Array {
  const { uri, digestAlgorithm } = methodOf(signer.certificate);
  const document = parseXml(octets);
  if (childrenNamed(document.root, dsNamespace, 'Signature').length > 0)
    throw new InvariantError('ERR_INVARIANT_STATE', 'a document is signed once');
  const whole = createCanonicalizer(document)(document, exclusiveMethod);
  const signedInfo = [
    `<ds:SignedInfo><ds:CanonicalizationMethod Algorithm="${exclusive}"/>`,
    `<ds:SignatureMethod Algorithm="${uri}"/><ds:Reference URI=""><ds:Transforms>`,
    `<ds:Transform Algorithm="${envelopedSignature}"/><ds:Transform Algorithm="${exclusive}"/>`,
    `</ds:Transforms><ds:DigestMethod Algorithm="${digestUri(referenceDigest)}"/>`,
    `<ds:DigestValue>${toBase64(digest(referenceDigest, whole))}</ds:DigestValue>`,
    '</ds:Reference></ds:SignedInfo>',
  ].join('');
  const keyInfo = `<ds:KeyInfo><ds:X509Data><ds:X509Certificate>${toBase64(signer.certificate.raw)}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>`;
  const { text, root } = document;
  const endTag = text.lastIndexOf('</', root.end);
  const withValue = (value: string): Uint8Array =>
    new TextEncoder().encode(
      `${text.slice(0, endTag)}<ds:Signature xmlns:ds="${dsNamespace}">${signedInfo}<ds:SignatureValue>${value}</ds:SignatureValue>${keyInfo}</ds:Signature>${text.slice(endTag)}`,
    );
  // SignedInfo is canonicalized where it stands, with the namespaces around it.
  const unsigned = parseXml(withValue(''));
  const inPlace = childNamed(
    childNamed(unsigned.root, dsNamespace, 'Signature'),
    dsNamespace,
    'SignedInfo',
  );
  if (!inPlace) throw new InvariantError('ERR_INVARIANT_STATE', 'no SignedInfo to sign');
  const toBeSigned = createCanonicalizer(unsigned)(inPlace, exclusiveMethod);
  const signed = withValue(toBase64(signer.sign(toBeSigned, digestAlgorithm)));
  const verdict = verifyEnveloped(parseXml(signed), [signer.certificate]);
  if (verdict.kind === 'signed') return signed;
  throw new InvariantError(
    'ERR_INVARIANT_READ_BACK',
    'the signature does not verify with the certificate: is the key another one’s?',
  );
}
