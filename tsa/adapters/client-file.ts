// The file of clients' keys and passwords, as `tokiwa tsa client` keeps it: SHA-256 and scrypt, no secret itself.
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { ConfigError } from '#shared/errors.ts';
import { replaceFile, systemErrorCode } from '#shared/io/durable-file.ts';
import { passwordHashPattern } from './password.ts';

const credential = z.strictObject({
  since: z.string(),
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
  password: z.string().regex(passwordHashPattern).optional(),
});
const fileSchema = z.strictObject({
  version: z.literal(1),
  clients: z.record(z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/), z.array(credential)),
});

/** A key by its SHA-256, or a password by its scrypt. */
export type Credential = z.infer<typeof credential>;
export type ClientCredentials = Readonly<Record<string, readonly Credential[]>>;

/** What is kept for a client. A name such as `constructor` is nobody's as long as nothing is. */
export function credentialsOf(
  credentials: ClientCredentials,
  client: string,
): readonly Credential[] {
  return Object.hasOwn(credentials, client) ? (credentials[client] ?? []) : [];
}

/** What is kept for all others. */
export function withoutClient(credentials: ClientCredentials, client: string): ClientCredentials {
  return Object.fromEntries(Object.entries(credentials).filter(([name]) => name !== client));
}

/** Credentials by client; none where there is no file. @throws ConfigError ERR_CONFIG_INVALID: it is damaged */
export async function loadCredentials(file: string): Promise<ClientCredentials> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return {};
    throw error;
  }
  try {
    return fileSchema.parse(JSON.parse(text)).clients;
  } catch (error) {
    throw new ConfigError('ERR_CONFIG_INVALID', `${file} is damaged: restore it from a backup`, {
      cause: error,
    });
  }
}

/** @throws the system's error, with the old file untouched */
export async function storeCredentials(file: string, clients: ClientCredentials): Promise<void> {
  const text = JSON.stringify({ version: 1, clients }, undefined, 1);
  await replaceFile(file, Buffer.from(`${text}\n`), { mode: 0o600 });
}
