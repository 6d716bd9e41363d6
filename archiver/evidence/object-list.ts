// objects.jsonl: which data object stands behind which leaf. Apart from the leaf table and under no
// timestamp, so that a deletion can take a line out and leave every other proof whole (design §3).
import { z } from 'zod';
import { isDigestAlgorithm, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import { FormatError } from '#shared/errors.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import { batchKey, ifPresent } from './batch-objects.ts';
import { hexSchema, parseStored, parseStoredJson } from './stored-json.ts';
import type { BatchId, ObjectListLine } from './types.ts';

const head = { format: 'tokiwa-object-list', version: 1 } as const;

/** A line names a handful of objects; a key has at most 1,024 octets. */
const maxLine = 1024 * 1024;

const digestsSchema = z
  .record(
    z.custom<DigestAlgorithm>((name) => typeof name === 'string' && isDigestAlgorithm(name)),
    hexSchema,
  )
  .and(z.object({ 'SHA-256': hexSchema }));

const positionSchema = z.object({ batchId: z.string(), index: z.number().int().min(0) });

const headSchema = z.object({ batchId: z.string() });

const lineSchema = z.object({
  index: z.number().int().min(0),
  members: z
    .array(
      z.object({
        store: z.string(),
        key: z.string(),
        versionId: z.string().optional(),
        size: z.number().int().min(0),
        role: z.enum(['document', 'detached-signature', 'validation-data']),
        digests: digestsSchema,
      }),
    )
    .min(1),
  previous: positionSchema.optional(),
});

/** First line of a list. */
export function buildObjectListHead(batchId: BatchId): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify({ ...head, batchId })}\n`);
}

export function buildObjectListLine(line: ObjectListLine): Uint8Array {
  return Buffer.from(`${JSON.stringify(line)}\n`);
}

/**
 * The lines of a batch's object list, ascending by index; gaps are deletions.
 * @throws FormatError ERR_FORMAT_STORED, ERR_FORMAT_LIMIT; UnsupportedError ERR_UNSUPPORTED_VERSION;
 *   SourceError ERR_SOURCE_NOT_FOUND, also for a timestamp renewal, which has no list
 */
export async function* readObjectList(
  store: ObjectStore,
  batchId: BatchId,
  signal: AbortSignal,
): AsyncIterable<ObjectListLine> {
  const key = batchKey(batchId, 'objectList');
  const { body } = await store.read(key, { signal });
  let number = 0;
  let last = -1;
  for await (const text of textLines(body, key)) {
    number += 1;
    const place = `${key}:${number}`;
    if (number === 1) {
      const found = parseStoredJson(text, place, {
        ...head,
        schema: headSchema,
      });
      if (found.batchId !== batchId)
        throw new FormatError('ERR_FORMAT_STORED', `${place} is the list of ${found.batchId}`);
      continue;
    }
    const line: ObjectListLine = parseStored(parseJson(text, place), place, lineSchema);
    if (line.index <= last)
      throw new FormatError('ERR_FORMAT_STORED', `${place}: index ${line.index} after ${last}`);
    last = line.index;
    yield line;
  }
  if (number === 0) throw new FormatError('ERR_FORMAT_STORED', `${key} is empty`);
}

/**
 * The lines of a damaged list that read well, ascending: what can be kept of it when it is made again. Nothing
 * where there is none.
 */
export async function* readSoundLines(
  store: ObjectStore,
  batchId: BatchId,
  signal: AbortSignal,
): AsyncIterable<ObjectListLine> {
  const key = batchKey(batchId, 'objectList');
  const found = await ifPresent(store.read(key, { signal }));
  let last = -1;
  for await (const text of found ? soundTexts(found.body) : []) {
    const line = parsedOrNot(text);
    if (!line || line.index <= last) continue;
    last = line.index;
    yield line;
  }
}

/** Lines, cut where they are too long; octets that are no UTF-8 spoil their own line alone. */
async function* soundTexts(body: AsyncIterable<Uint8Array>): AsyncIterable<string> {
  const decoder = new TextDecoder('utf-8');
  let rest = '';
  for await (const chunk of body) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
    if (rest.length > maxLine) rest = '';
  }
}

function parsedOrNot(text: string): ObjectListLine | undefined {
  try {
    return lineSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

function parseJson(text: string, place: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new FormatError('ERR_FORMAT_STORED', `${place} is not JSON`, { cause });
  }
}

/** Lines of a UTF-8 stream; the last must end, too: a list cut short is seen. */
async function* textLines(body: AsyncIterable<Uint8Array>, key: string): AsyncIterable<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let rest = '';
  for await (const chunk of body) {
    rest += decoder.decode(chunk, { stream: true });
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > maxLine) throw new FormatError('ERR_FORMAT_LIMIT', `${key}: line too long`);
    yield* lines;
  }
  if (rest !== '') throw new FormatError('ERR_FORMAT_STORED', `${key} is cut short`);
}
