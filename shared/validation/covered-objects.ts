// Objects as proofs of existence know them: by which octets a CRL or OCSP response is told, what a token
// brings with it, and what an archive timestamp of CAdES is over. EN 319 102-1 §5.6.2.3.
import type { ArchivedMembers } from '#shared/cades/archived-members.ts';
import { readAttributeValues } from '#shared/cades/read.ts';
import { embeddedValidationData } from '#shared/cms/revocation-values.ts';
import type { Attribute } from '#shared/cms/attributes.ts';
import { ocspResponseOfFormat, parseSignerInfo, type SignerInfo } from '#shared/cms/signed-data.ts';
import {
  isUniversal,
  readChildren,
  readObjectIdentifier,
  readWhole,
  tags,
} from '#shared/der/reader.ts';
import { oids } from '#shared/oid.ts';
import { attempt } from '#shared/problem.ts';
import { parseTimeStampToken, type TimeStampToken } from '#shared/tsp/token.ts';
import type { CertificateList } from '#shared/x509/crl.ts';
import { parseOcspResponse, wrapBasicOcspResponse, type OcspResponse } from '#shared/x509/ocsp.ts';

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

/** An OCSP response with the certificates that it brings, such as an appointed responder's (RFC 6960 §4.2.1). */
export function objectsOfOcspResponse(response: OcspResponse): readonly Uint8Array[] {
  return [identityOf(response), ...(response.basic?.certificates ?? []).map(({ raw }) => raw)];
}

/** The token itself and the validation data that travels in it. */
export function objectsOfToken(token: TimeStampToken): readonly Uint8Array[] {
  const { crls, ocspResponses } = embeddedValidationData(token.signedData);
  return [token.raw, ...crls.map(identityOf), ...ocspResponses.flatMap(objectsOfOcspResponse)];
}

/** What does not parse is no object that anybody could use. */
function readable<T>(
  elements: readonly Uint8Array[],
  read: (element: Uint8Array) => T | undefined,
): T[] {
  return elements.flatMap((element) => attempt([], undefined, () => read(element)) ?? []);
}

/** A CRL by itself; in another format the OCSP response inside. */
function objectsOfRevocationInfo(member: Uint8Array): readonly Uint8Array[] {
  const whole = readWhole(member);
  if (isUniversal(whole, tags.sequence)) return [member];
  const [format, info] = readChildren(whole);
  const response = format && info && ocspResponseOfFormat(readObjectIdentifier(format), info.raw);
  return response ? objectsOfOcspResponse(response) : [];
}

const tokenTypes: readonly string[] = [
  oids.idAaEtsContentTimestamp,
  oids.idAaSignatureTimeStampToken,
  oids.szOIDRFC3161CounterSign,
  oids.idAaEtsEscTimeStamp,
  oids.idAaEtsCertCRLTimestamp,
  oids.idAaEtsArchiveTimestamp,
  oids.idAaEtsArchiveTimestampV2,
  oids.idAaEtsArchiveTimestampV3,
];

/** Deeper countersignatures are not read as such (read.ts). */
const maxDepth = 8;

type Found = {
  readonly objects: readonly Uint8Array[];
  readonly tokens: readonly TimeStampToken[];
};

/** Tokens, validation data and countersignatures in attributes, with all that is in those again. */
function objectsOfAttributes(attributes: readonly Attribute[], depth = 0): Found {
  const values = readAttributeValues(attributes, []);
  const valuesOf = (types: readonly string[]): Uint8Array[] =>
    attributes.filter(({ oid }) => types.includes(oid)).flatMap((attribute) => attribute.values);
  const countersigners =
    depth < maxDepth ? readable(valuesOf([oids.idCountersignature]), parseSignerInfo) : [];
  const inside = countersigners.map(({ signedAttrs, unsignedAttrs }) =>
    objectsOfAttributes([...(signedAttrs?.attributes ?? []), ...unsignedAttrs], depth + 1),
  );
  return {
    objects: [
      ...countersigners.map(({ signature }) => signature),
      ...values.certificates,
      ...values.crls,
      ...readable(values.ocspResponses, (value) =>
        objectsOfOcspResponse(parseOcspResponse(wrapBasicOcspResponse(value))),
      ).flat(),
      ...inside.flatMap(({ objects }) => objects),
    ],
    tokens: [
      ...readable(valuesOf(tokenTypes), parseTimeStampToken),
      ...inside.flatMap(({ tokens }) => tokens),
    ],
  };
}

/** A signature value, and what is signed with it: timestamps over the content are older than it. */
export function objectsOfSignature({ signature, signedAttrs }: SignerInfo): CoveredObjects {
  const { objects, tokens } = objectsOfAttributes(signedAttrs?.attributes ?? []);
  return { objects: [signature, ...objects], tokens };
}

/** Signature value, countersignatures, earlier tokens and validation data that an archive timestamp is over. */
export function objectsOfArchive(
  signerInfo: SignerInfo,
  { certificates, crls, unsignedAttrs }: ArchivedMembers,
): CoveredObjects {
  const { signature, signedAttrs } = signerInfo;
  const { objects, tokens } = objectsOfAttributes([
    ...(signedAttrs?.attributes ?? []),
    ...unsignedAttrs,
  ]);
  return {
    objects: [
      signature,
      ...certificates,
      ...readable(crls, objectsOfRevocationInfo).flat(),
      ...objects,
    ],
    tokens,
  };
}
