// OCSP responses (RFC 6960 §4.2), read from octets that are kept as received. Whether the responder may
// speak, and since when its answer holds, is for shared/trust.
import { toHex } from '#shared/bytes.ts';
import { digest } from '#shared/crypto/digest.ts';
import { readAlgorithmIdentifier } from '#shared/der/algorithm-identifier.ts';
import type { AlgorithmIdentifier } from '#shared/der/algorithm-identifier.ts';
import {
  isContext,
  isUniversal,
  readChildren,
  readInteger,
  readObjectIdentifier,
  readWhole,
  tags,
} from '#shared/der/reader.ts';
import type { Tlv } from '#shared/der/reader.ts';
import {
  derContext,
  derElement,
  derObjectIdentifier,
  derOctetString,
  derSequence,
} from '#shared/der/writer.ts';
import { FormatError } from '#shared/errors.ts';
import { oids } from '#shared/oid.ts';
import { parseGeneralizedTime } from '#shared/time.ts';
import type { Certificate } from './certificate.ts';
import { readCrlReason } from './crl.ts';
import type { CrlReason } from './crl.ts';
import {
  expectOctetString,
  expectSequence,
  expectUniversal,
  interpretExtensions,
  readExtensions,
} from './extension.ts';
import type { Extension, ExtensionProblem } from './extension.ts';
import { internCertificate } from './intern.ts';
import { readName } from './name.ts';
import type { Name } from './name.ts';
import { readSigned } from './signed-structure.ts';

/** `OCSPResponseStatus`, by number (§4.2.1). */
const responseStatuses = [
  'successful',
  'malformedRequest',
  'internalError',
  'tryLater',
  undefined,
  'sigRequired',
  'unauthorized',
] as const;

export type OcspResponseStatus = Exclude<(typeof responseStatuses)[number], undefined>;

/** `CertID` (§4.1.1). */
export type CertId = {
  readonly hashAlgorithm: AlgorithmIdentifier;
  readonly issuerNameHash: Uint8Array;
  readonly issuerKeyHash: Uint8Array;
  readonly serialNumber: bigint;
};

export type CertStatus =
  | { readonly kind: 'good' }
  | {
      readonly kind: 'revoked';
      readonly revocationTime: Temporal.Instant;
      readonly reason?: CrlReason;
    }
  | { readonly kind: 'unknown' };

type SingleExtensions = {
  /** §4.4.4: status is known for certificates that expired since then. */
  readonly archiveCutoff?: Temporal.Instant;
  /** Common PKI: digest of the certificate that the responder has on file. */
  readonly certHash?: { readonly algorithm: AlgorithmIdentifier; readonly digest: Uint8Array };
  /** RFC 5280 §5.3.2, as an extension of a single response (RFC 6960 §4.4.5). */
  readonly invalidityDate?: Temporal.Instant;
};

/** `SingleResponse` (§4.2.1). */
export type SingleResponse = SingleExtensions & {
  readonly certId: CertId;
  readonly certStatus: CertStatus;
  readonly thisUpdate: Temporal.Instant;
  readonly nextUpdate?: Temporal.Instant;
  readonly extensions: readonly Extension[];
  readonly extensionProblems: readonly ExtensionProblem[];
};

export type ResponderId =
  | { readonly kind: 'byName'; readonly name: Name }
  /** SHA-1 of the responder's key octets. */
  | { readonly kind: 'byKey'; readonly keyHash: Uint8Array };

/** `BasicOCSPResponse` (§4.2.1). */
export type BasicOcspResponse = {
  /** The ResponseData element: what the signature covers. */
  readonly tbs: Uint8Array;
  readonly responderId: ResponderId;
  readonly producedAt: Temporal.Instant;
  readonly responses: readonly SingleResponse[];
  readonly nonce?: Uint8Array;
  readonly extensions: readonly Extension[];
  readonly extensionProblems: readonly ExtensionProblem[];
  readonly signatureAlgorithm: AlgorithmIdentifier;
  readonly signature: Uint8Array;
  /** Those of `certs` that parse; the others cannot help to verify. */
  readonly certificates: readonly Certificate[];
};

/** `OCSPResponse ::= SEQUENCE { responseStatus, responseBytes [0] OPTIONAL }` */
export type OcspResponse = {
  readonly raw: Uint8Array;
  readonly responseStatus: OcspResponseStatus;
  /** There when the status is `successful`. */
  readonly basic?: BasicOcspResponse;
  /** SHA-256 of `raw`, lower-case hexadecimal. */
  readonly fingerprint: string;
};

