// Algorithm rules in a configuration file, the same for both programs: DSSC files of the operator, combinations of
// them with bundled policies, and overrides.
import { z } from 'zod';
import { digestAlgorithms } from '#shared/crypto/digest.ts';
import { ConfigError, type ConfigProblem } from '#shared/errors.ts';
import {
  type AlgorithmOverride,
  type AlgorithmProfile,
  type PolicyFile,
  selectProfile,
  signatureSchemes,
} from '#shared/policy/algorithm-policy.ts';
import { bundledPolicies } from '#shared/policy/bundled.ts';
import { certificatesOf, readPolicyFile } from '#shared/trust/policy-file.ts';
import type { KeyPath, YamlConfig } from '#shared/yaml-config.ts';

/** Keys under `algorithms`. */
export const algorithmSettings = z.strictObject({
  policies: z
    .array(
      z.strictObject({
        id: z
          .string()
          .regex(/^[A-Za-z][A-Za-z0-9._-]{0,63}$/)
          .describe('Name of the policy, in profiles and reports.'),
        file: z.string().describe('DSSC file (RFC 5698, XML).'),
        signedBy: z
          .array(z.string())
          .default([])
          .describe(
            'PEM or DER files of certificates: the policy has to be signed by the key of one of them.',
          ),
      }),
    )
    .default([]),
  profiles: z
    .array(
      z.strictObject({
        id: z
          .string()
          .regex(/^[A-Za-z][A-Za-z0-9._-]{0,63}$/)
          .describe('Name of the combination, for `profile`.'),
        uses: z
          .enum(['new', 'verify'])
          .default('new')
          .describe(
            'Which use has to be allowed: making new evidence, or accepting it without an older proof.',
          ),
        policies: z
          .array(z.string())
          .min(1)
          .describe('Ids of bundled policies and of those above; the earliest end wins.'),
        fallback: z
          .string()
          .optional()
          .describe('The one of them that answers for algorithms that another does not list.'),
      }),
    )
    .default([]),
  overrides: z
    .array(
      z.strictObject({
        algorithm: z.string().describe('A digest (`SHA-256`), a scheme (`ECDSA`) or `RSA`.'),
        minimumBits: z.number().int().optional().describe('Only keys below this size.'),
        endExclusive: z.iso.date().describe('First day on which it is not acceptable.'),
        source: z.string().default('operator').describe('Who says so; shown in reports.'),
      }),
    )
    .default([]),
});

export type AlgorithmSettings = z.infer<typeof algorithmSettings>;

/** Octets of a file by its absolute path. */
export type ReadFile = (file: string) => Uint8Array;

/** What a caller gives where files cannot be read: then none may be named. */
export const readNoFile: ReadFile = () => {
  throw new ConfigError('ERR_CONFIG_INVALID', 'no files are read here');
};

function overridesOf(algorithms: AlgorithmSettings): AlgorithmOverride[] {
  return algorithms.overrides.map((override) => ({
    algorithm: override.algorithm,
    minimumBits: override.minimumBits,
    endExclusive: Temporal.PlainDate.from(override.endExclusive).toZonedDateTime('UTC').toInstant(),
    source: override.source,
  }));
}

/** Ids stand in reports and in profiles: one means one. */
function requireNew(id: string, known: readonly { readonly id: string }[], what: string): void {
  if (known.some((one) => one.id === id))
    throw new ConfigError('ERR_CONFIG_INVALID', `there is a ${what} ${id} already`);
}

export type AlgorithmRules = {
  /** Bundled policies and profiles with those of the operator. */
  readonly policies: PolicyFile;
  readonly profile: AlgorithmProfile | undefined;
};

/** What an override may name: a misspelt one would silently end nothing. */
const overridable: ReadonlySet<string> = new Set([...digestAlgorithms, ...signatureSchemes, 'RSA']);

function requireKnown(algorithm: string): void {
  if (!overridable.has(algorithm))
    throw new ConfigError(
      'ERR_CONFIG_INVALID',
      `no algorithm ${algorithm}; there are: ${[...overridable].join(', ')}`,
    );
}

/**
 * Policies, and the profile that `chosen` names at its own key. Problems name line and key; `absolute` completes
 * file names.
 */
export function resolveAlgorithms(
  algorithms: AlgorithmSettings,
  chosen: { readonly profile: string; readonly key: KeyPath },
  at: YamlConfig<unknown>,
  problems: ConfigProblem[],
  files: { readonly absolute: (file: string) => string; readonly readFile: ReadFile },
): AlgorithmRules {
  const attempt = <T>(key: KeyPath, work: () => T): T | undefined => {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      problems.push(at.problem(key, error.message));
      return undefined;
    }
  };
  const { absolute, readFile } = files;
  const policies = [...bundledPolicies.policies];
  for (const [index, { id, file, signedBy }] of algorithms.policies.entries())
    attempt(['algorithms', 'policies', index], () => {
      requireNew(id, policies, 'policy');
      const signers = signedBy.flatMap((one) => certificatesOf(readFile(absolute(one))));
      const isPinned = signedBy.length > 0;
      const reading = readPolicyFile(readFile(absolute(file)), id, isPinned ? signers : undefined);
      policies.push(reading.policy);
    });
  const profiles = [...bundledPolicies.profiles];
  for (const [index, { id, uses, policies: named, fallback }] of algorithms.profiles.entries())
    attempt(['algorithms', 'profiles', index], () => {
      requireNew(id, profiles, 'profile');
      if (fallback !== undefined && !named.includes(fallback))
        throw new ConfigError('ERR_CONFIG_INVALID', `fallback ${fallback} is none of its policies`);
      profiles.push({ id, uses, policies: named, ...(fallback !== undefined && { fallback }) });
    });
  for (const [index, { algorithm }] of algorithms.overrides.entries())
    attempt(['algorithms', 'overrides', index, 'algorithm'], () => {
      requireKnown(algorithm);
    });
  const all: PolicyFile = { ...bundledPolicies, policies, profiles };
  return {
    policies: all,
    profile: attempt(chosen.key, () => selectProfile(all, chosen.profile, overridesOf(algorithms))),
  };
}
