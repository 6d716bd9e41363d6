// Settings of the archiver: stores, trust, rules and schedule, checked together and frozen.
import path from 'node:path';
import type { Contacts } from '#shared/contacts.ts';
import { isDigestAlgorithm, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import type { ConfigProblem } from '#shared/errors.ts';
import type { AccreditationRules } from '#shared/policy/accreditation.ts';
import type { AlgorithmProfile, PolicyFile } from '#shared/policy/algorithm-policy.ts';
import { bundledPresets } from '#shared/policy/bundled.ts';
import { selectPreset, type RetentionPreset } from '#shared/policy/retention-rule.ts';
import { parseYamlConfig, type YamlConfig } from '#shared/yaml-config.ts';
import { type ReadFile, readNoFile, resolveAlgorithms } from '#shared/yaml-config/algorithms.ts';
import { resolveAccreditation } from './config-accreditation.ts';
import { checkAddresses } from './config-addresses.ts';
import {
  type SignerSources,
  checkLicences,
  resolveAssessments,
  resolveSigners,
} from './config-signers.ts';
import type { ProviderAssessment, SignerProofs } from './signers.ts';
import { type ArchiverSettings, archiverSettings } from './config-schema.ts';

/** A retention rule with its preset resolved; `match` is a regular expression on the key. */
export type RetentionRule = {
  readonly name: string;
  readonly match: RegExp;
  readonly preset: RetentionPreset;
  /** Whether the signing or modified time may stand in for the start; shown as estimated. */
  readonly fallback: 'signing-time' | 'modified-time' | undefined;
  /** Evidence beside the document, archive timestamps in it, or both. */
  readonly renewal: ArchiverSettings['retention']['rules'][number]['renewal'];
  readonly protectWithinHours: number;
  /** Licences, one of which a signer has to show; none: nobody asks. */
  readonly requires: readonly string[];
};

export type StoreConfig = ArchiverSettings['stores'][number];

/** Everything the archiver is told; paths are absolute. */
export type ArchiverConfig = {
  readonly fileName: string;
  readonly state: string;
  readonly stores: readonly StoreConfig[];
  readonly evidence: StoreConfig;
  /** Set once the archive exists: a run that finds another id stops before it buys. */
  readonly archiveId: string | undefined;
  readonly tsa: Omit<ArchiverSettings['tsa'], 'anchors' | 'crls'> & {
    readonly anchors: readonly string[];
    readonly crls: readonly string[];
  };
  /** Anchors each document a second time; its trust anchors are other ones than the first's. */
  readonly secondTsa: Omit<ArchiverConfig['tsa'], 'local'> | undefined;
  readonly signers: SignerSources;
  readonly assessments: readonly ProviderAssessment[];
  readonly trustedLists: ArchiverSettings['trustedLists'];
  readonly status: ArchiverSettings['status'];
  /** Bundled algorithm policies and profiles with those of the operator. */
  readonly policies: PolicyFile;
  readonly profile: AlgorithmProfile;
  readonly digestAlgorithm: DigestAlgorithm;
  readonly nextDigestAlgorithm: DigestAlgorithm;
  readonly leadTime: Temporal.Duration;
  readonly timeZone: string;
  readonly rules: readonly RetentionRule[];
  readonly accreditation: AccreditationRules;
  /** By fingerprint of an anchor: the first instant at which it is trusted no longer. */
  readonly anchorEnds: ReadonlyMap<string, Temporal.Instant>;
  /** Ends of names by which an object belongs to a document, proofs among them. */
  readonly detachedSuffixes: readonly string[];
  /** Of those, the ones of proofs beside a document. */
  readonly proofs: SignerProofs;
  readonly ceiling: ArchiverSettings['ceiling'];
  readonly fixityDays: number;
  readonly inspectLimitBytes: number;
  readonly maxLeaves: number;
  readonly joinBatches: number;
  readonly blind: boolean;
  readonly xmlRecords: boolean;
  readonly schedule: ArchiverSettings['schedule'];
  readonly web: ArchiverSettings['web'];
  readonly intake: ArchiverSettings['intake'];
  readonly contacts: Contacts;
  readonly webhook: ArchiverSettings['webhook'];
};

/** Presets that `tokiwa retention set` and sidecars may name without a rule of their own. */
export function presetOf(config: Pick<ArchiverConfig, 'rules'>, id: string): RetentionPreset {
  // A rule that set the operator's own dates or years for the preset decides.
  const ruled = config.rules.find((rule) => rule.preset.id === id);
  return ruled?.preset ?? selectPreset(bundledPresets, id);
}

function collect(
  problems: ConfigProblem[],
  at: YamlConfig<unknown>,
  key: readonly (string | number)[],
  work: () => void,
): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    problems.push(at.problem(key, error.message));
  }
}