const maxResponseOctets = 16 * 1024 * 1024;

function malformed(message: string, offset?: number, cause?: unknown): FormatError {
  return new FormatError('ERR_FORMAT_OCSP', message, {
    offset,
    clause: 'RFC 6960 §4.2.1',
    ...(cause !== undefined && { cause }),
  });
}

function readGeneralized(tlv: Tlv | undefined): Temporal.Instant {
  const { content } = expectUniversal(tlv, tags.generalizedTime, 'GeneralizedTime');
  return parseGeneralizedTime(content);
}

function readCertId(tlv: Tlv): CertId {
  const [algorithm, name, key, serial] = readChildren(expectSequence(tlv, 'CertID'));
  if (!algorithm || !name || !key || !serial) throw malformed('CertID cut short', tlv.offset);
  return {
    hashAlgorithm: readAlgorithmIdentifier(algorithm),
    issuerNameHash: expectOctetString(name),
    issuerKeyHash: expectOctetString(key),
    serialNumber: readInteger(serial),
  };
}

function readCertStatus(tlv: Tlv): CertStatus {
  const choice = tlv.tagClass === 'context' ? tlv.tag : undefined;
  if (choice === 0) return { kind: 'good' };
  if (choice === 2) return { kind: 'unknown' };
  if (choice !== 1) throw malformed('bad CertStatus', tlv.offset);
  const [time, reason] = readChildren(tlv);
  const [enumerated] = reason ? readChildren(reason) : [];
  const revocationTime = readGeneralized(time);
  return enumerated
    ? { kind: 'revoked', revocationTime, reason: readCrlReason(enumerated) }
    : { kind: 'revoked', revocationTime };
}

const singleExtensionParsers = new Map<string, (value: Tlv) => Partial<SingleExtensions>>([
  [oids.idPkixOcspArchiveCutoff, (value) => ({ archiveCutoff: readGeneralized(value) })],
  [
    oids.idIsismttAtCertHash,
    (value) => {
      const [algorithm, hash] = readChildren(expectSequence(value, 'CertHash'));
      if (!algorithm || !hash) throw malformed('CertHash cut short', value.offset);
      return {
        certHash: {
          algorithm: readAlgorithmIdentifier(algorithm),
          digest: expectOctetString(hash),
        },
      };
    },
  ],
  [oids.invalidityDate, (value) => ({ invalidityDate: readGeneralized(value) })],
]);

/** The explicitly tagged Extensions, if there. */
function readTaggedExtensions(tlv: Tlv | undefined): readonly Extension[] {
  const [list] = tlv ? readChildren(tlv) : [];
  return list ? readExtensions(list) : [];
}

function readSingleResponse(tlv: Tlv): SingleResponse {
  const [id, status, thisUpdate, ...tagged] = readChildren(expectSequence(tlv, 'SingleResponse'));
  if (!id || !status || !thisUpdate) throw malformed('SingleResponse cut short', tlv.offset);
  const nextUpdate = tagged.find((field) => isContext(field, 0));
  const extensions = readTaggedExtensions(tagged.find((field) => isContext(field, 1)));
  const { known, problems } = interpretExtensions<SingleExtensions>(
    extensions,
    singleExtensionParsers,
  );
  return {
    certId: readCertId(id),
    certStatus: readCertStatus(status),
    thisUpdate: readGeneralized(thisUpdate),
    ...(nextUpdate && { nextUpdate: readGeneralized(readChildren(nextUpdate)[0]) }),
    ...known,
    extensions,
    extensionProblems: problems,
  };
}

function readResponderId(tlv: Tlv): ResponderId {
  const [inner] = readChildren(tlv);
  if (inner && isContext(tlv, 1)) return { kind: 'byName', name: readName(inner) };
  if (inner && isContext(tlv, 2)) return { kind: 'byKey', keyHash: expectOctetString(inner) };
  throw malformed('bad ResponderID', tlv.offset);
}

type ResponseExtensions = Pick<BasicOcspResponse, 'nonce'>;

/** RFC 8954 §2.1: an OCTET STRING inside; older responders put the bare octets there. */
function readNonce(extensions: readonly Extension[]): ResponseExtensions {
  const nonce = extensions.find(({ oid }) => oid === oids.idPkixOcspNonce)?.value;
  if (!nonce) return {};
  try {
    return { nonce: expectOctetString(readWhole(nonce)) };
  } catch (error) {
    if (error instanceof FormatError) return { nonce };
    throw error;
  }
}

