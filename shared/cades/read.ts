// The signatures of a CMS or CAdES object: their signed and unsigned attributes as facts, the
// timestamps with what each covers, validation data and evidence records in attributes, countersignatures.
// EN 319 122-1 §5, RFC 5126 §6. It verifies nothing.
import { type Attribute, attributesOfType } from '#shared/cms/attributes.ts';
import { parseRevocationValues } from '#shared/cms/revocation-values.ts';
import { isMisformedTime } from '#shared/cms/signing-time.ts';
import {
  type SignedData,
  type SignerInfo,
  parseSignedData,
  parseSignerInfo,
} from '#shared/cms/signed-data.ts';
import { readChildren, readOctets, readTlv, readWhole } from '#shared/der/reader.ts';
import { FormatError } from '#shared/errors.ts';
import { oids } from '#shared/oid.ts';
import { type Problem, attempt } from '#shared/problem.ts';
import { type TimeStampToken, parseTimeStampToken } from '#shared/tsp/token.ts';
import { readTime } from '#shared/x509/certificate.ts';
import { recordAttributeTypes } from './evidence-record-subject.ts';

/** What the imprint of an attribute's timestamp is over. */
export type TimestampedPart =
  | { readonly kind: 'octets'; readonly parts: readonly Uint8Array[] }
  /** The signed content, in the document or detached from it. */
  | { readonly kind: 'content' }
  /** The signature with everything before, by rules of its own (EN 319 122-1 §5.5). */
  | { readonly kind: 'archive'; readonly version: 1 | 2 | 3 };

export type AttributeTimestamp = {
  readonly type: 'signature' | 'content' | 'validation-data' | 'references-only' | 'archive';
  readonly token: TimeStampToken;
  readonly covered: TimestampedPart;
};

/** A timestamp that a known attribute should hold, and that is none. */
export type UnreadTimestamp = {
  readonly type: AttributeTimestamp['type'];
  readonly message: string;
};

/** Validation data in attributes, whole DER objects. */
export type AttributeValues = {
  readonly certificates: readonly Uint8Array[];
  readonly crls: readonly Uint8Array[];
  readonly ocspResponses: readonly Uint8Array[];
};

/** An EvidenceRecord in an attribute. RFC 4998 Appendix A */
export type AttributeEvidenceRecord = {
  readonly octets: Uint8Array;
  readonly attribute: Attribute;
  /** External: over the detached content as well. */
  readonly kind: 'internal' | 'external';
};

export type CadesSignature = {
  readonly signerInfo: SignerInfo;
  /** Whether a signing-certificate attribute makes it CAdES. EN 319 122-1 §5.2.2 */
  readonly isCades: boolean;
  readonly claimedSigningTime?: Temporal.Instant | undefined;
  readonly messageDigest?: Uint8Array | undefined;
  readonly timestamps: readonly AttributeTimestamp[];
  readonly unreadTimestamps: readonly UnreadTimestamp[];
  readonly values: AttributeValues;
  readonly evidenceRecords: readonly AttributeEvidenceRecord[];
  readonly countersignatures: readonly CadesSignature[];
};

export type CadesReading = {
  readonly signedData: SignedData;
  readonly signatures: readonly CadesSignature[];
  readonly problems: readonly Problem[];
};

const maxSigners = 200;
const maxAttributes = 1000;
const maxTimestamps = 500;
const maxCountersignatureDepth = 8;

/** What is counted over one whole object, countersignatures of countersignatures included. */
type Budget = { signers: number; timestamps: number };

function limited(what: string, limit: number): FormatError {
  return new FormatError('ERR_FORMAT_LIMIT', `more than ${limit} ${what}`, {
    clause: 'RFC 5652 §5.3',
  });
}

function readSigningTime(
  attributes: readonly Attribute[],
  problems: Problem[],
): Temporal.Instant | undefined {
  const [value, another] = attributesOfType(attributes, oids.idSigningTime).flatMap(
    ({ values }) => values,
  );
  // Two times say none (RFC 5652 §11.3: one attribute with one value).
  if (!value || another) return undefined;
  const time = readWhole(value);
  const instant = readTime(time);
  if (!isMisformedTime(time, instant)) return instant;
  problems.push({
    severity: 'warning',
    code: 'cms-signing-time-form',
    message: 'a signing time before 2050 that is no UTCTime, or with a fraction, counts as none',
    place: 'signing-time',
  });
  return undefined;
}

