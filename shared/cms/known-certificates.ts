// Certificates inside signatures come again and again, a TSU's in each of its tokens: each is parsed,
// and its key imported, once. The result is that of parsing; only the time differs.
import { parseCertificate, type Certificate } from '#shared/x509/certificate.ts';

/** Bounds of what is kept: so many certificates, each of so many octets at most. */
const maxKnown = 512;
const maxOctets = 8 * 1024;

const known = new Map<string, Certificate>();

/**
 * The parsed certificate; its octets are a copy, so that it does not hold on to a whole signature.
 * @throws FormatError as parseCertificate
 */
export function parseKnownCertificate(octets: Uint8Array): Certificate {
  if (octets.length > maxOctets) return parseCertificate(octets);
  const key = Buffer.from(octets.buffer, octets.byteOffset, octets.length).toString('latin1');
  const found = known.get(key);
  if (found) return found;
  const certificate = parseCertificate(octets.slice());
  if (known.size >= maxKnown) {
    // The first one in is the first one out; whoever floods the list costs time, nothing else.
    const [oldest] = known.keys();
    if (oldest !== undefined) known.delete(oldest);
  }
  known.set(key, certificate);
  return certificate;
}
