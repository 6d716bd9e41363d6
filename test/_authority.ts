// A small PKI for tests: signs any hierarchy, date or defect on request. Certificates, CRLs and OCSP
// responses come from our DER writer and node:crypto, so that fixtures are never pasted blobs.
import { createHash } from 'node:crypto';
import { buildAlgorithmIdentifier } from '#shared/der/algorithm-identifier.ts';
import type { AlgorithmIdentifier } from '#shared/der/algorithm-identifier.ts';
import {
  derBitString,
  derContext,
  derContextPrimitive,
  derElement,
  derInteger,
  derNull,
  derObjectIdentifier,
  derOctetString,
  derSequence,
} from '#shared/der/writer.ts';
import { oids } from '#shared/oid.ts';
import { formatUtcTime } from '#shared/time.ts';
import type { TrustAnchor } from '#shared/trust/anchors.ts';
import { parseCertificate } from '#shared/x509/certificate.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import { parseCertificateList } from '#shared/x509/crl.ts';
import type { CertificateList, CrlReason } from '#shared/x509/crl.ts';
import { parseOcspResponse } from '#shared/x509/ocsp.ts';
import type { OcspResponse, OcspResponseStatus } from '#shared/x509/ocsp.ts';
import {
  authorityKeyIdentifier,
  basicConstraints,
  buildName,
  extendedKeyUsage,
  extension,
  generalizedTime,
  generalName,
  keyUsage,
  ocspNoCheck,
  subjectKeyIdentifier,
} from './_extensions.ts';
import type { TestGeneralName } from './_extensions.ts';
import { freshKey } from './_keys.ts';
import type { TestKey } from './_keys.ts';

/** A certificate and the key that it is for. */
export type Issued = {
  readonly certificate: Certificate;
  readonly key: TestKey;
  /** Name element, as issued certificates copy it. */
  readonly subject: Uint8Array;
};

type When = string | Temporal.Instant;

function instant(when: When): Temporal.Instant {
  return typeof when === 'string' ? Temporal.Instant.from(when) : when;
}

/** Time as RFC 5280 §4.1.2.5 prescribes by year; a whole element is taken as it is. */
function time(when: When | Uint8Array): Uint8Array {
  if (when instanceof Uint8Array) return when;
  const at = instant(when);
  const { year } = at.toZonedDateTimeISO('UTC');
  return year >= 1950 && year < 2050 ? derElement(0x17, formatUtcTime(at)) : generalizedTime(at);
}

export type CertificateSpec = {
  /** `CN=…,O=…,C=…` or a Name element. */
  readonly subject: string | Uint8Array;
  /** Who signs; missing for a self-signed certificate. */
  readonly issuer?: Issued;
  /** Writes another issuer name than the issuer's subject. */
  readonly issuerName?: Uint8Array;
  readonly key?: TestKey;
  readonly serialNumber?: bigint;
  /** Defaults: 2020-01-01 to 2040-01-01. */
  readonly notBefore?: When | Uint8Array;
  readonly notAfter?: When | Uint8Array;
  /** Replaces the key identifiers and whatever the role would add. */
  readonly extensions?: readonly Uint8Array[];
  /** Added after those of the role. */
  readonly extraExtensions?: readonly Uint8Array[];
  readonly version?: 1 | 2 | 3;
  /** Outside only, so that it contradicts the field inside. */
  readonly outerAlgorithm?: AlgorithmIdentifier;
  /** Inside only, likewise. */
  readonly innerAlgorithm?: AlgorithmIdentifier;
  readonly breakSignature?: boolean;
};

let lastSerial = 1000n;

function nextSerial(): bigint {
  lastSerial += 1n;
  return lastSerial;
}

function keyIdentifierOf(publicKey: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha1').update(publicKey).digest());
}

