// The fields of the `dss` manifest that inspection is compared with, and detached data as it names it.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fromBase64 } from '#shared/bytes.ts';
import { digest, isDigestAlgorithm } from '#shared/crypto/digest.ts';
import type { SignedContent } from '#shared/validation/reading.ts';

export type DssReference = {
  readonly type: string;
  readonly uri?: string | null;
  readonly algorithm: string;
  readonly digest: string | null;
  readonly found: boolean;
  readonly intact: boolean;
};

export type DssSignature = {
  readonly format: string;
  readonly filename: string | null;
  readonly signedDataFound: boolean;
  readonly signedDataIntact: boolean;
  readonly references: readonly DssReference[];
  readonly claimedSigningTime: string | null;
  readonly signer: string | null;
  readonly signerSerial: string | null;
  readonly signerNotAfter: string | null;
  readonly intact: boolean;
  readonly valid: boolean;
  readonly subIndication?: string | null;
};

export type DssTimestamp = {
  readonly type: string;
  readonly time: string;
  readonly imprintAlgorithm: string;
  readonly imprint: string;
  readonly imprintFound: boolean;
  readonly imprintIntact: boolean;
  readonly tsuSerial: string | null;
  readonly tsuNotAfter: string | null;
  readonly signatureIntact: boolean;
  readonly signatureValid: boolean;
  readonly atsHashIndexVersion?: string | null;
  readonly atsHashIndexValid?: boolean | null;
};

export type DssEvidenceRecord = {
  readonly type: string;
  readonly references: readonly DssReference[];
  readonly sequence: readonly {
    readonly archiveTimeStamps: readonly { readonly reducedHashTree: readonly number[] | null }[];
  }[];
};

export type DssEntry = {
  readonly file: string;
  readonly case: string;
  readonly class: string;
  readonly format: string | null;
  readonly detached?: readonly {
    readonly file?: string;
    readonly base64?: string;
    readonly digests?: Readonly<Record<string, string>>;
    readonly name?: string | null;
  }[];
  readonly evidenceRecordFiles?: readonly { readonly file: string }[];
  readonly signatures: readonly DssSignature[];
  readonly timestamps: readonly DssTimestamp[];
  readonly evidenceRecords: readonly DssEvidenceRecord[];
  readonly certificates?: readonly {
    readonly serial: string;
    readonly notBefore: string;
    readonly notAfter: string;
  }[];
  readonly oracleError: { readonly phase: string; readonly message: string } | null;
};

/** The manifest writes SHA256 for SHA-256, and SHA3-256 as we do. */
export function digestName(written: string): string {
  const name = written.replace(/^SHA(\d+)$/, 'SHA-$1').replace(/^RIPEMD(\d+)$/, 'RIPEMD-$1');
  return isDigestAlgorithm(name) ? name : written;
}

export async function loadDetached(folder: string, entry: DssEntry): Promise<SignedContent[]> {
  return Promise.all(
    (entry.detached ?? []).map(async ({ file, base64, digests, name }) => {
      const given = name ?? file;
      if (digests) {
        const known = new Map(
          Object.entries(digests).map(([algorithm, value]) => [
            digestName(algorithm),
            fromBase64(value),
          ]),
        );
        return { name: given, digest: (algorithm) => known.get(algorithm) };
      }
      const content =
        file === undefined
          ? (fromBase64(base64 ?? '') ?? new Uint8Array())
          : await readFile(join(folder, file));
      return {
        name: given,
        digest: (algorithm) => digest(algorithm, content),
        octets: () => content,
      };
    }),
  );
}
