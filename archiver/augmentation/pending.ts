// What a nightly augmentation keeps in the evidence store until the new version counts: what was decided before
// archive timestamps were asked for, each request before it is sent, each answer, and what is about to be
// written. A night that was interrupted goes on from there and buys nothing twice (design, invariant 3).
import { z } from 'zod';
import { fromHex, toHex } from '#shared/bytes.ts';
import type { SignedDataAdditions } from '#shared/cades/augment/splice-signed-data.ts';
import { digest, type DigestAlgorithm, isDigestAlgorithm } from '#shared/crypto/digest.ts';
import type { DocumentIdentity } from '#shared/ports/catalogue.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import { buildStoredJson, hexSchema, parseStoredJson } from '../evidence/stored-json.ts';
import { readSmallObject, writeSmallObject } from '../small-object.ts';

const pendingPrefix = 'augmentations/';

/** The version that is about to be written, or was, and what it is made from. */
export type IntendedVersion = {
  readonly previous: DocumentIdentity;
  readonly sha256: string;
  readonly size: number;
};

const identitySchema = z.object({
  store: z.string(),
  key: z.string(),
  versionId: z.string(),
  sha256: hexSchema,
});
const versionSchema = z.object({
  previous: identitySchema,
  sha256: hexSchema,
  size: z.number().int().nonnegative(),
});

/** One name for one version of one document, which says nothing of its key. */
export function pendingId({ store, key, versionId, sha256 }: DocumentIdentity): string {
  const name = [store, key, versionId, sha256].join('\u0000');
  return toHex(digest('SHA-256', new TextEncoder().encode(name))).slice(0, 32);
}

type Additions = {
  readonly certificates: readonly string[];
  readonly revocationInfo: readonly string[];
  readonly digestAlgorithms: readonly DigestAlgorithm[];
  readonly signers: readonly {
    readonly attributes: readonly string[];
    readonly token?:
      { readonly start: number; readonly end: number; readonly additions: Additions } | undefined;
  }[];
};

const digestSchema = z.string().refine((name): name is DigestAlgorithm => isDigestAlgorithm(name));
const additionsSchema: z.ZodType<Additions> = z.lazy(() =>
  z.object({
    certificates: z.array(hexSchema),
    revocationInfo: z.array(hexSchema),
    digestAlgorithms: z.array(digestSchema),
    signers: z.array(
      z.object({
        attributes: z.array(hexSchema),
        token: z
          .object({ start: z.number().int(), end: z.number().int(), additions: additionsSchema })
          .optional(),
      }),
    ),
  }),
);

/** `within`: the octets of the document, in which tokens stand that get something. */
function writeAdditions(additions: SignedDataAdditions, within: Uint8Array): Additions {
  return {
    certificates: additions.certificates.map(toHex),
    revocationInfo: additions.revocationInfo.map(toHex),
    digestAlgorithms: additions.digestAlgorithms,
    signers: additions.signers.map(({ attributes, token }) => {
      const start = (token?.octets.byteOffset ?? 0) - within.byteOffset;
      return {
        attributes: attributes.map(toHex),
        ...(token && {
          token: {
            start,
            end: start + token.octets.length,
            additions: writeAdditions(token.additions, within),
          },
        }),
      };
    }),
  };
}

function readAdditions(additions: Additions, within: Uint8Array): SignedDataAdditions {
  const octets = (texts: readonly string[]): readonly Uint8Array[] =>
    texts.map((text) => fromHex(text) ?? new Uint8Array());
  return {
    certificates: octets(additions.certificates),
    revocationInfo: octets(additions.revocationInfo),
    digestAlgorithms: additions.digestAlgorithms,
    signers: additions.signers.map(({ attributes, token }) => ({
      attributes: octets(attributes),
      ...(token && {
        token: {
          octets: within.subarray(token.start, token.end),
          additions: readAdditions(token.additions, within),
        },
      }),
    })),
  };
}