/** `SEQUENCE { tbs, algorithm, signature }` with the issuer's key, and whatever follows the signature. */
function signed(
  tbs: Uint8Array,
  key: TestKey,
  options: {
    readonly outerAlgorithm?: AlgorithmIdentifier;
    readonly breakSignature?: boolean;
    readonly trailer?: readonly Uint8Array[];
  },
): Uint8Array {
  const signature = Uint8Array.from(key.sign(tbs));
  const last = signature.length - 1;
  if (options.breakSignature) signature[last] = (signature[last] ?? 0) ^ 1;
  const algorithm = options.outerAlgorithm ?? key.algorithm;
  return derSequence(tbs, algorithm.raw, derBitString(signature), ...(options.trailer ?? []));
}

/** Issues one certificate; `roleExtensions` come between the key identifiers and the extra ones. */
export function issueCertificate(
  spec: CertificateSpec,
  roleExtensions: readonly Uint8Array[] = [],
): Issued {
  const key = spec.key ?? freshKey();
  const subject = typeof spec.subject === 'string' ? buildName(spec.subject) : spec.subject;
  const issuerKey = spec.issuer?.key ?? key;
  const extensions = spec.extensions ?? [
    subjectKeyIdentifier(keyIdentifierOf(key.publicKey)),
    authorityKeyIdentifier(keyIdentifierOf(issuerKey.publicKey)),
    ...roleExtensions,
    ...(spec.extraExtensions ?? []),
  ];
  const version = spec.version ?? 3;
  const tbs = derSequence(
    ...(version === 1 ? [] : [derContext(0, derInteger(version - 1))]),
    derInteger(spec.serialNumber ?? nextSerial()),
    (spec.innerAlgorithm ?? issuerKey.algorithm).raw,
    spec.issuerName ?? spec.issuer?.subject ?? subject,
    derSequence(
      time(spec.notBefore ?? '2020-01-01T00:00:00Z'),
      time(spec.notAfter ?? '2040-01-01T00:00:00Z'),
    ),
    subject,
    key.publicKey,
    ...(extensions.length > 0 ? [derContext(3, derSequence(...extensions))] : []),
  );
  return { certificate: parseCertificate(signed(tbs, issuerKey, spec)), key, subject };
}

type RoleSpec = Omit<CertificateSpec, 'subject' | 'issuer'> & {
  readonly subject?: string | Uint8Array;
};

const caUsage = keyUsage(['keyCertSign', 'cRLSign']);

/** A self-signed CA. */
export function issueRoot(spec: RoleSpec = {}): Issued {
  return issueCertificate({ subject: 'CN=Test Root,O=Tokiwa Test,C=JP', ...spec }, [
    basicConstraints(true),
    caUsage,
  ]);
}

/** A CA below another one. */
export function issueCa(
  issuer: Issued,
  spec: RoleSpec & { readonly pathLenConstraint?: number } = {},
): Issued {
  const { pathLenConstraint, ...rest } = spec;
  return issueCertificate({ subject: 'CN=Test CA,O=Tokiwa Test,C=JP', ...rest, issuer }, [
    basicConstraints(true, pathLenConstraint),
    caUsage,
  ]);
}

/** A signer of documents. */
export function issueSigner(issuer: Issued, spec: RoleSpec = {}): Issued {
  return issueCertificate({ subject: 'CN=Test Signer,O=Tokiwa Test,C=JP', ...spec, issuer }, [
    keyUsage(['digitalSignature', 'nonRepudiation']),
  ]);
}

/** A TSU with its one critical extended key usage (RFC 3161 §2.3). */
export function issueTsu(issuer: Issued, spec: RoleSpec = {}): Issued {
  return issueCertificate({ subject: 'CN=Test TSU,O=Tokiwa Test,C=JP', ...spec, issuer }, [
    keyUsage(['digitalSignature']),
    extendedKeyUsage([oids.idKpTimeStamping], true),
  ]);
}

/** A delegated OCSP responder, with id-pkix-ocsp-nocheck (RFC 6960 §4.2.2.2.1). */
export function issueOcspResponder(issuer: Issued, spec: RoleSpec = {}): Issued {
  return issueCertificate({ subject: 'CN=Test Responder,O=Tokiwa Test,C=JP', ...spec, issuer }, [
    keyUsage(['digitalSignature']),
    extendedKeyUsage([oids.idKpOCSPSigning]),
    ocspNoCheck(),
  ]);
}

