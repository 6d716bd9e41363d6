// Validation data as an archive keeps it and hands it out: a SignedData without signers (RFC 5652 §5.1), whole. A record
// may be over it, so its octets are as much wanted as what it holds.
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { embeddedValidationData } from '#shared/cms/revocation-values.ts';
import { parseSignedData } from '#shared/cms/signed-data.ts';
import { TokiwaError } from '#shared/errors.ts';
import { isUrl } from '#shared/io/trust-files.ts';
import type { StatusFiles } from '#shared/io/trust-files.ts';
import { detectFormat } from '#shared/validation/detect.ts';
import type { EvidenceBeside } from '#shared/validation/judgement-scope.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import { readEvidenceFile } from './verified-file.ts';

export type ValidationDataFiles = StatusFiles & {
  readonly certificates: readonly Certificate[];
  /** The files themselves. */
  readonly files: readonly EvidenceBeside[];
  /** Sources that are something else. */
  readonly others: readonly string[];
};

/** Files that may be such data; of a folder those that are named as it. */
async function candidatesIn(source: string): Promise<readonly string[]> {
  const status = await stat(source).catch(() => undefined);
  if (status?.isDirectory() !== true) return status?.isFile() === true ? [source] : [];
  const names = await readdir(source);
  return names
    .filter((name) => /\.p7c$/i.test(name))
    .toSorted()
    .map((name) => path.join(source, name));
}

/** `undefined` for any other file: what it is, whoever reads it next says. */
async function read(file: string) {
  const octets = await readEvidenceFile(file);
  if (detectFormat(octets) !== 'cms') return undefined;
  try {
    const signedData = parseSignedData(octets);
    if (signedData.signerInfos.length > 0) return undefined;
    return { name: file, octets, data: embeddedValidationData(signedData) };
  } catch (error) {
    if (error instanceof TokiwaError) return undefined;
    throw error;
  }
}

/** @throws ConfigError ERR_CONFIG_USAGE: a file that is too large, or cannot be read */
export async function loadValidationData(sources: readonly string[]): Promise<ValidationDataFiles> {
  const others: string[] = [];
  const found: NonNullable<Awaited<ReturnType<typeof read>>>[] = [];
  for (const source of sources) {
    const candidates = isUrl(source) ? [] : await candidatesIn(source);
    let isData = false;
    for (const file of candidates) {
      const one = await read(file);
      if (!one) continue;
      found.push(one);
      isData = file === source;
    }
    if (!isData) others.push(source);
  }
  return {
    certificates: found.flatMap(({ data }) => data.certificates),
    crls: found.flatMap(({ data }) => data.crls),
    ocspResponses: found.flatMap(({ data }) => data.ocspResponses),
    files: found.map(({ name, octets }) => ({ name, octets })),
    others,
  };
}
