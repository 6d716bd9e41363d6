// CMS and CAdES signatures for tests, in any shape: attached or detached, with or without attributes,
// in DER or with an indefinite length outside.
import { concatBytes } from '#shared/bytes.ts';
import { digest, digestOid, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import { buildAlgorithmIdentifier } from '#shared/der/algorithm-identifier.ts';
import {
  derContext,
  derElement,
  derInteger,
  derObjectIdentifier,
  derOctetString,
  derSequence,
  derSetOf,
} from '#shared/der/writer.ts';
import { oids } from '#shared/oid.ts';
import { formatUtcTime } from '#shared/time.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import { type Issued, issueRoot, issueSigner } from './_authority.ts';
import { testAttribute } from './_tsu.ts';

export const testRoot = issueRoot();
export const testSigner = issueSigner(testRoot);
export const testContent = new TextEncoder().encode('what was signed');
export const testSigningTime = Temporal.Instant.from('2026-02-03T04:05:06Z');

export type TestCms = {
  readonly signer?: Issued;
  readonly content?: Uint8Array;
  readonly detached?: boolean;
  /** Without a signing-certificate attribute it is CMS, not CAdES. */
  readonly cades?: boolean;
  /** Without signed attributes the signature is over the content. */
  readonly signedAttributes?: boolean;
  /** Contents of the UTCTimes in signing-time, of which there should be one; empty: no attribute. */
  readonly signingTimes?: readonly string[];
  readonly extraSigned?: readonly Uint8Array[];
  /** Unsigned attributes, made from the signature value. */
  readonly unsigned?: (signature: Uint8Array) => readonly Uint8Array[];
  readonly certificates?: readonly Certificate[];
  readonly crls?: readonly Uint8Array[];
  readonly eContentType?: string;
  /** Signed attributes in DER when signed, and stored in another order. */
  readonly reordered?: boolean;
  /** Of content that is not at hand. */
  readonly contentDigest?: Uint8Array;
  /** Of the content, and in digestAlgorithm. */
  readonly digestAlgorithm?: DigestAlgorithm;
  /** Further signers of the same content. */
  readonly cosigners?: readonly Issued[];
  /** A countersignature has no content type (RFC 5652 §11.4). */
  readonly countersigns?: boolean;
  /** Indefinite length around the whole: BER. */
  readonly indefinite?: boolean;
};

/** `SigningCertificateV2` with one SHA-256 identifier. */
function signingCertificate(certificate: Certificate): Uint8Array {
  return derSequence(derSequence(derSequence(derOctetString(digest('SHA-256', certificate.raw)))));
}

function signingTimesOf({ signingTimes }: TestCms): readonly Uint8Array[] {
  return (
    signingTimes?.map((time) => new TextEncoder().encode(time)) ?? [formatUtcTime(testSigningTime)]
  );
}

/** A SignerInfo over content; `TestCms` says in which shape. */
export function buildTestSignerInfo(spec: TestCms = {}): Uint8Array {
  const { signer = testSigner, content = testContent, cades = true } = spec;
  const { digestAlgorithm = 'SHA-256' } = spec;
  const { certificate, key } = signer;
  const times = signingTimesOf(spec).map((time) => derElement(0x17, time));
  const listed = [
    ...(spec.countersigns
      ? []
      : [testAttribute(oids.idContentType, derObjectIdentifier(spec.eContentType ?? oids.idData))]),
    testAttribute(
      oids.idMessageDigest,
      derOctetString(spec.contentDigest ?? digest(digestAlgorithm, content)),
    ),
    ...(times.length > 0 ? [testAttribute(oids.idSigningTime, ...times)] : []),
    ...(cades
      ? [testAttribute(oids.idAaSigningCertificateV2, signingCertificate(certificate))]
      : []),
    ...(spec.extraSigned ?? []),
  ];
  const attributes = derSetOf(...listed);
  // Not sorted as DER sorts, whatever the values: the longest comes first.
  const stored = spec.reordered
    ? derElement(0x31, ...listed.toSorted((a, b) => b.length - a.length))
    : attributes;
  const withAttributes = spec.signedAttributes ?? true;
  const signature = key.sign(withAttributes ? attributes : content);
  const unsigned = spec.unsigned?.(signature) ?? [];
  return derSequence(
    derInteger(1),
    derSequence(certificate.issuer.raw, derInteger(certificate.serialNumber)),
    buildAlgorithmIdentifier(digestOid(digestAlgorithm)).raw,
    ...(withAttributes ? [Uint8Array.of(0xa0, ...stored.subarray(1))] : []),
    key.algorithm.raw,
    derOctetString(signature),
    ...(unsigned.length > 0 ? [derContext(1, ...unsigned)] : []),
  );
}

/** A whole ContentInfo. */
export function buildTestCms(spec: TestCms = {}): Uint8Array {
  const { signer = testSigner, content = testContent, cosigners = [] } = spec;
  const certificates =
    spec.certificates ?? [signer, ...cosigners].map(({ certificate }) => certificate);
  const body = derSequence(
    derInteger(1),
    derSetOf(buildAlgorithmIdentifier(digestOid(spec.digestAlgorithm ?? 'SHA-256')).raw),
    derSequence(
      derObjectIdentifier(spec.eContentType ?? oids.idData),
      ...(spec.detached ? [] : [derContext(0, derOctetString(content))]),
    ),
    ...(certificates.length > 0 ? [derContext(0, ...certificates.map(({ raw }) => raw))] : []),
    ...(spec.crls ? [derContext(1, ...spec.crls)] : []),
    derSetOf(
      buildTestSignerInfo(spec),
      ...cosigners.map((cosigner) => buildTestSignerInfo({ ...spec, signer: cosigner })),
    ),
  );
  const type = derObjectIdentifier(oids.idSignedData);
  if (!spec.indefinite) return derSequence(type, derContext(0, body));
  const end = Uint8Array.of(0, 0);
  return concatBytes(Uint8Array.of(0x30, 0x80), type, Uint8Array.of(0xa0, 0x80), body, end, end);
}
