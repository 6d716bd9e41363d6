// Validation data from what the configuration names: certificates beside the anchors, CRLs and OCSP
// responses from files and folders, CRLs from URLs, read again for each night so that new ones count. Fetching by the
// addresses inside certificates is not done here.
import { FormatError, SourceError } from '#shared/errors.ts';
import type { HttpSender } from '#shared/io/http-sender.ts';
import { fetchCrl, isUrl, loadStatusFiles, type StatusFiles } from '#shared/io/trust-files.ts';
import type { EventSink } from '#shared/ports/runtime.ts';
import type { StatusSource, ValidationData } from '#shared/ports/status-source.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import type { CertificateList } from '#shared/x509/crl.ts';
import { namesMatch } from '#shared/x509/name.ts';
import type { OcspResponse } from '#shared/x509/ocsp.ts';

export type StatusLoading = {
  readonly sources: readonly string[];
  readonly sender: HttpSender;
  readonly events: EventSink;
};

/** All of the sources that can be had now; one that cannot is an event, never an end. */
export async function loadConfiguredStatus(
  { sources, sender, events }: StatusLoading,
  signal: AbortSignal,
): Promise<StatusFiles> {
  const crls: CertificateList[] = [];
  const ocspResponses: OcspResponse[] = [];
  for (const source of sources) {
    try {
      if (isUrl(source)) {
        crls.push(await fetchCrl(source, { sender, signal }));
        continue;
      }
      const files = await loadStatusFiles([source]);
      crls.push(...files.crls);
      ocspResponses.push(...files.ocspResponses);
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
  return { crls, ocspResponses };
}

/** By serial number; whose certificate it is, path validation will tell. */
function speaksOf({ basic }: OcspResponse, { serialNumber }: Certificate): boolean {
  return basic?.responses.some(({ certId }) => certId.serialNumber === serialNumber) ?? false;
}

function select(
  chain: readonly Certificate[],
  { crls, ocspResponses }: StatusFiles,
  certificates: readonly Certificate[],
): ValidationData {
  // A self-issued certificate's status is nobody's to say.
  const asked = chain.filter((certificate) => !namesMatch(certificate.subject, certificate.issuer));
  const missing = asked
    .filter(
      (certificate) =>
        !crls.some((crl) => namesMatch(crl.issuer, certificate.issuer)) &&
        !ocspResponses.some((response) => speaksOf(response, certificate)),
    )
    .map((certificate) => ({
      fingerprint: certificate.fingerprint,
      reason: `no CRL of ${certificate.issuer.text} and no OCSP response is configured or could be had`,
    }));
  return {
    certificates,
    crls: crls.filter((crl) =>
      asked.some((certificate) => namesMatch(crl.issuer, certificate.issuer)),
    ),
    ocspResponses: ocspResponses.filter((response) =>
      asked.some((certificate) => speaksOf(response, certificate)),
    ),
    missing,
  };
}

/** What was loaded before, for as long as the source is used. */
export function heldStatusSource(
  status: StatusFiles,
  certificates: readonly Certificate[],
): StatusSource {
  return {
    certificatesAndCrlsFor: (chain) => Promise.resolve(select(chain, status, certificates)),
  };
}

/** Loaded anew for each question. `certificates`: authorities of the TSU, anchors among them. */
export function configuredStatusSource(
  loading: StatusLoading,
  certificates: readonly Certificate[],
): StatusSource {
  return {
    certificatesAndCrlsFor: async (chain, { signal }) =>
      select(chain, await loadConfiguredStatus(loading, signal), certificates),
  };
}
