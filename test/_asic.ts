// Parts of ASiC containers for tests.
import { toBase64 } from '#shared/bytes.ts';
import { digest } from '#shared/crypto/digest.ts';

/** A manifest over entries, by the digests of these octets. EN 319 162-1 §A.4 */
export function asicManifest(
  sigReference: string,
  references: readonly (readonly [name: string, octets: Uint8Array])[],
): Uint8Array {
  const items = references.map(
    ([name, octets]) =>
      `<a:DataObjectReference URI="${name}"><d:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><d:DigestValue>${toBase64(digest('SHA-256', octets))}</d:DigestValue></a:DataObjectReference>`,
  );
  return new TextEncoder().encode(
    `<a:ASiCManifest xmlns:a="http://uri.etsi.org/02918/v1.2.1#" xmlns:d="http://www.w3.org/2000/09/xmldsig#"><a:SigReference URI="${sigReference}"/>${items.join('')}</a:ASiCManifest>`,
  );
}
