// TSTInfo (RFC 3161 §2.4.2): read from octets. Values out of their range are read as they are, since
// the checks say what is wrong with them; what is no TSTInfo at all is a FormatError.
import { digestAlgorithmOfOid, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import {
  readAlgorithmIdentifier,
  type AlgorithmIdentifier,
} from '#shared/der/algorithm-identifier.ts';
import {
  isContext,
  isUniversal,
  readBoolean,
  readChildren,
  readInteger,
  readObjectIdentifier,
  readOctets,
  readWhole,
  tags,
  type Tlv,
} from '#shared/der/reader.ts';
import { FormatError } from '#shared/errors.ts';
import { parseGeneralizedTime } from '#shared/time.ts';

/** `MessageImprint ::= SEQUENCE { hashAlgorithm AlgorithmIdentifier, hashedMessage OCTET STRING }` */
export type MessageImprint = {
  readonly raw: Uint8Array;
  readonly hashAlgorithm: AlgorithmIdentifier;
  /** The algorithm where we know it. */
  readonly algorithm: DigestAlgorithm | undefined;
  readonly hashedMessage: Uint8Array;
};

/** `Accuracy ::= SEQUENCE { seconds INTEGER OPTIONAL, millis [0] INTEGER (1..999) OPTIONAL, micros [1] INTEGER (1..999) OPTIONAL }` */
export type Accuracy = {
  readonly seconds?: bigint | undefined;
  readonly millis?: bigint | undefined;
  readonly micros?: bigint | undefined;
};

/** An extension as TSTInfo and TimeStampReq hold it (RFC 5280 §4.1); `value` is what the OCTET STRING wraps. */
export type TimestampExtension = {
  readonly oid: string;
  readonly critical: boolean;
  /** `critical` FALSE is written out. */
  readonly defaultEncoded: boolean;
  readonly value: Uint8Array;
};

/**
 * ```asn1
 * TSTInfo ::= SEQUENCE {
 *   version INTEGER { v1(1) }, policy TSAPolicyId, messageImprint MessageImprint, serialNumber INTEGER,
 *   genTime GeneralizedTime, accuracy Accuracy OPTIONAL, ordering BOOLEAN DEFAULT FALSE,
 *   nonce INTEGER OPTIONAL, tsa [0] GeneralName OPTIONAL, extensions [1] IMPLICIT Extensions OPTIONAL }
 * ```
 */
export type TSTInfo = {
  readonly raw: Uint8Array;
  readonly version: number;
  /** The TSA policy, dotted. */
  readonly policy: string;
  readonly messageImprint: MessageImprint;
  readonly serialNumber: bigint;
  /** To the nanosecond; what is finer is kept in `genTimeText` only. */
  readonly genTime: Temporal.Instant;
  /** As written, such as `20250314010203.123456Z`. */
  readonly genTimeText: string;
  readonly accuracy?: Accuracy | undefined;
  readonly ordering: boolean;
  readonly nonce?: bigint | undefined;
  /** The whole GeneralName. */
  readonly tsa?: Uint8Array | undefined;
  readonly extensions: readonly TimestampExtension[];
  /** A value equal to its DEFAULT is written out, which DER forbids (X.690 §11.5). */
  readonly defaultEncoded: boolean;
};

function malformed(what: string, tlv: Tlv | undefined): FormatError {
  const offset = tlv?.offset;
  return new FormatError(
    'ERR_FORMAT_TSP_TOKEN',
    `${what} expected${offset === undefined ? '' : ` at octet ${offset} of TSTInfo`}`,
    { offset, clause: 'RFC 3161 §2.4.2' },
  );
}

/** Reads a MessageImprint element. @throws FormatError ERR_FORMAT_TSP_TOKEN, ERR_FORMAT_DER @see RFC 3161 §2.4.1 */
export function readMessageImprint(tlv: Tlv | undefined): MessageImprint {
  const [hashAlgorithm, hashedMessage, excess] = isUniversal(tlv, tags.sequence)
    ? readChildren(tlv)
    : [];
  if (!tlv || !hashAlgorithm || !isUniversal(hashedMessage, tags.octetString) || excess)
    throw malformed('MessageImprint', tlv);
  const identifier = readAlgorithmIdentifier(hashAlgorithm);
  return {
    raw: tlv.raw,
    hashAlgorithm: identifier,
    algorithm: digestAlgorithmOfOid(identifier.oid),
    hashedMessage: readOctets(hashedMessage),
  };
}

/** Reads the extensions inside a SEQUENCE OF Extension, whatever its tag. @throws FormatError ERR_FORMAT_TSP_TOKEN, ERR_FORMAT_DER */
export function readTimestampExtensions(tlv: Tlv): readonly TimestampExtension[] {
  return readChildren(tlv).map((extension) => {
    const fields = isUniversal(extension, tags.sequence) ? readChildren(extension) : [];
    const [oid] = fields;
    const critical = isUniversal(fields[1], tags.boolean) ? fields[1] : undefined;
    const value = fields[critical ? 2 : 1];
    if (
      !isUniversal(oid, tags.objectIdentifier) ||
      !isUniversal(value, tags.octetString) ||
      fields.length !== (critical ? 3 : 2)
    )
      throw malformed('Extension', extension);
    return {
      oid: readObjectIdentifier(oid),
      critical: critical ? readBoolean(critical) : false,
      defaultEncoded: critical ? !readBoolean(critical) : false,
      value: readOctets(value),
    };
  });
}

/**
 * An INTEGER under an implicit tag, which a check by universal tags passes over: superfluous octets are refused
 * here (X.690 §8.3.2).
 */
function readImplicitInteger(tlv: Tlv): bigint {
  const [first, second] = tlv.content;
  const isPadded =
    second !== undefined && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80));
  if (isPadded) throw malformed('INTEGER in its shortest form', tlv);
  return readInteger(tlv);
}

