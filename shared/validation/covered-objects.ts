// Objects as proofs of existence know them: by which octets a CRL or OCSP response is told, what a token
// brings with it, and what an archive timestamp of CAdES is over. EN 319 102-1 §5.6.2.3.
import type { ArchivedMembers } from '#shared/cades/archived-members.ts';
import { readAttributeValues } from '#shared/cades/read.ts';
import { embeddedValidationData, wrapBasicOcspResponse } from '#shared/cms/revocation-values.ts';
import { parseSignerInfo } from '#shared/cms/signed-data.ts';
import { isUniversal, readChildren, readWhole, tags } from '#shared/der/reader.ts';
import { oids } from '#shared/oid.ts';
import { attempt } from '#shared/problem.ts';
import { parseTimeStampToken, type TimeStampToken } from '#shared/tsp/token.ts';
import type { CertificateList } from '#shared/x509/crl.ts';
import { parseOcspResponse, type OcspResponse } from '#shared/x509/ocsp.ts';

/**
 * What a timestamp covers: single objects (signature values, tokens, validation data) by their octets,
 * tokens with the validation data in them, and documents with all that is in them.
 */
export type CoveredObjects = {
  readonly objects?: readonly Uint8Array[] | undefined;
  readonly tokens?: readonly TimeStampToken[] | undefined;
  readonly documents?: readonly Uint8Array[] | undefined;
};

/** The octets by which a CRL or OCSP response is known: a response may come wrapped or bare. */
export function identityOf(source: CertificateList | OcspResponse): Uint8Array {
  return 'basic' in source && source.basic ? source.basic.tbs : source.raw;
}

/** The token itself and the validation data that travels in it. */
export function objectsOfToken(token: TimeStampToken): readonly Uint8Array[] {
  const { crls, ocspResponses } = embeddedValidationData(token.signedData);
  return [token.raw, ...crls.map(identityOf), ...ocspResponses.map(identityOf)];
}

/** What does not parse is no object that anybody could use. */
function readable<T>(
  elements: readonly Uint8Array[],
  read: (element: Uint8Array) => T | undefined,
): T[] {
  return elements.flatMap((element) => attempt([], undefined, () => read(element)) ?? []);
}

/** A CRL by itself; in the other format of RFC 5940 the OCSP response inside. */
function identityOfRevocationInfo(member: Uint8Array): Uint8Array | undefined {
  const whole = readWhole(member);
  if (isUniversal(whole, tags.sequence)) return member;
  const [, info] = readChildren(whole);
  return info && identityOf(parseOcspResponse(info.raw));
}

const tokenTypes: readonly string[] = [
  oids.idAaSignatureTimeStampToken,
  oids.szOIDRFC3161CounterSign,
  oids.idAaEtsEscTimeStamp,
  oids.idAaEtsCertCRLTimestamp,
  oids.idAaEtsArchiveTimestamp,
  oids.idAaEtsArchiveTimestampV2,
  oids.idAaEtsArchiveTimestampV3,
];

/** Signature value, countersignatures, earlier tokens and validation data that an archive timestamp is over. */
export function objectsOfArchive(
  signature: Uint8Array,
  { certificates, crls, unsignedAttrs }: ArchivedMembers,
): CoveredObjects {
  const values = readAttributeValues(unsignedAttrs, []);
  const valuesOf = (types: readonly string[]): Uint8Array[] =>
    unsignedAttrs.filter(({ oid }) => types.includes(oid)).flatMap((attribute) => attribute.values);
  return {
    objects: [
      signature,
      ...readable(valuesOf([oids.idCountersignature]), (value) => parseSignerInfo(value).signature),
      ...certificates,
      ...values.certificates,
      ...readable(crls, identityOfRevocationInfo),
      ...values.crls,
      ...readable(values.ocspResponses, (value) =>
        identityOf(parseOcspResponse(wrapBasicOcspResponse(value))),
      ),
    ],
    tokens: readable(valuesOf(tokenTypes), parseTimeStampToken),
  };
}
