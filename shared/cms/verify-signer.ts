// Verifies one signer of a SignedData (RFC 5652 §5.4, §5.6): gathers what the checks need, then runs
// their list. Whether the signer's certificate is to be trusted is for shared/trust.
import { equalBytes } from '#shared/bytes.ts';
import { digest, digestAlgorithmOfOid, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import { verifySignature, type SignatureResult } from '#shared/crypto/signature.ts';
import {
  buildAlgorithmIdentifier,
  type AlgorithmIdentifier,
} from '#shared/der/algorithm-identifier.ts';
import { reEncodeAsDer } from '#shared/der/re-encode.ts';
import { findDerOffence } from '#shared/der/strict.ts';
import { FormatError } from '#shared/errors.ts';
import { oids } from '#shared/oid.ts';
import type { Finding } from '#shared/trust/finding.ts';
import type { SubIndication } from '#shared/trust/sub-indication.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import { namesMatch } from '#shared/x509/name.ts';
import { attributesOfType } from './attributes.ts';
import { runChecks } from './check.ts';
import type { SignedData, SignerInfo } from './signed-data.ts';
import {
  signerChecks,
  type SignerCheck,
  type SignerContext,
  type SigningCertificateReference,
} from './signer-checks.ts';
import { certHashMatches, parseSigningCertificate, type ESSCertID } from './signing-certificate.ts';

export type SignerVerdict = {
  readonly status: 'valid' | 'invalid' | 'indeterminate';
  readonly subIndication?: SubIndication | undefined;
  /** The certificate that the signature was judged with. */
  readonly signer?: Certificate | undefined;
  readonly findings: readonly Finding[];
  /** The content (or its digest) was at hand. */
  readonly messageDigestFound: boolean;
  /** The message digest, or without signed attributes the signature itself, fits the content. */
  readonly messageDigestIntact: boolean;
  readonly signatureIntact: boolean;
  /** The certificate identifiers of the ESS attributes, as far as they parse. */
  readonly signingCertificates: readonly ESSCertID[];
};

export type VerifySignerInput = {
  readonly signedData: SignedData;
  readonly signerInfo: SignerInfo;
  /** Detached content; wins over eContent where both are there. */
  readonly content?: Uint8Array | undefined;
  /** Digests of detached content that was streamed; `undefined` for one that was not computed. */
  readonly digests?: ((algorithm: DigestAlgorithm) => Uint8Array | undefined) | undefined;
  /** Certificates from outside; those of `signedData` are always looked at as well. */
  readonly candidates?: readonly Certificate[] | undefined;
  /** Whether an ESS signing-certificate attribute must be there (RFC 3161 §2.4.2, EN 319 122-1 §6.3). */
  readonly signingCertificateRequired?: boolean | undefined;
  /** `content` is the value of another signature. RFC 5652 §11.4 */
  readonly countersigns?: boolean | undefined;
  /** Whether the value may also hold over the DER of signed attributes that are stored in another form (§5.4). */
  readonly acceptsSortedAttributes?: boolean | undefined;
  /** For tests that leave a check out. */
  readonly checks?: readonly SignerCheck[] | undefined;
};

/** So many certificates of one name and serial number are tried at most. */
const maxMatching = 16;

/** Certificates among the candidates that the signer identifier names, each once. @see RFC 5652 §5.3 */
export function certificatesOfSigner(
  signerInfo: SignerInfo,
  candidates: readonly Certificate[],
): readonly Certificate[] {
  const { sid } = signerInfo;
  const matches = (certificate: Certificate): boolean => {
    if (sid.kind === 'subject-key-identifier') {
      const { subjectKeyIdentifier } = certificate;
      return (
        subjectKeyIdentifier !== undefined && equalBytes(subjectKeyIdentifier, sid.keyIdentifier)
      );
    }
    return (
      certificate.serialNumber === sid.serialNumber && namesMatch(certificate.issuer, sid.issuer)
    );
  };
  const found = new Map<string, Certificate>();
  for (const certificate of candidates) {
    if (found.size < maxMatching && matches(certificate))
      found.set(certificate.fingerprint, certificate);
  }
  return [...found.values()];
}

/** The ESS attributes among the signed ones; each version once, by its first value. */
function readReferences(signerInfo: SignerInfo): readonly SigningCertificateReference[] {
  const attributes = signerInfo.signedAttrs?.attributes ?? [];
  const references: SigningCertificateReference[] = [];
  for (const version of [1, 2] as const) {
    const oid = version === 1 ? oids.idAaSigningCertificate : oids.idAaSigningCertificateV2;
    const [attribute] = attributesOfType(attributes, oid);
    if (!attribute) continue;
    const [value] = attribute.values;
    try {
      references.push({
        version,
        ids: value ? parseSigningCertificate(value, version) : undefined,
      });
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      references.push({ version, problem: error.message });
    }
  }
  return references;
}

/**
 * What the signature may be over: the attributes, or without them the content. §5.4 takes the attributes in
 * DER; signers exist that sign what they store and do not sort it, so the stored form comes first.
 * @see RFC 5652 §5.4
 */
function signedForms(
  { signerInfo, acceptsSortedAttributes = false }: VerifySignerInput,
  content: Uint8Array | undefined,
): Uint8Array[] {
  const stored = signerInfo.signedAttrs?.forSignature;
  if (!stored) return content ? [content] : [];
  if (!acceptsSortedAttributes || !findDerOffence(stored)) return [stored];
  try {
    return [stored, reEncodeAsDer(stored)];
  } catch (error) {
    if (error instanceof FormatError) return [stored];
    throw error;
  }
}

/**
 * Values that held over the signed attributes as stored, for as long as a parsed signer and a key live: the same
 * octets are asked about again, as of another time or with other validation data.
 */
const heldBefore = new WeakMap<SignerInfo, WeakSet<Uint8Array>>();

type ChosenSigner = {
  readonly signer: Certificate | undefined;
  readonly signature: SignatureResult | undefined;
};

/**
 * Of several certificates with the signer's name and number, the one that the ESS attributes mean,
 * else the first under whose key the signature verifies. A bag is written by anybody: position in it
 * says nothing.
 */
function chooseSigner(
  matching: readonly Certificate[],
  references: readonly SigningCertificateReference[],
  verify: (certificate: Certificate) => SignatureResult | undefined,
): ChosenSigner {
  const ids = references.flatMap((reference) => reference.ids?.slice(0, 1) ?? []);
  const meant = matching.filter((one) => ids.some((id) => certHashMatches(id, one) === true));
  const ordered = meant.length > 0 ? meant : matching;
  let first: SignatureResult | undefined;
  for (const certificate of ordered) {
    const signature = verify(certificate);
    if (signature?.ok) return { signer: certificate, signature };
    first ??= signature;
  }
  return { signer: ordered[0], signature: first };
}

/** Identifiers that name a kind of key and leave the digest to digestAlgorithm (RFC 3370 §3). */
const identifierOfKey: Readonly<Record<string, string>> = {
  RSA: oids.rsaEncryption,
  EC: oids.idEcPublicKey,
  DSA: oids.idDsa,
};

/**
 * A signer may name an algorithm of another kind of key than its own. The value can be right all the
 * same, as those find who ask the key; it is reported as intact, and the wrong name as an error.
 */
function verifyAsKeySays(
  { signer, signature }: ChosenSigner,
  verify: (certificate: Certificate, algorithm: AlgorithmIdentifier) => SignatureResult | undefined,
): SignatureResult | undefined {
  const oid = signer && identifierOfKey[signer.key.kind];
  if (
    !signer ||
    oid === undefined ||
    signature?.ok !== false ||
    signature.reason !== 'key-unusable'
  )
    return undefined;
  const result = verify(signer, buildAlgorithmIdentifier(oid));
  return result?.ok ? result : undefined;
}

/**
 * Verifies one signer over the encapsulated or the given content.
 *
 * Never throws for hostile input that `parseSignedData` accepted. Costs one signature verification
 * per certificate that fits the signer identifier, mostly one.
 * @see RFC 5652 §5.6
 */
export function verifySigner(input: VerifySignerInput): SignerVerdict {
  const { signedData, signerInfo } = input;
  const content = input.content ?? signedData.eContent;
  const digestAlgorithm = digestAlgorithmOfOid(signerInfo.digestAlgorithm.oid);
  const contentDigest =
    digestAlgorithm &&
    (content ? digest(digestAlgorithm, content) : input.digests?.(digestAlgorithm));
  const references = readReferences(signerInfo);
  const matching = certificatesOfSigner(signerInfo, [
    ...signedData.certificates,
    ...(input.candidates ?? []),
  ]);
  const forms = signedForms(input, content);
  const verify = (
    certificate: Certificate,
    algorithm: AlgorithmIdentifier,
  ): SignatureResult | undefined => {
    const { publicKey } = certificate;
    const isNamed = algorithm === signerInfo.signatureAlgorithm;
    if (isNamed && heldBefore.get(signerInfo)?.has(publicKey)) return { ok: true };
    let result: SignatureResult | undefined;
    for (const data of forms) {
      result = verifySignature({
        publicKey,
        algorithm,
        ...(digestAlgorithm && { digestAlgorithm }),
        data,
        signature: signerInfo.signature,
      });
      if (!result.ok) continue;
      if (isNamed && data === signerInfo.signedAttrs?.forSignature)
        heldBefore.set(signerInfo, (heldBefore.get(signerInfo) ?? new WeakSet()).add(publicKey));
      break;
    }
    return result;
  };
  const chosen = chooseSigner(matching, references, (certificate) =>
    verify(certificate, signerInfo.signatureAlgorithm),
  );
  const misnamed = verifyAsKeySays(chosen, verify);
  const signature = misnamed ?? chosen.signature;
  const contentFound = signerInfo.signedAttrs
    ? contentDigest !== undefined || (content !== undefined && digestAlgorithm === undefined)
    : forms.length > 0;
  const context: SignerContext = {
    signedData,
    signerInfo,
    digestAlgorithm,
    contentDigest,
    contentFound,
    matching,
    signer: chosen.signer,
    signature,
    algorithmMisnamed: misnamed !== undefined,
    references,
    signingCertificateRequired: input.signingCertificateRequired ?? false,
    countersigns: input.countersigns ?? false,
  };
  const { status, subIndication, findings } = runChecks(input.checks ?? signerChecks, context);
  const signatureIntact = signature?.ok ?? false;
  const digestWrong = findings.some(
    ({ check, level }) => check === 'message-digest' && level === 'error',
  );
  return {
    status,
    subIndication,
    signer: chosen.signer,
    findings,
    messageDigestFound: contentFound,
    messageDigestIntact: signerInfo.signedAttrs
      ? contentDigest !== undefined && !digestWrong
      : signatureIntact,
    signatureIntact,
    signingCertificates: references.flatMap(({ ids }) => ids ?? []),
  };
}
