// A time-stamping authority for tests on top of the test PKI: good tokens by the product's own builder,
// and tokens with any one defect, put together by hand.
import { digest, digestOid, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import { buildAlgorithmIdentifier } from '#shared/der/algorithm-identifier.ts';
import {
  derBoolean,
  derContext,
  derContextPrimitive,
  derElement,
  derInteger,
  derObjectIdentifier,
  derOctetString,
  derSequence,
  derSetOf,
} from '#shared/der/writer.ts';
import { oids } from '#shared/oid.ts';
import type { TrustAnchor } from '#shared/trust/anchors.ts';
import {
  buildMessageImprint,
  buildTimeStampToken,
  type TSTInfoFields,
  type TokenSigner,
} from '#shared/tsp/build-token.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import { anchorOf, issueCa, issueRoot, issueTsu, type Issued } from './_authority.ts';
import { freshKey, type KeyName, type TestKey } from './_keys.ts';

/** Root, CA and TSU, and what they sign with. */
export type TestTsu = {
  readonly root: Issued;
  readonly ca: Issued;
  readonly tsu: Issued;
  readonly anchors: readonly TrustAnchor[];
  readonly signer: TokenSigner;
};

export const testPolicy = '1.3.6.1.4.1.99999.7.1';
export const testGenTime = Temporal.Instant.from('2026-03-04T05:06:07.123456Z');
export const testData = new TextEncoder().encode('to be stamped');

/** How a TSU signs, by its test key. */
export function tokenSignerOf(tsu: Issued, chain: readonly Certificate[]): TokenSigner {
  return {
    certificate: tsu.certificate,
    chain,
    digestAlgorithm: tsu.key.digestAlgorithm,
    signatureAlgorithm: tsu.key.algorithm.raw,
    sign: tsu.key.sign,
  };
}

/** A fresh hierarchy of three; `spec` goes to the certificate of the TSU. */
export function createTsu(
  options: {
    readonly keyName?: KeyName;
    readonly digest?: DigestAlgorithm;
    readonly spec?: Parameters<typeof issueTsu>[1];
    /** The key of the CA, which signs the certificate of the TSU. */
    readonly caKey?: TestKey;
  } = {},
): TestTsu {
  const root = issueRoot();
  const ca = issueCa(root, options.caKey && { key: options.caKey });
  const key = freshKey(options.keyName, options.digest);
  const tsu = issueTsu(ca, { key, ...options.spec });
  return {
    root,
    ca,
    tsu,
    anchors: [anchorOf(root)],
    signer: tokenSignerOf(tsu, [ca.certificate]),
  };
}

/** A good token over `testData`, save for the fields given. */
export function issueToken(
  { signer }: TestTsu,
  fields: Partial<TSTInfoFields> & {
    readonly algorithm?: DigestAlgorithm;
    readonly certReq?: boolean;
    readonly signingTime?: Temporal.Instant;
  } = {},
): Uint8Array {
  const { algorithm = 'SHA-256', certReq = true, signingTime, ...tstInfo } = fields;
  return buildTimeStampToken({
    tstInfo: {
      policy: testPolicy,
      messageImprint: buildMessageImprint(algorithm, digest(algorithm, testData)),
      serialNumber: 4711n,
      genTime: testGenTime,
      ...tstInfo,
    },
    signer,
    certReq,
    signingTime,
  });
}

/** Elements of a TSTInfo, any of which a test may replace; those that are `undefined` are left out. */
export type TSTInfoElements = {
  readonly version?: Uint8Array;
  readonly policy?: Uint8Array;
  readonly messageImprint?: Uint8Array;
  readonly serialNumber?: Uint8Array;
  readonly genTime?: Uint8Array;
  readonly accuracy?: Uint8Array;
  readonly ordering?: Uint8Array;
  readonly nonce?: Uint8Array;
  readonly tsa?: Uint8Array;
  readonly extensions?: Uint8Array;
  readonly excess?: Uint8Array;
};

export function testTstInfo(elements: TSTInfoElements = {}): Uint8Array {
  const parts = {
    version: derInteger(1),
    policy: derObjectIdentifier(testPolicy),
    messageImprint: buildMessageImprint('SHA-256', digest('SHA-256', testData)),
    serialNumber: derInteger(4711),
    genTime: derElement(0x18, new TextEncoder().encode('20260304050607Z')),
    ...elements,
  };
  const { accuracy, ordering, nonce, tsa, extensions, excess } = elements;
  return derSequence(
    parts.version,
    parts.policy,
    parts.messageImprint,
    parts.serialNumber,
    parts.genTime,
    ...[accuracy, ordering, nonce, tsa, extensions, excess].filter((part) => part !== undefined),
  );
}

/** `accuracy` in any numbers, in range or not. */
export function testAccuracy(seconds?: number, millis?: number, micros?: number): Uint8Array {
  return derSequence(
    ...(seconds === undefined ? [] : [derInteger(seconds)]),
    ...(millis === undefined ? [] : [derContextPrimitive(0, derInteger(millis).subarray(2))]),
    ...(micros === undefined ? [] : [derContextPrimitive(1, derInteger(micros).subarray(2))]),
  );
}

/** `extensions [1]` of a TSTInfo or `[0]` of a query. */
export function testExtensions(
  tag: number,
  list: readonly { readonly oid: string; readonly critical: boolean }[],
): Uint8Array {
  return derContext(
    tag,
    ...list.map(({ oid, critical }) =>
      derSequence(
        derObjectIdentifier(oid),
        ...(critical ? [derBoolean(true)] : []),
        derOctetString(Uint8Array.of(5, 0)),
      ),
    ),
  );
}

export function testAttribute(oid: string, ...values: readonly Uint8Array[]): Uint8Array {
  return derSequence(derObjectIdentifier(oid), derSetOf(...values));
}

/** SigningCertificate (1) or SigningCertificateV2 (2) over certificates, with an issuerSerial of choice. */
export function testSigningCertificate(
  version: 1 | 2,
  certificate: Certificate,
  changes: {
    readonly certHash?: Uint8Array;
    readonly serialNumber?: bigint;
    readonly algorithm?: Uint8Array;
  } = {},
): Uint8Array {
  const algorithm = version === 1 ? 'SHA-1' : 'SHA-256';
  return derSequence(
    derSequence(
      derSequence(
        ...(changes.algorithm ? [changes.algorithm] : []),
        derOctetString(changes.certHash ?? digest(algorithm, certificate.raw)),
        derSequence(
          derSequence(derContext(4, certificate.issuer.raw)),
          derInteger(changes.serialNumber ?? certificate.serialNumber),
        ),
      ),
    ),
  );
}

/** Parts of a SignedData that a test may replace. */
export type TokenParts = {
  readonly tstInfo?: Uint8Array;
  readonly eContentType?: string;
  /** Whole Attribute elements in the order to be stored; `null` leaves the field out. */
  readonly signedAttrs?: readonly Uint8Array[] | null;
  /** Stored in this order but signed in DER's. */
  readonly signSorted?: boolean;
  readonly digestAlgorithm?: DigestAlgorithm;
  /** The AlgorithmIdentifier written for it. */
  readonly digestIdentifier?: Uint8Array;
  readonly signatureAlgorithm?: Uint8Array;
  readonly signature?: Uint8Array;
  readonly sid?: Uint8Array;
  readonly version?: number;
  readonly signerVersion?: number;
  readonly digestAlgorithms?: readonly Uint8Array[];
  readonly certificates?: readonly Uint8Array[] | null;
  readonly crls?: readonly Uint8Array[];
  readonly unsignedAttrs?: readonly Uint8Array[];
  /** How many times the SignerInfo stands in signerInfos. */
  readonly signers?: number;
};

/** The three signed attributes of a good token over this eContent. */
export function testSignedAttrs(
  tsu: TestTsu,
  tstInfo: Uint8Array,
  digestAlgorithm: DigestAlgorithm = 'SHA-256',
): readonly [contentType: Uint8Array, messageDigest: Uint8Array, signingCertificate: Uint8Array] {
  return [
    testAttribute(oids.idContentType, derObjectIdentifier(oids.idCtTSTInfo)),
    testAttribute(oids.idMessageDigest, derOctetString(digest(digestAlgorithm, tstInfo))),
    testAttribute(oids.idAaSigningCertificateV2, testSigningCertificate(2, tsu.tsu.certificate)),
  ];
}

/** A token put together from its parts; without any it is a good one. */
export function assembleToken(tsu: TestTsu, parts: TokenParts = {}): Uint8Array {
  const { certificate } = tsu.tsu;
  const tstInfo = parts.tstInfo ?? testTstInfo();
  const algorithm =
    parts.digestIdentifier ??
    buildAlgorithmIdentifier(digestOid(parts.digestAlgorithm ?? 'SHA-256')).raw;
  const signedAttrs =
    parts.signedAttrs === undefined
      ? testSignedAttrs(tsu, tstInfo, parts.digestAlgorithm)
      : parts.signedAttrs;
  const isDefault = parts.signedAttrs === undefined;
  const stored =
    signedAttrs && (isDefault ? derSetOf(...signedAttrs) : derElement(0x31, ...signedAttrs));
  const signed = parts.signSorted && signedAttrs ? derSetOf(...signedAttrs) : stored;
  const signerInfo = derSequence(
    derInteger(parts.signerVersion ?? 1),
    parts.sid ?? derSequence(certificate.issuer.raw, derInteger(certificate.serialNumber)),
    algorithm,
    ...(stored ? [Uint8Array.of(0xa0, ...stored.subarray(1))] : []),
    parts.signatureAlgorithm ?? tsu.signer.signatureAlgorithm,
    derOctetString(parts.signature ?? tsu.signer.sign(signed ?? tstInfo)),
    ...(parts.unsignedAttrs ? [derContext(1, ...parts.unsignedAttrs)] : []),
  );
  const certificates =
    parts.certificates === undefined
      ? [certificate.raw, tsu.ca.certificate.raw]
      : parts.certificates;
  return derSequence(
    derObjectIdentifier(oids.idSignedData),
    derContext(
      0,
      derSequence(
        derInteger(parts.version ?? 3),
        derElement(0x31, ...(parts.digestAlgorithms ?? [algorithm])),
        derSequence(
          derObjectIdentifier(parts.eContentType ?? oids.idCtTSTInfo),
          derContext(0, derOctetString(tstInfo)),
        ),
        ...(certificates ? [derContext(0, ...certificates)] : []),
        ...(parts.crls ? [derContext(1, ...parts.crls)] : []),
        derElement(0x31, ...Array.from({ length: parts.signers ?? 1 }, () => signerInfo)),
      ),
    ),
  );
}
