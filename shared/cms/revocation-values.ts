// The unsigned attributes revocation-values and certificate-values (RFC 5126 §6.3.3, §6.3.4; EN 319 122-1
// Annex A.1): validation data beside a signature. And all that a SignedData carries of it, wherever.
import {
  isContext,
  isUniversal,
  readChildren,
  readOctets,
  readWhole,
  tags,
  type Tlv,
} from '#shared/der/reader.ts';
import { derContext, derSequence } from '#shared/der/writer.ts';
import { FormatError, TokiwaError } from '#shared/errors.ts';
import { oids } from '#shared/oid.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import type { CertificateList } from '#shared/x509/crl.ts';
import { internCertificate, internCertificateList } from '#shared/x509/intern.ts';
import { parseOcspResponse, wrapBasicOcspResponse, type OcspResponse } from '#shared/x509/ocsp.ts';
import { attributesOfType } from './attributes.ts';
import type { SignedData } from './signed-data.ts';

/**
 * ```asn1
 * RevocationValues ::= SEQUENCE {
 *   crlVals [0] SEQUENCE OF CertificateList OPTIONAL, ocspVals [1] SEQUENCE OF BasicOCSPResponse OPTIONAL,
 *   otherRevVals [2] OtherRevVals OPTIONAL }
 * ```
 * Each member is a whole element, in stored order; the module has explicit tags.
 */
export type RevocationValues = {
  readonly crlVals: readonly Uint8Array[];
  readonly ocspVals: readonly Uint8Array[];
  /** The whole [2] element. */
  readonly otherRevVals?: Uint8Array | undefined;
};

function malformed(tlv: Tlv | undefined): FormatError {
  return new FormatError('ERR_FORMAT_CMS', 'RevocationValues expected', {
    offset: tlv?.offset,
    clause: 'RFC 5126 §6.3.4',
  });
}

function membersOf(field: Tlv | undefined): Uint8Array[] {
  if (!field) return [];
  const [list] = readChildren(field);
  if (!isUniversal(list, tags.sequence)) throw malformed(field);
  return readChildren(list).map(({ raw }) => raw);
}

/** @throws FormatError ERR_FORMAT_CMS, ERR_FORMAT_DER */
export function parseRevocationValues(value: Uint8Array): RevocationValues {
  const whole = readWhole(value);
  if (!isUniversal(whole, tags.sequence)) throw malformed(whole);
  const fields = readChildren(whole);
  const crlVals = isContext(fields[0], 0) ? fields.shift() : undefined;
  const ocspVals = isContext(fields[0], 1) ? fields.shift() : undefined;
  const otherRevVals = isContext(fields[0], 2) ? fields.shift() : undefined;
  if (fields.length > 0) throw malformed(fields[0]);
  return {
    crlVals: membersOf(crlVals),
    ocspVals: membersOf(ocspVals),
    otherRevVals: otherRevVals?.raw,
  };
}

/** The value in DER, members in the order given. */
export function buildRevocationValues(values: RevocationValues): Uint8Array {
  const list = (tag: number, members: readonly Uint8Array[]): Uint8Array[] =>
    members.length === 0 ? [] : [derContext(tag, derSequence(...members))];
  return derSequence(
    ...list(0, values.crlVals),
    ...list(1, values.ocspVals),
    ...(values.otherRevVals ? [values.otherRevVals] : []),
  );
}

/** The BasicOCSPResponse element inside an OCSPResponse that `parseOcspResponse` read as successful. */
export function basicOcspResponseOctets(response: OcspResponse): Uint8Array | undefined {
  if (!response.basic) return undefined;
  const [, responseBytes] = readChildren(readWhole(response.raw));
  const [bytes] = responseBytes ? readChildren(responseBytes) : [];
  const [, basic] = bytes ? readChildren(bytes) : [];
  return basic && readOctets(basic);
}

/** Validation data that goes with a signature. */
export type EmbeddedValidationData = {
  readonly certificates: readonly Certificate[];
  readonly crls: readonly CertificateList[];
  readonly ocspResponses: readonly OcspResponse[];
};

/** What parses of the elements; the rest helps nobody and is left aside. */
function readable<T>(elements: readonly Uint8Array[], parse: (octets: Uint8Array) => T): T[] {
  return elements.flatMap((element) => {
    try {
      return [parse(element)];
    } catch (error) {
      if (error instanceof TokiwaError) return [];
      throw error;
    }
  });
}

/** For as long as a parsed SignedData lives: judging a token asks for its data time and again. */
const embedded = new WeakMap<SignedData, EmbeddedValidationData>();

/**
 * Certificates, CRLs and OCSP responses that a SignedData carries: in its own fields and in the
 * unsigned attributes of its signers. Nothing of it is trusted by being there.
 */
export function embeddedValidationData(signedData: SignedData): EmbeddedValidationData {
  const known = embedded.get(signedData);
  if (known) return known;
  const data = readEmbedded(signedData);
  embedded.set(signedData, data);
  return data;
}

function readEmbedded(signedData: SignedData): EmbeddedValidationData {
  const attributeValues = (oid: string): Uint8Array[] =>
    signedData.signerInfos.flatMap(({ unsignedAttrs }) =>
      attributesOfType(unsignedAttrs, oid).flatMap(({ values }) => values),
    );
  const revocation = readable(attributeValues(oids.idAaEtsRevocationValues), parseRevocationValues);
  const certificates = readable(attributeValues(oids.idAaEtsCertValues), (value) =>
    readChildren(readWhole(value)).map(({ raw }) => raw),
  ).flat();
  return {
    certificates: [...signedData.certificates, ...readable(certificates, internCertificate)],
    crls: [
      ...signedData.crls,
      ...readable(
        revocation.flatMap(({ crlVals }) => crlVals),
        internCertificateList,
      ),
    ],
    ocspResponses: [
      ...signedData.ocspResponses,
      ...readable(
        revocation.flatMap(({ ocspVals }) => ocspVals),
        (basic) => parseOcspResponse(wrapBasicOcspResponse(basic)),
      ),
    ],
  };
}
