// One CAdES file raised into a file of its own: material loaded, the outcome written, read again and judged; what
// does not hold is taken away. What the options of `tokiwa augment` mean is in augment.ts.
import { existsSync } from 'node:fs';
import type { DigestAlgorithm } from '#shared/crypto/digest.ts';
import { ConfigError, InvariantError } from '#shared/errors.ts';
import { type HttpSender, openHttpSender } from '#shared/io/http-sender.ts';
import { loadCertificates } from '#shared/io/trust-files.ts';
import type { AlgorithmProfile } from '#shared/policy/algorithm-policy.ts';
import type { Clock, EventSink, RandomSource } from '#shared/ports/runtime.ts';
import type { StatusSource } from '#shared/ports/status-source.ts';
import type { SignatureLevel } from '#shared/validation/facts.ts';
import type { GivenMaterial } from '#shared/validation/validation-material.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import { readCadesFile, writeSpliced } from '../adapters/cades-file.ts';
import { heldStatusSource, loadConfiguredStatus } from '../adapters/configured-status-source.ts';
import { fetchingStatusSource } from '../adapters/fetching-status-source.ts';
import { openHttpTimestampSource } from '../adapters/http-timestamp-source.ts';
import { memoryStatusCache } from '../adapters/status-cache.ts';
import { raise } from '../augmentation/raise.ts';
import { readBackAugmented } from '../augmentation/read-back.ts';
import { tokensFrom } from '../augmentation/tokens.ts';
import type { AugmentationLevel, CadesDocument, Raised, Refusal } from '../augmentation/types.ts';
import type { ArchiverConfig } from '../config.ts';

export type AugmentSettings = {
  readonly level: AugmentationLevel;
  readonly digestAlgorithm: DigestAlgorithm;
  readonly out: string;
  /** What a detached signature is over. */
  readonly detached: string | undefined;
  readonly tsa: NonNullable<ArchiverConfig['secondTsa']>;
  /** Files and folders of trust anchors. */
  readonly signerTrust: readonly string[];
  readonly tsuTrust: readonly string[];
  readonly crls: readonly string[];
  readonly revocation: 'require' | 'soft' | 'none';
  readonly algorithmPolicy: AlgorithmProfile | undefined;
  /** Whether addresses in certificates are asked. */
  readonly fetch: boolean;
  readonly allowedHosts: readonly string[];
};

export type AugmentRun = {
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly events: EventSink;
  /** What is being done now, for a person who waits. */
  readonly progress: (text: string) => void;
  readonly signal: AbortSignal;
};

export type FileOutcome =
  | {
      readonly kind: 'augmented';
      readonly out: string;
      readonly level: SignatureLevel;
      readonly tokens: number;
    }
  | Refusal
  | { readonly kind: 'nothing-to-do' };

async function anchorsOf(sources: readonly string[]): Promise<readonly Certificate[]> {
  return sources.length === 0 ? [] : loadCertificates(sources);
}

type Material = { readonly material: GivenMaterial; readonly statusSource: StatusSource };

async function loadMaterial(
  settings: AugmentSettings,
  { random, events, signal }: AugmentRun,
  sender: HttpSender,
): Promise<Material> {
  const signers = await anchorsOf(settings.signerTrust);
  const tsus = await anchorsOf(settings.tsuTrust);
  const certificates = [...signers, ...tsus];
  const status = await loadConfiguredStatus({ sources: settings.crls, sender, events }, signal);
  const base = heldStatusSource(status, certificates);
  const { allowedHosts } = settings;
  const cache = memoryStatusCache();
  return {
    material: {
      signerAnchors: signers.map((certificate) => ({ certificate })),
      tsuAnchors: tsus.map((certificate) => ({ certificate })),
      certificates,
      ...status,
      revocationMode: settings.revocation,
      algorithmPolicy: settings.algorithmPolicy,
    },
    statusSource: settings.fetch
      ? fetchingStatusSource({ base, sender, cache, allowedHosts, random, events })
      : base,
  };
}

/** Writes the result and judges it from its own octets. @throws InvariantError ERR_INVARIANT_READ_BACK */
async function writeJudged(
  file: string,
  document: CadesDocument,
  { splice }: Raised,
  settings: AugmentSettings,
  run: AugmentRun & Material,
): Promise<SignatureLevel> {
  const { out, level, digestAlgorithm, detached } = settings;
  const { signal, material, clock } = run;
  const judge = async (unfinished: string): Promise<SignatureLevel> => {
    const written = await readCadesFile(unfinished, { detached, digestAlgorithm, signal });
    const { offences, verdict } = readBackAugmented(
      { ...document, signedData: document.stored.signedData.raw },
      { ...written, signedData: written.stored.signedData.raw },
      { level, digestAlgorithm, material, at: clock.now() },
    );
    if (offences.length === 0) return verdict.facts.level ?? 'B';
    throw new InvariantError(
      'ERR_INVARIANT_READ_BACK',
      `the result does not hold and was taken away: ${offences.join('; ')}`,
    );
  };
  return writeSpliced(file, splice, { out, judge, signal });
}

/**
 * Raises one file. Nothing is written where the outcome is not `augmented`.
 * @throws ConfigError ERR_CONFIG_USAGE; SourceError: no token; InvariantError: the result did not hold
 */
export async function augmentFile(
  file: string,
  settings: AugmentSettings,
  run: AugmentRun,
): Promise<FileOutcome> {
  const { level, digestAlgorithm, out, detached, tsa, revocation } = settings;
  const { clock, random, signal, progress } = run;
  // Asked before anything is bought; the write itself refuses as well.
  if (existsSync(out))
    throw new ConfigError('ERR_CONFIG_USAGE', `${out} exists already; it is not written over`);
  progress('reading');
  const document = await readCadesFile(file, { detached, digestAlgorithm, signal });
  await using sender = openHttpSender();
  const known = await loadMaterial(settings, run, sender);
  const { material, statusSource } = known;
  await using source = await openHttpTimestampSource(tsa, clock);
  const verification = {
    anchors: material.tsuAnchors,
    certificates: material.certificates,
    statusSource,
    revocationMode: revocation,
    algorithmPolicy: settings.algorithmPolicy,
    clockToleranceSeconds: tsa.clockToleranceSeconds,
  };
  const { tsaPolicy } = tsa;
  const obtain = tokensFrom({ source, verification, tsaPolicy, random, now: clock.now, signal });
  progress('verifying, and collecting validation data');
  const outcome = await raise({
    document,
    level,
    digestAlgorithm,
    at: clock.now(),
    material,
    statusSource,
    obtainToken: (algorithm, imprint) => {
      progress(`asking ${source.name} for a timestamp`);
      return obtain(algorithm, imprint);
    },
    signal,
  });
  if (outcome.kind !== 'raised') return outcome;
  progress('writing and reading back');
  const reached = await writeJudged(file, document, outcome, settings, { ...run, ...known });
  return { kind: 'augmented', out, level: reached, tokens: outcome.tokens };
}