function resolveRules(
  settings: ArchiverSettings,
  at: YamlConfig<unknown>,
  problems: ConfigProblem[],
): RetentionRule[] {
  return settings.retention.rules.flatMap((rule, index) => {
    const rules: RetentionRule[] = [];
    collect(problems, at, ['retention', 'rules', index], () => {
      rules.push({
        name: rule.name ?? rule.preset,
        match: new RegExp(rule.match, 'u'),
        preset: selectPreset(bundledPresets, rule.preset, { dates: rule.dates, years: rule.years }),
        fallback: rule.fallback,
        renewal: rule.renewal,
        protectWithinHours: rule.protectWithinHours,
        requires: rule.requires,
      });
    });
    return rules;
  });
}

function digestAt(
  name: string,
  key: readonly string[],
  at: YamlConfig<unknown>,
  problems: ConfigProblem[],
): DigestAlgorithm {
  if (isDigestAlgorithm(name)) return name;
  problems.push(at.problem(key, `unknown digest algorithm ${name}`));
  return 'SHA-256';
}

/**
 * Configuration from the text of a YAML file; relative paths count from the file's folder. `readFile` gives
 * the octets of policy files that it names.
 * @throws ConfigError ERR_CONFIG_INVALID with every problem, each with line and key
 */
export function parseArchiverConfig(
  text: string,
  fileName: string,
  readFile: ReadFile = readNoFile,
): ArchiverConfig {
  const at = parseYamlConfig(text, archiverSettings, fileName);
  const settings = at.value;
  const problems: ConfigProblem[] = [];
  const base = path.dirname(path.resolve(fileName));
  const absolute = (file: string): string => path.resolve(base, file);
  const located = (source: string): string => (/^https?:/.test(source) ? source : absolute(source));
  const store = (entry: StoreConfig): StoreConfig =>
    entry.kind === 'folder' ? { ...entry, path: absolute(entry.path) } : entry;

  const names = new Set<string>();
  settings.stores.forEach((entry, index) => {
    if (names.has(entry.name))
      problems.push(at.problem(['stores', index, 'name'], `store ${entry.name} is named twice`));
    names.add(entry.name);
  });
  const digestAlgorithm = digestAt(settings.digestAlgorithm, ['digestAlgorithm'], at, problems);
  const nextDigestAlgorithm = digestAt(
    settings.nextDigestAlgorithm,
    ['nextDigestAlgorithm'],
    at,
    problems,
  );
  const rules = resolveRules(settings, at, problems);
  const accreditation = resolveAccreditation(settings, at, problems);
  const assessments = resolveAssessments(settings, at, problems);
  checkLicences(settings, at, problems);
  checkAddresses(settings, at, problems);
  const { profile, policies } = resolveAlgorithms(
    settings.algorithms,
    { profile: settings.algorithms.profile, key: ['algorithms', 'profile'] },
    at,
    problems,
    { absolute, readFile },
  );
  const { proofs } = settings.signers;
  const state = absolute(settings.state);
  const evidence = store(
    settings.evidence ?? {
      kind: 'folder',
      name: 'evidence',
      path: path.join(state, 'evidence'),
      prefix: '',
    },
  );
  for (const entry of settings.stores) {
    // The evidence store is never scanned as documents (design §4).
    if (entry.kind === 'folder' && evidence.kind === 'folder') {
      const relative = path.relative(absolute(entry.path), evidence.path);
      if (relative === '' || (!relative.startsWith('..') && !path.isAbsolute(relative))) {
        problems.push(
          at.problem(
            ['evidence'],
            `the evidence store lies inside the document store ${entry.name}`,
          ),
        );
      }
    }
    if (
      entry.kind === 's3' &&
      evidence.kind === 's3' &&
      entry.bucket === evidence.bucket &&
      entry.endpoint === evidence.endpoint
    ) {
      problems.push(
        at.problem(
          ['evidence', 'bucket'],
          `the evidence store needs a bucket of its own, not that of ${entry.name}`,
        ),
      );
    }
  }
  const { secondTsa } = settings;
  if (secondTsa?.url === settings.tsa.url)
    problems.push(
      at.problem(
        ['secondTsa', 'url'],
        'the second TSA is the first: two tokens of one TSA count once',
      ),
    );
  if (secondTsa?.price && settings.tsa.price?.currency !== secondTsa.price.currency)
    problems.push(
      at.problem(['secondTsa', 'price'], 'both TSAs need a price in the same currency, or none'),
    );
  const { intake } = settings;
  if (intake?.store !== undefined && !settings.stores.some(({ name }) => name === intake.store))
    problems.push(at.problem(['intake', 'store'], `there is no store ${intake.store}`));
  if (intake?.digests && settings.blind)
    problems.push(
      at.problem(['intake', 'digests'], 'an owner cannot verify a record with a blind value in it'),
    );
  if (intake && intake.maxWaiting < intake.maxGroups)
    problems.push(at.problem(['intake', 'maxWaiting'], 'less than maxGroups'));
  const leadTime = Temporal.Duration.from({ days: settings.leadTimeDays });
  if (problems.length > 0 || !profile) throw at.fail(problems);
  return Object.freeze({
    fileName,
    state,
    stores: settings.stores.map(store),
    evidence,
    archiveId: settings.archiveId,
    tsa: {
      ...settings.tsa,
      anchors: settings.tsa.anchors.map(absolute),
      local: settings.tsa.local && {
        ...settings.tsa.local,
        state: absolute(settings.tsa.local.state),
      },
      crls: settings.tsa.crls.map(located),
    },
    secondTsa: settings.secondTsa && {
      ...settings.secondTsa,
      anchors: settings.secondTsa.anchors.map(absolute),
      crls: settings.secondTsa.crls.map(located),
    },
    signers: resolveSigners(settings, { absolute, located }),
    assessments,
    trustedLists: settings.trustedLists.map((entry) => ({
      ...entry,
      lists: entry.lists.map(absolute),
      listOfLists: entry.listOfLists.map(absolute),
      signedBy: entry.signedBy.map(absolute),
    })),
    status: settings.status,
    policies,
    profile,
    digestAlgorithm,
    nextDigestAlgorithm,
    leadTime,
    timeZone: settings.timeZone,
    rules,
    accreditation,
    anchorEnds: new Map(
      settings.anchorEnds.map(({ anchor, end }) => [
        anchor,
        Temporal.PlainDate.from(end).toZonedDateTime(settings.timeZone).toInstant(),
      ]),
    ),
    detachedSuffixes: [...new Set([...settings.detachedSuffixes, ...Object.values(proofs).flat()])],
    proofs,
    ceiling: settings.ceiling,
    fixityDays: settings.fixityDays,
    inspectLimitBytes: settings.inspectLimitBytes,
    maxLeaves: settings.maxLeaves,
    joinBatches: settings.joinBatches,
    blind: settings.blind,
    xmlRecords: settings.xmlRecords,
    schedule: settings.schedule,
    web: settings.web,
    intake,
    contacts: settings.contacts,
    webhook: settings.webhook,
  });
}
