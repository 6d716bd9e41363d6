// One value for equal certificates: a night sees the same few CAs and TSUs in hundreds of thousands of
// tokens, and reading a certificate and importing its key cost more than verifying a signature with it.
import { toHex } from '#shared/bytes.ts';
import { digest } from '#shared/crypto/digest.ts';
import { parseCertificate } from './certificate.ts';
import type { Certificate } from './certificate.ts';

/** Enough for the CAs and TSUs of many providers; at most 8 MiB with the limit below. */
const maxKept = 512;

const maxKeptOctets = 16_384;

/** By fingerprint, the one used longest ago first. */
const kept = new Map<string, Certificate>();

/**
 * As `parseCertificate`, but equal octets give the same value while it is among those used last. The value
 * has its own copy of the octets, so it does not hold on to the file that they came from.
 * @throws FormatError as parseCertificate
 */
export function internCertificate(octets: Uint8Array): Certificate {
  if (octets.length > maxKeptOctets) return parseCertificate(octets);
  const fingerprint = toHex(digest('SHA-256', octets));
  const certificate = kept.get(fingerprint) ?? parseCertificate(Uint8Array.from(octets));
  kept.delete(fingerprint);
  kept.set(fingerprint, certificate);
  if (kept.size > maxKept) {
    const [oldest] = kept.keys();
    if (oldest !== undefined) kept.delete(oldest);
  }
  return certificate;
}