function readResponseData(tlv: Tlv) {
  const fields = readChildren(expectSequence(tlv, 'ResponseData'));
  const version = isContext(fields[0], 0) ? fields.shift() : undefined;
  const [versionNumber] = version ? readChildren(version) : [];
  if (versionNumber && readInteger(versionNumber) !== 0n)
    throw malformed('unknown version of ResponseData', tlv.offset);
  const [responder, producedAt, responses, extensionsField] = fields;
  if (!responder || !responses) throw malformed('ResponseData cut short', tlv.offset);
  const extensions = readTaggedExtensions(extensionsField);
  const { problems } = interpretExtensions<ResponseExtensions>(extensions, new Map());
  return {
    tbs: tlv.raw,
    responderId: readResponderId(responder),
    producedAt: readGeneralized(producedAt),
    responses: readChildren(expectSequence(responses, 'responses')).map(readSingleResponse),
    ...readNonce(extensions),
    extensions,
    extensionProblems: problems,
  };
}

function readCertificates(tlv: Tlv | undefined): readonly Certificate[] {
  const [list] = isContext(tlv, 0) ? readChildren(tlv) : [];
  if (!list) return [];
  return readChildren(list).flatMap(({ raw }) => {
    try {
      return [internCertificate(raw)];
    } catch (error) {
      if (error instanceof FormatError) return [];
      throw error;
    }
  });
}

function readBasicResponse(octets: Uint8Array): BasicOcspResponse {
  const { tbs, rest, ...signed } = readSigned(readWhole(octets), 'BasicOCSPResponse');
  return { ...readResponseData(tbs), ...signed, certificates: readCertificates(rest[0]) };
}

function readOcspResponse(octets: Uint8Array): OcspResponse {
  const whole = readWhole(octets);
  const [status, bytes, excess] = readChildren(expectSequence(whole, 'OCSPResponse'));
  const responseStatus = isUniversal(status, tags.enumerated)
    ? responseStatuses[Number(readInteger(status))]
    : undefined;
  if (responseStatus === undefined || excess) throw malformed('OCSPResponse expected', 0);
  const fingerprint = toHex(digest('SHA-256', octets));
  if (!bytes) {
    if (responseStatus === 'successful') throw malformed('successful without responseBytes');
    return { raw: octets, responseStatus, fingerprint };
  }
  const [responseBytes] = readChildren(bytes);
  const [type, response] = readChildren(expectSequence(responseBytes, 'ResponseBytes'));
  if (!type || !response || readObjectIdentifier(type) !== oids.idPkixOcspBasic)
    throw malformed('response type is not id-pkix-ocsp-basic', bytes.offset);
  const basic = readBasicResponse(expectOctetString(response));
  return { raw: octets, responseStatus, basic, fingerprint };
}

/**
 * Reads an OCSPResponse; octet fields are views of `octets`.
 * @throws FormatError ERR_FORMAT_OCSP, ERR_FORMAT_LIMIT
 * @see RFC 6960 §4.2.1
 */
export function parseOcspResponse(octets: Uint8Array): OcspResponse {
  if (octets.length > maxResponseOctets)
    throw new FormatError('ERR_FORMAT_LIMIT', `OCSP response of ${octets.length} octets`);
  try {
    return readOcspResponse(octets);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    if (error.code === 'ERR_FORMAT_LIMIT' || error.code === 'ERR_FORMAT_OCSP') throw error;
    throw malformed(`not an OCSP response: ${error.message}`, error.offset, error);
  }
}

/**
 * A bare BasicOCSPResponse, as revocation-values and the document security store of some signers carry it.
 * @throws FormatError ERR_FORMAT_OCSP
 */
export function parseBasicOcspResponse(octets: Uint8Array): BasicOcspResponse {
  try {
    return readBasicResponse(octets);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    throw malformed(`not a BasicOCSPResponse: ${error.message}`, error.offset, error);
  }
}

/** The OCSPResponse around a BasicOCSPResponse element. @see RFC 6960 §4.2.1 */
export function wrapBasicOcspResponse(basic: Uint8Array): Uint8Array {
  return derSequence(
    derElement(0x0a, Uint8Array.of(0)),
    derContext(0, derSequence(derObjectIdentifier(oids.idPkixOcspBasic), derOctetString(basic))),
  );
}
