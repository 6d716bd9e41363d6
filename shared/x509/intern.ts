// One value for equal octets: a night sees the same few CAs and TSUs, and their CRLs, in hundreds of thousands of
// tokens, and reading a certificate and importing its key cost more than verifying a signature with it.
// The result is that of parsing; only the time differs.
import { toHex } from '#shared/bytes.ts';
import { digest } from '#shared/crypto/digest.ts';
import { parseCertificate, type Certificate } from './certificate.ts';
import { parseCertificateList, type CertificateList } from './crl.ts';

/** Bounds of what is kept: so many values, each of so many octets at most. */
type Bounds = { readonly maxKept: number; readonly maxOctets: number };

function interning<T>(
  parse: (octets: Uint8Array) => T,
  keyOf: (octets: Uint8Array) => string,
  { maxKept, maxOctets }: Bounds,
): (octets: Uint8Array) => T {
  /** By their octets, the one that was used longest ago first. */
  const kept = new Map<string, T>();
  return (octets) => {
    if (octets.length > maxOctets) return parse(octets);
    const key = keyOf(octets);
    const value = kept.get(key) ?? parse(Uint8Array.from(octets));
    kept.delete(key);
    kept.set(key, value);
    if (kept.size > maxKept) {
      // Whoever floods the list costs time, nothing else.
      const [oldest] = kept.keys();
      if (oldest !== undefined) kept.delete(oldest);
    }
    return value;
  };
}

/**
 * As `parseCertificate`, but equal octets give the same value while it is among those used last. The value
 * has its own copy of the octets, so it does not hold on to the file that they came from.
 * @throws FormatError as parseCertificate
 */
export const internCertificate: (octets: Uint8Array) => Certificate = interning(
  parseCertificate,
  ({ buffer, byteOffset, length }) => Buffer.from(buffer, byteOffset, length).toString('latin1'),
  { maxKept: 512, maxOctets: 16_384 },
);

/**
 * The same for CRLs, of which small ones alone are kept: entries take many times their octets.
 * @throws FormatError as parseCertificateList
 */
export const internCertificateList: (octets: Uint8Array) => CertificateList = interning(
  parseCertificateList,
  (octets) => toHex(digest('SHA-256', octets)),
  { maxKept: 32, maxOctets: 32_768 },
);
