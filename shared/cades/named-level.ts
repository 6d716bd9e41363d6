// The level of a CAdES signature by its name: the baseline levels of EN 319 122-1 §6 and the extended levels of
// EN 319 122-2 §5, of which RFC 5126 has the older names. By what the signature carries and when it was stamped;
// whether anything of it verifies is asked elsewhere.
import { equalBytes } from '#shared/bytes.ts';
import { type Attribute, attributesOfType } from '#shared/cms/attributes.ts';
import type { SignedData, SignerInfo } from '#shared/cms/signed-data.ts';
import { type ESSCertID, parseSigningCertificate } from '#shared/cms/signing-certificate.ts';
import { certificatesOfSigner } from '#shared/cms/verify-signer.ts';
import { digest, digestAlgorithmOfOid } from '#shared/crypto/digest.ts';
import { embeddedValidationData } from '#shared/cms/revocation-values.ts';
import { FormatError } from '#shared/errors.ts';
import { oids } from '#shared/oid.ts';
import { isBefore } from '#shared/time.ts';
import type { TimeStampToken } from '#shared/tsp/token.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import { nameKey } from '#shared/x509/name.ts';
import type { CertId } from '#shared/x509/ocsp.ts';
import type { CadesSignature } from './read.ts';

/** `CMS`: no level of CAdES. */
export type CadesLevel =
  | 'CAdES-B-B'
  | 'CAdES-B-T'
  | 'CAdES-B-LT'
  | 'CAdES-B-LTA'
  | 'CAdES-BES'
  | 'CAdES-EPES'
  | 'CAdES-T'
  | 'CAdES-C'
  | 'CAdES-X'
  | 'CAdES-X-L'
  | 'CAdES-LT'
  | 'CAdES-A'
  | 'CAdES-ERS'
  | 'CMS';

export type NamedLevelInput = {
  readonly signedData: SignedData;
  readonly signature: CadesSignature;
  readonly countersigns?: boolean | undefined;
  /** An archive timestamp of the container is over the signature (EN 319 162-1 §4.4.5). */
  readonly archivedOutside?: boolean | undefined;
};

const maxPath = 16;

function signedOfType({ signedAttrs }: SignerInfo, ...types: readonly string[]): Attribute[] {
  return types.flatMap((oid) => attributesOfType(signedAttrs?.attributes ?? [], oid));
}

function unsignedOfType({ unsignedAttrs }: SignerInfo, ...types: readonly string[]): Attribute[] {
  return types.flatMap((oid) => attributesOfType(unsignedAttrs, oid));
}

function hasOneValue(signerInfo: SignerInfo, type: string): boolean {
  return signedOfType(signerInfo, type).flatMap(({ values }) => values).length === 1;
}

/** Signed attributes that may stand once at most: EN 319 122-2 table 1. */
const atMostOnce: readonly (readonly string[])[] = [
  [oids.idSigningTime],
  [oids.idAaEtsSignerAttr, oids.idAaEtsSignerAttrV2],
  [oids.idAaEtsCommitmentType],
  [oids.idAaContentHint],
  [oids.idAaEtsMimeType],
  [oids.idAaEtsSignerLocation],
  [oids.idAaEtsSigPolicyId],
  [oids.idAaContentReference],
];

const unsignedAtMostOnce: readonly string[] = [
  oids.idAaEtsSigPolicyStore,
  oids.idAaEtsCertificateRefs,
  oids.idAaEtsRevocationRefs,
  oids.idAaEtsAttrCertificateRefs,
  oids.idAaEtsAttrRevocationRefs,
  oids.idAaEtsCertValues,
  oids.idAaEtsRevocationValues,
];

/** The reference that the one signing-certificate attribute begins with; undefined: none, or more than one. */
function signingReference(
  signerInfo: SignerInfo,
): { readonly version: 1 | 2; readonly id: ESSCertID | undefined } | undefined {
  const first = signedOfType(signerInfo, oids.idAaSigningCertificate);
  const second = signedOfType(signerInfo, oids.idAaSigningCertificateV2);
  const [attribute, another] = [...first, ...second];
  if (!attribute || another) return undefined;
  const version = first.length > 0 ? 1 : 2;
  const [value] = attribute.values;
  try {
    return { version, id: value && parseSigningCertificate(value, version)[0] };
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    return { version, id: undefined };
  }
}

