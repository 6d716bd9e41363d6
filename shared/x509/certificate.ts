// Certificate (RFC 5280 §4.1), read from DER or BER octets that are kept as received. Structure only:
// whether a path of certificates holds is for shared/trust.
import { digest } from '#shared/crypto/digest.ts';
import { parsePublicKey } from '#shared/crypto/public-key.ts';
import type { KeyFacts } from '#shared/crypto/public-key.ts';
import { readAlgorithmIdentifier } from '#shared/der/algorithm-identifier.ts';
import type { AlgorithmIdentifier } from '#shared/der/algorithm-identifier.ts';
import {
  isContext,
  isUniversal,
  readChildren,
  readInteger,
  readWhole,
  tags,
} from '#shared/der/reader.ts';
import type { Tlv } from '#shared/der/reader.ts';
import { fromBase64, toHex } from '#shared/bytes.ts';
import { FormatError } from '#shared/errors.ts';
import { parseGeneralizedTime, parseUtcTime } from '#shared/time.ts';
import { certificateExtensionParsers } from './certificate-extensions.ts';
import type { CertificateExtensions } from './certificate-extensions.ts';
import { interpretExtensions, readExtensions } from './extension.ts';
import type { Extension, ExtensionProblem } from './extension.ts';
import { readName } from './name.ts';
import type { Name } from './name.ts';
import { readSigned } from './signed-structure.ts';

/** `Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm, signatureValue BIT STRING }` */
export type Certificate = CertificateExtensions & {
  /** The whole certificate as received; every other octet field is a view of it. */
  readonly raw: Uint8Array;
  /** The TBSCertificate element: what the signature covers. */
  readonly tbs: Uint8Array;
  /** 1, 2 or 3 (the encoded number plus one). */
  readonly version: number;
  readonly serialNumber: bigint;
  readonly issuer: Name;
  readonly subject: Name;
  readonly notBefore: Temporal.Instant;
  readonly notAfter: Temporal.Instant;
  /** How the two dates are encoded, of which RFC 5280 §4.1.2.5 prescribes one by year. */
  readonly validityForms: readonly ('UTCTime' | 'GeneralizedTime')[];
  /** SubjectPublicKeyInfo. */
  readonly publicKey: Uint8Array;
  readonly key: KeyFacts;
  /** Contents of subjectPublicKey's BIT STRING. */
  readonly keyOctets: Uint8Array;
  readonly signatureAlgorithm: AlgorithmIdentifier;
  /** The field `signature` inside, which must equal `signatureAlgorithm` (§4.1.1.2). */
  readonly tbsSignatureAlgorithm: AlgorithmIdentifier;
  readonly signature: Uint8Array;
  readonly hasUniqueIdentifiers: boolean;
  readonly extensions: readonly Extension[];
  /** Known extensions that do not parse, and repeated ones. */
  readonly extensionProblems: readonly ExtensionProblem[];
  /** SHA-256 of `raw`, lower-case hexadecimal. */
  readonly fingerprint: string;
};

/** A certificate beyond this is no certificate of a signer, CA or TSU. */
const maxCertificateOctets = 4 * 1024 * 1024;

function malformed(message: string, offset?: number, cause?: unknown): FormatError {
  return new FormatError('ERR_FORMAT_CERTIFICATE', message, {
    offset,
    clause: 'RFC 5280 §4.1',
    ...(cause !== undefined && { cause }),
  });
}

/** `Time ::= CHOICE { utcTime UTCTime, generalTime GeneralizedTime }`. @throws FormatError ERR_FORMAT_TIME */
export function readTime(tlv: Tlv | undefined): Temporal.Instant {
  if (tlv?.tagClass === 'universal' && !tlv.constructed) {
    if (tlv.tag === tags.utcTime) return parseUtcTime(tlv.content);
    if (tlv.tag === tags.generalizedTime) return parseGeneralizedTime(tlv.content);
  }
  throw new FormatError('ERR_FORMAT_TIME', 'Time expected', {
    offset: tlv?.offset,
    clause: 'RFC 5280 §4.1.2.5',
  });
}

function timeForm(tlv: Tlv): 'UTCTime' | 'GeneralizedTime' {
  return tlv.tag === tags.utcTime ? 'UTCTime' : 'GeneralizedTime';
}

