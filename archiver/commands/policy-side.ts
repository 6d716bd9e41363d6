// A configuration as comparisons need it: its rules, and the fingerprints of its trust anchors.
import { loadCertificates } from '#shared/io/trust-files.ts';
import type { ArchiverConfig } from '../config.ts';
import type { Side } from '../reports/difference.ts';
import { horizonRules } from '../trust.ts';

async function fingerprintsOf(sources: readonly string[]): Promise<ReadonlySet<string>> {
  return new Set((await loadCertificates(sources)).map(({ fingerprint }) => fingerprint));
}

/** A configuration as comparisons need it. @throws ConfigError: anchors cannot be read */
export async function sideOf(config: ArchiverConfig): Promise<Side> {
  const { reportRules } = await import('../reports/write.ts');
  const { tsa, secondTsa } = config;
  const anchors = new Map([[1, await fingerprintsOf(tsa.anchors)]]);
  if (secondTsa) anchors.set(2, await fingerprintsOf(secondTsa.anchors));
  return {
    config,
    rules: reportRules(config),
    horizonRules: horizonRules(config),
    anchors,
  };
}
