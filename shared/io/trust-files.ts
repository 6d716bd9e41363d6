// Anchors, CRLs and OCSP responses from where the configuration says: files, folders, URLs. Nothing is judged here; path
// validation decides what a CRL is worth.
import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { readTlv, tags } from '#shared/der/reader.ts';
import { ConfigError, FormatError, SourceError } from '#shared/errors.ts';
import type { HttpSender } from './http-sender.ts';
import { type Certificate, decodePem, parseCertificate } from '#shared/x509/certificate.ts';
import { type CertificateList, parseCertificateList } from '#shared/x509/crl.ts';
import { type OcspResponse, parseOcspResponse } from '#shared/x509/ocsp.ts';

const maxFileOctets = 32 * 1024 * 1024;
const crlLimits = {
  connectMs: 5000,
  firstByteMs: 10_000,
  totalMs: 30_000,
  maxAnswerBytes: maxFileOctets,
};

/** Whether a CRL source is an address to fetch from. */
export function isUrl(source: string): boolean {
  return /^https?:\/\//i.test(source);
}

async function filesIn(source: string): Promise<readonly string[]> {
  if (!(await stat(source)).isDirectory()) return [source];
  const names = await readdir(source);
  return names
    .filter((name) => /\.(pem|crt|cer|der|crl|ocsp|ors)$/i.test(name))
    .toSorted()
    .map((name) => path.join(source, name));
}

/** PEM blocks of the label, or the file itself as DER. */
function blocksOf(octets: Uint8Array, label: string): readonly Uint8Array[] {
  // DER of both kinds begins with a SEQUENCE.
  if (octets[0] === 0x30) return [octets];
  return decodePem(Buffer.from(octets).toString('latin1'), label);
}

async function loadAll<T>(
  sources: readonly string[],
  what: { readonly label: string; readonly name: string },
  parse: (octets: Uint8Array) => T,
): Promise<readonly T[]> {
  const found: T[] = [];
  for (const source of sources) {
    try {
      for (const file of await filesIn(source)) {
        if ((await stat(file)).size > maxFileOctets)
          throw new FormatError(
            'ERR_FORMAT_LIMIT',
            `${file} has more than ${maxFileOctets} octets`,
          );
        found.push(...blocksOf(await readFile(file), what.label).map(parse));
      }
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new ConfigError(
        'ERR_CONFIG_INVALID',
        `${source} cannot be read as ${what.name}: ${reason}`,
        { cause: error },
      );
    }
  }
  return found;
}

/**
 * Certificates of the files and folders, at least one.
 * @throws ConfigError ERR_CONFIG_INVALID naming the source
 */
export async function loadCertificates(
  sources: readonly string[],
): Promise<readonly Certificate[]> {
  const what = { label: 'CERTIFICATE', name: 'certificates' };
  const found = await loadAll(sources, what, parseCertificate);
  if (found.length > 0) return found;
  throw new ConfigError('ERR_CONFIG_INVALID', `no certificate in ${sources.join(', ')}`);
}

/** CRLs of the files and folders. @throws ConfigError ERR_CONFIG_INVALID naming the source */
export function loadCrls(sources: readonly string[]): Promise<readonly CertificateList[]> {
  return loadAll(sources, { label: 'X509 CRL', name: 'CRLs' }, parseCertificateList);
}

/** Revocation data as files hold it. */
export type StatusFiles = {
  readonly crls: readonly CertificateList[];
  readonly ocspResponses: readonly OcspResponse[];
};

/** An OCSPResponse begins with its status, an ENUMERATED; a CRL with the SEQUENCE that is signed. */
function isOcspResponse(octets: Uint8Array): boolean {
  return octets[readTlv(octets).headerLength] === tags.enumerated;
}

/** CRLs and OCSP responses of the files and folders, told by content. @throws ConfigError ERR_CONFIG_INVALID naming the source */
export async function loadStatusFiles(sources: readonly string[]): Promise<StatusFiles> {
  const what = { label: 'X509 CRL', name: 'CRLs or OCSP responses' };
  const found = await loadAll(sources, what, (octets) =>
    isOcspResponse(octets) ? parseOcspResponse(octets) : parseCertificateList(octets),
  );
  return {
    crls: found.filter((one) => 'revokedCertificates' in one),
    ocspResponses: found.filter((one) => 'responseStatus' in one),
  };
}

/** The CRL at an address. @throws SourceError; FormatError ERR_FORMAT_CRL */
export async function fetchCrl(
  url: string,
  options: { readonly sender: HttpSender; readonly signal: AbortSignal },
): Promise<CertificateList> {
  const answer = await options.sender.send({
    url,
    method: 'GET',
    // Configured by the operator: it may well stand inside the house.
    addresses: 'any',
    maxRedirects: 3,
    limits: crlLimits,
    signal: options.signal,
  });
  const [octets] = answer.status === 200 ? blocksOf(answer.body, 'X509 CRL') : [];
  if (octets) return parseCertificateList(octets);
  throw new SourceError('ERR_SOURCE_ANSWER', `${url} gave no CRL (HTTP status ${answer.status})`, {
    retryable: true,
  });
}
