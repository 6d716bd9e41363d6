// TimeStampResp (RFC 3161 §2.4.2): read and built, with PKIStatusInfo (RFC 4210 §5.2.3). The token
// inside is passed on as octets; parsing it is for token.ts.
import {
  checkLimits,
  isUniversal,
  readBitString,
  readChildren,
  readInteger,
  readWhole,
  tags,
  type Tlv,
} from '#shared/der/reader.ts';
import { derBitString, derInteger, derSequence, derUtf8String } from '#shared/der/writer.ts';
import { FormatError } from '#shared/errors.ts';

const statusNames = [
  'granted',
  'grantedWithMods',
  'rejection',
  'waiting',
  'revocationWarning',
  'revocationNotification',
] as const;

/** Names of PKIStatus; a number that RFC 3161 does not define stays a number. */
export type PKIStatusName = (typeof statusNames)[number];

/** Bits of PKIFailureInfo by number; RFC 3161 uses eight of those of RFC 4210. */
const failureBits = {
  badAlg: 0,
  badMessageCheck: 1,
  badRequest: 2,
  badTime: 3,
  badCertId: 4,
  badDataFormat: 5,
  wrongAuthority: 6,
  incorrectData: 7,
  missingTimeStamp: 8,
  badPOP: 9,
  certRevoked: 10,
  certConfirmed: 11,
  wrongIntegrity: 12,
  badRecipientNonce: 13,
  timeNotAvailable: 14,
  unacceptedPolicy: 15,
  unacceptedExtension: 16,
  addInfoNotAvailable: 17,
  badSenderNonce: 18,
  badCertTemplate: 19,
  signerNotTrusted: 20,
  transactionIdInUse: 21,
  unsupportedVersion: 22,
  notAuthorized: 23,
  systemUnavail: 24,
  systemFailure: 25,
  duplicateCertReq: 26,
} as const;

/** A name of PKIFailureInfo. */
export type PKIFailureInfo = keyof typeof failureBits;

/**
 * ```asn1
 * TimeStampResp ::= SEQUENCE { status PKIStatusInfo, timeStampToken TimeStampToken OPTIONAL }
 * PKIStatusInfo ::= SEQUENCE { status PKIStatus, statusString PKIFreeText OPTIONAL, failInfo PKIFailureInfo OPTIONAL }
 * ```
 */
export type TimeStampResp = {
  readonly raw: Uint8Array;
  readonly status: number;
  readonly statusName: PKIStatusName | undefined;
  /** As decoded, not fit for a terminal or page before `printableText`. */
  readonly statusString: readonly string[];
  /** Names of the bits set, or their numbers in decimal where no name is defined. */
  readonly failInfo: readonly (PKIFailureInfo | `${number}`)[];
  /** The ContentInfo of the token, as received. */
  readonly token?: Uint8Array | undefined;
};

/** Deep enough for any token, wide enough for one with its CRLs. */
const limits = { maxDepth: 64, maxElements: 200_000 };

function malformed(what: string, tlv: Tlv | undefined): FormatError {
  const offset = tlv?.offset;
  return new FormatError(
    'ERR_FORMAT_TSP_RESPONSE',
    `${what} expected${offset === undefined ? '' : ` at octet ${offset}`}`,
    { offset, clause: 'RFC 3161 §2.4.2' },
  );
}

function readStatusString(tlv: Tlv): string[] {
  return readChildren(tlv, limits).map((text) => {
    if (!isUniversal(text, tags.utf8String)) throw malformed('UTF8String', text);
    // Wrong UTF-8 becomes U+FFFD: the text is for people only, and the status says enough.
    return new TextDecoder().decode(text.content);
  });
}

function readFailInfo(tlv: Tlv): (PKIFailureInfo | `${number}`)[] {
  const { octets } = readBitString(tlv);
  if (octets.length > 64) throw malformed('PKIFailureInfo of at most 64 octets', tlv);
  const names = new Map(
    Object.entries(failureBits).map(([name, bit]) => [bit as number, name as PKIFailureInfo]),
  );
  const set: (PKIFailureInfo | `${number}`)[] = [];
  for (let bit = 0; bit < octets.length * 8; bit++) {
    if (((octets[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) === 0) continue;
    set.push(names.get(bit) ?? `${bit}`);
  }
  return set;
}

/**
 * The answer from its octets. A status that RFC 3161 does not know is read as its number.
 * @throws FormatError ERR_FORMAT_TSP_RESPONSE, ERR_FORMAT_DER, ERR_FORMAT_LIMIT
 */
export function parseTimeStampResp(octets: Uint8Array): TimeStampResp {
  checkLimits(octets, limits);
  const whole = readWhole(octets, limits);
  const [info, token, excess] = isUniversal(whole, tags.sequence)
    ? readChildren(whole, limits)
    : [];
  if (!isUniversal(info, tags.sequence)) throw malformed('PKIStatusInfo', info ?? whole);
  if (excess || (token && !isUniversal(token, tags.sequence)))
    throw malformed('TimeStampToken at the end', excess ?? token);
  const [status, ...rest] = readChildren(info, limits);
  // A token read as a response begins with an object identifier, not with a status.
  if (!isUniversal(status, tags.integer) || status.content.length > 6)
    throw malformed('PKIStatus', status);
  const statusString = isUniversal(rest[0], tags.sequence) ? rest.shift() : undefined;
  const failInfo = isUniversal(rest[0], tags.bitString) ? rest.shift() : undefined;
  if (rest.length > 0) throw malformed('end of PKIStatusInfo', rest[0]);
  const number = Number(readInteger(status));
  return {
    raw: octets,
    status: number,
    statusName: statusNames[number],
    statusString: statusString ? readStatusString(statusString) : [],
    failInfo: failInfo ? readFailInfo(failInfo) : [],
    token: token?.raw,
  };
}

/**
 * An answer in DER; `token` is put in unchanged.
 * @see RFC 3161 §2.4.2
 */
export function buildTimeStampResp(fields: {
  readonly status: PKIStatusName;
  readonly statusString?: string | undefined;
  readonly failInfo?: readonly PKIFailureInfo[] | undefined;
  readonly token?: Uint8Array | undefined;
}): Uint8Array {
  const bits = (fields.failInfo ?? []).map((name) => failureBits[name]);
  const last = Math.max(...bits);
  const octets = new Uint8Array(bits.length === 0 ? 0 : (last >> 3) + 1);
  for (const bit of bits) octets[bit >> 3] = (octets[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
  return derSequence(
    derSequence(
      derInteger(statusNames.indexOf(fields.status)),
      ...(fields.statusString === undefined
        ? []
        : [derSequence(derUtf8String(fields.statusString))]),
      // X.690 §11.2.2: a named bit list ends with its last set bit.
      ...(bits.length === 0 ? [] : [derBitString(octets, 7 - (last & 7))]),
    ),
    ...(fields.token ? [fields.token] : []),
  );
}

/**
 * A provider's text made fit for a log line or page: control and format characters replaced, at most
 * `maxLength` characters. It still has to be escaped for HTML.
 */
export function printableText(text: string, maxLength = 500): string {
  const clean = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, '\u{fffd}');
  return clean.length > maxLength ? `${clean.slice(0, maxLength)}…` : clean;
}
