// `tokiwa policy show|export|import`: the algorithm policies that there are, and DSSC files (RFC 5698) of
// them out and in. Taking one into force is a line of the configuration; `policy diff` says what it moves.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { readBoundedFile } from '#shared/io/bounded-file.ts';
import { ConfigError } from '#shared/errors.ts';
import { createFile, systemErrorCode } from '#shared/io/durable-file.ts';
import type { AlgorithmPolicy, PolicyFile } from '#shared/policy/algorithm-policy.ts';
import { bundledPolicies } from '#shared/policy/bundled.ts';
import { buildDssc } from '#shared/policy/dssc-write.ts';
import { nameOf } from '#shared/policy/dssc-names.ts';
import { printable } from '#shared/printable.ts';
import { isBefore } from '#shared/time.ts';
import { certificatesOf, readPolicyFile } from '#shared/trust/policy-file.ts';
import { signEnveloped, type EnvelopedSigner } from '#shared/xmldsig/sign-enveloped.ts';
import { makeFolder } from '#shared/io/make-folder.ts';
import { loadPolicySigner } from '../adapters/policy-signer.ts';
import { defaultConfigFile, loadConfig, systemClock } from './context.ts';

type ConfigOption = { readonly config?: string };

/** Those of the configuration; where there is none yet, the bundled ones. */
async function knownPolicies({ config }: ConfigOption): Promise<PolicyFile> {
  const file = config ?? defaultConfigFile();
  return config === undefined && !existsSync(file)
    ? bundledPolicies
    : (await loadConfig(config)).policies;
}

function policyOf({ policies }: PolicyFile, id: string): AlgorithmPolicy {
  const policy = policies.find((one) => one.id === id);
  if (policy) return policy;
  const known = policies.map((one) => one.id).join(', ');
  throw new ConfigError('ERR_CONFIG_USAGE', `no policy ${id}; there are: ${known}`);
}

/** One line an evaluation: algorithm, parameters, uses, end, source. */
function renderPolicy(policy: AlgorithmPolicy): string {
  const { id, title, publisher, version, policyIssueDate, confidence } = policy;
  const lines = [
    `${id}: ${title.en}`,
    `  ${title.ja}`,
    `  ${publisher}, ${version}, issued ${policyIssueDate ?? 'on an unknown day'}, ${confidence}`,
  ];
  for (const algorithm of [
    ...policy.hashAlgorithms,
    ...policy.signatureAlgorithms,
    ...policy.curves,
  ])
    for (const row of algorithm.evaluations) {
      const parameters = (row.parameters ?? []).map(
        ({ name, min, max }) => ` ${name} ${min ?? ''}–${max ?? ''}`,
      );
      const start = row.startInclusive === undefined ? '' : ` from ${row.startInclusive}`;
      const end = row.endExclusive === null ? 'no end announced' : `ends ${row.endExclusive}`;
      const uses = row.uses.join(' and ') || 'no use that is known';
      lines.push(
        `  ${nameOf(algorithm)}${parameters.join(',')}: ${uses}${start}, ${end} (${row.source}, ${row.confidence})`,
      );
    }
  return `${lines.join('\n')}\n`;
}

function renderList({ policies, profiles, defaultProfile }: PolicyFile): string {
  return [
    'policies:',
    ...policies.map(({ id, title }) => `  ${id}: ${title.en}`),
    'profiles, the earliest end of their policies:',
    ...profiles.map(
      (profile) =>
        `  ${profile.id}${profile.id === defaultProfile ? ' (default)' : ''}: ${profile.policies.join(', ')}`,
    ),
    '',
  ].join('\n');
}

/** Makes a file whole or not at all, and its folder; one that is there stays as it is: rules in force may stand in it. */
async function storeNew(file: string, octets: Uint8Array): Promise<void> {
  try {
    await makeFolder(path.dirname(path.resolve(file)));
    if (!(await createFile(file, octets)))
      throw new ConfigError('ERR_CONFIG_USAGE', `${file} is there already`);
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === undefined) throw error;
    throw new ConfigError('ERR_CONFIG_USAGE', `${file} cannot be written (${code})`, {
      cause: error,
    });
  }
}

