// Proof horizon: until when evidence can be verified, and which element ends it. A pure function
// of the newest token, the tree hash and the rules in force, so it answers for any policy or event.
import type { DigestAlgorithm } from '#shared/crypto/digest.ts';
import {
  type AlgorithmAnswer,
  type AlgorithmProfile,
  type AlgorithmQuestion,
  askProfile,
  type SignatureScheme,
} from '#shared/policy/algorithm-policy.ts';

/** A signature's algorithm and the key that made it. */
export type HorizonSignature = {
  readonly name: string;
  readonly digest?: DigestAlgorithm | undefined;
  readonly key: {
    readonly kind: string;
    readonly bits: number;
    readonly curve?: string | undefined;
  };
};

/** What of a token decides how long it holds. Instants are ISO texts: the value is kept as JSON. */
export type HorizonToken = {
  readonly genTime: string;
  readonly imprintAlgorithm: DigestAlgorithm;
  readonly tsaPolicy: string;
  /** Decimal or hexadecimal, as the token's reader gives it. */
  readonly serialNumber: string;
  readonly signature: HorizonSignature;
  /** Digest by which the token names its certificate (ESSCertIDv2). */
  readonly certificateDigest?: DigestAlgorithm | undefined;
  /** The TSU's certificate first, the anchor last. */
  readonly chain: readonly {
    readonly fingerprint: string;
    readonly subject: string;
    readonly notAfter: string;
    /** How its issuer signed it; absent for the anchor. */
    readonly signature?: HorizonSignature | undefined;
  }[];
};

/** What ends a horizon. `name` is what a reader is shown: a subject or an algorithm. */
export type HorizonElement = {
  readonly kind:
    | 'tsu-certificate'
    | 'ca-certificate'
    | 'anchor'
    | 'signature-algorithm'
    | 'digest-algorithm'
    | 'tree-hash'
    | 'revocation'
    | 'no-end';
  readonly name: string;
};

/** `at` absent: nothing known ends it. */
export type ProofHorizon = {
  readonly at: Temporal.Instant | undefined;
  readonly element: HorizonElement;
};

export type HorizonRules = {
  readonly profile: AlgorithmProfile;
  /** Configured end of anchors by fingerprint; without one the anchor's own notAfter counts. */
  readonly anchorEnds: ReadonlyMap<string, Temporal.Instant>;
  /** Known revocations by fingerprint: the instant from which the certificate no longer counts. */
  readonly revocations: ReadonlyMap<string, Temporal.Instant>;
};

/** The scheme that a signature algorithm's name and key stand for, as the policies name it. */
export function signatureScheme(signature: HorizonSignature): SignatureScheme {
  const { kind } = signature.key;
  if (kind === 'RSA') return /pss/i.test(signature.name) ? 'RSASSA-PSS' : 'RSASSA-PKCS1-v1_5';
  if (kind === 'EC') return 'ECDSA';
  if (kind === 'DSA') return 'DSA';
  if (kind.startsWith('ML-DSA')) return 'ML-DSA';
  if (kind.startsWith('SLH-DSA')) return 'SLH-DSA';
  return 'EdDSA';
}

/** One end of the evidence by one element. */
export type HorizonEnd = { readonly at: Temporal.Instant; readonly element: HorizonElement };

/** An algorithm that the profile does not list was never acceptable: its end lies before everything. */
const never = Temporal.Instant.from('1970-01-01T00:00:00Z');

function algorithmEnd(answer: AlgorithmAnswer, element: HorizonElement): HorizonEnd[] {
  if (answer.kind === 'absent') return [{ at: never, element }];
  return answer.endExclusive ? [{ at: answer.endExclusive, element }] : [];
}

function certificateEnds(token: HorizonToken, rules: HorizonRules): HorizonEnd[] {
  return token.chain.flatMap((certificate, index) => {
    const isAnchor = index === token.chain.length - 1 && token.chain.length > 1;
    const kind = isAnchor ? 'anchor' : index === 0 ? 'tsu-certificate' : 'ca-certificate';
    const element: HorizonElement = { kind, name: certificate.subject };
    const configured = isAnchor ? rules.anchorEnds.get(certificate.fingerprint) : undefined;
    const ends: HorizonEnd[] = [
      { at: configured ?? Temporal.Instant.from(certificate.notAfter), element },
    ];
    const revoked = rules.revocations.get(certificate.fingerprint);
    if (revoked)
      ends.push({ at: revoked, element: { kind: 'revocation', name: certificate.subject } });
    return ends;
  });
}

/** Ends of a signature: by its scheme and key, and by the digest inside. */
function signatureEnds(signature: HorizonSignature, rules: HorizonRules): HorizonEnd[] {
  const { digest, key } = signature;
  const scheme = signatureScheme(signature);
  const { bits: keyBits, curve } = key;
  const question: AlgorithmQuestion = { kind: 'signature', scheme, digest, keyBits, curve };
  return [
    ...algorithmEnd(askProfile(rules.profile, question), {
      kind: 'signature-algorithm',
      name: `${scheme} ${curve ?? keyBits}`,
    }),
    ...(digest
      ? algorithmEnd(askProfile(rules.profile, { kind: 'digest', digest }), {
          kind: 'digest-algorithm',
          name: digest,
        })
      : []),
  ];
}

/**
 * Every known end of an evidence record or archive timestamp, earliest first: of the newest token's chain, its
 * algorithms, the current chain's tree hash (absent for a bare token) and known revocations. What an
 * archive timestamp covers no longer counts (design, "proof horizon").
 */
export function horizonEnds(
  token: HorizonToken,
  treeHash: DigestAlgorithm | undefined,
  rules: HorizonRules,
): readonly HorizonEnd[] {
  const digestEnds = (
    kind: 'digest-algorithm' | 'tree-hash',
    digest: DigestAlgorithm | undefined,
  ): HorizonEnd[] =>
    digest === undefined
      ? []
      : algorithmEnd(askProfile(rules.profile, { kind: 'digest', digest }), { kind, name: digest });
  const candidates: HorizonEnd[] = [
    ...certificateEnds(token, rules),
    ...[token.signature, ...token.chain.flatMap(({ signature }) => signature ?? [])].flatMap(
      (signature) => signatureEnds(signature, rules),
    ),
    ...digestEnds('digest-algorithm', token.certificateDigest),
    ...digestEnds('digest-algorithm', token.imprintAlgorithm),
    ...digestEnds('tree-hash', treeHash),
  ];
  // Equal ends: the tree hash is named first, because it alone asks for a hash-tree renewal; then a
  // digest, which ends the signatures over it as well.
  const first: readonly HorizonElement['kind'][] = ['tree-hash', 'digest-algorithm'];
  const rank = ({ element }: HorizonEnd): number =>
    first.indexOf(element.kind) + 1 || first.length + 1;
  return candidates.toSorted((a, b) => Temporal.Instant.compare(a.at, b.at) || rank(a) - rank(b));
}

/** The first of the ends, with the element that decides. */
export function proofHorizon(
  token: HorizonToken,
  treeHash: DigestAlgorithm | undefined,
  rules: HorizonRules,
): ProofHorizon {
  const [first] = horizonEnds(token, treeHash, rules);
  return first ?? { at: undefined, element: { kind: 'no-end', name: '' } };
}

/** The later of two horizons: of a document, the latest among its independent records. */
export function laterHorizon(a: ProofHorizon, b: ProofHorizon): ProofHorizon {
  if (a.at === undefined) return a;
  if (b.at === undefined) return b;
  return Temporal.Instant.compare(a.at, b.at) >= 0 ? a : b;
}
