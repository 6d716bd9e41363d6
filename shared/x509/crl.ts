// CertificateList (RFC 5280 §5): complete, delta and indirect CRLs, read from octets that are kept as
// received. For which certificates a list speaks, and since when, is for shared/trust.
import { digest } from '#shared/crypto/digest.ts';
import { toHex } from '#shared/bytes.ts';
import { readAlgorithmIdentifier } from '#shared/der/algorithm-identifier.ts';
import type { AlgorithmIdentifier } from '#shared/der/algorithm-identifier.ts';
import {
  isContext,
  isUniversal,
  readBoolean,
  readChildren,
  readInteger,
  readWhole,
  tags,
} from '#shared/der/reader.ts';
import type { Tlv } from '#shared/der/reader.ts';
import { FormatError } from '#shared/errors.ts';
import { oids } from '#shared/oid.ts';
import { readTime } from './certificate.ts';
import { certificateExtensionParsers } from './certificate-extensions.ts';
import type { AuthorityKeyIdentifier } from './certificate-extensions.ts';
import {
  readDistributionPointName,
  readDistributionPoints,
  readReasonFlags,
} from './distribution-point.ts';
import type { DistributionPoint, DistributionPointName, ReasonFlag } from './distribution-point.ts';
import { expectSequence, interpretExtensions, readExtensions } from './extension.ts';
import type { Extension, ExtensionProblem } from './extension.ts';
import { readGeneralNames } from './general-name.ts';
import type { GeneralName } from './general-name.ts';
import { readName } from './name.ts';
import type { Name } from './name.ts';
import { readSigned } from './signed-structure.ts';

/** `CRLReason`, by number (§5.3.1); 7 is unused. */
const crlReasons = [
  'unspecified',
  'keyCompromise',
  'cACompromise',
  'affiliationChanged',
  'superseded',
  'cessationOfOperation',
  'certificateHold',
  undefined,
  'removeFromCRL',
  'privilegeWithdrawn',
  'aACompromise',
] as const;

export type CrlReason = Exclude<(typeof crlReasons)[number], undefined>;

/** One entry of revokedCertificates (§5.1.2.6) with its extensions (§5.3). */
export type RevokedCertificate = {
  readonly serialNumber: bigint;
  readonly revocationDate: Temporal.Instant;
  readonly reason?: CrlReason;
  readonly invalidityDate?: Temporal.Instant;
  /** Of an indirect CRL: the issuer that this entry and those before it without one share (§5.3.3). */
  readonly certificateIssuer?: readonly GeneralName[];
  readonly extensions: readonly Extension[];
  readonly extensionProblems: readonly ExtensionProblem[];
};

/** §5.2.5 */
export type IssuingDistributionPoint = {
  readonly distributionPoint?: DistributionPointName;
  readonly onlyContainsUserCerts: boolean;
  readonly onlyContainsCACerts: boolean;
  readonly onlySomeReasons?: ReadonlySet<ReasonFlag>;
  readonly indirectCRL: boolean;
  readonly onlyContainsAttributeCerts: boolean;
};

type CrlExtensions = {
  readonly authorityKeyIdentifier?: AuthorityKeyIdentifier;
  readonly cRLNumber?: bigint;
  /** BaseCRLNumber: there on a delta CRL only (§5.2.4). */
  readonly deltaCRLIndicator?: bigint;
  readonly issuingDistributionPoint?: IssuingDistributionPoint;
  readonly freshestCRL?: readonly DistributionPoint[];
  /** ISO/IEC 9594-8: entries of certificates expired since then are kept. */
  readonly expiredCertsOnCRL?: Temporal.Instant;
};

/** `CertificateList ::= SEQUENCE { tbsCertList, signatureAlgorithm, signatureValue BIT STRING }` */
export type CertificateList = CrlExtensions & {
  readonly raw: Uint8Array;
  readonly tbs: Uint8Array;
  readonly version: number;
  readonly issuer: Name;
  readonly thisUpdate: Temporal.Instant;
  readonly nextUpdate?: Temporal.Instant;
  readonly revokedCertificates: readonly RevokedCertificate[];
  readonly signatureAlgorithm: AlgorithmIdentifier;
  readonly tbsSignatureAlgorithm: AlgorithmIdentifier;
  readonly signature: Uint8Array;
  readonly extensions: readonly Extension[];
  readonly extensionProblems: readonly ExtensionProblem[];
  /** SHA-256 of `raw`, lower-case hexadecimal. */
  readonly fingerprint: string;
};