function readMessageDigest(attributes: readonly Attribute[]): Uint8Array | undefined {
  const value = attributesOfType(attributes, oids.idMessageDigest)[0]?.values[0];
  return value && readOctets(readWhole(value));
}

/** Type and values of an attribute without the outer tag and length: how RFC 5126 §6.3.5 hashes it. */
function insideOf(attribute: Attribute): Uint8Array {
  const { content } = readTlv(attribute.raw);
  return content;
}

/** In the order of `types`, which is the RFC's, not in that of the SET. */
function ofTypes(attributes: readonly Attribute[], types: readonly string[]): Uint8Array[] {
  return types.flatMap((type) => attributesOfType(attributes, type).map(insideOf));
}

const referenceTypes = [oids.idAaEtsCertificateRefs, oids.idAaEtsRevocationRefs];

type TimestampRule = {
  readonly oid: string;
  readonly type: AttributeTimestamp['type'];
  readonly covered: (signerInfo: SignerInfo) => TimestampedPart;
};

const octetsOf = (...parts: readonly Uint8Array[]): TimestampedPart => ({
  kind: 'octets',
  parts,
});

/** Unsigned attributes that hold timestamps, and what each is over. */
const unsignedTimestamps: readonly TimestampRule[] = [
  {
    // EN 319 122-1 §5.3: the value of the signature field.
    oid: oids.idAaSignatureTimeStampToken,
    type: 'signature',
    covered: ({ signature }) => octetsOf(signature),
  },
  {
    // The same in Authenticode and what copies it.
    oid: oids.szOIDRFC3161CounterSign,
    type: 'signature',
    covered: ({ signature }) => octetsOf(signature),
  },
  {
    // RFC 5126 §6.3.5: signature, its timestamps, then the references.
    oid: oids.idAaEtsEscTimeStamp,
    type: 'validation-data',
    covered: ({ signature, unsignedAttrs }) =>
      octetsOf(
        signature,
        ...ofTypes(unsignedAttrs, [oids.idAaSignatureTimeStampToken, ...referenceTypes]),
      ),
  },
  {
    // RFC 5126 §6.3.6: the references alone.
    oid: oids.idAaEtsCertCRLTimestamp,
    type: 'references-only',
    covered: ({ unsignedAttrs }) => octetsOf(...ofTypes(unsignedAttrs, referenceTypes)),
  },
  ...([1, 2, 3] as const).map((version): TimestampRule => {
    const attributeTypes = [
      oids.idAaEtsArchiveTimestamp,
      oids.idAaEtsArchiveTimestampV2,
      oids.idAaEtsArchiveTimestampV3,
    ];
    return {
      oid: attributeTypes[version - 1] ?? '',
      type: 'archive',
      covered: () => ({ kind: 'archive', version }),
    };
  }),
];

const contentTimestamp: TimestampRule = {
  // EN 319 122-1 §5.2.8: the content octets, or what a detached signature is over.
  oid: oids.idAaEtsContentTimestamp,
  type: 'content',
  covered: () => ({ kind: 'content' }),
};

function readTimestamps(
  signerInfo: SignerInfo,
  budget: Budget,
  problems: Problem[],
): Pick<CadesSignature, 'timestamps' | 'unreadTimestamps'> {
  const timestamps: AttributeTimestamp[] = [];
  const unreadTimestamps: UnreadTimestamp[] = [];
  const collect = (attributes: readonly Attribute[], rules: readonly TimestampRule[]): void => {
    for (const attribute of attributes) {
      const rule = rules.find(({ oid }) => oid === attribute.oid);
      if (!rule) continue;
      const { type } = rule;
      if (attribute.values.length === 0)
        unreadTimestamps.push({ type, message: 'an attribute without a value' });
      for (const value of attribute.values) {
        if (--budget.timestamps < 0) throw limited('timestamps', maxTimestamps);
        const own: Problem[] = [];
        const token = attempt(own, `${type} timestamp`, () => parseTimeStampToken(value));
        problems.push(...own);
        unreadTimestamps.push(...own.map(({ message }) => ({ type, message })));
        if (token) timestamps.push({ type, token, covered: rule.covered(signerInfo) });
      }
    }
  };
  collect(signerInfo.signedAttrs?.attributes ?? [], [contentTimestamp]);
  collect(signerInfo.unsignedAttrs, unsignedTimestamps);
  return { timestamps, unreadTimestamps };
}