/** The objects of one document's augmentation. */
export type PendingAugmentation = {
  readonly loadDecided: (within: Uint8Array) => Promise<SignedDataAdditions | undefined>;
  readonly storeDecided: (additions: SignedDataAdditions, within: Uint8Array) => Promise<void>;
  readonly loadQuery: (imprint: Uint8Array) => Promise<Uint8Array | undefined>;
  readonly storeQuery: (imprint: Uint8Array, query: Uint8Array) => Promise<void>;
  readonly loadAnswer: (imprint: Uint8Array) => Promise<Uint8Array | undefined>;
  readonly storeAnswer: (imprint: Uint8Array, answer: Uint8Array) => Promise<void>;
  readonly storeVersion: (version: IntendedVersion) => Promise<void>;
  /** Everything of it, the version that was intended last. */
  readonly clear: () => Promise<void>;
};

const versionName = 'version.json';
const decidedFormat = {
  format: 'tokiwa-augmentation',
  version: 1,
  schema: z.object({ additions: additionsSchema }),
};
const versionFormat = {
  format: 'tokiwa-augmented-version',
  version: 1,
  schema: versionSchema,
};

export function openPending(
  store: ObjectStore,
  id: string,
  signal: AbortSignal,
): PendingAugmentation {
  const folder = `${pendingPrefix}${id}/`;
  const load = async (name: string): Promise<Uint8Array | undefined> =>
    (await readSmallObject(store, folder + name, signal))?.octets;
  /** Over what an earlier night left under the name. */
  const keep = async (name: string, octets: Uint8Array): Promise<void> => {
    const found = await readSmallObject(store, folder + name, signal);
    await writeSmallObject(store, folder + name, octets, {
      signal,
      condition: found ? { kind: 'match', etag: found.entry.etag } : { kind: 'absent' },
    });
  };
  const nameOf = (imprint: Uint8Array, suffix: string): string => `${toHex(imprint)}.${suffix}`;
  return {
    loadDecided: async (within) => {
      const octets = await load('decided.json');
      if (!octets) return undefined;
      const { additions } = parseStoredJson(octets, `${folder}decided.json`, decidedFormat);
      return readAdditions(additions, within);
    },
    storeDecided: (additions, within) =>
      keep(
        'decided.json',
        buildStoredJson({
          format: decidedFormat.format,
          version: decidedFormat.version,
          additions: writeAdditions(additions, within),
        }),
      ),
    loadQuery: (imprint) => load(nameOf(imprint, 'tsq')),
    storeQuery: (imprint, query) => keep(nameOf(imprint, 'tsq'), query),
    loadAnswer: (imprint) => load(nameOf(imprint, 'tsr')),
    storeAnswer: (imprint, answer) => keep(nameOf(imprint, 'tsr'), answer),
    storeVersion: (version) =>
      keep(
        versionName,
        buildStoredJson({
          format: versionFormat.format,
          version: versionFormat.version,
          ...version,
        }),
      ),
    clear: async () => {
      const keys: string[] = [];
      for await (const { key } of store.list({ prefix: folder, signal })) keys.push(key);
      // What says that there is something to go on with goes last.
      for (const key of keys.toSorted((a, b) => Number(isVersion(a)) - Number(isVersion(b))))
        await store.remove(key, { signal });
    },
  };
}

function isVersion(key: string): boolean {
  return key.endsWith(`/${versionName}`);
}

/** The versions that a night was about to write, or wrote, when it was interrupted. */
export async function* intendedVersions(
  store: ObjectStore,
  signal: AbortSignal,
): AsyncIterable<IntendedVersion> {
  const keys: string[] = [];
  for await (const { key } of store.list({ prefix: pendingPrefix, signal }))
    if (isVersion(key)) keys.push(key);
  for (const key of keys) {
    const found = await readSmallObject(store, key, signal);
    if (found) yield parseStoredJson(found.octets, key, versionFormat);
  }
}
