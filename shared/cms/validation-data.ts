// Validation data as one object: a SignedData without signers (RFC 5652 §5.1) that carries certificates,
// CRLs and, by RFC 5940, OCSP responses. Nothing in it is trusted by being there.
import { compareBytes, toHex } from '#shared/bytes.ts';
import {
  derContext,
  derInteger,
  derObjectIdentifier,
  derSequence,
  derSetOf,
} from '#shared/der/writer.ts';
import { TokiwaError } from '#shared/errors.ts';
import { oids } from '#shared/oid.ts';
import { type Certificate, decodePem, parseCertificate } from '#shared/x509/certificate.ts';
import type { EmbeddedValidationData } from './revocation-values.ts';
import { parseSignedData } from './signed-data.ts';

/** Each octet string once, in DER's order of a SET OF. */
function distinct(elements: readonly Uint8Array[]): readonly Uint8Array[] {
  const found = new Map(elements.map((element) => [toHex(element), element]));
  return [...found.values()].toSorted(compareBytes);
}

/**
 * The ContentInfo in DER: the same data in any order gives the same octets, so that documents whose
 * signers share a CA share the object.
 * @see RFC 5652 §5.1, §10.2.1; RFC 5940 §2.1
 */
export function buildValidationData(data: EmbeddedValidationData): Uint8Array {
  const certificates = distinct(data.certificates.map(({ raw }) => raw));
  const revocationInfo = distinct([
    ...data.crls.map(({ raw }) => raw),
    ...data.ocspResponses.map(({ raw }) =>
      derContext(1, derObjectIdentifier(oids.idRiOcspResponse), raw),
    ),
  ]);
  const field = (tag: number, members: readonly Uint8Array[]): Uint8Array[] =>
    members.length === 0 ? [] : [derContext(tag, ...members)];
  return derSequence(
    derObjectIdentifier(oids.idSignedData),
    derContext(
      0,
      derSequence(
        // §5.1: 5 where a member of `crls` is of the other format.
        derInteger(data.ocspResponses.length > 0 ? 5 : 1),
        derSetOf(),
        derSequence(derObjectIdentifier(oids.idData)),
        ...field(0, certificates),
        ...field(1, revocationInfo),
        derSetOf(),
      ),
    ),
  );
}

/**
 * The certificates of what a caIssuers address gives: one in DER, or a certs-only message; some
 * servers send PEM. @throws FormatError, UnsupportedError
 * @see RFC 5280 §4.2.2.1
 */
export function parseIssuerAnswer(octets: Uint8Array): readonly Certificate[] {
  if (octets[0] !== 0x30)
    return decodePem(Buffer.from(octets).toString('latin1'), 'CERTIFICATE').map(parseCertificate);
  try {
    return [parseCertificate(octets)];
  } catch (error) {
    if (!(error instanceof TokiwaError)) throw error;
    return parseSignedData(octets).certificates;
  }
}
