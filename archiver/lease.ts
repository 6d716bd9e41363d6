// One writer at a time (design §1.9): `lease.json` names who may write to the evidence store, until
// when. Taking it, also from one that has run out, is a conditional write, so two can never both
// win. A token number that only grows tells every holder from the ones before.
import { z } from 'zod';
import { toHex } from '#shared/bytes.ts';
import { ConflictError, SourceError } from '#shared/errors.ts';
import { isBefore } from '#shared/time.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import type { RandomSource } from '#shared/ports/runtime.ts';
import { buildStoredJson, instantSchema, parseStoredJson } from './evidence/stored-json.ts';
import { readSmallObject, writeSmallObject } from './small-object.ts';

const leaseKey = 'lease.json';

/** The process that asks, so that a person or a program can find it. */
export type LeaseHolder = {
  readonly host: string;
  readonly pid: number;
  /** Tells apart machines, containers and processes that share host name and pid. */
  readonly instance: string;
};

const schema = z.object({
  token: z.int().positive(),
  id: z.string(),
  holder: z.object({ host: z.string(), pid: z.int(), instance: z.string() }),
  run: z.string(),
  acquired: instantSchema,
  until: instantSchema,
  released: z.boolean(),
});

type LeaseRecord = z.infer<typeof schema>;
type StoredLease = { readonly record: LeaseRecord; readonly etag: string };

export type Lease = {
  /** Greater than that of every earlier holder. */
  readonly token: number;
  /** Aborted, with a ConflictError ERR_CONFLICT_LEASE as its reason, once the lease is known lost. */
  readonly lost: AbortSignal;
  /**
   * Prolongs the lease from `at`.
   * @throws ConflictError ERR_CONFLICT_LEASE where another holds it now
   */
  readonly renew: (at: Temporal.Instant, signal: AbortSignal) => Promise<void>;
  /**
   * Before what must not be done twice: asks the store whether the lease is still ours.
   * @throws ConflictError ERR_CONFLICT_LEASE where it is not, or has run out by `at`
   */
  readonly assertHeld: (at: Temporal.Instant, signal: AbortSignal) => Promise<void>;
  /** Lets the next one in at once; nothing where the lease is lost already. */
  readonly release: (signal: AbortSignal) => Promise<void>;
  /** Releases; where the store cannot be reached, the lease runs out by itself. */
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};

export type LeaseRequest = {
  /** The evidence store, prefix taken off. */
  readonly store: ObjectStore;
  readonly holder: LeaseHolder;
  /** The run that wants to write, as logs name it. */
  readonly run: string;
  readonly at: Temporal.Instant;
  readonly duration: Temporal.Duration;
  readonly random: RandomSource;
  /** Whether the holder is a process of this machine that has ended: nobody need wait for it. */
  readonly isGone?: ((holder: LeaseHolder) => boolean) | undefined;
  readonly signal: AbortSignal;
};

/**
 * Takes the lease where it is free, released, run out, or its holder is gone.
 * @throws ConflictError ERR_CONFLICT_LEASE naming the holder and until when
 */
export async function acquireLease(request: LeaseRequest): Promise<Lease> {
  const { store, at, duration, signal } = request;
  const current = await readLease(store, signal);
  if (current !== undefined && isHeld(current.record, request)) throw heldBy(current.record);
  const record: LeaseRecord = {
    token: (current?.record.token ?? 0) + 1,
    id: toHex(request.random(16)),
    holder: request.holder,
    run: request.run,
    acquired: at,
    until: at.add(duration),
    released: false,
  };
  try {
    const etag = await writeLease(store, { record, etag: current?.etag }, signal);
    return holdLease(store, { record, etag }, duration);
  } catch (error) {
    if (!(error instanceof ConflictError)) throw error;
    const winner = await readLease(store, signal);
    throw winner === undefined ? error : heldBy(winner.record);
  }
}

function isHeld(record: LeaseRecord, { at, isGone }: LeaseRequest): boolean {
  return !record.released && isBefore(at, record.until) && isGone?.(record.holder) !== true;
}

/** Who holds the lease, in words: a run at work is no fault. @throws FormatError: it cannot be read */
export async function describeLease(
  store: ObjectStore,
  { at, isGone, signal }: Pick<LeaseRequest, 'at' | 'isGone' | 'signal'>,
): Promise<string> {
  const current = await readLease(store, signal);
  if (!current || current.record.released) return 'free';
  const { holder, run, until } = current.record;
  const who = `process ${holder.pid} on ${holder.host} (run ${run})`;
  if (isGone?.(holder) === true) return `free: ${who} is gone`;
  const end = until.toString({ smallestUnit: 'second' });
  return isBefore(at, until)
    ? `held by ${who} until ${end}`
    : `free: that of ${who} ran out on ${end}`;
}

