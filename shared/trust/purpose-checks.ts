// What a certificate must allow for what it is used for: key usage and extended key usage by purpose
// (RFC 5280 §4.2.1.3, §4.2.1.12; RFC 3161 §2.3; RFC 6960 §4.2.2.2).
import { oids } from '#shared/oid.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import type { CertificatePurpose } from './path-query.ts';

const purposeOids: Partial<Record<CertificatePurpose, string>> = {
  tsu: oids.idKpTimeStamping,
  ocsp: oids.idKpOCSPSigning,
  server: oids.idKpServerAuth,
  client: oids.idKpClientAuth,
};

/** Purposes for which a CA's own extended key usage limits what it may issue. */
export const nestedPurposes: ReadonlySet<CertificatePurpose> = new Set(['tsu', 'server', 'client']);

/** Whether an extended key usage, where there is one, names the purpose. RFC 5280 §4.2.1.12. */
export function allowsPurpose(certificate: Certificate, purpose: CertificatePurpose): boolean {
  const { extendedKeyUsage } = certificate;
  const wanted = purposeOids[purpose];
  return (
    !extendedKeyUsage ||
    wanted === undefined ||
    extendedKeyUsage.includes(wanted) ||
    extendedKeyUsage.includes(oids.anyExtendedKeyUsage)
  );
}

function checkTsuUsage(certificate: Certificate): string | undefined {
  const { extendedKeyUsage } = certificate;
  const critical = certificate.extensions.find(({ oid }) => oid === oids.extKeyUsage)?.critical;
  // RFC 3161 §2.3: one key purpose, critical; else a certificate issued for another task could sign time.
  if (!extendedKeyUsage) return 'has no extended key usage';
  if (extendedKeyUsage.length !== 1 || extendedKeyUsage[0] !== oids.idKpTimeStamping)
    return 'has other extended key usages than id-kp-timeStamping alone';
  return critical ? undefined : 'does not mark its extended key usage critical';
}

/** What the target's extended key usage lacks for the purpose. */
export function checkExtendedKeyUsage(
  certificate: Certificate,
  purpose: CertificatePurpose,
): string | undefined {
  switch (purpose) {
    case 'tsu':
      return checkTsuUsage(certificate);
    case 'ocsp':
      // RFC 6960 §4.2.2.2: delegation is by this purpose itself; any purpose is no delegation.
      return certificate.extendedKeyUsage?.includes(oids.idKpOCSPSigning)
        ? undefined
        : 'is not delegated to sign OCSP responses';
    default:
      return allowsPurpose(certificate, purpose) ? undefined : `may not be used for ${purpose}`;
  }
}

/** What the target's key usage, where there is one, lacks for the purpose. RFC 5280 §4.2.1.3. */
export function checkTargetKeyUsage(
  { keyUsage }: Certificate,
  purpose: CertificatePurpose,
): string | undefined {
  if (!keyUsage) return undefined;
  switch (purpose) {
    case 'tsu':
    case 'signer':
      return keyUsage.has('digitalSignature') || keyUsage.has('nonRepudiation')
        ? undefined
        : 'has a key that may not sign data';
    case 'ocsp':
      return keyUsage.has('digitalSignature') ? undefined : 'has a key that may not sign data';
    case 'crl':
      return keyUsage.has('cRLSign') ? undefined : 'has a key that may not sign CRLs';
    case 'ca':
      return keyUsage.has('keyCertSign') ? undefined : 'has a key that may not sign certificates';
    default:
      return undefined;
  }
}
