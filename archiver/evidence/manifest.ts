// manifest.json: the link that makes a batch count. Written last and once; who reads the evidence
// store starts from the manifests, and a batch without one is pending or superseded.
import { z } from 'zod';
import { isDigestAlgorithm, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import { fromHex } from '#shared/bytes.ts';
import { FormatError } from '#shared/errors.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import {
  batchesPrefix,
  batchKey,
  type BatchObjectName,
  type RunSecond,
  ifPresent,
  listedButGone,
  parseBatchKey,
  readSmall,
} from './batch-objects.ts';
import type { LeafTableShape } from './leaf-table.ts';
import { buildStoredJson, hexSchema, instantSchema, parseStoredJson } from './stored-json.ts';
import type { BatchId, BatchManifest, PreparedBatch } from './types.ts';

const digestAlgorithmSchema = z.custom<DigestAlgorithm>(
  (name) => typeof name === 'string' && isDigestAlgorithm(name),
);
const countSchema = z.number().int().min(0);

const signatureSchema = z.object({
  name: z.string(),
  digest: digestAlgorithmSchema.optional(),
  key: z.object({ kind: z.string(), bits: z.number(), curve: z.string().optional() }),
});

const tokenSchema = z.object({
  genTime: z.string(),
  imprintAlgorithm: digestAlgorithmSchema,
  tsaPolicy: z.string(),
  serialNumber: z.string(),
  signature: signatureSchema,
  certificateDigest: digestAlgorithmSchema.optional(),
  chain: z.array(
    z.object({
      fingerprint: hexSchema,
      subject: z.string(),
      notAfter: z.string(),
      signature: signatureSchema.optional(),
    }),
  ),
});

const findingSchema = z.object({
  check: z.string(),
  clause: z.string(),
  level: z.enum(['error', 'unknown', 'warning', 'info']),
  message: z.string(),
  facts: z.record(z.string(), z.string()),
});

const preparedFields = {
  id: z.string(),
  kind: z.enum(['initial', 'hash-tree-renewal', 'timestamp-renewal', 'taken-over']),
  anchor: z.union([z.literal(1), z.literal(2)]).optional(),
  madeUp: z.boolean().optional(),
  sameTreeAs: z.string().optional(),
  xmlGroups: z.boolean().optional(),
  runAt: instantSchema,
  digestAlgorithm: digestAlgorithmSchema,
  groupCount: countSchema.min(1),
  memberCount: countSchema,
  blind: z.boolean(),
  root: hexSchema,
  previous: z.array(z.object({ batchId: z.string(), renewals: countSchema })),
  findings: z.array(findingSchema),
};

/** What is known of a batch before its token: also part of request.json. */
export const preparedSchema: z.ZodType<PreparedBatch> = z.object(preparedFields);

const manifestSchema: z.ZodType<BatchManifest> = z.object({
  ...preparedFields,
  format: z.literal('tokiwa-batch'),
  version: z.union([z.literal(1), z.literal(2)]),
  recordForm: z.enum(['asn1', 'xml']).optional(),
  genTime: instantSchema,
  token: tokenSchema,
  receivedSha256: hexSchema,
  tsa: z.object({ name: z.string() }),
  price: z.object({ amount: z.number(), currency: z.string() }).optional(),
});

export function buildManifest(manifest: BatchManifest): Uint8Array {
  return buildStoredJson(manifest);
}

/** @throws FormatError ERR_FORMAT_STORED, UnsupportedError ERR_UNSUPPORTED_VERSION */
export function parseManifest(octets: Uint8Array, id: BatchId): BatchManifest {
  const key = batchKey(id, 'manifest');
  const manifest = parseStoredJson(octets, key, {
    format: 'tokiwa-batch',
    version: [1, 2],
    schema: manifestSchema,
  });
  if (manifest.id !== id)
    throw new FormatError('ERR_FORMAT_STORED', `${key} is the manifest of ${manifest.id}`);
  return manifest;
}

/** The manifest of one batch, `undefined` where it has none. */
export async function loadManifest(
  store: ObjectStore,
  id: BatchId,
  signal: AbortSignal,
): Promise<BatchManifest | undefined> {
  const found = await ifPresent(readSmall(store, batchKey(id, 'manifest'), { signal }));
  return found && parseManifest(found.octets, id);
}