function heldBy({ holder, run, until, token }: LeaseRecord): ConflictError {
  return new ConflictError(
    'ERR_CONFLICT_LEASE',
    `process ${holder.pid} on ${holder.host} (run ${run}) writes to this evidence store until ` +
      `${until.toString({ smallestUnit: 'second' })}: wait until it has ended`,
    { found: String(token) },
  );
}

/** Far more than writers of one lease: whoever wrote while we read has gone on. */
const maxReadings = 100;

/** The object in one piece, although others may write it meanwhile. */
async function readLeaseObject(
  store: ObjectStore,
  signal: AbortSignal,
): ReturnType<typeof readSmallObject> {
  for (let reading = 1; ; reading++) {
    try {
      return await readSmallObject(store, leaseKey, signal);
    } catch (error) {
      if (!(error instanceof ConflictError) || reading === maxReadings) throw error;
      signal.throwIfAborted();
    }
  }
}

async function readLease(
  store: ObjectStore,
  signal: AbortSignal,
): Promise<StoredLease | undefined> {
  const found = await readLeaseObject(store, signal);
  if (found === undefined) return undefined;
  const record = parseStoredJson(found.octets, leaseKey, {
    format: 'tokiwa-lease',
    version: 1,
    schema,
  });
  return { record, etag: found.entry.etag };
}

function writeLease(
  store: ObjectStore,
  { record, etag }: { readonly record: LeaseRecord; readonly etag: string | undefined },
  signal: AbortSignal,
): Promise<string> {
  return writeSmallObject(
    store,
    leaseKey,
    buildStoredJson({ format: 'tokiwa-lease', version: 1, ...record }),
    { condition: etag === undefined ? { kind: 'absent' } : { kind: 'match', etag }, signal },
  );
}

function holdLease(store: ObjectStore, first: StoredLease, duration: Temporal.Duration): Lease {
  let held = first;
  const lost = new AbortController();
  // Calls wait for each other: a renewal that overtakes a release would take the lease again.
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = last.then(work);
    last = turn.catch(() => undefined);
    return turn;
  };

  const lose = (winner: StoredLease | undefined): never => {
    const reason = new ConflictError(
      'ERR_CONFLICT_LEASE',
      winner === undefined
        ? `${leaseKey} is gone from the evidence store`
        : `the lease was lost: ${heldBy(winner.record).message}`,
      { expected: String(held.record.token), found: winner && String(winner.record.token) },
    );
    lost.abort(reason);
    throw reason;
  };

  /** The lease as stored, which must be ours. */
  const readOwn = async (signal: AbortSignal): Promise<StoredLease> => {
    const current = await readLease(store, signal);
    if (current === undefined || current.record.id !== held.record.id) return lose(current);
    return current;
  };

  const change = async (record: LeaseRecord, signal: AbortSignal): Promise<void> => {
    lost.signal.throwIfAborted();
    for (;;) {
      try {
        held = { record, etag: await writeLease(store, { record, etag: held.etag }, signal) };
        return;
      } catch (error) {
        if (!(error instanceof ConflictError)) throw error;
        // An earlier change of ours, whose answer was lost, may have come through since.
        held = await readOwn(signal);
      }
    }
  };

  const release = (signal: AbortSignal): Promise<void> =>
    inTurn(async () => {
      if (held.record.released || lost.signal.aborted) return;
      await change({ ...held.record, released: true }, signal);
    });

  return {
    token: first.record.token,
    lost: lost.signal,
    renew: (at, signal) =>
      inTurn(() => change({ ...held.record, until: at.add(duration) }, signal)),
    assertHeld: (at, signal) =>
      inTurn(async () => {
        lost.signal.throwIfAborted();
        held = await readOwn(signal);
        if (held.record.released || !isBefore(at, held.record.until))
          throw new ConflictError(
            'ERR_CONFLICT_LEASE',
            `the lease was released or ran out at ${held.record.until.toString()}`,
          );
      }),
    release,
    [Symbol.asyncDispose]: async () => {
      try {
        await release(new AbortController().signal);
      } catch (error) {
        if (!(error instanceof SourceError) && !(error instanceof ConflictError)) throw error;
      }
    },
  };
}
