// Digest algorithms by the URIs of XML signatures, manifests and XML evidence records. RFC 9231 §2.1,
// XML Encryption 1.1 §5.8.
import type { DigestAlgorithm } from '#shared/crypto/digest.ts';
import { UnsupportedError } from '#shared/errors.ts';

const algorithms: ReadonlyMap<string, DigestAlgorithm> = new Map([
  ['http://www.w3.org/2000/09/xmldsig#sha1', 'SHA-1'],
  ['http://www.w3.org/2001/04/xmldsig-more#md5', 'MD5'],
  ['http://www.w3.org/2001/04/xmldsig-more#sha224', 'SHA-224'],
  ['http://www.w3.org/2001/04/xmlenc#sha256', 'SHA-256'],
  ['http://www.w3.org/2001/04/xmldsig-more#sha384', 'SHA-384'],
  ['http://www.w3.org/2001/04/xmlenc#sha512', 'SHA-512'],
  ['http://www.w3.org/2001/04/xmlenc#ripemd160', 'RIPEMD-160'],
  ['http://www.w3.org/2007/05/xmldsig-more#sha3-224', 'SHA3-224'],
  ['http://www.w3.org/2007/05/xmldsig-more#sha3-256', 'SHA3-256'],
  ['http://www.w3.org/2007/05/xmldsig-more#sha3-384', 'SHA3-384'],
  ['http://www.w3.org/2007/05/xmldsig-more#sha3-512', 'SHA3-512'],
]);

/** The algorithm of a URI, `undefined` where it is not known. */
export function digestAlgorithmOfUri(uri: string): DigestAlgorithm | undefined {
  return algorithms.get(uri);
}

const uris = new Map([...algorithms].map(([uri, algorithm]) => [algorithm, uri]));

/**
 * The URI of an algorithm.
 * @throws UnsupportedError ERR_UNSUPPORTED_ALGORITHM: no specification names one
 */
export function digestUri(algorithm: DigestAlgorithm): string {
  const uri = uris.get(algorithm);
  if (uri !== undefined) return uri;
  throw new UnsupportedError('ERR_UNSUPPORTED_ALGORITHM', `${algorithm} has no URI`, {
    feature: algorithm,
  });
}
