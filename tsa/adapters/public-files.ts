// What verifiers need of the local authorities, as files that are kept current: all anchors in one PEM file, a CRL
// for each CA, the TSU certificates. Everything here is derived and can be written again.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { toBase64 } from '#shared/bytes.ts';
import { replaceFile, systemErrorCode } from '#shared/io/durable-file.ts';
import { makeFolder } from '#shared/io/make-folder.ts';

export type PublicFiles = {
  readonly anchorsPath: string;
  readonly crlFolder: string;
  /** Anchors of all authorities as PEM text. */
  readonly anchorsPem: () => string;
  /** Notes an authority's anchors (DER) without writing: at start all are noted before one is written. */
  readonly noteAnchors: (authority: string, certificates: readonly Uint8Array[]) => void;
  readonly publishAnchors: () => Promise<void>;
  readonly publishTsu: (authority: string, certificate: Uint8Array) => Promise<void>;
  readonly publishCrl: (caId: string, octets: Uint8Array) => Promise<void>;
  /** What was published last, before a restart too; nothing where there is none. @throws the system's error */
  readonly readCrl: (caId: string) => Promise<Uint8Array | undefined>;
};

/** PEM text of certificates, with a final line break. @see RFC 7468 §5 */
export function toPem(certificates: readonly Uint8Array[]): string {
  return certificates
    .map((octets) => {
      const lines = toBase64(octets).match(/.{1,64}/g) ?? [];
      return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
    })
    .join('');
}

/** Opens the folder, making it where it is missing. @throws the system's error */
export async function openPublicFiles(folder: string): Promise<PublicFiles> {
  const crlFolder = path.join(folder, 'crls');
  const anchorsPath = path.join(folder, 'anchors.pem');
  await makeFolder(crlFolder);
  const anchors = new Map<string, readonly Uint8Array[]>();
  const anchorsPem = (): string => toPem([...anchors.values()].flat());
  const crlFile = (caId: string): string => path.join(crlFolder, `${caId}.crl`);
  const publish = (file: string, content: Uint8Array | string): Promise<void> =>
    replaceFile(file, Buffer.from(content), { mode: 0o644 });
  return {
    anchorsPath,
    crlFolder,
    anchorsPem,
    noteAnchors: (authority, certificates) => {
      anchors.set(authority, certificates);
    },
    publishAnchors: () => publish(anchorsPath, anchorsPem()),
    publishTsu: (authority, certificate) =>
      publish(path.join(folder, `tsu-${authority}.pem`), toPem([certificate])),
    publishCrl: (caId, octets) => publish(crlFile(caId), octets),
    readCrl: async (caId) => {
      try {
        return new Uint8Array(await readFile(crlFile(caId)));
      } catch (error) {
        if (systemErrorCode(error) === 'ENOENT') return undefined;
        throw error;
      }
    },
  };
}
