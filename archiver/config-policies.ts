// Algorithm rules of the configuration: bundled policies, DSSC files of the operator (their signatures
// verified), own combinations of both, and overrides.
import { ConfigError, type ConfigProblem } from '#shared/errors.ts';
import {
  type AlgorithmOverride,
  type AlgorithmPolicy,
  type AlgorithmProfile,
  type PolicyFile,
  selectProfile,
} from '#shared/policy/algorithm-policy.ts';
import { bundledPolicies } from '#shared/policy/bundled.ts';
import { parseDssc } from '#shared/policy/dssc.ts';
import {
  type Certificate,
  parseCertificate,
  parsePemCertificates,
} from '#shared/x509/certificate.ts';
import { parseXml } from '#shared/xml/parse.ts';
import { verifyEnveloped } from '#shared/xmldsig/enveloped.ts';
import type { YamlConfig } from '#shared/yaml-config.ts';
import type { ArchiverSettings } from './config-schema.ts';

/** A policy file with what there is to say about it. */
export type PolicyFileReading = {
  readonly policy: AlgorithmPolicy;
  readonly warnings: readonly string[];
  /** Whose key signed it; `undefined`: it is not signed. */
  readonly signer: Certificate | undefined;
};

/** Octets of a file by its absolute path. */
export type ReadFile = (file: string) => Uint8Array;

/**
 * A DSSC file. A signature that it carries has to hold; where `signedBy` is given, there has to be one,
 * by one of those.
 * @throws ConfigError ERR_CONFIG_INVALID: not so signed; FormatError, UnsupportedError: no such file
 */
export function readPolicyFile(
  octets: Uint8Array,
  id?: string,
  signedBy?: readonly Certificate[],
): PolicyFileReading {
  const reading = parseDssc(octets, id);
  const verdict = verifyEnveloped(parseXml(octets), signedBy);
  const refused = (reason: string): ConfigError =>
    new ConfigError('ERR_CONFIG_INVALID', `signature of the policy: ${reason}`);
  if (verdict.kind === 'broken') throw refused(verdict.reason);
  if (verdict.kind === 'signed') return { ...reading, signer: verdict.signer };
  if (signedBy) throw refused('there is none');
  return { ...reading, signer: undefined };
}

/** Certificates of a PEM file, or the one of a DER file. @throws FormatError */
export function certificatesOf(octets: Uint8Array): readonly Certificate[] {
  return octets[0] === 0x30
    ? [parseCertificate(octets)]
    : parsePemCertificates(Buffer.from(octets).toString('latin1'));
}

/** What a caller gives where files cannot be read: then none may be named. */
export const readNoFile: ReadFile = () => {
  throw new ConfigError('ERR_CONFIG_INVALID', 'no files are read here');
};

function overridesOf({ algorithms }: ArchiverSettings): AlgorithmOverride[] {
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

/** Policies and the profile in force. Problems name line and key; `absolute` completes file names. */
export function resolveAlgorithms(
  settings: ArchiverSettings,
  at: YamlConfig<unknown>,
  problems: ConfigProblem[],
  files: { readonly absolute: (file: string) => string; readonly readFile: ReadFile },
): AlgorithmRules {
  const attempt = <T>(key: readonly (string | number)[], work: () => T): T | undefined => {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      problems.push(at.problem(key, error.message));
      return undefined;
    }
  };
  const { algorithms } = settings;
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
  const all: PolicyFile = { ...bundledPolicies, policies, profiles };
  return {
    policies: all,
    profile: attempt(['algorithms', 'profile'], () =>
      selectProfile(all, algorithms.profile, overridesOf(settings)),
    ),
  };
}
