// A configuration as comparisons need it: its rules, the trust data of signers, and the fingerprints of the anchors
// of its TSAs.
import { loadCertificates } from '#shared/io/trust-files.ts';
import type { EventSink } from '#shared/ports/runtime.ts';
import { signersUnder } from '#shared/validation/signer-trust.ts';
import { loadDocumentAnchors } from '../adapters/document-anchors.ts';
import type { ArchiverConfig } from '../config.ts';
import type { Side } from '../reports/difference.ts';
import { horizonRules } from '../trust.ts';

async function fingerprintsOf(sources: readonly string[]): Promise<ReadonlySet<string>> {
  return new Set((await loadCertificates(sources)).map(({ fingerprint }) => fingerprint));
}

/**
 * A configuration with the trust data that its files hold, trusted lists as of `at`.
 * @throws ConfigError ERR_CONFIG_INVALID: a file that cannot be read, a trusted list that is refused
 */
export async function sideOf(
  config: ArchiverConfig,
  at: Temporal.Instant,
  events: EventSink,
): Promise<Side> {
  const { reportRules } = await import('../reports/write.ts');
  const { signer: anchorsOfSigners } = await loadDocumentAnchors(config, at, events);
  const { tsa, secondTsa } = config;
  const anchors = new Map([[1, await fingerprintsOf(tsa.anchors)]]);
  if (secondTsa) anchors.set(2, await fingerprintsOf(secondTsa.anchors));
  return {
    config,
    rules: reportRules(config, signersUnder(anchorsOfSigners, config.signers.testCertificates)),
    horizonRules: horizonRules(config),
    anchors,
  };
}
