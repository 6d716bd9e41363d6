// Documents, or evidence, in a folder: the object store contract over files. Reading takes files as
// a user put them there; writing makes a file aside, fsyncs it and moves it into place in one step.
// Keys and names are in folder-key.ts, the walk in folder-list.ts, the lock in folder-lock.ts.
import { lstat, realpath, unlink } from 'node:fs/promises';
import { ConflictError, FormatError, SourceError, UnsupportedError } from '#shared/errors.ts';
import { syncDirectory, systemErrorCode } from '#shared/io/durable-file.ts';
import type { ObjectHead, ObjectStore, StoreCapabilities } from '#shared/ports/object-store.ts';
import { digestBody } from '../digest-body.ts';
import { createDigestPool } from './digest-pool.ts';
import {
  entryOf,
  maxSidecarBytes,
  noExtras,
  parseSidecar,
  sidecarSuffix,
  unreadExtras,
} from './folder-entry.ts';
import { translateSystemError } from './folder-errors.ts';
import { namesOfKey, pathOf } from './folder-key.ts';
import { type SkippedFile, walkFolder } from './folder-list.ts';
import { findFile, type FoundFile } from './folder-lookup.ts';
import { readFileBody } from './folder-read.ts';
import { type FolderWriter, openFolderWriter } from './folder-write.ts';

export type FolderStoreOptions = {
  /** The name that configuration gives the store. */
  readonly name: string;
  readonly folder: string;
  /** `read` leaves no trace in the folder; `write` keeps a hidden folder for locks at its top. */
  readonly access: 'read' | 'write';
  /** Told by every listing of what it leaves out, so that nothing is unprotected unseen. */
  readonly onSkipped?: ((skipped: SkippedFile) => void) | undefined;
};

/**
 * Opens a folder that exists. A folder has no versions and checks no checksum.
 * @throws SourceError ERR_SOURCE_UNREACHABLE (no such folder), ERR_SOURCE_REFUSED
 */
export async function openFolderStore(options: FolderStoreOptions): Promise<ObjectStore> {
  const { name, folder, access, onSkipped = () => undefined } = options;
  const translate = (error: unknown, key: string) => translateSystemError(error, name, key);
  let root: Buffer;
  let writer: FolderWriter | undefined;
  try {
    root = await realpath(folder, 'buffer');
    if (!(await lstat(root)).isDirectory())
      throw new SourceError('ERR_SOURCE_REFUSED', `${name}: ${folder} is not a folder`, {
        retryable: false,
      });
    if (access === 'write') writer = await openFolderWriter(name, root);
  } catch (error) {
    throw translate(error, folder);
  }

  const lookUp = async (key: string, signal: AbortSignal): Promise<FoundFile> => {
    signal.throwIfAborted();
    try {
      return await findFile(name, root, key);
    } catch (error) {
      throw translate(error, key);
    }
  };

  const writing = (key: string): FolderWriter => {
    if (writer !== undefined) return writer;
    throw new SourceError(
      'ERR_SOURCE_REFUSED',
      `${name} is opened for reading: ${JSON.stringify(key)} stays as it is`,
      { retryable: false },
    );
  };

  const read: ObjectStore['read'] = async (key, { signal, versionId, range }) => {
    refuseVersion(name, versionId);
    const { entry, path } = await lookUp(key, signal);
    return { entry, body: readFileBody(path, entry, { store: name, range, signal }) };
  };

  const pool = createDigestPool(root);

  return {
    name,
    capabilities: capabilitiesOf(access),
    list: async function* ({ prefix = '', startAfter = '', signal }) {
      signal.throwIfAborted();
      try {
        yield* walkFolder(root, { prefix, startAfter, signal, onSkipped });
      } catch (error) {
        throw translate(error, prefix);
      }
    },
    head: async (key, { signal, versionId }) => {
      refuseVersion(name, versionId);
      const { entry } = await lookUp(key, signal);
      return { ...entry, ...(await readSidecar(root, key, signal)) };
    },
    read,
    digest: async (key, digestOptions) => {
      const { signal, versionId, algorithms, keep } = digestOptions;
      refuseVersion(name, versionId);
      const asked = [...new Set(algorithms)];
      const found = await pool.digest({ key, algorithms: asked, keep }, signal);
      if (!found) return digestBody(await read(key, { signal, versionId }), digestOptions);
      const { state, digests, head } = found;
      return {
        // Renewals, which ask for most files, do not look at it.
        get entry() {
          return entryOf(key, state);
        },
        size: Number(state.size),
        digests: Object.fromEntries(
          asked.map((algorithm, index) => [algorithm, digests[index] ?? '']),
        ),
        head,
      };
    },
    write: async (key, content, writeOptions) => writing(key).write(key, content, writeOptions),
    remove: async (key, { signal, versionId }) => {
      const { lock } = writing(key);
      refuseVersion(options.name, versionId);
      signal.throwIfAborted();
      const names = namesOfKey(key);
      try {
        // Under the lock: else a conditional write could bring back what was removed meanwhile.
        await lock.hold(() => unlink(pathOf(root, names)));
        await syncDirectory(pathOf(root, names.slice(0, -1)));
      } catch (error) {
        if (systemErrorCode(error) !== 'ENOENT') throw translate(error, key);
      }
    },
    [Symbol.asyncDispose]: async () => {
      await pool[Symbol.asyncDispose]();
      await writer?.[Symbol.asyncDispose]();
    },
  };
}

function capabilitiesOf(access: 'read' | 'write'): StoreCapabilities {
  return {
    conditionalWrites: access === 'write',
    versions: false,
    checksums: false,
    remarks: [
      'A folder keeps no earlier versions: a file that is overwritten is gone, and shown as changed.',
    ],
  };
}

function refuseVersion(store: string, versionId: string | undefined): void {
  if (versionId === undefined || versionId === '') return;
  throw new UnsupportedError('ERR_UNSUPPORTED_FEATURE', `${store} is a folder without versions`, {
    feature: 'versions',
  });
}

async function readSidecar(
  root: Buffer,
  key: string,
  signal: AbortSignal,
): Promise<Pick<ObjectHead, 'metadata' | 'tags' | 'remark'>> {
  try {
    const sidecarKey = `${key}${sidecarSuffix}`;
    const { entry, path } = await findFile('', root, sidecarKey);
    if (entry.size > maxSidecarBytes)
      return unreadExtras(key, `it is longer than ${maxSidecarBytes} octets`);
    const parts: Uint8Array[] = [];
    for await (const part of readFileBody(path, entry, { store: '', range: undefined, signal }))
      parts.push(part);
    return parseSidecar(key, Buffer.concat(parts));
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof SourceError && error.code === 'ERR_SOURCE_NOT_FOUND') return noExtras;
    // A name that leaves no room for the suffix has no sidecar.
    if (error instanceof FormatError) return noExtras;
    if (error instanceof SourceError || error instanceof ConflictError)
      return unreadExtras(key, error.message);
    const code = systemErrorCode(error);
    if (code === undefined) throw error;
    return unreadExtras(key, code);
  }
}
