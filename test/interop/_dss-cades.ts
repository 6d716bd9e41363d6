// EU DSS asked about CAdES files, and what it has against them.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Certificate } from '#shared/x509/certificate.ts';
import { ask } from './_judges.ts';

export type DssCades = {
  readonly error: unknown;
  readonly indication: string | null;
  readonly signatures: readonly {
    readonly format: string;
    readonly intact: boolean;
    readonly counterSignature: boolean;
  }[];
  readonly timestamps: readonly {
    readonly productionTime: string;
    readonly imprint: string | null;
    readonly imprintFound: boolean;
    readonly imprintIntact: boolean;
    readonly signatureIntact: boolean;
    readonly indication: string | null;
    readonly atsHashIndexValid?: boolean | null;
  }[];
  readonly evidenceRecords: readonly { readonly indication: string | null }[];
};

/** What DSS has against it, in words. */
export function dssOffences({ error, signatures, timestamps }: DssCades): readonly string[] {
  // Where it threw it has said nothing of anything.
  if (error !== null) return ['it does not read'];
  return [
    ...(signatures.every(({ intact }) => intact) ? [] : ['a signature']),
    ...(timestamps.every(({ imprintFound, imprintIntact }) => imprintFound && imprintIntact)
      ? []
      : ['an imprint']),
    ...(timestamps.every((one) => one.signatureIntact) ? [] : ['the signature of a token']),
    ...(timestamps.every(({ atsHashIndexValid }) => atsHashIndexValid !== false)
      ? []
      : ['a hash index']),
  ];
}

export type AskedCades = {
  readonly octets: Uint8Array;
  /** Detached content. */
  readonly content?: Uint8Array | undefined;
};

/** One answer a file, in their order. */
export async function askDss(
  oracle: string,
  files: readonly AskedCades[],
  {
    folder,
    anchor,
    at,
  }: {
    readonly folder: string;
    readonly anchor: Certificate;
    /** Of the judgement; now unless given. */
    readonly at?: Temporal.Instant;
  },
): Promise<readonly DssCades[]> {
  const lines = await Promise.all(
    files.map(async ({ octets, content }, index) => {
      const [file, data] = [path.join(folder, `${index}.p7m`), path.join(folder, `${index}.bin`)];
      await writeFile(file, octets);
      if (content) await writeFile(data, content);
      return JSON.stringify({ file, ...(content && { detached: [{ file: data }] }) });
    }),
  );
  const trust = path.join(folder, 'root.der');
  await writeFile(trust, anchor.raw);
  const options = ['--list', '-', '--trust', trust, ...(at ? ['--time', at.toString()] : [])];
  const answers = await ask(path.join(oracle, 'dss', 'validate'), options, lines);
  if (answers.length !== files.length) throw new Error(`EU DSS answered ${answers.length} times`);
  return answers as readonly DssCades[];
}
