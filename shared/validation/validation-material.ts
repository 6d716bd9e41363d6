// What judging a document stands on: whom to trust, the validation data at hand, the algorithm policy,
// and since when each thing is known to exist. Values only; nothing is fetched.
import type { DigestAlgorithm } from '#shared/crypto/digest.ts';
import type { SignatureDescription } from '#shared/crypto/signature.ts';
import {
  acceptableAt,
  type AlgorithmAnswer,
  type AlgorithmProfile,
  askProfile,
} from '#shared/policy/algorithm-policy.ts';
import type { TrustAnchor } from '#shared/trust/anchors.ts';
import type { PathInputs, RevocationMode } from '#shared/trust/path-query.ts';
import type { ProofStore } from '#shared/validation/proof-of-existence.ts';
import { signatureScheme } from '#shared/validation/proof-horizon.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import type { CertificateList } from '#shared/x509/crl.ts';
import type { OcspResponse } from '#shared/x509/ocsp.ts';

export type ValidationMaterial = {
  /** Whom signers of documents may descend from. */
  readonly signerAnchors: readonly TrustAnchor[];
  /** Whom TSUs may descend from. */
  readonly tsuAnchors: readonly TrustAnchor[];
  readonly certificates: readonly Certificate[];
  readonly crls: readonly CertificateList[];
  readonly ocspResponses: readonly OcspResponse[];
  readonly revocationMode: RevocationMode;
  /** Absent: every algorithm that can be verified counts. */
  readonly algorithmPolicy?: AlgorithmProfile | undefined;
  /** Whether test certificates may sign documents; absent: they may not. */
  readonly testCertificates?: boolean | undefined;
  readonly proofs: ProofStore;
};

/** What comes from outside of a document; the proofs come from judging it. */
export type GivenMaterial = Omit<ValidationMaterial, 'proofs'>;

/** Parts of a signature's algorithm that a policy may end: the scheme with its key, and the digest. */
export type AlgorithmEnd = { readonly algorithm: string; readonly answer: AlgorithmAnswer };

/** What the policy says of a signature, part by part. */
export function algorithmEnds(
  profile: AlgorithmProfile,
  { name, key, digest }: SignatureDescription,
): readonly AlgorithmEnd[] {
  const scheme = signatureScheme({ name, key });
  const { bits: keyBits, curve } = key;
  return [
    {
      algorithm: `${scheme} ${curve ?? keyBits}`,
      answer: askProfile(profile, { kind: 'signature', scheme, digest, keyBits, curve }),
    },
    ...(digest ? [digestEnd(profile, digest)] : []),
  ];
}

/** What the policy says of a digest. */
export function digestEnd(profile: AlgorithmProfile, digest: DigestAlgorithm): AlgorithmEnd {
  return { algorithm: digest, answer: askProfile(profile, { kind: 'digest', digest }) };
}

/** The same as path validation asks it: what is wrong with a signature as of an instant. */
export function signatureAlgorithmCheck(
  profile: AlgorithmProfile | undefined,
): Pick<PathInputs, 'checkSignatureAlgorithm'> {
  if (!profile) return {};
  return {
    checkSignatureAlgorithm: (signature, at) => {
      const ended = algorithmEnds(profile, signature).find(
        ({ answer }) => !acceptableAt(answer, at),
      );
      return ended && `is signed with ${ended.algorithm}, which ${profile.id} does not accept then`;
    },
  };
}
