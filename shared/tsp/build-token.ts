// Makes a TimeStampToken in strict DER from octets (RFC 3161 §2.4.2, RFC 5816, RFC 5652 §5.3, §5.4): the
// side of the TSU. Keys stay with the caller, who signs what is handed to it.
import { digest, digestOid, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import { buildAlgorithmIdentifier } from '#shared/der/algorithm-identifier.ts';
import {
  derBoolean,
  derContext,
  derContextPrimitive,
  derElement,
  derFrame,
  derInteger,
  derNull,
  derObjectIdentifier,
  derOctetString,
  derSequence,
  derSetOf,
  writeFrame,
} from '#shared/der/writer.ts';
import { compareBytes } from '#shared/bytes.ts';
import { oids } from '#shared/oid.ts';
import { formatGeneralizedTime, formatUtcTime } from '#shared/time.ts';
import type { Certificate } from '#shared/x509/certificate.ts';

/** What the TSU says. The imprint's AlgorithmIdentifier is written as the query had it. */
export type TSTInfoFields = {
  readonly policy: string;
  /** The MessageImprint element of the query, or one of `buildMessageImprint`. */
  readonly messageImprint: Uint8Array;
  readonly serialNumber: bigint;
  /** Written to the precision that it has, down to nanoseconds. */
  readonly genTime: Temporal.Instant;
  readonly accuracy?:
    | {
        readonly seconds?: number | undefined;
        readonly millis?: number | undefined;
        readonly micros?: number | undefined;
      }
    | undefined;
  readonly ordering?: boolean | undefined;
  readonly nonce?: bigint | undefined;
  /** Whether the subject of the TSU stands in the field `tsa`. */
  readonly tsa?: boolean | undefined;
};

/** What signs and how. */
export type TokenSigner = {
  readonly certificate: Certificate;
  /** The issuers that go with a token whose query has certReq; the anchor need not be among them. */
  readonly chain: readonly Certificate[];
  readonly digestAlgorithm: DigestAlgorithm;
  /** The AlgorithmIdentifier element of the signature. */
  readonly signatureAlgorithm: Uint8Array;
  /** The signature value over the octets given, in the form that CMS stores. */
  readonly sign: (data: Uint8Array) => Uint8Array;
};

export type BuildTokenInput = {
  readonly tstInfo: TSTInfoFields;
  readonly signer: TokenSigner;
  readonly certReq: boolean;
  /** The signing-time attribute; left out where absent, since genTime says more. */
  readonly signingTime?: Temporal.Instant | undefined;
};

/** MessageImprint of a digest, with absent parameters (RFC 5754 §2). */
export function buildMessageImprint(algorithm: DigestAlgorithm, imprint: Uint8Array): Uint8Array {
  return derSequence(buildAlgorithmIdentifier(digestOid(algorithm)).raw, derOctetString(imprint));
}

/** Contents octets of an INTEGER, for an implicit tag. */
function integerContents(value: number): Uint8Array {
  return derInteger(value).subarray(2);
}

const accuracies = new WeakMap<object, readonly Uint8Array[]>();

function buildAccuracy(accuracy: TSTInfoFields['accuracy']): readonly Uint8Array[] {
  if (!accuracy) return [];
  const known = accuracies.get(accuracy);
  if (known) return known;
  const { seconds, millis, micros } = accuracy;
  const built = [
    derSequence(
      ...(seconds === undefined ? [] : [derInteger(seconds)]),
      ...(millis === undefined ? [] : [derContextPrimitive(0, integerContents(millis))]),
      ...(micros === undefined ? [] : [derContextPrimitive(1, integerContents(micros))]),
    ),
  ];
  accuracies.set(accuracy, built);
  return built;
}

const versionOfTSTInfo = derInteger(1);

function buildTSTInfo(fields: TSTInfoFields, { tsa }: Template): Uint8Array {
  return derSequence(
    versionOfTSTInfo,
    derObjectIdentifier(fields.policy),
    fields.messageImprint,
    derInteger(fields.serialNumber),
    derElement(0x18, formatGeneralizedTime(fields.genTime)),
    ...buildAccuracy(fields.accuracy),
    ...(fields.ordering ? [derBoolean(true)] : []),
    ...(fields.nonce === undefined ? [] : [derInteger(fields.nonce)]),
    ...(fields.tsa ? [tsa] : []),
  );
}

function buildAttribute(oid: string, value: Uint8Array): Uint8Array {
  return derSequence(derObjectIdentifier(oid), derElement(0x31, value));
}

/** Time as RFC 5652 §11.3 wants it: UTCTime through 2049. */
function buildTime(instant: Temporal.Instant): Uint8Array {
  const whole = instant.round({ smallestUnit: 'second', roundingMode: 'floor' });
  return whole.toZonedDateTimeISO('UTC').year < 2050
    ? derElement(0x17, formatUtcTime(whole))
    : derElement(0x18, formatGeneralizedTime(whole));
}

/**
 * SigningCertificateV2 over the TSU's certificate alone, by the digest of the signature, so that a token
 * does not rest on a weaker one; the default SHA-256 is left out. @see RFC 5035 §3
 */
function buildSigningCertificateV2(
  certificate: Certificate,
  algorithm: DigestAlgorithm,
): Uint8Array {
  const issuerSerial = derSequence(
    derSequence(derContext(4, certificate.issuer.raw)),
    derInteger(certificate.serialNumber),
  );
  const hashAlgorithm =
    algorithm === 'SHA-256' ? [] : [buildAlgorithmIdentifier(digestOid(algorithm)).raw];
  const certId = derSequence(
    ...hashAlgorithm,
    derOctetString(digest(algorithm, certificate.raw)),
    issuerSerial,
  );
  return derSequence(derSequence(certId));
}

/** Contents of a SET OF, sorted as DER asks. */
function sorted(elements: readonly Uint8Array[]): readonly Uint8Array[] {
  return elements.toSorted(compareBytes);
}

const versionOfSignedData = derInteger(3);
const versionOfSignerInfo = derInteger(1);
const idSignedData = derObjectIdentifier(oids.idSignedData);
const idCtTSTInfo = derObjectIdentifier(oids.idCtTSTInfo);

/** What stays the same for all tokens of a signer, made once. */
type Template = {
  readonly digestAlgorithm: Uint8Array;
  readonly digestAlgorithms: Uint8Array;
  readonly contentType: Uint8Array;
  readonly signingCertificate: Uint8Array;
  readonly sid: Uint8Array;
  readonly certificates: Uint8Array;
  /** The field of TSTInfo: [0] is explicit around the choice GeneralName, whose directoryName is explicit, too. */
  readonly tsa: Uint8Array;
};

const templates = new WeakMap<TokenSigner, Template>();

function templateOf(signer: TokenSigner): Template {
  const known = templates.get(signer);
  if (known) return known;
  const { certificate, chain, digestAlgorithm } = signer;
  const members = new Map([certificate, ...chain].map((one) => [one.fingerprint, one.raw]));
  // RFC 5754 §2: SHA-2 without parameters; RFC 3370 §2.1 has NULL for the older ones.
  const digestIdentifier = buildAlgorithmIdentifier(
    digestOid(digestAlgorithm),
    digestAlgorithm === 'SHA-1' ? derNull() : undefined,
  ).raw;
  const template: Template = {
    digestAlgorithm: digestIdentifier,
    digestAlgorithms: derSetOf(digestIdentifier),
    contentType: buildAttribute(oids.idContentType, derObjectIdentifier(oids.idCtTSTInfo)),
    signingCertificate: buildAttribute(
      oids.idAaSigningCertificateV2,
      buildSigningCertificateV2(certificate, digestAlgorithm),
    ),
    sid: derSequence(certificate.issuer.raw, derInteger(certificate.serialNumber)),
    certificates: derContext(0, ...sorted([...members.values()])),
    tsa: derContext(0, derContext(4, certificate.subject.raw)),
  };
  templates.set(signer, template);
  return template;
}

/**
 * A token in DER: one signer, signedAttrs contentType, messageDigest, signingCertificateV2 and, on
 * request, signingTime; certificates only with certReq.
 *
 * Cost: one call of `sign`, two digests of small octet strings.
 * @see RFC 3161 §2.4.2
 */
export function buildTimeStampToken({
  tstInfo,
  signer,
  certReq,
  signingTime,
}: BuildTokenInput): Uint8Array {
  const template = templateOf(signer);
  const eContent = buildTSTInfo(tstInfo, template);
  const attributes = derElement(
    0x31,
    ...sorted([
      template.contentType,
      ...(signingTime ? [buildAttribute(oids.idSigningTime, buildTime(signingTime))] : []),
      buildAttribute(
        oids.idMessageDigest,
        derOctetString(digest(signer.digestAlgorithm, eContent)),
      ),
      template.signingCertificate,
    ]),
  );
  const signature = signer.sign(attributes);
  // Signed as a SET OF, written under an implicit tag (RFC 5652 §5.4).
  attributes[0] = 0xa0;
  const signerInfo = derFrame(
    0x30,
    versionOfSignerInfo,
    template.sid,
    template.digestAlgorithm,
    attributes,
    signer.signatureAlgorithm,
    derOctetString(signature),
  );
  const signedData = derFrame(
    0x30,
    versionOfSignedData,
    template.digestAlgorithms,
    derFrame(0x30, idCtTSTInfo, derFrame(0xa0, derFrame(0x04, eContent))),
    ...(certReq ? [template.certificates] : []),
    derFrame(0x31, signerInfo),
  );
  return writeFrame(derFrame(0x30, idSignedData, derFrame(0xa0, signedData)));
}
