// One value for equal certificates: a night sees the same few CAs and TSUs in hundreds of thousands of
// tokens, and reading a certificate and importing its key cost more than verifying a signature with it.
// The result is that of parsing; only the time differs.
import { parseCertificate } from './certificate.ts';
import type { Certificate } from './certificate.ts';

/** Bounds of what is kept: so many certificates, each of so many octets at most. */
const maxKept = 512;
const maxKeptOctets = 16_384;

/** By their octets, the one that was used longest ago first. */
const kept = new Map<string, Certificate>();

/**
 * As `parseCertificate`, but equal octets give the same value while it is among those used last. The value
 * has its own copy of the octets, so it does not hold on to the file that they came from.
 * @throws FormatError as parseCertificate
 */
export function internCertificate(octets: Uint8Array): Certificate {
  if (octets.length > maxKeptOctets) return parseCertificate(octets);
  const key = Buffer.from(octets.buffer, octets.byteOffset, octets.length).toString('latin1');
  const certificate = kept.get(key) ?? parseCertificate(Uint8Array.from(octets));
  kept.delete(key);
  kept.set(key, certificate);
  if (kept.size > maxKept) {
    // Whoever floods the list costs time, nothing else.
    const [oldest] = kept.keys();
    if (oldest !== undefined) kept.delete(oldest);
  }
  return certificate;
}
