// Objects by key with conditional writes: a folder or an S3-compatible service behind one contract.
// Keys are opaque strings; listing is in ascending order of UTF-8 octets. What the adapters can and
// cannot hold is said by `capabilities` and by ERR_FORMAT_KEY, never by a mangled key.
import type { DigestAlgorithm } from '#shared/crypto/digest.ts';

/** What a store can do, probed at start (design: what it cannot do is said). */
export type StoreCapabilities = {
  /** If-None-Match and If-Match are honoured and atomic. */
  readonly conditionalWrites: boolean;
  /** Earlier content stays readable under a version id. */
  readonly versions: boolean;
  /** The store checks a SHA-256 given with a write. */
  readonly checksums: boolean;
  /** Sentences for the operator on what is missing and what follows from it. */
  readonly remarks: readonly string[];
};

/**
 * One object as listed or looked up. `etag` is an opaque change marker, never a digest; where the
 * same content is written again, some stores give the same marker again.
 */
export type ObjectEntry = {
  readonly key: string;
  readonly size: number;
  readonly etag: string;
  readonly versionId?: string | undefined;
  readonly lastModified: Temporal.Instant;
};

/** Look-up of one object, with what the store keeps beside it. */
export type ObjectHead = ObjectEntry & {
  readonly metadata: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
  /** Why metadata or tags could not be read; they are then empty, which is not the same as none. */
  readonly remark?: string | undefined;
};

/** What a write made. A store says when only on look-up. */
export type WrittenObject = Omit<ObjectEntry, 'lastModified'>;

/** Condition of a write: create only, or replace exactly what was read. */
export type WriteCondition =
  { readonly kind: 'absent' } | { readonly kind: 'match'; readonly etag: string };

export type ReadOptions = {
  readonly signal: AbortSignal;
  readonly versionId?: string | undefined;
  /** Octets from `start` (inclusive) to `end` (exclusive); what lies behind the end is not there. */
  readonly range?: { readonly start: number; readonly end: number } | undefined;
};

/** What of an object is wanted besides its octets: digests of the whole, and its first `keep` octets. */
export type DigestOptions = {
  readonly signal: AbortSignal;
  readonly versionId?: string | undefined;
  readonly algorithms: readonly DigestAlgorithm[];
  readonly keep: number;
};

/** One pass over an object. */
export type DigestedObject = {
  /** Of exactly the content that was read. */
  readonly entry: ObjectEntry;
  readonly size: number;
  /** Hexadecimal, by algorithm. */
  readonly digests: Readonly<Partial<Record<DigestAlgorithm, string>>>;
  /** The whole content, or its first `keep` octets where it is larger. */
  readonly head: Uint8Array;
};

export type WriteOptions = {
  readonly signal: AbortSignal;
  readonly condition?: WriteCondition | undefined;
  readonly contentType?: string | undefined;
  /** The version that this one goes on from: its lock, hold, tags, metadata and encryption are taken over. */
  readonly successorOf?:
    | {
        readonly versionId?: string | undefined;
        /** Besides, where the store keeps metadata with its objects. */
        readonly metadata: Readonly<Record<string, string>>;
      }
    | undefined;
};

/**
 * Contract, run as one suite against every adapter:
 * - `read`, `head` of an absent key: SourceError ERR_SOURCE_NOT_FOUND, not retryable.
 * - A key that the store cannot hold: FormatError ERR_FORMAT_KEY, or SourceError ERR_SOURCE_REFUSED
 *   where another object stands in its way.
 * - A write is there whole or not at all, and durable when its promise fulfils; a failed write may
 *   have taken effect only if its error has `outcomeUnknown`. An error of the content's own source
 *   comes through as it is, and nothing is written.
 * - A condition that does not hold: ConflictError (ERR_CONFLICT_EXISTS, ERR_CONFLICT_CHANGED), nothing written.
 * - `list` yields keys under `prefix` ascending, from strictly after `startAfter`; pages inside.
 * - `read`: the caller iterates `body` or aborts the signal. A body that ends without an error is
 *   complete; an object that changes meanwhile: ConflictError ERR_CONFLICT_CHANGED.
 * - `remove` of an absent key does nothing.
 * - A full store: SourceError ERR_SOURCE_FULL. An unreachable one: ERR_SOURCE_UNREACHABLE, retryable.
 * - An aborted signal: the promise rejects with the signal's reason.
 */
export type ObjectStore = {
  /** The name that configuration gives it; part of a document's identity. */
  readonly name: string;
  readonly capabilities: StoreCapabilities;
  readonly list: (options: {
    readonly prefix?: string | undefined;
    readonly startAfter?: string | undefined;
    readonly signal: AbortSignal;
  }) => AsyncIterable<ObjectEntry>;
  readonly head: (
    key: string,
    options: { readonly signal: AbortSignal; readonly versionId?: string | undefined },
  ) => Promise<ObjectHead>;
  /** Streams the object; the entry describes exactly the content that is streamed. */
  readonly read: (
    key: string,
    options: ReadOptions,
  ) => Promise<{ readonly entry: ObjectEntry; readonly body: AsyncIterable<Uint8Array> }>;
  /**
   * Where the store can digest better than its reader (beside its thread, near the disk): what reading
   * the whole object and digesting it gives, and its errors.
   */
  readonly digest?: ((key: string, options: DigestOptions) => Promise<DigestedObject>) | undefined;
  readonly write: (
    key: string,
    content: Uint8Array | AsyncIterable<Uint8Array>,
    options: WriteOptions,
  ) => Promise<WrittenObject>;
  /** With a version id that version itself is destroyed; without one the key, earlier versions staying. */
  readonly remove: (
    key: string,
    options: { readonly signal: AbortSignal; readonly versionId?: string | undefined },
  ) => Promise<void>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};
