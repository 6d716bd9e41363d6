// Trust anchors of what documents bring along, as the configuration names them: signers by class from files, and
// the services of trusted lists. TSUs that stamp for the archive have anchors of their own.
import { loadCertificates } from '#shared/io/trust-files.ts';
import type { EventSink } from '#shared/ports/runtime.ts';
import { type AnchorClass, anchorClasses } from '#shared/trust/anchors.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import type { ArchiverConfig } from '../config.ts';
import { limited, signerAnchors } from '../trust.ts';
import { type ListedAnchors, loadListedAnchors } from './trusted-list-files.ts';

/**
 * Anchors by role, each with its class, policies, periods and end, read anew. TSUs: those of lists alone.
 * @throws ConfigError ERR_CONFIG_INVALID: a file that cannot be read, a list that is refused
 */
export async function loadDocumentAnchors(
  config: Pick<ArchiverConfig, 'anchorEnds' | 'signers' | 'trustedLists'>,
  at: Temporal.Instant,
  events: EventSink,
): Promise<ListedAnchors> {
  const byClass = new Map<AnchorClass, readonly Certificate[]>();
  for (const anchorClass of anchorClasses) {
    const sources = config.signers.anchors[anchorClass];
    if (sources.length > 0) byClass.set(anchorClass, await loadCertificates(sources));
  }
  const listed = await loadListedAnchors(config.trustedLists, at, events);
  return {
    signer: [
      ...signerAnchors(config, byClass),
      ...listed.signer.map((anchor) => limited(config, anchor)),
    ],
    tsu: listed.tsu.map((anchor) => limited(config, anchor)),
  };
}