/** Without an id: what there is. */
export async function showPolicies(
  id: string | undefined,
  options: ConfigOption & { readonly json?: boolean },
): Promise<void> {
  const known = await knownPolicies(options);
  const value = id === undefined ? known : policyOf(known, id);
  const text = 'policies' in value ? renderList(value) : renderPolicy(value);
  process.stdout.write(options.json ? `${JSON.stringify(value, undefined, 2)}\n` : text);
}

type ExportOptions = ConfigOption & {
  readonly output?: string;
  readonly signKey?: string;
  readonly signCertificate?: string;
  readonly keyPasswordFile?: string;
};

/** Whose signature an exported policy carries; `undefined`: none was asked for. */
async function signerOf(options: ExportOptions): Promise<EnvelopedSigner | undefined> {
  const { signKey: key, signCertificate: certificate, keyPasswordFile: passwordFile } = options;
  if (key === undefined && certificate === undefined) return undefined;
  if (key === undefined || certificate === undefined)
    throw new ConfigError('ERR_CONFIG_USAGE', '--sign-key and --sign-certificate go together');
  return loadPolicySigner({ key, certificate, passwordFile });
}

export async function exportPolicy(id: string, options: ExportOptions): Promise<void> {
  const known = await knownPolicies(options);
  const policy = buildDssc(policyOf(known, id), known.asOf);
  const signer = await signerOf(options);
  const octets = signer ? signEnveloped(policy, signer) : policy;
  if (options.output === undefined) process.stdout.write(octets);
  else await storeNew(options.output, octets);
}

/** Reads and verifies a file, keeps it beside the configuration, and says what to write there. */
export async function importPolicy(
  file: string,
  options: ConfigOption & { readonly id?: string; readonly signedBy: readonly string[] },
): Promise<void> {
  const { signedBy } = options;
  const octets = readBoundedFile(file);
  const signers = signedBy.flatMap((one) => certificatesOf(readBoundedFile(one)));
  const isPinned = signedBy.length > 0;
  const { policy, warnings, signer } = readPolicyFile(
    octets,
    options.id,
    isPinned ? signers : undefined,
  );
  if (!/^[A-Za-z][A-Za-z0-9._-]{0,63}$/.test(policy.id))
    throw new ConfigError('ERR_CONFIG_USAGE', 'the policy has no short name: give one with --id');
  const { nextUpdate } = policy;
  if (nextUpdate !== undefined && isBefore(Temporal.Instant.from(nextUpdate), systemClock().now()))
    process.stderr.write(`warning: its next edition was due on ${nextUpdate}\n`);
  for (const warning of warnings) process.stderr.write(`warning: ${printable(warning)}\n`);
  const kept = path.join('policies', `${policy.id}.xml`);
  const folder = path.dirname(path.resolve(options.config ?? defaultConfigFile()));
  await storeNew(path.join(folder, kept), octets);
  const algorithms = policy.hashAlgorithms.length + policy.signatureAlgorithms.length;
  const by = signer
    ? `signed by ${signer.subject.text}${isPinned ? '' : ', whom nothing here vouches for'}`
    : 'not signed';
  const signedByLine = isPinned
    ? `, signedBy: ${JSON.stringify(signedBy.map((one) => path.resolve(one)))}`
    : '';
  process.stdout.write(
    `${policy.title.en}: ${algorithms} algorithms, ${warnings.length} warnings, ${by}
It is not in force yet. In the configuration:
  algorithms:
    policies: [{ id: ${policy.id}, file: ${JSON.stringify(kept)}${signedByLine} }]
    profiles: [{ id: my-rules, policies: [${policy.id}] }]
    profile: my-rules
What that would move: tokiwa policy diff NEW-CONFIGURATION
`,
  );
}
