// Until when an algorithm policy accepts what the local unit signs with (guideline 5.2, 6.12 B: new material
// under algorithms that hold through the life of their certificate). Pure; what follows is authority-plan.ts.
import { ConfigError } from '#shared/errors.ts';
import {
  acceptableAt,
  askProfile,
  type AlgorithmAnswer,
  type AlgorithmProfile,
  type AlgorithmQuestion,
  type SignatureScheme,
} from '#shared/policy/algorithm-policy.ts';
import { isBefore } from '#shared/time.ts';
import type { LocalKeyKind, LocalProviderConfig } from '../config/config.ts';

/** What bounds the unit's certificates; `end` absent: no end is announced. */
export type KeyTerms = {
  /** First instant at which it is not acceptable. */
  readonly end: Temporal.Instant | undefined;
  /** What ends, such as `ECDSA P-256`. */
  readonly algorithm: string;
  readonly policy: string;
  readonly source: string;
};

type KeyFacts = {
  readonly scheme: SignatureScheme;
  /** As shared/crypto/public-key.ts measures keys. */
  readonly keyBits: number;
  readonly curve?: string;
};

const keyFacts: Readonly<Record<LocalKeyKind, KeyFacts>> = {
  'P-256': { scheme: 'ECDSA', keyBits: 256, curve: 'P-256' },
  'P-384': { scheme: 'ECDSA', keyBits: 384, curve: 'P-384' },
  'RSA-3072': { scheme: 'RSASSA-PKCS1-v1_5', keyBits: 3072 },
  'RSA-4096': { scheme: 'RSASSA-PKCS1-v1_5', keyBits: 4096 },
  Ed25519: { scheme: 'EdDSA', keyBits: 256 },
  'ML-DSA-44': { scheme: 'ML-DSA', keyBits: 1312 * 8 },
  'ML-DSA-65': { scheme: 'ML-DSA', keyBits: 1952 * 8 },
  'ML-DSA-87': { scheme: 'ML-DSA', keyBits: 2592 * 8 },
};

type SignedWith = Pick<LocalProviderConfig, 'name' | 'key' | 'signatureDigest'>;

/** Schemes of their own hash inside; the digest is that of the message then. */
function questionsOf({ key, signatureDigest }: SignedWith): [string, AlgorithmQuestion][] {
  const facts = keyFacts[key];
  const hashes = facts.scheme !== 'EdDSA' && facts.scheme !== 'ML-DSA';
  return [
    [
      `${facts.scheme} ${key}`,
      { kind: 'signature', ...facts, ...(hashes && { digest: signatureDigest }) },
    ],
    [signatureDigest, { kind: 'digest', digest: signatureDigest }],
  ];
}

function refusal({ name, key }: SignedWith, algorithm: string, answer: AlgorithmAnswer): Error {
  const ended = answer.kind === 'listed' && answer.endExclusive;
  const why = ended ? `accepts it until ${ended.toString()}` : 'does not accept it';
  return new ConfigError(
    'ERR_CONFIG_INVALID',
    `provider "${name}" cannot sign with ${key}: of ${algorithm} the policy ${answer.policy} ${why}; choose another key or signatureDigest`,
  );
}

/**
 * The earliest end among the unit's signature scheme and digest: for making new signatures, and for what the
 * profile is asked otherwise.
 * @throws ConfigError ERR_CONFIG_INVALID: not acceptable at `at`
 */
export function keyTerms(
  profile: AlgorithmProfile,
  config: SignedWith,
  at: Temporal.Instant,
): KeyTerms {
  const terms: KeyTerms[] = [];
  for (const [algorithm, question] of questionsOf(config))
    for (const use of new Set(['new', profile.uses] as const)) {
      const answer = askProfile(profile, question, use);
      if (answer.kind === 'absent' || !acceptableAt(answer, at))
        throw refusal(config, algorithm, answer);
      const { endExclusive: end, policy, source } = answer;
      terms.push({ end, algorithm, policy, source });
    }
  const isEarlier = ({ end }: KeyTerms, than: KeyTerms): boolean =>
    end !== undefined && (than.end === undefined || isBefore(end, than.end));
  return terms.reduce((first, one) => (isEarlier(one, first) ? one : first));
}
