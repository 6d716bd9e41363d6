// Deletions that have begun: each an object of the evidence store from before its document goes until nothing
// names it any more, so that one that was broken off is finished by the next night and is no missing document
// meanwhile.
import { z } from 'zod';
import { toHex } from '#shared/bytes.ts';
import { digest } from '#shared/crypto/digest.ts';
import { ConflictError } from '#shared/errors.ts';
import type { DocumentIdentity } from '#shared/ports/catalogue.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import { readSmall } from './evidence/batch-objects.ts';
import { buildStoredJson, parseStoredJson } from './evidence/stored-json.ts';

export type Deletion = {
  /** The document first, then what is attached to it and its earlier versions. */
  readonly documents: readonly DocumentIdentity[];
  readonly by: string;
  readonly at: string;
};

const prefix = 'deletions/';
const head = { format: 'tokiwa-deletion', version: 1 } as const;

const schema: z.ZodType<Deletion> = z.object({
  documents: z
    .array(
      z.object({ store: z.string(), key: z.string(), versionId: z.string(), sha256: z.string() }),
    )
    .min(1),
  by: z.string(),
  at: z.string(),
});

type Options = { readonly signal: AbortSignal };

/** Writes it down; said again before it is finished, it is the same one. Gives its name. */
export async function beginDeletion(
  objects: ObjectStore,
  deletion: Deletion,
  { signal }: Options,
): Promise<string> {
  const octets = new TextEncoder().encode(JSON.stringify(deletion.documents[0]));
  const name = `${prefix}${toHex(digest('SHA-256', octets))}.json`;
  try {
    await objects.write(name, buildStoredJson({ ...head, ...deletion }), {
      signal,
      condition: { kind: 'absent' },
      contentType: 'application/json',
    });
  } catch (error) {
    if (!(error instanceof ConflictError)) throw error;
  }
  return name;
}

export async function endDeletion(
  objects: ObjectStore,
  name: string,
  options: Options,
): Promise<void> {
  await objects.remove(name, options);
}

/** @throws FormatError ERR_FORMAT_STORED: one that is damaged; what the store throws */
export async function* openDeletions(
  objects: ObjectStore,
  { signal }: Options,
): AsyncIterable<{ readonly name: string; readonly deletion: Deletion }> {
  const names: string[] = [];
  for await (const { key } of objects.list({ prefix, signal })) names.push(key);
  for (const name of names) {
    const { octets } = await readSmall(objects, name, { signal });
    yield { name, deletion: parseStoredJson(octets, name, { ...head, schema }) };
  }
}