/** The certificate as an anchor. */
export function anchorOf(issued: Issued, sunset?: When): TrustAnchor {
  return sunset === undefined
    ? { certificate: issued.certificate }
    : { certificate: issued.certificate, sunset: instant(sunset) };
}

const crlReasonNumbers: Readonly<Record<CrlReason, number>> = {
  unspecified: 0,
  keyCompromise: 1,
  cACompromise: 2,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
  certificateHold: 6,
  removeFromCRL: 8,
  privilegeWithdrawn: 9,
  aACompromise: 10,
};

function enumerated(value: number): Uint8Array {
  return derElement(0x0a, Uint8Array.of(value));
}

export type RevokedSpec = {
  readonly certificate: Issued | Certificate;
  readonly at: When;
  readonly reason?: CrlReason;
  readonly invalidityDate?: When;
  readonly certificateIssuer?: readonly TestGeneralName[];
  readonly extraExtensions?: readonly Uint8Array[];
};

function certificateOf(issued: Issued | Certificate): Certificate {
  return 'certificate' in issued ? issued.certificate : issued;
}

function crlEntry(entry: RevokedSpec): Uint8Array {
  const extensions = [
    ...(entry.reason
      ? [extension(oids.reasonCode, enumerated(crlReasonNumbers[entry.reason]))]
      : []),
    ...(entry.invalidityDate
      ? [extension(oids.invalidityDate, generalizedTime(instant(entry.invalidityDate)))]
      : []),
    ...(entry.certificateIssuer
      ? [
          extension(
            oids.certificateIssuer,
            derSequence(...entry.certificateIssuer.map(generalName)),
            true,
          ),
        ]
      : []),
    ...(entry.extraExtensions ?? []),
  ];
  return derSequence(
    derInteger(certificateOf(entry.certificate).serialNumber),
    time(entry.at),
    ...(extensions.length > 0 ? [derSequence(...extensions)] : []),
  );
}

export type CrlSpec = {
  readonly issuer: Issued;
  readonly thisUpdate: When;
  /** `null` leaves it out; default: seven days after thisUpdate. */
  readonly nextUpdate?: When | null;
  readonly revoked?: readonly RevokedSpec[];
  readonly crlNumber?: number;
  /** Makes it a delta CRL. */
  readonly deltaCRLIndicator?: number;
  readonly extraExtensions?: readonly Uint8Array[];
  readonly breakSignature?: boolean;
};

/** Issues one CRL. */
export function issueCrl(spec: CrlSpec): CertificateList {
  const thisUpdate = instant(spec.thisUpdate);
  const nextUpdate =
    spec.nextUpdate === undefined ? thisUpdate.add({ hours: 168 }) : spec.nextUpdate;
  const revoked = (spec.revoked ?? []).map(crlEntry);
  const extensions = [
    authorityKeyIdentifier(keyIdentifierOf(spec.issuer.key.publicKey)),
    extension(oids.cRLNumber, derInteger(spec.crlNumber ?? 1)),
    ...(spec.deltaCRLIndicator === undefined
      ? []
      : [extension(oids.deltaCRLIndicator, derInteger(spec.deltaCRLIndicator), true)]),
    ...(spec.extraExtensions ?? []),
  ];
  const tbs = derSequence(
    derInteger(1),
    spec.issuer.key.algorithm.raw,
    spec.issuer.subject,
    time(thisUpdate),
    ...(nextUpdate === null ? [] : [time(nextUpdate)]),
    ...(revoked.length > 0 ? [derSequence(...revoked)] : []),
    derContext(0, derSequence(...extensions)),
  );
  return parseCertificateList(signed(tbs, spec.issuer.key, spec));
}