/** The mandatory fields in their order, then the tagged ones. */
function readTbs(tbs: Tlv) {
  const fields = readChildren(tbs);
  const version = isContext(fields[0], 0) ? fields.shift() : undefined;
  const [serial, algorithm, issuer, validity, subject, publicKey, ...tagged] = fields;
  if (
    !isUniversal(serial, tags.integer) ||
    !algorithm ||
    !issuer ||
    !isUniversal(validity, tags.sequence) ||
    !subject ||
    !publicKey
  ) {
    throw malformed('TBSCertificate with missing fields', tbs.offset);
  }
  const versionNumber = version ? readChildren(version)[0] : undefined;
  const dates = readChildren(validity);
  const extensions = tagged.find((field) => isContext(field, 3));
  const extensionList = extensions ? readChildren(extensions)[0] : undefined;
  if (extensions && !extensionList) throw malformed('empty extensions', extensions.offset);
  if (dates.length !== 2) throw malformed('validity is not two times', validity.offset);
  const foreign = tagged.find(
    (field) => field.tagClass !== 'context' || field.tag < 1 || field.tag > 3,
  );
  if (foreign) throw malformed('unknown field in TBSCertificate', foreign.offset);
  return {
    version: versionNumber ? Number(readInteger(versionNumber)) + 1 : 1,
    serialNumber: readInteger(serial),
    tbsSignatureAlgorithm: readAlgorithmIdentifier(algorithm),
    issuer: readName(issuer),
    subject: readName(subject),
    notBefore: readTime(dates[0]),
    notAfter: readTime(dates[1]),
    validityForms: dates.map(timeForm),
    publicKey: publicKey.raw,
    hasUniqueIdentifiers: tagged.some((field) => isContext(field, 1) || isContext(field, 2)),
    extensions: extensionList ? readExtensions(extensionList) : [],
  };
}

function readCertificate(octets: Uint8Array): Certificate {
  const whole = readWhole(octets);
  const { tbs, signatureAlgorithm, signature, rest } = readSigned(whole, 'Certificate');
  if (rest.length > 0) throw malformed('octets behind the signature', rest[0]?.offset);
  const fields = readTbs(tbs);
  const { known, problems } = interpretExtensions<CertificateExtensions>(
    fields.extensions,
    certificateExtensionParsers,
  );
  const { facts, keyOctets } = parsePublicKey(fields.publicKey);
  return {
    raw: octets,
    tbs: tbs.raw,
    ...fields,
    key: facts,
    keyOctets,
    signatureAlgorithm,
    signature,
    ...known,
    extensionProblems: problems,
    fingerprint: toHex(digest('SHA-256', octets)),
  };
}

/**
 * Reads one certificate; octet fields are views of `octets`, which must not change afterwards.
 * Extensions that do not parse are listed in `extensionProblems`, since an archive must be able to
 * name the certificate all the same; path validation refuses it.
 * @throws FormatError ERR_FORMAT_CERTIFICATE, ERR_FORMAT_LIMIT
 * @see RFC 5280 §4.1
 */
export function parseCertificate(octets: Uint8Array): Certificate {
  if (octets.length > maxCertificateOctets) {
    throw new FormatError(
      'ERR_FORMAT_LIMIT',
      `certificate of ${octets.length} octets exceeds ${maxCertificateOctets}`,
    );
  }
  try {
    return readCertificate(octets);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    if (error.code === 'ERR_FORMAT_LIMIT' || error.code === 'ERR_FORMAT_CERTIFICATE') throw error;
    throw malformed(`not a certificate: ${error.message}`, error.offset, error);
  }
}

/**
 * All certificates of a PEM text, in order; text between them is passed over.
 * @throws FormatError ERR_FORMAT_PEM for a block that is no base64 or has no end, and what parseCertificate throws
 */
export function parsePemCertificates(text: string): readonly Certificate[] {
  return decodePem(text, 'CERTIFICATE').map(parseCertificate);
}

/** Octets of each PEM block of this label (RFC 7468), in order. @throws FormatError ERR_FORMAT_PEM */
export function decodePem(text: string, label: string): readonly Uint8Array[] {
  const begin = `-----BEGIN ${label}-----`;
  const end = `-----END ${label}-----`;
  const blocks: Uint8Array[] = [];
  for (
    let position = text.indexOf(begin);
    position >= 0;
    position = text.indexOf(begin, position)
  ) {
    const start = position + begin.length;
    const stop = text.indexOf(end, start);
    const octets = stop < 0 ? undefined : fromBase64(text.slice(start, stop));
    if (!octets) {
      throw new FormatError('ERR_FORMAT_PEM', `${label} block is cut short or no base64`, {
        offset: position,
        clause: 'RFC 7468 §2',
      });
    }
    blocks.push(octets);
    position = stop + end.length;
  }
  return blocks;
}
