// The configuration file read: notation, keys, relations, then frozen settings. Of the files that it names, algorithm
// policies are read here; others are opened at the start.
import path from 'node:path';
import type { ConfigProblem } from '#shared/errors.ts';
import { bundledPolicies } from '#shared/policy/bundled.ts';
import type { AlgorithmProfile } from '#shared/policy/algorithm-policy.ts';
import { parseYamlConfig, type YamlConfig } from '#shared/yaml-config.ts';
import { type ReadFile, readNoFile, resolveAlgorithms } from '#shared/yaml-config/algorithms.ts';
import { oversightOf, settingsOf, withoutDisabled } from './config-approvals.ts';
import { checkRelations } from './config-relations.ts';
import { tsaConfigSchema, type TsaConfigFile } from './config-schema.ts';
import type { HttpProviderConfig, Profile, ProviderConfig, TsaConfig } from './config.ts';

function freeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(freeze);
  }
  return value;
}

type HttpProviderFile = Extract<TsaConfigFile['providers'][string], { type: 'http' }>;

function authOf(
  auth: HttpProviderFile['auth'],
  resolve: (file: string) => string,
): HttpProviderConfig['auth'] {
  switch (auth.type) {
    case 'none':
      return { kind: 'none' };
    case 'basic':
      return { kind: 'basic', user: auth.user, passwordFile: resolve(auth.passwordFile) };
    case 'bearer':
      return { kind: 'bearer', tokenFile: resolve(auth.tokenFile) };
    case 'certificate': {
      const { certificate, key } = auth;
      return { kind: 'certificate', certificate: resolve(certificate), key: resolve(key) };
    }
  }
}

function providerOf(
  name: string,
  file: TsaConfigFile['providers'][string],
  resolve: (file: string) => string,
): ProviderConfig {
  if (file.type === 'local') {
    const { type: kind, ...settings } = settingsOf(file);
    const { keyPasswordFile: password } = file;
    const keyPasswordFile = password === undefined ? undefined : resolve(password);
    return { kind, name, ...settings, keyPasswordFile, price: file.price };
  }
  const { type: kind, auth, ...settings } = settingsOf(file);
  return {
    kind,
    name,
    ...settings,
    auth: authOf(auth, resolve),
    tls: { ...file.tls, authorities: file.tls.authorities.map(resolve) },
    limits: { rate: file.limits.rate, tokensPerDay: file.limits.tokensPerDay },
    anchors: file.anchors.map(resolve),
    crls: file.crls.map((one) => (/^https?:/.test(one) ? one : resolve(one))),
    price: file.price,
  };
}

/** As long as nobody is told apart, everybody may ask. */
function isOpen(file: TsaConfigFile): boolean {
  return file.listeners.length === 0 && Object.keys(file.clients).length === 0;
}

/** What tokens are judged by; problems in what it is made of are told whether it is used or not. */
function algorithmPolicyOf(
  at: YamlConfig<TsaConfigFile>,
  problems: ConfigProblem[],
  files: Parameters<typeof resolveAlgorithms>[4],
): AlgorithmProfile | undefined {
  const { algorithmPolicy, algorithms } = at.value;
  const isOff = algorithmPolicy === 'none';
  const chosen = {
    profile: isOff ? bundledPolicies.defaultProfile : algorithmPolicy,
    key: ['algorithmPolicy'],
  };
  const { profile } = resolveAlgorithms(algorithms, chosen, at, problems, files);
  return isOff ? undefined : profile;
}

/**
 * Settings from the text of a YAML file; paths in it count from the file's folder. `readFile` gives the octets of
 * policy files that it names.
 * @throws ConfigError ERR_CONFIG_INVALID with every problem: line, key, what is wrong
 */
export function parseTsaConfig(
  text: string,
  options: { readonly fileName: string; readonly readFile?: ReadFile },
): TsaConfig {
  const { fileName, readFile = readNoFile } = options;
  const at = parseYamlConfig(text, tsaConfigSchema, fileName);
  const { value: whole, problem, fail } = at;
  const file = withoutDisabled(whole);
  const resolve = (one: string): string => path.resolve(path.dirname(fileName), one);
  const problems = checkRelations(whole).map(({ path: key, message }) => problem(key, message));
  const algorithmPolicy = algorithmPolicyOf(at, problems, { absolute: resolve, readFile });
  if (problems.length > 0) throw fail(problems);
  const profiles = Object.entries(file.profiles).map(([name, profile]): [string, Profile] => [
    name,
    { name, ...profile },
  ]);
  const stateDir = resolve(file.stateDir);
  return freeze({
    listen: { ...file.listen, anonymous: file.listen.anonymous ?? isOpen(whole) },
    trustedProxies: file.trustedProxies,
    listeners: file.listeners.map((one) => ({
      ...one,
      certificate: resolve(one.certificate),
      key: resolve(one.key),
      clientAuthorities: one.clientAuthorities.map(resolve),
      clientCrls: one.clientCrls.map(resolve),
    })),
    clients: Object.entries(file.clients).map(([name, client]) => ({
      name,
      ...settingsOf(client),
      profiles: client.profiles ?? [file.defaultProfile],
      requestsPerMinute: client.requestsPerMinute,
      tokensPerDay: client.tokensPerDay,
    })),
    credentialsFile: file.credentialsFile
      ? resolve(file.credentialsFile)
      : path.join(stateDir, 'clients.json'),
    bodyLimitBytes: file.bodyLimitBytes,
    deadlineMs: file.deadlineMs,
    stateDir,
    journalDir: file.journalDir ? resolve(file.journalDir) : path.join(stateDir, 'journal'),
    audit: {
      dir: file.audit.dir ? resolve(file.audit.dir) : path.join(stateDir, 'audit'),
      stampProfile: file.audit.stamp ? (file.audit.stampProfile ?? file.defaultProfile) : undefined,
      maxFileBytes: file.audit.maxFileBytes,
      keepDays: file.audit.keepDays,
      seenFile: file.audit.seenFile && resolve(file.audit.seenFile),
    },
    evidence: { ...file.evidence, enabled: file.evidence.enabled ?? file.database === undefined },
    database: file.database && {
      ...file.database,
      passwordFile: file.database.passwordFile && resolve(file.database.passwordFile),
      tls: { ...file.database.tls, authorities: file.database.tls.authorities.map(resolve) },
    },
    timeZone: file.timeZone,
    budgets: file.budgets,
    algorithmPolicy,
    defaultProfile: file.defaultProfile,
    profiles: Object.fromEntries(profiles),
    providers: Object.fromEntries(
      Object.entries(file.providers).map(([name, one]) => [name, providerOf(name, one, resolve)]),
    ),
    oversight: oversightOf(whole),
  });
}