/** The largest public CRLs are a few dozen megabytes. */
const maxCrlOctets = 128 * 1024 * 1024;

function malformed(message: string, offset?: number, cause?: unknown): FormatError {
  return new FormatError('ERR_FORMAT_CRL', message, {
    offset,
    clause: 'RFC 5280 §5.1',
    ...(cause !== undefined && { cause }),
  });
}

function readIssuingDistributionPoint(tlv: Tlv): IssuingDistributionPoint {
  const fields = readChildren(expectSequence(tlv, 'IssuingDistributionPoint'));
  const flag = (tag: number): boolean => {
    const field = fields.find((candidate) => isContext(candidate, tag));
    return field ? readBoolean(field) : false;
  };
  const name = fields.find((field) => isContext(field, 0));
  const reasons = fields.find((field) => isContext(field, 3));
  return {
    ...(name && { distributionPoint: readDistributionPointName(name) }),
    onlyContainsUserCerts: flag(1),
    onlyContainsCACerts: flag(2),
    ...(reasons && { onlySomeReasons: readReasonFlags(reasons) }),
    indirectCRL: flag(4),
    onlyContainsAttributeCerts: flag(5),
  };
}

const crlExtensionParsers = new Map<string, (value: Tlv) => Partial<CrlExtensions>>([
  [
    oids.authorityKeyIdentifier,
    (value) => {
      const read = certificateExtensionParsers.get(oids.authorityKeyIdentifier)?.(value);
      return read?.authorityKeyIdentifier
        ? { authorityKeyIdentifier: read.authorityKeyIdentifier }
        : {};
    },
  ],
  [oids.cRLNumber, (value) => ({ cRLNumber: readInteger(value) })],
  [oids.deltaCRLIndicator, (value) => ({ deltaCRLIndicator: readInteger(value) })],
  [
    oids.issuingDistributionPoint,
    (value) => ({ issuingDistributionPoint: readIssuingDistributionPoint(value) }),
  ],
  [oids.freshestCRL, (value) => ({ freshestCRL: readDistributionPoints(value) })],
  [oids.expiredCertsOnCRL, (value) => ({ expiredCertsOnCRL: readTime(value) })],
]);

type EntryExtensions = Pick<RevokedCertificate, 'reason' | 'invalidityDate' | 'certificateIssuer'>;

/** Reads CRLReason. @throws FormatError ERR_FORMAT_DER for a number without meaning */
export function readCrlReason(tlv: Tlv): CrlReason {
  const reason = crlReasons[Number(readInteger(tlv))];
  if (reason === undefined)
    throw new FormatError('ERR_FORMAT_DER', 'unknown CRLReason', {
      offset: tlv.offset,
      clause: 'RFC 5280 §5.3.1',
    });
  return reason;
}

const entryExtensionParsers = new Map<string, (value: Tlv) => Partial<EntryExtensions>>([
  [oids.reasonCode, (value) => ({ reason: readCrlReason(value) })],
  [oids.invalidityDate, (value) => ({ invalidityDate: readTime(value) })],
  [oids.certificateIssuer, (value) => ({ certificateIssuer: readGeneralNames(value) })],
]);

const none: readonly never[] = [];

function readRevoked(tlv: Tlv): RevokedCertificate {
  const [serial, date, extensionList, excess] = isUniversal(tlv, tags.sequence)
    ? readChildren(tlv)
    : [];
  if (!isUniversal(serial, tags.integer) || excess)
    throw malformed(`entry expected at octet ${tlv.offset}`, tlv.offset);
  const entry = { serialNumber: readInteger(serial), revocationDate: readTime(date) };
  if (!extensionList) return { ...entry, extensions: none, extensionProblems: none };
  const extensions = readExtensions(extensionList);
  const { known, problems } = interpretExtensions<EntryExtensions>(
    extensions,
    entryExtensionParsers,
  );
  return { ...entry, ...known, extensions, extensionProblems: problems };
}