/** EN 319 122-2 table 1, CAdES-E-BES. */
function isBasic({ signature: { signerInfo }, countersigns = false }: NamedLevelInput): boolean {
  const contentTypes = signedOfType(signerInfo, oids.idContentType).length;
  const reference = signingReference(signerInfo);
  return (
    // RFC 5652 §11.4: a countersignature has none.
    (hasOneValue(signerInfo, oids.idContentType) || (countersigns && contentTypes === 0)) &&
    hasOneValue(signerInfo, oids.idMessageDigest) &&
    reference !== undefined &&
    // Requirements (a), (b): version 1 for SHA-1 and version 2 for the others.
    (!reference.id || (reference.id.hashAlgorithm === 'SHA-1') === (reference.version === 1)) &&
    atMostOnce.every((types) => signedOfType(signerInfo, ...types).length <= 1) &&
    unsignedAtMostOnce.every((type) => unsignedOfType(signerInfo, type).length <= 1)
  );
}

/** EN 319 122-1 §6.3 table 1, CAdES-B-B, beyond what the basic level asks for. */
function isBaseline({ signedData, signature }: NamedLevelInput, signer?: Certificate): boolean {
  const { signerInfo } = signature;
  return (
    // Requirement (a): the signer's certificate is in SignedData.certificates.
    signer !== undefined &&
    hasOneValue(signerInfo, oids.idSigningTime) &&
    // Requirement (f): the content is id-data.
    signedData.eContentType === oids.idData &&
    // Requirement (k): a policy is kept beside the identifier that names it.
    (unsignedOfType(signerInfo, oids.idAaEtsSigPolicyStore).length === 0 ||
      hasOneValue(signerInfo, oids.idAaEtsSigPolicyId))
  );
}

/** What the signature and its timestamps carry, to be looked up. */
type Carried = {
  readonly certificates: readonly Certificate[];
  readonly bySubject: ReadonlyMap<string, Certificate>;
  readonly crlIssuers: ReadonlySet<string>;
  readonly statuses: ReadonlyMap<bigint, readonly CertId[]>;
};

function carriedBy(signedData: SignedData, tokens: readonly TimeStampToken[]): Carried {
  const all = [signedData, ...tokens.map((token) => token.signedData)].map(embeddedValidationData);
  const certificates = all.flatMap((one) => one.certificates);
  const certIds = all
    .flatMap(({ ocspResponses }) => ocspResponses)
    .flatMap(({ basic }) => basic?.responses.map(({ certId }) => certId) ?? []);
  return {
    certificates,
    bySubject: new Map(certificates.map((one) => [nameKey(one.subject), one])),
    crlIssuers: new Set(all.flatMap(({ crls }) => crls).map(({ issuer }) => nameKey(issuer))),
    statuses: Map.groupBy(certIds, ({ serialNumber }) => serialNumber),
  };
}

function hasStatus(certificate: Certificate, { crlIssuers, statuses }: Carried): boolean {
  const { issuer, serialNumber } = certificate;
  if (crlIssuers.has(nameKey(issuer))) return true;
  return (statuses.get(serialNumber) ?? []).some(({ hashAlgorithm, issuerNameHash }) => {
    const algorithm = digestAlgorithmOfOid(hashAlgorithm.oid);
    return algorithm !== undefined && equalBytes(issuerNameHash, digest(algorithm, issuer.raw));
  });
}

/** Whether each certificate of the path that is carried has a status, but for one that is its own issuer. */
function pathHasStatus(end: Certificate | undefined, carried: Carried): boolean {
  let one = end;
  for (let length = 0; one && length < maxPath; length++) {
    const issuer = nameKey(one.issuer);
    if (nameKey(one.subject) === issuer) return true;
    if (!hasStatus(one, carried)) return false;
    one = carried.bySubject.get(issuer);
  }
  return end !== undefined;
}

/**
 * EN 319 122-1 §6.3 (LT): the revocation data that the paths of the signer and of every TSU need, as far as the
 * signature shows those paths; but for the last archive timestamp, whose own data comes later.
 */