function readAccuracy(tlv: Tlv): Accuracy {
  const fields = readChildren(tlv);
  const seconds = isUniversal(fields[0], tags.integer) ? fields.shift() : undefined;
  const millis = isContext(fields[0], 0) ? fields.shift() : undefined;
  const micros = isContext(fields[0], 1) ? fields.shift() : undefined;
  if (fields.length > 0) throw malformed('Accuracy of seconds, millis and micros', fields[0]);
  return {
    seconds: seconds && readInteger(seconds),
    millis: millis && readImplicitInteger(millis),
    micros: micros && readImplicitInteger(micros),
  };
}

function readGenTime(tlv: Tlv | undefined): { genTime: Temporal.Instant; genTimeText: string } {
  if (!isUniversal(tlv, tags.generalizedTime) || tlv.constructed || tlv.content.length > 64)
    throw malformed('genTime as GeneralizedTime', tlv);
  const genTimeText = String.fromCharCode(...tlv.content);
  // RFC 3161 §2.4.2 sets no limit to the fraction; an instant holds nanoseconds, and the later digits
  // can neither move a day nor a comparison that anybody makes. `strict`: no trailing zero.
  const finer = /^(\d{14}\.\d{9})\d*[1-9]Z$/.exec(genTimeText);
  if (finer?.[1] === undefined)
    return { genTime: parseGeneralizedTime(tlv.content, { strict: true }), genTimeText };
  return {
    genTime: parseGeneralizedTime(new TextEncoder().encode(`${finer[1]}Z`)),
    genTimeText,
  };
}

/** The one GeneralName under an explicit tag. */
function readTsa(tlv: Tlv): Uint8Array {
  const [name, another] = readChildren(tlv);
  if (!name || another) throw malformed('tsa as one GeneralName', tlv);
  return name.raw;
}

/**
 * TSTInfo from the octets of the token's eContent.
 * @throws FormatError ERR_FORMAT_TSP_TOKEN, ERR_FORMAT_TIME (genTime), ERR_FORMAT_DER
 */
export function parseTSTInfo(octets: Uint8Array): TSTInfo {
  const whole = readWhole(octets);
  if (!isUniversal(whole, tags.sequence)) throw malformed('TSTInfo', whole);
  const [version, policy, messageImprint, serialNumber, genTime, ...rest] = readChildren(whole);
  if (!isUniversal(version, tags.integer) || version.content.length > 4)
    throw malformed('version', version);
  if (!isUniversal(policy, tags.objectIdentifier)) throw malformed('policy', policy);
  if (!isUniversal(serialNumber, tags.integer)) throw malformed('serialNumber', serialNumber);
  const accuracy = isUniversal(rest[0], tags.sequence) ? rest.shift() : undefined;
  const ordering = isUniversal(rest[0], tags.boolean) ? rest.shift() : undefined;
  const nonce = isUniversal(rest[0], tags.integer) ? rest.shift() : undefined;
  const tsa = isContext(rest[0], 0) ? rest.shift() : undefined;
  const extensions = isContext(rest[0], 1) ? rest.shift() : undefined;
  if (rest.length > 0) throw malformed('end of TSTInfo', rest[0]);
  const read = extensions ? readTimestampExtensions(extensions) : [];
  return {
    raw: octets,
    version: Number(readInteger(version)),
    policy: readObjectIdentifier(policy),
    messageImprint: readMessageImprint(messageImprint),
    serialNumber: readInteger(serialNumber),
    ...readGenTime(genTime),
    accuracy: accuracy && readAccuracy(accuracy),
    ordering: ordering ? readBoolean(ordering) : false,
    nonce: nonce && readInteger(nonce),
    tsa: tsa && readTsa(tsa),
    extensions: read,
    defaultEncoded:
      (ordering ? !readBoolean(ordering) : false) || read.some((one) => one.defaultEncoded),
  };
}

/** Accuracy in microseconds; fields that are absent count as zero (RFC 3161 §2.4.2). */
export function accuracyMicroseconds(accuracy: Accuracy): bigint {
  return (
    (accuracy.seconds ?? 0n) * 1_000_000n +
    (accuracy.millis ?? 0n) * 1_000n +
    (accuracy.micros ?? 0n)
  );
}
