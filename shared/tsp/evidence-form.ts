// The evidence form of a token (design §2, §3 "Tokens"): everything outside of eContent and signedAttrs
// in DER, validation data added, so that hashing the octets as stored and hashing their DER encoding
// give one digest. The form as received is the caller's to keep.
import { compareBytes, equalBytes, toHex } from '#shared/bytes.ts';
import {
  basicOcspResponseOctets,
  buildRevocationValues,
  parseRevocationValues,
  type RevocationValues,
} from '#shared/cms/revocation-values.ts';
import type { Attribute } from '#shared/cms/attributes.ts';
import type { SignedData, SignerInfo } from '#shared/cms/signed-data.ts';
import { verifySigner } from '#shared/cms/verify-signer.ts';
import { reEncodeAsDer } from '#shared/der/re-encode.ts';
import { isUniversal, readChildren, readTlv, tags } from '#shared/der/reader.ts';
import { findDerOffence } from '#shared/der/strict.ts';
import {
  derContext,
  derElement,
  derInteger,
  derObjectIdentifier,
  derOctetString,
  derSequence,
  derSetOf,
} from '#shared/der/writer.ts';
import { FormatError, InvariantError } from '#shared/errors.ts';
import { oids } from '#shared/oid.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import type { CertificateList } from '#shared/x509/crl.ts';
import type { OcspResponse } from '#shared/x509/ocsp.ts';
import { parseTimeStampToken, type TimeStampToken } from './token.ts';
import { versionOfSignedData } from './tsu-checks.ts';

/** What is added; what the token has already is not added twice. */
export type EvidenceFormAdditions = {
  readonly certificates: readonly Certificate[];
  readonly crls: readonly CertificateList[];
  readonly ocspResponses: readonly OcspResponse[];
};

/** CRLs of more octets than this in all go into the unsigned attribute. */
export const maxCrlOctetsInSignedData = 64 * 1024;

/** Attributes whose imprint covers the fields that would be added to (EN 319 122-1 §5.5, Annex A.2). */
const archiveTimestamps: readonly string[] = [
  oids.idAaEtsArchiveTimestamp,
  oids.idAaEtsArchiveTimestampV2,
  oids.idAaEtsArchiveTimestampV3,
];

/** Each octet string once, in DER's order of a SET OF. */
function distinct(elements: readonly Uint8Array[]): readonly Uint8Array[] {
  const found = new Map(elements.map((element) => [toHex(element), element]));
  return [...found.values()].sort(compareBytes);
}

/** In DER; what is DER already keeps its octets. */
function der(element: Uint8Array): Uint8Array {
  return findDerOffence(element) ? reEncodeAsDer(element) : element;
}

/** The members of the CMS field `crls`, those that OpenSSL's ts can read apart from the others. */
function splitRevocationInfo(signedData: SignedData): {
  readonly crls: readonly Uint8Array[];
  readonly others: readonly Uint8Array[];
} {
  const { crls: field } = signedData.elements;
  const crls: Uint8Array[] = [];
  const others: Uint8Array[] = [];
  for (const member of field ? readChildren(field) : []) {
    // An OCSP response moves to revocation-values (`signedData.ocspResponses`); the rest stays.
    const stays = signedData.otherRevocationInfo.some(({ raw }) => equalBytes(raw, member.raw));
    if (member.tagClass === 'context' && stays) others.push(der(member.raw));
    if (isUniversal(member, tags.sequence)) crls.push(member.raw);
  }
  return { crls, others };
}

/** The revocation-values of a signer, joined; attributes that do not parse stay as they are. */
function takeRevocationValues(signerInfo: SignerInfo): {
  readonly values: RevocationValues;
  readonly rest: readonly Attribute[];
} {
  const rest: Attribute[] = [];
  const crlVals: Uint8Array[] = [];
  const ocspVals: Uint8Array[] = [];
  let otherRevVals: Uint8Array | undefined;
  for (const attribute of signerInfo.unsignedAttrs) {
    const [value] = attribute.values;
    if (attribute.oid !== oids.idAaEtsRevocationValues || !value) {
      rest.push(attribute);
      continue;
    }
    try {
      const values = parseRevocationValues(value);
      if (otherRevVals && values.otherRevVals) {
        rest.push(attribute);
        continue;
      }
      crlVals.push(...values.crlVals);
      ocspVals.push(...values.ocspVals);
      otherRevVals ??= values.otherRevVals && der(values.otherRevVals);
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      rest.push(attribute);
    }
  }
  return { values: { crlVals, ocspVals, otherRevVals }, rest };
}

function buildUnsignedAttrs(rest: readonly Attribute[], values: RevocationValues): Uint8Array[] {
  const empty = values.crlVals.length === 0 && values.ocspVals.length === 0 && !values.otherRevVals;
  const attributes = distinct([
    ...rest.map((attribute) =>
      derSequence(derObjectIdentifier(attribute.oid), derSetOf(...attribute.values.map(der))),
    ),
    ...(empty
      ? []
      : [
          derSequence(
            derObjectIdentifier(oids.idAaEtsRevocationValues),
            derSetOf(buildRevocationValues(values)),
          ),
        ]),
  ]);
  return attributes.length === 0 ? [] : [derContext(1, ...attributes)];
}

