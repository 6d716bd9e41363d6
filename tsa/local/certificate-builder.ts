// Certificates and CRLs of the local authority, written octet by octet in DER (RFC 5280 §4.1, §5.1). Only the
// profile that a time-stamping hierarchy needs; reading certificates is the work of shared/x509.
import { digest } from '#shared/crypto/digest.ts';
import { readChildren, readTlv } from '#shared/der/reader.ts';
import {
  derBitString,
  derBoolean,
  derContext,
  derContextPrimitive,
  derElement,
  derInteger,
  derObjectIdentifier,
  derOctetString,
  derSequence,
  derSetOf,
  derUnsignedInteger,
  derUtf8String,
} from '#shared/der/writer.ts';
import { formatGeneralizedTime, formatUtcTime } from '#shared/time.ts';

/** What signs: octets of an AlgorithmIdentifier, and a function from data to signature octets. */
export type Signer = {
  readonly algorithm: Uint8Array;
  readonly sign: (data: Uint8Array) => Uint8Array;
};

/** Name with one attribute per RDN, most general first as X.501 writes it. @see RFC 5280 §4.1.2.4 */
export function buildName(
  attributes: readonly (readonly [oid: string, value: string])[],
): Uint8Array {
  return derSequence(
    ...attributes.map(([oid, value]) =>
      derSetOf(derSequence(derObjectIdentifier(oid), derUtf8String(value))),
    ),
  );
}

/** Time: UTCTime through 2049, GeneralizedTime from 2050, whole seconds. @see RFC 5280 §4.1.2.5 */
function buildTime(instant: Temporal.Instant): Uint8Array {
  const whole = instant.round({ smallestUnit: 'second', roundingMode: 'floor' });
  const year = whole.toZonedDateTimeISO('UTC').year;
  return year < 2050
    ? derElement(0x17, formatUtcTime(whole))
    : derElement(0x18, formatGeneralizedTime(whole));
}

function buildExtension(oid: string, critical: boolean, value: Uint8Array): Uint8Array {
  return derSequence(
    derObjectIdentifier(oid),
    ...(critical ? [derBoolean(true)] : []),
    derOctetString(value),
  );
}

/** SHA-1 of the subjectPublicKey bits: an identifier, not a protection. @see RFC 5280 §4.2.1.2 (1) */
export function keyIdentifier(publicKey: Uint8Array): Uint8Array {
  const [, bits] = readChildren(readTlv(publicKey));
  return digest('SHA-1', bits ? bits.content.subarray(1) : publicKey);
}

function authorityKeyIdentifier(issuerPublicKey: Uint8Array): Uint8Array {
  return buildExtension(
    '2.5.29.35',
    false,
    derSequence(derContextPrimitive(0, keyIdentifier(issuerPublicKey))),
  );
}

/** Extensions by the part that a certificate plays. @see RFC 5280 §4.2.1; RFC 3161 §2.3 for the TSU */
function extensionsOf(
  role: 'ca' | 'tsu',
  publicKey: Uint8Array,
  issuerPublicKey: Uint8Array,
): Uint8Array[] {
  const identifiers = [
    buildExtension('2.5.29.14', false, derOctetString(keyIdentifier(publicKey))),
    authorityKeyIdentifier(issuerPublicKey),
  ];
  if (role === 'ca') {
    return [
      buildExtension('2.5.29.19', true, derSequence(derBoolean(true), derInteger(0))),
      // keyCertSign and cRLSign: bits 5 and 6.
      buildExtension('2.5.29.15', true, derBitString(Uint8Array.of(0x06), 1)),
      ...identifiers,
    ];
  }
  return [
    // digitalSignature: bit 0.
    buildExtension('2.5.29.15', true, derBitString(Uint8Array.of(0x80), 7)),
    // RFC 3161 §2.3: exactly one purpose, critical; else the key could serve another task as well.
    buildExtension('2.5.29.37', true, derSequence(derObjectIdentifier('1.3.6.1.5.5.7.3.8'))),
    ...identifiers,
  ];
}

function buildSigned(toBeSigned: Uint8Array, signer: Signer): Uint8Array {
  return derSequence(toBeSigned, signer.algorithm, derBitString(signer.sign(toBeSigned)));
}

/** An X.509 v3 certificate in DER. `serialNumber` is unsigned, at most 20 octets. @see RFC 5280 §4.1 */
export function buildCertificate(fields: {
  readonly role: 'ca' | 'tsu';
  readonly serialNumber: Uint8Array;
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  readonly notBefore: Temporal.Instant;
  readonly notAfter: Temporal.Instant;
  readonly publicKey: Uint8Array;
  readonly issuerPublicKey: Uint8Array;
  readonly signer: Signer;
}): Uint8Array {
  const toBeSigned = derSequence(
    derContext(0, derInteger(2)),
    derUnsignedInteger(fields.serialNumber),
    fields.signer.algorithm,
    fields.issuer,
    derSequence(buildTime(fields.notBefore), buildTime(fields.notAfter)),
    fields.subject,
    fields.publicKey,
    derContext(
      3,
      derSequence(...extensionsOf(fields.role, fields.publicKey, fields.issuerPublicKey)),
    ),
  );
  return buildSigned(toBeSigned, fields.signer);
}

/** A CRL v2 in DER that lists nothing: the local authority has never revoked. @see RFC 5280 §5.1 */
export function buildCertificateList(fields: {
  readonly issuer: Uint8Array;
  readonly issuerPublicKey: Uint8Array;
  readonly thisUpdate: Temporal.Instant;
  readonly nextUpdate: Temporal.Instant;
  readonly crlNumber: number;
  readonly signer: Signer;
}): Uint8Array {
  const toBeSigned = derSequence(
    derInteger(1),
    fields.signer.algorithm,
    fields.issuer,
    buildTime(fields.thisUpdate),
    buildTime(fields.nextUpdate),
    derContext(
      0,
      derSequence(
        authorityKeyIdentifier(fields.issuerPublicKey),
        buildExtension('2.5.29.20', false, derInteger(fields.crlNumber)),
      ),
    ),
  );
  return buildSigned(toBeSigned, fields.signer);
}