/** Certificates, CRLs and OCSP responses in certificate-values and revocation-values attributes. RFC 5126 §6.3.3, §6.3.4 */
export function readAttributeValues(
  attributes: readonly Attribute[],
  problems: Problem[],
): AttributeValues {
  const certificates: Uint8Array[] = [];
  const crls: Uint8Array[] = [];
  const ocspResponses: Uint8Array[] = [];
  const valuesOf = (oid: string): Uint8Array[] =>
    attributesOfType(attributes, oid).flatMap(({ values }) => values);
  for (const value of valuesOf(oids.idAaEtsCertValues)) {
    attempt(problems, 'certificate-values', () => {
      certificates.push(...readChildren(readWhole(value)).map(({ raw }) => raw));
    });
  }
  for (const value of valuesOf(oids.idAaEtsRevocationValues)) {
    attempt(problems, 'revocation-values', () => {
      const { crlVals, ocspVals } = parseRevocationValues(value);
      crls.push(...crlVals);
      ocspResponses.push(...ocspVals);
    });
  }
  return { certificates, crls, ocspResponses };
}

function readSignature(
  signerInfo: SignerInfo,
  depth: number,
  budget: Budget,
  problems: Problem[],
): CadesSignature {
  if (--budget.signers < 0) throw limited('signers', maxSigners);
  const signed = signerInfo.signedAttrs?.attributes ?? [];
  const { unsignedAttrs } = signerInfo;
  if (signed.length + unsignedAttrs.length > maxAttributes)
    throw limited('attributes of one signer', maxAttributes);
  const types = new Set(signed.map(({ oid }) => oid));
  // RFC 5652 §5.3: a signed attribute type at most once; two message digests would say two things.
  if (types.size !== signed.length)
    problems.push({
      severity: 'error',
      code: 'cms-attribute-twice',
      message: 'a signed attribute occurs more than once',
    });
  const countersignatures = attributesOfType(unsignedAttrs, oids.idCountersignature)
    .flatMap(({ values }) => values)
    .map((value) => {
      if (depth >= maxCountersignatureDepth)
        throw limited('levels of countersignatures', maxCountersignatureDepth);
      return attempt(problems, 'countersignature', () =>
        readSignature(parseSignerInfo(value), depth + 1, budget, problems),
      );
    })
    .filter((signature) => signature !== undefined);
  return {
    signerInfo,
    isCades: types.has(oids.idAaSigningCertificate) || types.has(oids.idAaSigningCertificateV2),
    claimedSigningTime: attempt(problems, 'signing-time', () => readSigningTime(signed, problems)),
    messageDigest: attempt(problems, 'message-digest', () => readMessageDigest(signed)),
    ...readTimestamps(signerInfo, budget, problems),
    values: readAttributeValues(unsignedAttrs, problems),
    evidenceRecords: unsignedAttrs
      .filter(({ oid }) => recordAttributeTypes.includes(oid))
      .flatMap((attribute) =>
        attribute.values.map((octets): AttributeEvidenceRecord => ({
          octets,
          attribute,
          kind: attribute.oid === oids.idAaErInternal ? 'internal' : 'external',
        })),
      ),
    countersignatures,
  };
}

/**
 * All signatures of one ContentInfo, BER or DER. What cannot be read of an attribute is a problem.
 * @throws FormatError ERR_FORMAT_CMS, ERR_FORMAT_DER, ERR_FORMAT_LIMIT
 * @see EN 319 122-1 §5
 */
export function readCades(octets: Uint8Array): CadesReading {
  return readCadesSignatures(parseSignedData(octets));
}

/** The same for SignedData that is parsed already. @throws FormatError ERR_FORMAT_LIMIT */
export function readCadesSignatures(signedData: SignedData): CadesReading {
  const problems: Problem[] = [];
  const budget: Budget = { signers: maxSigners, timestamps: maxTimestamps };
  for (const { kind, problem } of [
    ...signedData.otherCertificates,
    ...signedData.otherRevocationInfo,
  ])
    if (kind === 'malformed')
      problems.push({
        severity: 'error',
        code: 'cms-malformed-member',
        message: problem ?? 'a certificate or CRL does not parse',
      });
  if (signedData.signerInfos.length > maxSigners) throw limited('signers', maxSigners);
  const signatures = signedData.signerInfos.map((signerInfo) =>
    readSignature(signerInfo, 0, budget, problems),
  );
  return { signedData, signatures, problems };
}