function hasValidationData(
  { signedData, signature: { timestamps } }: NamedLevelInput,
  signer: Certificate | undefined,
): boolean {
  const last = timestamps.findLast(({ type }) => type === 'archive');
  const tokens = timestamps.filter((one) => one !== last).map(({ token }) => token);
  const carried = carriedBy(signedData, tokens);
  const tsus = tokens.map((token) => {
    const [signerInfo] = token.signedData.signerInfos;
    return (
      signerInfo &&
      certificatesOfSigner(signerInfo, embeddedValidationData(token.signedData).certificates)[0]
    );
  });
  return [signer, ...tsus].every((end) => pathHasStatus(end, carried));
}

/** EN 319 122-2 table 1 (q): the internal attribute where the content is inside, the external one where it is not. */
function hasEvidenceRecord({ signedData }: NamedLevelInput): boolean {
  const fitting = signedData.eContent === undefined ? oids.idAaErExternal : oids.idAaErInternal;
  return signedData.signerInfos.some(
    (signerInfo) =>
      unsignedOfType(signerInfo, oids.idAaErInternal, oids.idAaErExternal).length > 0 &&
      unsignedOfType(signerInfo, oids.idAaErInternal, oids.idAaErExternal).every(
        ({ oid }) => oid === fitting,
      ),
  );
}

/** Attributes that a baseline level with validation data may not have: EN 319 122-1 §6.3 table 1, LT. */
const noneAtBaseline: readonly string[] = [
  oids.idAaEtsCertValues,
  oids.idAaEtsCertificateRefs,
  oids.idAaEtsRevocationValues,
  oids.idAaEtsRevocationRefs,
  oids.idAaEtsCertCRLTimestamp,
];

/** The extended levels on top of a time-stamped signature: EN 319 122-2 table 1. */
function extendedLevel(input: NamedLevelInput, hasValues: boolean): CadesLevel | undefined {
  const { signerInfo, timestamps } = input.signature;
  const has = (...types: readonly string[]): boolean =>
    unsignedOfType(signerInfo, ...types).length > 0;
  const hasReferences = has(oids.idAaEtsCertificateRefs) && has(oids.idAaEtsRevocationRefs);
  const hasReferenceTimestamp =
    unsignedOfType(signerInfo, oids.idAaEtsEscTimeStamp, oids.idAaEtsCertCRLTimestamp).length === 1;
  if (hasValues) {
    if (hasEvidenceRecord(input)) return 'CAdES-ERS';
    if (timestamps.some(({ type }) => type === 'archive')) return 'CAdES-A';
    if (!hasReferences) return 'CAdES-LT';
    if (hasReferenceTimestamp) return 'CAdES-X-L';
  }
  if (!hasReferences) return undefined;
  return hasReferenceTimestamp ? 'CAdES-X' : 'CAdES-C';
}

/**
 * The highest level whose elements the signature has.
 * @see EN 319 122-1 §6, EN 319 122-2 §5
 */
export function nameCadesLevel(input: NamedLevelInput): CadesLevel {
  if (!isBasic(input)) return 'CMS';
  const { signedData, signature } = input;
  const { signerInfo, timestamps } = signature;
  const [signer] = certificatesOfSigner(signerInfo, signedData.certificates);
  const isOfBaseline = isBaseline(input, signer);
  const stamps = timestamps.filter(({ type }) => type === 'signature');
  // Requirement (m): stamped before the signer's certificate ends.
  const isStamped =
    stamps.length > 0 &&
    stamps.every(({ token }) => !signer || isBefore(token.tstInfo.genTime, signer.notAfter));
  if (!isStamped) {
    if (isOfBaseline) return 'CAdES-B-B';
    return signedOfType(signerInfo, oids.idAaEtsSigPolicyId).length > 0
      ? 'CAdES-EPES'
      : 'CAdES-BES';
  }
  const hasValues = hasValidationData(input, signer);
  if (isOfBaseline && hasValues && unsignedOfType(signerInfo, ...noneAtBaseline).length === 0) {
    if (hasEvidenceRecord(input)) return 'CAdES-ERS';
    return input.archivedOutside ||
      unsignedOfType(signerInfo, oids.idAaEtsArchiveTimestampV3).length > 0
      ? 'CAdES-B-LTA'
      : 'CAdES-B-LT';
  }
  return extendedLevel(input, hasValues) ?? (isOfBaseline ? 'CAdES-B-T' : 'CAdES-T');
}
