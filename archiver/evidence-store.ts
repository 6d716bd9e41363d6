// The evidence store of one archive (design §4): under its prefix `archive.json` with the archive's
// id, the lease, the journal, and the objects that other rooms write. Opening it answers one
// question first: is this the archive that configuration and catalogue mean?
import { z } from 'zod';
import { toHex } from '#shared/bytes.ts';
import { ConfigError, ConflictError } from '#shared/errors.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import type { RandomSource } from '#shared/ports/runtime.ts';
import { buildStoredJson, instantSchema, parseStoredJson } from './evidence/stored-json.ts';
import { type Journal, openJournal } from './journal.ts';
import { acquireLease, type Lease, type LeaseRequest } from './lease.ts';
import { prefixedStore } from './prefixed-store.ts';
import { readSmallObject, writeSmallObject } from './small-object.ts';

/** By which object lists name it: a document store's name has no dot. */
export const evidenceStoreName = '.evidence';

const archiveKey = 'archive.json';

const schema = z.object({ archiveId: z.string().min(1), created: instantSchema });

export type EvidenceStore = {
  readonly archiveId: string;
  readonly created: Temporal.Instant;
  /** The objects of the archive, the prefix taken off. */
  readonly objects: ObjectStore;
  readonly journal: Journal;
  /** @throws ConflictError ERR_CONFLICT_LEASE */
  readonly acquireLease: (request: Omit<LeaseRequest, 'store' | 'random'>) => Promise<Lease>;
};

export type EvidenceStoreOptions = {
  /** Stays open and the caller's; closing it is the caller's too. */
  readonly store: ObjectStore;
  readonly prefix: string;
  /** The id that configuration or catalogue knows; absent on the first run. */
  readonly expectedArchiveId: string | undefined;
  /** Whether an archive may be started where there is none. */
  readonly create: boolean;
  readonly at: Temporal.Instant;
  readonly random: RandomSource;
  readonly signal: AbortSignal;
};

/**
 * @throws ConfigError ERR_CONFIG_ARCHIVE_ID: another archive than expected, none where one is
 *   expected or none may be made, or a place in use for something else
 * @throws ConfigError ERR_CONFIG_INVALID: a store without reliable conditional writes
 * @throws FormatError, UnsupportedError: an `archive.json` that cannot be read
 */
export async function openEvidenceStore(options: EvidenceStoreOptions): Promise<EvidenceStore> {
  const { store, prefix, expectedArchiveId, random } = options;
  const place = `evidence store ${store.name}${prefix === '' ? '' : ` under ${prefix}`}`;
  if (!store.capabilities.conditionalWrites)
    throw new ConfigError(
      'ERR_CONFIG_INVALID',
      [
        `the ${place} cannot keep two writers apart and is not used.`,
        ...store.capabilities.remarks,
      ].join(' '),
    );
  const objects = prefixedStore(store, prefix);
  const archive =
    (await readArchive(objects, options.signal)) ?? (await createArchive(objects, place, options));
  if (expectedArchiveId !== undefined && archive.archiveId !== expectedArchiveId)
    throw new ConfigError(
      'ERR_CONFIG_ARCHIVE_ID',
      `the ${place} holds archive ${archive.archiveId}, but ${expectedArchiveId} is expected: ` +
        'the address or prefix of the evidence store, or the state folder, is another archive’s',
    );
  const journal = openJournal(objects);
  return {
    ...archive,
    objects,
    journal,
    acquireLease: async (request) => {
      const lease = await acquireLease({ ...request, store: objects, random });
      journal.forgetEnd();
      return lease;
    },
  };
}

type Archive = z.infer<typeof schema>;

async function readArchive(
  objects: ObjectStore,
  signal: AbortSignal,
): Promise<Archive | undefined> {
  const found = await readSmallObject(objects, archiveKey, signal);
  if (found === undefined) return undefined;
  return parseStoredJson(found.octets, archiveKey, {
    format: 'tokiwa-archive',
    version: 1,
    schema,
  });
}

async function createArchive(
  objects: ObjectStore,
  place: string,
  { expectedArchiveId, create, at, random, signal }: EvidenceStoreOptions,
): Promise<Archive> {
  if (expectedArchiveId !== undefined || !create)
    throw new ConfigError(
      'ERR_CONFIG_ARCHIVE_ID',
      `the ${place} is empty${expectedArchiveId === undefined ? '' : `, but archive ${expectedArchiveId} is expected`}: ` +
        'is its address right, is it mounted, has it been emptied? Nothing is made in its place',
    );
  // Something without archive.json is a damaged archive or not an evidence store at all.
  for await (const { key } of objects.list({ signal })) {
    // Started twice at once: the other's may have come since it was looked for.
    const made = await readArchive(objects, signal);
    if (made) return made;
    throw new ConfigError(
      'ERR_CONFIG_ARCHIVE_ID',
      `the ${place} has no ${archiveKey} but other objects (such as ${JSON.stringify(key)}): ` +
        'give an empty place, or put back the file that is missing',
    );
  }
  const archive = { archiveId: toHex(random(16)), created: at };
  const octets = buildStoredJson({ format: 'tokiwa-archive', version: 1, ...archive });
  try {
    await writeSmallObject(objects, archiveKey, octets, { condition: { kind: 'absent' }, signal });
    return archive;
  } catch (error) {
    // Started twice at once: the archive that the other made is the one.
    const made = error instanceof ConflictError && (await readArchive(objects, signal));
    if (made) return made;
    throw error;
  }
}