function readRevokedCertificates(tlv: Tlv | undefined): readonly RevokedCertificate[] {
  if (!tlv) return none;
  const entries: RevokedCertificate[] = [];
  // §5.3.3: an entry without certificateIssuer has the issuer of the entry before it.
  let certificateIssuer: readonly GeneralName[] | undefined;
  for (const child of readChildren(tlv)) {
    const entry = readRevoked(child);
    certificateIssuer = entry.certificateIssuer ?? certificateIssuer;
    entries.push(certificateIssuer ? { ...entry, certificateIssuer } : entry);
  }
  return entries;
}

function readTbs(tbs: Tlv) {
  const fields = readChildren(tbs);
  const version = isUniversal(fields[0], tags.integer) ? fields.shift() : undefined;
  const [algorithm, issuer, thisUpdate, ...rest] = fields;
  if (!algorithm || !issuer || !thisUpdate)
    throw malformed('TBSCertList with missing fields', tbs.offset);
  const isTime = isUniversal(rest[0], tags.utcTime) || isUniversal(rest[0], tags.generalizedTime);
  const nextUpdate = isTime ? rest.shift() : undefined;
  const revoked = isUniversal(rest[0], tags.sequence) ? rest.shift() : undefined;
  const [extensions, excess] = rest;
  const extensionList = isContext(extensions, 0) ? readChildren(extensions)[0] : undefined;
  if ((extensions && !extensionList) || excess)
    throw malformed('unknown field in TBSCertList', extensions?.offset);
  return {
    version: version ? Number(readInteger(version)) + 1 : 1,
    tbsSignatureAlgorithm: readAlgorithmIdentifier(algorithm),
    issuer: readName(issuer),
    thisUpdate: readTime(thisUpdate),
    ...(nextUpdate && { nextUpdate: readTime(nextUpdate) }),
    revokedCertificates: readRevokedCertificates(revoked),
    extensions: extensionList ? readExtensions(extensionList) : [],
  };
}

function readCertificateList(octets: Uint8Array): CertificateList {
  const whole = readWhole(octets);
  const { tbs, signatureAlgorithm, signature, rest } = readSigned(whole, 'CertificateList');
  if (rest.length > 0) throw malformed('octets behind the signature', rest[0]?.offset);
  const fields = readTbs(tbs);
  const { known, problems } = interpretExtensions<CrlExtensions>(
    fields.extensions,
    crlExtensionParsers,
  );
  return {
    raw: octets,
    tbs: tbs.raw,
    ...fields,
    signatureAlgorithm,
    signature,
    ...known,
    extensionProblems: problems,
    fingerprint: toHex(digest('SHA-256', octets)),
  };
}

/**
 * Reads one CRL; octet fields are views of `octets`. Time and memory grow with its entries.
 * @throws FormatError ERR_FORMAT_CRL, ERR_FORMAT_LIMIT
 * @see RFC 5280 §5.1
 */
export function parseCertificateList(octets: Uint8Array): CertificateList {
  if (octets.length > maxCrlOctets)
    throw new FormatError(
      'ERR_FORMAT_LIMIT',
      `CRL of ${octets.length} octets exceeds ${maxCrlOctets}`,
    );
  try {
    return readCertificateList(octets);
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    if (error.code === 'ERR_FORMAT_LIMIT' || error.code === 'ERR_FORMAT_CRL') throw error;
    throw malformed(`not a CRL: ${error.message}`, error.offset, error);
  }
}

const bySerial = new WeakMap<CertificateList, ReadonlyMap<bigint, readonly RevokedCertificate[]>>();

/** Entries with this serial number, in order; a list is indexed once. Issuers are not compared. */
export function entriesOf(
  crl: CertificateList,
  serialNumber: bigint,
): readonly RevokedCertificate[] {
  let index = bySerial.get(crl);
  if (!index) {
    index = Map.groupBy(crl.revokedCertificates, (entry) => entry.serialNumber);
    bySerial.set(crl, index);
  }
  return index.get(serialNumber) ?? none;
}