/** SignerInfo with its signed attributes as stored; only an indefinite length gets its octets counted. */
function buildSignerInfo(signerInfo: SignerInfo, unsignedAttrs: readonly Uint8Array[]): Uint8Array {
  const { signedAttrs, sid } = signerInfo;
  const stored = signedAttrs && readTlv(signedAttrs.raw);
  return derSequence(
    derInteger(signerInfo.version),
    sid.kind === 'subject-key-identifier'
      ? derElement(0x80, sid.keyIdentifier)
      : derSequence(sid.issuer.raw, derInteger(sid.serialNumber)),
    der(signerInfo.digestAlgorithm.raw),
    ...(stored ? [stored.indefinite ? derContext(0, stored.content) : stored.raw] : []),
    der(signerInfo.signatureAlgorithm.raw),
    derOctetString(signerInfo.signature),
    ...unsignedAttrs,
  );
}

function buildForm(token: TimeStampToken, additions: EvidenceFormAdditions): Uint8Array {
  const { signedData } = token;
  const [signerInfo] = signedData.signerInfos;
  if (!signerInfo || signedData.signerInfos.length !== 1 || !signedData.eContent)
    throw new FormatError('ERR_FORMAT_TSP_TOKEN', 'a token has content and exactly one signer', {
      clause: 'RFC 3161 §2.4.2',
    });
  const { values, rest } = takeRevocationValues(signerInfo);
  const stored = splitRevocationInfo(signedData);
  const crls = distinct([
    ...stored.crls,
    ...values.crlVals,
    ...additions.crls.map(({ raw }) => raw),
  ]);
  const ocspVals = distinct([
    ...values.ocspVals,
    ...[...signedData.ocspResponses, ...additions.ocspResponses].flatMap(
      (response) => basicOcspResponseOctets(response) ?? [],
    ),
  ]);
  const crlOctets = crls.reduce((sum, { length }) => sum + length, 0);
  const crlsInside = crlOctets <= maxCrlOctetsInSignedData;
  const unsignedAttrs = buildUnsignedAttrs(rest, {
    ...values,
    crlVals: crlsInside ? [] : crls,
    ocspVals,
  });
  // Certificates and CRLs keep their octets, DER or not: they carry signatures of their own.
  const certificates = distinct([
    ...signedData.certificates.map(({ raw }) => raw),
    ...signedData.otherCertificates.map(({ raw }) => raw),
    ...additions.certificates.map(({ raw }) => raw),
  ]);
  const revocationInfo = distinct([...(crlsInside ? crls : []), ...stored.others]);
  const version = versionOfSignedData(signedData, stored.others.length > 0);
  return derSequence(
    derObjectIdentifier(oids.idSignedData),
    derContext(
      0,
      derSequence(
        derInteger(version),
        derSetOf(...distinct(signedData.digestAlgorithms.map(({ raw }) => der(raw)))),
        derSequence(
          derObjectIdentifier(signedData.eContentType),
          derContext(0, derOctetString(signedData.eContent)),
        ),
        ...(certificates.length === 0 ? [] : [derContext(0, ...certificates)]),
        ...(revocationInfo.length === 0 ? [] : [derContext(1, ...revocationInfo)]),
        derSetOf(buildSignerInfo(signerInfo, unsignedAttrs)),
      ),
    ),
  );
}

/** What a verifier sees of the signature, before and after. */
function checkSignatureAgain(before: TimeStampToken, after: TimeStampToken): void {
  const [old] = before.signedData.signerInfos;
  const [fresh] = after.signedData.signerInfos;
  const verdict = fresh && verifySigner({ signedData: after.signedData, signerInfo: fresh });
  const same =
    old?.signedAttrs !== undefined &&
    fresh?.signedAttrs !== undefined &&
    equalBytes(before.tstInfo.raw, after.tstInfo.raw) &&
    equalBytes(old.signedAttrs.forSignature, fresh.signedAttrs.forSignature) &&
    equalBytes(old.signature, fresh.signature);
  if (!same || !verdict?.signatureIntact || !verdict.messageDigestIntact) {
    throw new InvariantError(
      'ERR_INVARIANT_READ_BACK',
      'the signature of a token does not hold in its evidence form',
    );
  }
}

/**
 * The evidence form of a token that was verified: DER outside of eContent and signedAttrs, each
 * certificate, CRL and OCSP response once. CRLs stand in `crls` up to 64 KiB in all, else in the
 * unsigned attribute revocation-values, where OCSP responses always stand. A token that carries an
 * archive timestamp of CAdES gets nothing added, since that timestamp covers the fields.
 *
 * Deterministic, and idempotent: the form of a form is that form. The signer's certificate has to be
 * in the token or among the additions.
 * @throws FormatError for octets that are no token
 * @throws InvariantError ERR_INVARIANT_READ_BACK: the signature does not hold afterwards
 * @see RFC 5652 §5.1, RFC 5126 §6.3.4
 */
export function buildEvidenceForm(
  octets: Uint8Array,
  additions: EvidenceFormAdditions,
): Uint8Array {
  const token = parseTimeStampToken(octets);
  const covered = token.signedData.signerInfos.some(({ unsignedAttrs }) =>
    unsignedAttrs.some(({ oid }) => archiveTimestamps.includes(oid)),
  );
  const form = buildForm(
    token,
    covered ? { certificates: [], crls: [], ocspResponses: [] } : additions,
  );
  checkSignatureAgain(token, parseTimeStampToken(form));
  return form;
}
