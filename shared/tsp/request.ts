// TimeStampReq (RFC 3161 §2.4.1): read and built. What a server admits is for check-request.ts.
import { digestOid, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import { buildAlgorithmIdentifier } from '#shared/der/algorithm-identifier.ts';
import {
  checkLimits,
  isContext,
  isUniversal,
  readBoolean,
  readChildren,
  readInteger,
  readObjectIdentifier,
  readWhole,
  tags,
  type Tlv,
} from '#shared/der/reader.ts';
import {
  derBoolean,
  derInteger,
  derNull,
  derObjectIdentifier,
  derOctetString,
  derSequence,
} from '#shared/der/writer.ts';
import { FormatError } from '#shared/errors.ts';
import {
  readMessageImprint,
  readTimestampExtensions,
  type MessageImprint,
  type TimestampExtension,
} from './tst-info.ts';

/**
 * ```asn1
 * TimeStampReq ::= SEQUENCE {
 *   version INTEGER { v1(1) }, messageImprint MessageImprint, reqPolicy TSAPolicyId OPTIONAL,
 *   nonce INTEGER OPTIONAL, certReq BOOLEAN DEFAULT FALSE, extensions [0] IMPLICIT Extensions OPTIONAL }
 * ```
 */
export type TimeStampReq = {
  readonly raw: Uint8Array;
  readonly version: number;
  readonly messageImprint: MessageImprint;
  readonly reqPolicy?: string | undefined;
  readonly nonce?: bigint | undefined;
  readonly certReq: boolean;
  readonly extensions: readonly TimestampExtension[];
  /** A value equal to its DEFAULT is written out, which DER forbids (X.690 §11.5). */
  readonly defaultEncoded: boolean;
};

/** A query is small; extensions that nobody defines cannot make it large. */
const maxRequestOctets = 64 * 1024 + 1024;
const limits = { maxDepth: 16, maxElements: 1000 };

function malformed(what: string, tlv: Tlv | undefined): FormatError {
  const offset = tlv?.offset;
  return new FormatError(
    'ERR_FORMAT_TSP_REQUEST',
    `${what} expected${offset === undefined ? '' : ` at octet ${offset}`}`,
    { offset, clause: 'RFC 3161 §2.4.1' },
  );
}

/**
 * The query from its octets; values that only a server's rules forbid are read as they are.
 * @throws FormatError ERR_FORMAT_TSP_REQUEST, ERR_FORMAT_DER, ERR_FORMAT_LIMIT
 */
export function parseTimeStampReq(octets: Uint8Array): TimeStampReq {
  if (octets.length > maxRequestOctets)
    throw new FormatError('ERR_FORMAT_LIMIT', `a query of more than ${maxRequestOctets} octets`);
  checkLimits(octets, limits);
  const whole = readWhole(octets, limits);
  if (!isUniversal(whole, tags.sequence)) throw malformed('TimeStampReq', whole);
  const [version, messageImprint, ...rest] = readChildren(whole, limits);
  if (!isUniversal(version, tags.integer) || version.content.length > 4)
    throw malformed('version', version);
  if (!isUniversal(messageImprint, tags.sequence))
    throw malformed('messageImprint', messageImprint);
  const reqPolicy = isUniversal(rest[0], tags.objectIdentifier) ? rest.shift() : undefined;
  const nonce = isUniversal(rest[0], tags.integer) ? rest.shift() : undefined;
  const certReq = isUniversal(rest[0], tags.boolean) ? rest.shift() : undefined;
  const extensions = isContext(rest[0], 0) ? rest.shift() : undefined;
  if (rest.length > 0) throw malformed('end of TimeStampReq', rest[0]);
  if (nonce && nonce.content.length > 1024)
    throw new FormatError('ERR_FORMAT_LIMIT', 'a nonce of more than 1,024 octets', {
      offset: nonce.offset,
    });
  const read = extensions ? readTimestampExtensions(extensions) : [];
  return {
    raw: octets,
    version: Number(readInteger(version)),
    messageImprint: readMessageImprint(messageImprint),
    reqPolicy: reqPolicy && readObjectIdentifier(reqPolicy),
    nonce: nonce && readInteger(nonce),
    certReq: certReq ? readBoolean(certReq) : false,
    extensions: read,
    defaultEncoded:
      (certReq ? !readBoolean(certReq) : false) || read.some((one) => one.defaultEncoded),
  };
}

/**
 * A query in DER. `digest` is over the data to be stamped; NULL parameters as most clients write them.
 * @see RFC 3161 §2.4.1
 */
export function buildTimeStampReq(fields: {
  readonly algorithm: DigestAlgorithm;
  readonly digest: Uint8Array;
  readonly reqPolicy?: string | undefined;
  readonly nonce?: bigint | undefined;
  readonly certReq?: boolean | undefined;
}): Uint8Array {
  return derSequence(
    derInteger(1),
    derSequence(
      buildAlgorithmIdentifier(digestOid(fields.algorithm), derNull()).raw,
      derOctetString(fields.digest),
    ),
    ...(fields.reqPolicy === undefined ? [] : [derObjectIdentifier(fields.reqPolicy)]),
    ...(fields.nonce === undefined ? [] : [derInteger(fields.nonce)]),
    ...(fields.certReq ? [derBoolean(true)] : []),
  );
}
