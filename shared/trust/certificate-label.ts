// How findings name a certificate: the same facts everywhere, so that reports can link them.
import type { Certificate } from '#shared/x509/certificate.ts';

/** Subject, or the serial number where the subject is empty. */
export function certificateLabel({ subject, serialNumber }: Certificate): string {
  return subject.text === '' ? `certificate ${serialNumber.toString(16)}` : subject.text;
}

export function certificateFacts(certificate: Certificate): Readonly<Record<string, string>> {
  return {
    subject: certificate.subject.text,
    issuer: certificate.issuer.text,
    serialNumber: certificate.serialNumber.toString(16),
    fingerprint: certificate.fingerprint,
  };
}
