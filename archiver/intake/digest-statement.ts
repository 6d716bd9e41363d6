// Digests without their document, as their owner stated them: one object of the evidence store for each key. It is what
// a document store is for documents: the truth that the catalogue follows. Stating more digests adds; nothing is changed.
import { z } from 'zod';
import { toHex } from '#shared/bytes.ts';
import {
  digest,
  digestLength,
  isDigestAlgorithm,
  type DigestAlgorithm,
} from '#shared/crypto/digest.ts';
import { ConflictError } from '#shared/errors.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import { buildStoredJson, hexSchema, parseStoredJson } from '../evidence/stored-json.ts';
import { readSmallObject, writeSmallObject } from '../small-object.ts';

/** By which catalogue and object lists name where digests are: a document store's name has no dot. */
export const digestStoreName = '.digests';

export const statementsPrefix = 'digests/';

export type StatedDigests = Readonly<Partial<Record<DigestAlgorithm, string>>> & {
  /** By which the document is known. */
  readonly 'SHA-256': string;
};

export type DigestStatement = {
  readonly key: string;
  /** Hexadecimal. */
  readonly digests: StatedDigests;
};

/** A collision is nothing that a timestamp mends. */
const leastOctets = 32;

/** Digests by algorithm, each of its algorithm's length, SHA-256 among them. */
export const statedDigestsSchema = z
  .record(z.string(), hexSchema)
  .superRefine((digests, context) => {
    for (const [name, value] of Object.entries(digests)) {
      const known = isDigestAlgorithm(name) && digestLength(name) >= leastOctets;
      if (!known) context.addIssue(`${name} is no digest algorithm for evidence`);
      else if (value.length !== 2 * digestLength(name))
        context.addIssue(`a digest of ${name} has ${digestLength(name)} octets`);
    }
    if (digests['SHA-256'] === undefined) context.addIssue('the digest of SHA-256 is missing');
  })
  .transform((digests) => digests as StatedDigests);

const schema = z.object({ key: z.string().min(1), digests: statedDigestsSchema });
const head = { format: 'tokiwa-digests', version: 1 } as const;

/** Keys may hold what an object's name may not. */
export function statementKey(key: string): string {
  return `${statementsPrefix}${toHex(digest('SHA-256', new TextEncoder().encode(key)))}.json`;
}

/**
 * What was stated, with the change marker of its object; `undefined` where there is nothing.
 * @throws FormatError ERR_FORMAT_STORED: it is damaged
 */
export async function readStatement(
  store: ObjectStore,
  name: string,
  signal: AbortSignal,
): Promise<
  | { readonly statement: DigestStatement; readonly etag: string; readonly at: Temporal.Instant }
  | undefined
> {
  const found = await readSmallObject(store, name, signal);
  if (!found) return undefined;
  const { entry, octets } = found;
  const statement = parseStoredJson(octets, name, { ...head, schema });
  return { statement, etag: entry.etag, at: entry.lastModified };
}

export type Stated =
  /** `there`: nothing of it was new. */
  | { readonly kind: 'stated' | 'there'; readonly statement: DigestStatement }
  /** Another digest was stated under this key, and stays. */
  | { readonly kind: 'conflict' };

async function tryToState(
  store: ObjectStore,
  { key, digests }: DigestStatement,
  signal: AbortSignal,
): Promise<Stated> {
  const name = statementKey(key);
  const found = await readStatement(store, name, signal);
  const known: Readonly<Record<string, string | undefined>> = found?.statement.digests ?? {};
  const stated = Object.entries(digests);
  if (stated.some(([algorithm, value]) => (known[algorithm] ?? value) !== value))
    return { kind: 'conflict' };
  const isNew = stated.some(([algorithm]) => known[algorithm] === undefined);
  const statement: DigestStatement = { key, digests: { ...known, ...digests } };
  if (!isNew) return { kind: 'there', statement };
  await writeSmallObject(store, name, buildStoredJson({ ...head, ...statement }), {
    condition: found ? { kind: 'match', etag: found.etag } : { kind: 'absent' },
    signal,
  });
  return { kind: 'stated', statement };
}

/** Makes a statement durable. @throws SourceError, FormatError from the store */
export async function stateDigests(
  store: ObjectStore,
  statement: DigestStatement,
  signal: AbortSignal,
): Promise<Stated> {
  for (;;) {
    try {
      return await tryToState(store, statement, signal);
    } catch (error) {
      // Somebody stated something at the same time: what stands there now decides.
      if (!(error instanceof ConflictError)) throw error;
      signal.throwIfAborted();
    }
  }
}
