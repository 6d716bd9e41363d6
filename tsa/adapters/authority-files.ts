// The local authority on disk: one state file that decides, and key files beside it. What others may read of it
// is for public-files.ts.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { equalBytes, toBase64 } from '#shared/bytes.ts';
import type { DigestAlgorithm } from '#shared/crypto/digest.ts';
import { ConfigError } from '#shared/errors.ts';
import { replaceFile, systemErrorCode } from '#shared/io/durable-file.ts';
import { parseCertificate } from '#shared/x509/certificate.ts';
import { makeFolder } from '#shared/io/make-folder.ts';
import { localKeyKinds } from '../config/config.ts';
import type { AuthorityState, CaGeneration, TsuGeneration } from '../local/authority-plan.ts';
import {
  createSigningKey,
  loadSigningKey,
  removeSigningKey,
  signatureDigests,
  type SigningKey,
} from './signing-key.ts';

const instant = z
  .string()
  .refine((text) => /^\d{4}-\d\d-\d\dT[0-9:.]+Z$/.test(text))
  .transform((text) => Temporal.Instant.from(text));
const der = z.base64().transform((text) => new Uint8Array(Buffer.from(text, 'base64')));
const generation = {
  id: z.string().regex(/^[0-9a-f]{16}$/),
  key: z.enum(localKeyKinds),
  signatureDigest: z.enum(signatureDigests),
  certificate: der,
  notBefore: instant,
  notAfter: instant,
};
const stateSchema = z.object({
  version: z.literal(1),
  cas: z.array(z.object(generation)),
  tsu: z.object({ ...generation, caId: z.string() }).optional(),
});

/** Where the authority keeps itself. One process at a time: the proxy that owns the state folder. */
export type AuthorityFiles = {
  readonly loadState: () => Promise<AuthorityState>;
  readonly storeState: (state: AuthorityState) => Promise<void>;
  readonly createKey: (
    name: string,
    kind: CaGeneration['key'],
    digestAlgorithm: DigestAlgorithm,
  ) => Promise<SigningKey>;
  /** @throws ConfigError ERR_CONFIG_INVALID: it cannot be used, or is not the key of its owner's certificate */
  readonly loadKey: (name: string, owner: CaGeneration | TsuGeneration) => Promise<SigningKey>;
  readonly removeKey: (name: string) => Promise<void>;
};

/**
 * Opens the folder of one authority, making it where it is missing. With a password, new key files are encrypted by it.
 * @throws the system's error
 */
export async function openAuthorityFiles(
  folder: string,
  keyPassword?: string,
): Promise<AuthorityFiles> {
  const keyFolder = path.join(folder, 'keys');
  await makeFolder(keyFolder, { mode: 0o700 });
  const stateFile = path.join(folder, 'authority.json');
  const keyFile = (name: string): string => path.join(keyFolder, `${name}.pem`);

  return {
    loadState: async () => {
      let text: string;
      try {
        text = await readFile(stateFile, 'utf8');
      } catch (error) {
        if (systemErrorCode(error) === 'ENOENT') return { version: 1, cas: [], tsu: undefined };
        throw error;
      }
      try {
        const { version, cas, tsu } = stateSchema.parse(JSON.parse(text));
        return { version, cas, tsu };
      } catch (error) {
        // Starting afresh over a damaged file would orphan the anchors that old tokens need.
        throw new ConfigError(
          'ERR_CONFIG_INVALID',
          `${stateFile} is damaged: restore it from a backup, or move its folder away to start a new authority`,
          { cause: error },
        );
      }
    },
    storeState: async (state) => {
      const written = <T extends CaGeneration>(generation: T) => ({
        ...generation,
        certificate: toBase64(generation.certificate),
      });
      const text = JSON.stringify(
        { ...state, cas: state.cas.map(written), tsu: state.tsu && written(state.tsu) },
        undefined,
        1,
      );
      await replaceFile(stateFile, Buffer.from(`${text}\n`), { mode: 0o600 });
    },
    createKey: (name, kind, digestAlgorithm) =>
      createSigningKey(keyFile(name), kind, digestAlgorithm, keyPassword),
    loadKey: async (name, owner) => {
      const { key: kind, signatureDigest, certificate } = owner;
      const key = await loadSigningKey(keyFile(name), kind, signatureDigest, keyPassword);
      // Restored from two backups, or copied from another unit: nothing that it signs would verify.
      if (!equalBytes(key.publicKey, parseCertificate(certificate).publicKey))
        throw new ConfigError(
          'ERR_CONFIG_INVALID',
          `key file ${keyFile(name)} is not the key of its certificate in ${stateFile}: restore both from one backup`,
        );
      return key;
    },
    removeKey: (name) => removeSigningKey(keyFile(name)),
  };
}
