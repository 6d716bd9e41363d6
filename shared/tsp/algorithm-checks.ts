// The algorithms of a token and of its path against a policy, as of the instant of validation
// (EN 319 102-1 §5.2.8.4.4: cryptographic constraints). Without a policy nothing is asked.
import type { Problem } from '#shared/cms/check.ts';
import { digestAlgorithmOfOid, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import { signatureScheme } from '#shared/crypto/signature-algorithms.ts';
import type { AlgorithmIdentifier } from '#shared/der/algorithm-identifier.ts';
import { FormatError, UnsupportedError } from '#shared/errors.ts';
import {
  acceptableAt,
  askProfile,
  type AlgorithmQuestion,
  type SignatureScheme,
} from '#shared/policy/algorithm-policy.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import type { TokenCheck, TokenContext } from './token-context.ts';

const schemeNames = {
  'rsa-pkcs1': 'RSASSA-PKCS1-v1_5',
  'rsa-pss': 'RSASSA-PSS',
  ecdsa: 'ECDSA',
  dsa: 'DSA',
} as const;

function ownSchemeName(key: string): SignatureScheme {
  if (key.startsWith('ML-DSA')) return 'ML-DSA';
  return key.startsWith('SLH-DSA') ? 'SLH-DSA' : 'EdDSA';
}

/**
 * The question that a signature puts to a policy; `undefined` where the algorithm is not known.
 * @see RFC 5698 §2
 */
export function signatureQuestion(
  algorithm: AlgorithmIdentifier,
  key: Certificate['key'],
  digestAlgorithm: DigestAlgorithm | undefined,
): Extract<AlgorithmQuestion, { readonly kind: 'signature' }> | undefined {
  try {
    const scheme = signatureScheme(algorithm, digestAlgorithm);
    const parameters = { kind: 'signature' as const, keyBits: key.bits, curve: key.curve };
    if (scheme.kind === 'own') return { ...parameters, scheme: ownSchemeName(scheme.key) };
    const name = scheme.kind === 'ecdsa' && scheme.plain ? 'PLAIN-ECDSA' : schemeNames[scheme.kind];
    return { ...parameters, scheme: name, digest: scheme.digest };
  } catch (error) {
    if (error instanceof UnsupportedError || error instanceof FormatError) return undefined;
    throw error;
  }
}

/** What is asked about, with words for whoever reads the finding. */
type Use = { readonly what: string; readonly question: AlgorithmQuestion };

function digestUse(what: string, digest: DigestAlgorithm | undefined): Use[] {
  return digest ? [{ what, question: { kind: 'digest', digest } }] : [];
}

function signatureUse(
  what: string,
  algorithm: AlgorithmIdentifier,
  key: Certificate['key'],
  digest?: DigestAlgorithm,
): Use[] {
  const question = signatureQuestion(algorithm, key, digest);
  if (!question) return [];
  return [{ what, question }, ...digestUse(what, question.digest)];
}

function tokenUses({ token, signerInfo, signer }: TokenContext): Use[] {
  const digest = signerInfo && digestAlgorithmOfOid(signerInfo.digestAlgorithm.oid);
  return [
    ...digestUse('the imprint', token.tstInfo.messageImprint.algorithm),
    ...digestUse('the message digest', digest),
    ...(signerInfo && signer
      ? signatureUse(
          'the signature of the token',
          signerInfo.signatureAlgorithm,
          signer.key,
          digest,
        )
      : []),
  ];
}

function pathUses({ path }: TokenContext): Use[] {
  // The anchor's own signature proves nothing and is not asked about.
  return path.slice(0, -1).flatMap((certificate, index) => {
    const issuer = path[index + 1];
    return issuer
      ? signatureUse(
          `the certificate of ${certificate.subject.text}`,
          certificate.signatureAlgorithm,
          issuer.key,
        )
      : [];
  });
}

function problemsOf(context: TokenContext, uses: readonly Use[]): Problem[] {
  const profile = context.options.algorithmPolicy;
  if (!profile) return [];
  return uses.flatMap(({ what, question }) => {
    const answer = askProfile(profile, question);
    if (acceptableAt(answer, context.at)) return [];
    const algorithm = question.kind === 'digest' ? question.digest : question.scheme;
    return [
      {
        level: 'error' as const,
        subIndication: 'CRYPTO_CONSTRAINTS_FAILURE_NO_POE' as const,
        message: `The policy does not accept ${algorithm} for ${what} at this time.`,
        facts: {
          algorithm,
          policy: answer.policy,
          ...(question.kind === 'signature' && {
            keyBits: `${question.keyBits}`,
            ...(question.curve !== undefined && { curve: question.curve }),
          }),
          ...(answer.kind === 'listed' &&
            answer.endExclusive && { endExclusive: answer.endExclusive.toString() }),
        },
      },
    ];
  });
}

const tokenAlgorithms: TokenCheck = {
  name: 'token-algorithms',
  clause: 'EN 319 102-1 §5.2.8.4.4',
  run: (context) => problemsOf(context, tokenUses(context)),
};

const pathAlgorithms: TokenCheck = {
  name: 'path-algorithms',
  clause: 'EN 319 102-1 §5.2.6.4',
  run: (context) => problemsOf(context, pathUses(context)),
};

const certificateIdentifierDigest: TokenCheck = {
  name: 'signing-certificate-digest',
  clause: 'RFC 5816 §2.2.1',
  run: (context) =>
    problemsOf(
      context,
      (context.signerVerdict?.signingCertificates ?? []).flatMap(({ version, hashAlgorithm }) =>
        // Version 1 has SHA-1 by definition; it is the signature over the whole that protects it.
        version === 2 ? digestUse('signingCertificateV2', hashAlgorithm) : [],
      ),
    ),
};

/** The checks on algorithms, in order. */
export const algorithmChecks: readonly TokenCheck[] = [
  tokenAlgorithms,
  certificateIdentifierDigest,
  pathAlgorithms,
];