export type OcspEntrySpec = {
  readonly certificate: Issued | Certificate;
  readonly status: 'good' | 'revoked' | 'unknown';
  readonly revokedAt?: When;
  readonly reason?: CrlReason;
  readonly thisUpdate: When;
  readonly nextUpdate?: When;
  readonly archiveCutoff?: When;
  /** Common PKI CertHash over these octets. */
  readonly certHashOf?: Uint8Array;
  readonly extraExtensions?: readonly Uint8Array[];
};

export type OcspSpec = {
  /** The CA whose certificates are asked about. */
  readonly issuer: Issued;
  /** Who signs: the CA itself unless given. */
  readonly responder?: Issued;
  readonly entries: readonly OcspEntrySpec[];
  readonly producedAt: When;
  readonly nonce?: Uint8Array;
  readonly responderIdBy?: 'name' | 'key';
  readonly certificates?: readonly Issued[];
  readonly responseStatus?: OcspResponseStatus;
  readonly breakSignature?: boolean;
};

function sha1(octets: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha1').update(octets).digest());
}

function certStatus(entry: OcspEntrySpec): Uint8Array {
  if (entry.status === 'good') return derContextPrimitive(0, new Uint8Array());
  if (entry.status === 'unknown') return derContextPrimitive(2, new Uint8Array());
  return derContext(
    1,
    generalizedTime(instant(entry.revokedAt ?? entry.thisUpdate)),
    ...(entry.reason ? [derContext(0, enumerated(crlReasonNumbers[entry.reason]))] : []),
  );
}

function singleResponse(entry: OcspEntrySpec, issuer: Issued): Uint8Array {
  const extensions = [
    ...(entry.archiveCutoff
      ? [extension(oids.idPkixOcspArchiveCutoff, generalizedTime(instant(entry.archiveCutoff)))]
      : []),
    ...(entry.certHashOf
      ? [
          extension(
            oids.idIsismttAtCertHash,
            derSequence(
              buildAlgorithmIdentifier(oids.sha256, derNull()).raw,
              derOctetString(createHash('sha256').update(entry.certHashOf).digest()),
            ),
          ),
        ]
      : []),
    ...(entry.extraExtensions ?? []),
  ];
  return derSequence(
    derSequence(
      buildAlgorithmIdentifier(oids.sha1, derNull()).raw,
      derOctetString(sha1(issuer.subject)),
      derOctetString(sha1(issuer.certificate.keyOctets)),
      derInteger(certificateOf(entry.certificate).serialNumber),
    ),
    certStatus(entry),
    generalizedTime(instant(entry.thisUpdate)),
    ...(entry.nextUpdate ? [derContext(0, generalizedTime(instant(entry.nextUpdate)))] : []),
    ...(extensions.length > 0 ? [derContext(1, derSequence(...extensions))] : []),
  );
}

/** Issues one OCSP response. */
export function issueOcspResponse(spec: OcspSpec): OcspResponse {
  const responder = spec.responder ?? spec.issuer;
  const nonce = spec.nonce ? [extension(oids.idPkixOcspNonce, derOctetString(spec.nonce))] : [];
  const data = derSequence(
    spec.responderIdBy === 'key'
      ? derContext(2, derOctetString(sha1(responder.certificate.keyOctets)))
      : derContext(1, responder.subject),
    generalizedTime(instant(spec.producedAt)),
    derSequence(...spec.entries.map((entry) => singleResponse(entry, spec.issuer))),
    ...(nonce.length > 0 ? [derContext(1, derSequence(...nonce))] : []),
  );
  const certificates = spec.certificates ?? (spec.responder ? [spec.responder] : []);
  const basic = signed(data, responder.key, {
    ...spec,
    trailer:
      certificates.length > 0
        ? [derContext(0, derSequence(...certificates.map(({ certificate }) => certificate.raw)))]
        : [],
  });
  const successful = (spec.responseStatus ?? 'successful') === 'successful';
  return parseOcspResponse(
    successful
      ? derSequence(
          enumerated(0),
          derContext(
            0,
            derSequence(derObjectIdentifier(oids.idPkixOcspBasic), derOctetString(basic)),
          ),
        )
      : derSequence(enumerated(3)),
  );
}