/** Release 0.1 knows neither records of other products nor groups in XML behind those of a hash-tree renewal. */
export function manifestVersion({
  kind,
  xmlGroups,
}: Pick<PreparedBatch, 'kind' | 'xmlGroups'>): BatchManifest['version'] {
  return kind === 'taken-over' || xmlGroups ? 2 : 1;
}

type GroupLayout = Pick<PreparedBatch, 'kind' | 'groupCount' | 'previous' | 'xmlGroups'>;

/** Groups of a hash-tree renewal stand at every second place where each has its like in XML behind it. */
export function groupStride({ xmlGroups }: Pick<PreparedBatch, 'xmlGroups'>): 1 | 2 {
  return xmlGroups ? 2 : 1;
}

/** How many groups there are, those counted once that stand in the table twice. */
export function groupsOf(batch: Pick<PreparedBatch, 'groupCount' | 'xmlGroups'>): number {
  return batch.groupCount / groupStride(batch);
}

/**
 * Where a renewal has a group as records in XML hash it: `undefined` for one of an earlier version, made for
 * ASN.1 alone. A timestamp renewal has these groups after all others.
 */
export function xmlGroupIndex(
  { kind, groupCount, previous, xmlGroups }: GroupLayout,
  index: number,
): number | undefined {
  if (kind === 'timestamp-renewal')
    return groupCount === 2 * previous.length ? previous.length + index : undefined;
  return xmlGroups ? index + 1 : undefined;
}

/** What fixes the layout of a batch's leaf table. */
export function leafTableOf(batch: PreparedBatch): {
  readonly id: BatchId;
  readonly shape: LeafTableShape;
  readonly root: Uint8Array;
} {
  return {
    id: batch.id,
    shape: {
      digestAlgorithm: batch.digestAlgorithm,
      groupCount: batch.groupCount,
      memberCount: batch.memberCount,
      blind: batch.blind,
      previous: batch.kind === 'hash-tree-renewal',
    },
    root: fromHex(batch.root) ?? new Uint8Array(0),
  };
}

/**
 * Every batch in the store, oldest first, with the objects that it has. Reads nothing but the listing; `since`: of
 * runs before that one not even this.
 */
export async function* listBatches(
  store: ObjectStore,
  signal: AbortSignal,
  since?: RunSecond,
): AsyncIterable<{ readonly id: BatchId; readonly objects: ReadonlySet<BatchObjectName> }> {
  let id: BatchId | undefined;
  let objects = new Set<BatchObjectName>();
  const startAfter = since === undefined ? undefined : `${batchesPrefix}${since}`;
  for await (const entry of store.list({ prefix: batchesPrefix, startAfter, signal })) {
    const found = parseBatchKey(entry.key);
    if (!found) continue;
    if (id !== undefined && id !== found.id) {
      yield { id, objects };
      objects = new Set();
    }
    id = found.id;
    objects.add(found.name);
  }
  if (id !== undefined) yield { id, objects };
}

export type ManifestListing = {
  /** Asked for one that cannot be read: made again, or none. */
  readonly onDamaged?: (id: BatchId, error: FormatError) => Promise<BatchManifest | undefined>;
  /** Batches of earlier runs are neither listed nor read. */
  readonly since?: RunSecond | undefined;
};

/**
 * The manifests of all batches that count, oldest first.
 * @throws FormatError ERR_FORMAT_STORED: a manifest is damaged and nobody is asked
 * @throws SourceError ERR_SOURCE_ANSWER: a manifest is listed and not there
 */
export async function* listManifests(
  store: ObjectStore,
  signal: AbortSignal,
  { onDamaged, since }: ManifestListing = {},
): AsyncIterable<BatchManifest> {
  for await (const { id, objects } of listBatches(store, signal, since)) {
    if (!objects.has('manifest')) continue;
    try {
      const manifest = await loadManifest(store, id, signal);
      if (!manifest) throw listedButGone(store, batchKey(id, 'manifest'));
      yield manifest;
    } catch (error) {
      if (!onDamaged || !(error instanceof FormatError)) throw error;
      const manifest = await onDamaged(id, error);
      if (manifest) yield manifest;
    }
  }
}
