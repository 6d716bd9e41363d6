// The signing-certificate attributes (RFC 2634 §5.4 as updated by RFC 5035, RFC 5816 §2.2.1): which
// certificate the signer says it signed with. Read here, compared in signer-checks.ts.
import { equalBytes } from '#shared/bytes.ts';
import { digest, digestAlgorithmOfOid, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import { readAlgorithmIdentifier } from '#shared/der/algorithm-identifier.ts';
import {
  isContext,
  isUniversal,
  readChildren,
  readInteger,
  readOctets,
  readWhole,
  tags,
  type Tlv,
} from '#shared/der/reader.ts';
import { FormatError } from '#shared/errors.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import { namesMatch, readName, type Name } from '#shared/x509/name.ts';

/** `IssuerSerial ::= SEQUENCE { issuer GeneralNames, serialNumber CertificateSerialNumber }`, the issuer as its one directoryName. */
export type IssuerSerial = { readonly issuer: Name; readonly serialNumber: bigint };

/**
 * ```asn1
 * ESSCertID ::= SEQUENCE { certHash Hash, issuerSerial IssuerSerial OPTIONAL }
 * ESSCertIDv2 ::= SEQUENCE {
 *   hashAlgorithm AlgorithmIdentifier DEFAULT { algorithm id-sha256 },
 *   certHash Hash, issuerSerial IssuerSerial OPTIONAL }
 * ```
 */
export type ESSCertID = {
  readonly version: 1 | 2;
  /** SHA-1 in version 1; the identifier where we do not know the algorithm. */
  readonly hashAlgorithm: DigestAlgorithm | undefined;
  readonly hashAlgorithmOid: string;
  readonly certHash: Uint8Array;
  readonly issuerSerial?: IssuerSerial | undefined;
};

function malformed(what: string, tlv: Tlv | undefined): FormatError {
  return new FormatError('ERR_FORMAT_CMS', `${what} expected in the signing certificate`, {
    offset: tlv?.offset,
    clause: 'RFC 5035 §5',
  });
}

function readIssuerSerial(tlv: Tlv): IssuerSerial {
  const [issuer, serialNumber, excess] = isUniversal(tlv, tags.sequence) ? readChildren(tlv) : [];
  if (!isUniversal(issuer, tags.sequence) || !isUniversal(serialNumber, tags.integer) || excess)
    throw malformed('IssuerSerial', tlv);
  const [name, another] = readChildren(issuer);
  // RFC 2634 §5.4.1.1: the issuer is exactly one directoryName.
  if (!isContext(name, 4) || another) throw malformed('one directoryName', name ?? issuer);
  const [rdnSequence] = readChildren(name);
  if (!rdnSequence) throw malformed('Name', name);
  return { issuer: readName(rdnSequence), serialNumber: readInteger(serialNumber) };
}

function readESSCertID(tlv: Tlv, version: 1 | 2): ESSCertID {
  const fields = isUniversal(tlv, tags.sequence) ? readChildren(tlv) : [];
  const algorithm =
    version === 2 && isUniversal(fields[0], tags.sequence)
      ? readAlgorithmIdentifier(fields[0])
      : undefined;
  const [certHash, issuerSerial, excess] = algorithm ? fields.slice(1) : fields;
  if (!isUniversal(certHash, tags.octetString) || excess) throw malformed('certHash', tlv);
  const defaultOid = version === 1 ? '1.3.14.3.2.26' : '2.16.840.1.101.3.4.2.1';
  const hashAlgorithmOid = algorithm?.oid ?? defaultOid;
  return {
    version,
    hashAlgorithm: digestAlgorithmOfOid(hashAlgorithmOid),
    hashAlgorithmOid,
    certHash: readOctets(certHash),
    issuerSerial: issuerSerial && readIssuerSerial(issuerSerial),
  };
}

/**
 * The certificate identifiers of one attribute value, in stored order; the first is the signer's.
 * @throws FormatError ERR_FORMAT_CMS, ERR_FORMAT_DER; an empty list, too
 * @see RFC 5035 §3, §5
 */
export function parseSigningCertificate(value: Uint8Array, version: 1 | 2): readonly ESSCertID[] {
  const whole = readWhole(value);
  const [certs, policies, excess] = isUniversal(whole, tags.sequence) ? readChildren(whole) : [];
  if (!isUniversal(certs, tags.sequence) || excess) throw malformed('SigningCertificate', whole);
  if (policies && !isUniversal(policies, tags.sequence)) throw malformed('policies', policies);
  const identifiers = readChildren(certs).map((certId) => readESSCertID(certId, version));
  if (identifiers.length === 0) throw malformed('a certificate identifier', certs);
  return identifiers;
}

/** Whether the hash of the identifier is that of the certificate; `undefined` where the algorithm is unknown. */
export function certHashMatches(id: ESSCertID, certificate: Certificate): boolean | undefined {
  return id.hashAlgorithm && equalBytes(digest(id.hashAlgorithm, certificate.raw), id.certHash);
}

/** Whether issuer and serial number, where given, are those of the certificate. */
export function issuerSerialMatches(id: ESSCertID, certificate: Certificate): boolean {
  return (
    id.issuerSerial === undefined ||
    (id.issuerSerial.serialNumber === certificate.serialNumber &&
      namesMatch(id.issuerSerial.issuer, certificate.issuer))
  );
}
