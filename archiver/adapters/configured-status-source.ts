// Validation data from what the configuration names: certificates beside the anchors, CRLs from
// files, folders and URLs, read again for each night so that new ones count. Fetching by the
// addresses inside certificates is not done here.
import { FormatError, SourceError } from '#shared/errors.ts';
import type { HttpSender } from '#shared/io/http-sender.ts';
import { fetchCrl, isUrl, loadCrls } from '#shared/io/trust-files.ts';
import type { EventSink } from '#shared/ports/runtime.ts';
import type { StatusSource, ValidationData } from '#shared/ports/status-source.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import type { CertificateList } from '#shared/x509/crl.ts';
import { namesMatch } from '#shared/x509/name.ts';

export type CrlLoading = {
  readonly sources: readonly string[];
  readonly sender: HttpSender;
  readonly events: EventSink;
};

/** Every CRL of the sources that can be had now; one that cannot is an event, never an end. */
export async function loadConfiguredCrls(
  { sources, sender, events }: CrlLoading,
  signal: AbortSignal,
): Promise<readonly CertificateList[]> {
  const found: CertificateList[] = [];
  for (const source of sources) {
    try {
      if (isUrl(source)) found.push(await fetchCrl(source, { sender, signal }));
      else found.push(...(await loadCrls([source])));
    } catch (error) {
      if (signal.aborted) throw error;
      const message = error instanceof Error ? error.message : String(error);
      const code =
        error instanceof SourceError || error instanceof FormatError
          ? error.code
          : 'ERR_CONFIG_INVALID';
      events({ level: 'warn', name: 'archiver.crl.unavailable', source, code, message });
    }
  }
  return found;
}

function select(
  chain: readonly Certificate[],
  crls: readonly CertificateList[],
  certificates: readonly Certificate[],
): ValidationData {
  // A self-issued certificate's status is nobody's to say.
  const asked = chain.filter((certificate) => !namesMatch(certificate.subject, certificate.issuer));
  const missing = asked
    .filter((certificate) => !crls.some((crl) => namesMatch(crl.issuer, certificate.issuer)))
    .map((certificate) => ({
      fingerprint: certificate.fingerprint,
      reason: `no CRL of ${certificate.issuer.text} is configured or could be had`,
    }));
  return {
    certificates,
    crls: crls.filter((crl) =>
      asked.some((certificate) => namesMatch(crl.issuer, certificate.issuer)),
    ),
    ocspResponses: [],
    missing,
  };
}

/** What was loaded before, for as long as the source is used. */
export function heldStatusSource(
  crls: readonly CertificateList[],
  certificates: readonly Certificate[],
): StatusSource {
  return {
    certificatesAndCrlsFor: (chain) => Promise.resolve(select(chain, crls, certificates)),
  };
}

/** Loaded anew for each question. `certificates`: authorities of the TSU, anchors among them. */
export function configuredStatusSource(
  loading: CrlLoading,
  certificates: readonly Certificate[],
): StatusSource {
  return {
    certificatesAndCrlsFor: async (chain, { signal }) =>
      select(chain, await loadConfiguredCrls(loading, signal), certificates),
  };
}
