// Evidence for digests (RFC 4998): collected for an interval by client, profile and hash, stamped by one token a batch,
// answered with a record for each group. What is promised is durable before the token is asked for, and a crash asks
// with the same octets again (design §1.3).
import { createCollector } from '#shared/intake/collector.ts';
import { nameOfGroups, type DigestGroups } from '#shared/intake/digest-groups.ts';
import type { EvidenceFiles } from '../adapters/evidence-files.ts';
import type { Asking } from '../audit/audit-line.ts';
import type { Budgets } from '../metering/budget-rules.ts';
import type { Profile } from '../config/config.ts';
import { dayOf } from '../days.ts';
import { errorFields } from '../replies.ts';
import {
  finishBatch,
  loadProof,
  makeBatch,
  type BatchOptions,
  type Item,
  type Proof,
} from './batches.ts';
import type { LaneFields, SubmissionLine, TokenLine } from './lines.ts';
import { loadRegister, type Batch, type Register, type Submission } from './register.ts';
import { openEvidenceSegments, readLine, type EvidenceSegments } from './segments.ts';

export type Submitted =
  /** Durable: a record will be made for each group. `repeated`: it was sent before. */
  | { readonly kind: 'taken'; readonly id: string; readonly repeated: boolean }
  /** As much as may wait is waiting. */
  | { readonly kind: 'full'; readonly retryAfterSeconds: number }
  /** The client has nothing left to spend until then. */
  | { readonly kind: 'limited'; readonly message: string; readonly until: Temporal.Instant };

/** The records of one submission, in the order of its groups. */
export type EvidenceAnswer = LaneFields &
  Pick<TokenLine, 'provider' | 'genTime' | 'provableUntil'> & {
    readonly id: string;
    /** When it was promised its records: how long they took is for all to see. */
    readonly takenInAt: Temporal.Instant;
    readonly records: readonly Uint8Array[];
  };

export type Found =
  /** Never taken in, not by this client, or forgotten. */
  | { readonly kind: 'unknown' }
  | { readonly kind: 'waiting'; readonly id: string; readonly since: Temporal.Instant }
  | { readonly kind: 'done'; readonly answer: EvidenceAnswer };

export type EvidenceService = AsyncDisposable & {
  /** @throws the system's error: it could not be made durable, and nothing is promised */
  readonly submit: (asking: Asking, profile: Profile, groups: DigestGroups) => Promise<Submitted>;
  /** @throws InvariantError ERR_INVARIANT_STATE: its lines are damaged */
  readonly find: (client: string, profile: string, id: string) => Promise<Found>;
  /**
   * Resolves when the records are there or could not be had for now, the time is over, the signal is aborted, or
   * the process ends.
   */
  readonly settled: (id: string, waitMs: number, signal: AbortSignal) => Promise<void>;
  /** Groups that are promised a record and have none. */
  readonly waiting: () => number;
  /** Makes the batches that are due, and forgets what is old. */
  readonly upkeep: () => Promise<void>;
  /** Nobody is kept waiting any longer: what is promised is kept after the next start. */
  readonly release: () => void;
};

export type EvidenceServiceOptions = Omit<BatchOptions, 'segments' | 'register'> & {
  readonly files: EvidenceFiles;
  readonly budgets: Budgets;
};

/** What could not be had is asked for again after the interval, and never sooner than this. */
const minRetryMs = 5_000;
/** Trees of batches that are kept at hand for those who come for their records. */
const keptProofs = 4;

class Evidence implements EvidenceService {
  readonly #options: EvidenceServiceOptions & BatchOptions;
  readonly #segments: EvidenceSegments;
  readonly #register: Register;
  readonly #collector;
  readonly #taking = new Map<string, Promise<Submission>>();
  readonly #waiters = new Map<string, Set<() => void>>();
  readonly #proofs = new Map<string, Proof>();
  readonly #running = new Set<Promise<unknown>>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #nextTick: NodeJS.Timeout | undefined;
  #promised = 0;
  #released = false;

  constructor(options: EvidenceServiceOptions & BatchOptions) {
    this.#options = options;
    this.#segments = options.segments;
    this.#register = options.register;
    this.#collector = createCollector<Item>(() => ({
      intervalMs: this.#settings.intervalSeconds * 1000,
      maxGroups: this.#settings.maxGroups,
    }));
  }

  get #settings() {
    return this.#options.settings().config.evidence;
  }

  /** What an earlier process promised goes on where it stands. */
  async resume(): Promise<void> {
    const { submissions, batches } = this.#register.unfinished();
    for (const submission of submissions) {
      const { groups } = await readLine(this.#segments, 'submission', submission.place);
      this.#collect({ submission, groups });
    }
    for (const batch of batches) {
      for (const { groups } of batch.submissions) this.#promised += groups;
      this.#track(this.#finish(batch));
    }
    this.#tick();
  }

  readonly waiting = (): number => this.#promised;

  readonly submit = async (
    asking: Asking,
    profile: Profile,
    groups: DigestGroups,
  ): Promise<Submitted> => {
    const { client } = asking;
    const id = nameOfGroups([client, profile.name], groups);
    const over = await this.#options.budgets.check({ client, profile: profile.name });
    const known = this.#known(id) ?? (await this.#taking.get(id));
    if (known) return { kind: 'taken', id, repeated: true };
    if (over) return { kind: 'limited', message: over.message, until: over.until };
    if (this.#promised + groups.groups.length > this.#settings.maxWaiting) {
      const retryAfterSeconds = Math.max(1, Math.ceil(this.#settings.intervalSeconds));
      return { kind: 'full', retryAfterSeconds };
    }
    const taking = this.#take(id, asking, profile, groups);
    this.#taking.set(id, taking);
    try {
      await taking;
    } finally {
      this.#taking.delete(id);
    }
    return { kind: 'taken', id, repeated: false };
  };

  readonly find = async (client: string, profile: string, id: string): Promise<Found> => {
    const found = this.#known(id);
    // Another client's is to this one as if it were not there.
    if (found?.client !== client || found.profile !== profile) return { kind: 'unknown' };
    const proof = found.batch && (await this.#proofOf(found.batch));
    if (!proof) return { kind: 'waiting', id, since: found.at };
    const { groups } = await readLine(this.#segments, 'submission', found.place);
    const { records, token } = proof;
    const { algorithm, firstLeaf = 0 } = found;
    const { provider, genTime, provableUntil } = token;
    return {
      kind: 'done',
      answer: {
        ...{ id, client, profile, algorithm, provider, genTime, provableUntil },
        takenInAt: found.at,
        records: groups.map((digests, i) => records(firstLeaf + i, digests)),
      },
    };
  };

  readonly settled = async (id: string, waitMs: number, signal: AbortSignal): Promise<void> => {
    const found = this.#known(id);
    if (!found || found.batch?.token || this.#released || waitMs <= 0 || signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<undefined>();
    const wake = (): void => {
      resolve(undefined);
    };
    const waiters = this.#waiters.get(id) ?? new Set();
    this.#waiters.set(id, waiters);
    waiters.add(wake);
    const timer = setTimeout(wake, waitMs);
    signal.addEventListener('abort', wake);
    await promise;
    clearTimeout(timer);
    signal.removeEventListener('abort', wake);
    waiters.delete(wake);
    if (waiters.size === 0) this.#waiters.delete(id);
  };

  readonly upkeep = async (): Promise<void> => {
    const limit = this.#limit();
    for (const { id, client, groups } of this.#register.forgetBefore(limit)) {
      this.#promised -= groups;
      this.#options.events({ level: 'error', name: 'tsa.evidence.given-up', id, client, groups });
    }
    // A day more: a batch stands in a file of a later day than what is in it.
    await this.#segments.removeBefore(dayOf(limit.subtract({ hours: 24 })));
    this.#tick();
  };

  readonly release = (): void => {
    this.#released = true;
    clearTimeout(this.#nextTick);
    for (const timer of this.#timers) clearTimeout(timer);
    for (const waiters of this.#waiters.values()) for (const wake of waiters) wake();
  };

  async [Symbol.asyncDispose](): Promise<void> {
    this.release();
    while (this.#running.size > 0) await Promise.all(this.#running);
    await this.#segments[Symbol.asyncDispose]();
  }

  /** What was taken in before this instant is forgotten. */
  #limit(): Temporal.Instant {
    return this.#options.clock.now().subtract({ hours: 24 * this.#settings.keepDays });
  }

  #known(id: string): Submission | undefined {
    const found = this.#register.submission(id);
    return found && Temporal.Instant.compare(found.at, this.#limit()) >= 0 ? found : undefined;
  }

  /** Durable, with its line of the audit log; then it is collected. */
  async #take(
    id: string,
    asking: Asking,
    profile: Profile,
    { algorithm, groups }: DigestGroups,
  ): Promise<Submission> {
    const { audit, clock } = this.#options;
    const lane: LaneFields = { client: asking.client, profile: profile.name, algorithm };
    const line: SubmissionLine = { kind: 'submission', id, at: clock.now(), ...lane, groups };
    const entry = { profile: profile.name, submission: id, algorithm, groups: groups.length };
    await audit.append({ event: 'digests', ...asking, ...entry });
    const submission = this.#register.addSubmission(line, await this.#segments.append(line));
    const taken = { id: asking.id, client: asking.client, groups: groups.length };
    this.#options.events({ level: 'info', name: 'tsa.evidence.taken', ...taken });
    this.#collect({ submission, groups });
    this.#tick();
    return submission;
  }

  #collect(item: Item): void {
    const { client, profile, algorithm, at, groups } = item.submission;
    this.#promised += groups;
    this.#collector.add(JSON.stringify([client, profile, algorithm]), item, groups, at);
  }

  /** Makes batches of what is due, and comes again when the next is. */
  #tick(): void {
    clearTimeout(this.#nextTick);
    if (this.#released) return;
    const now = this.#options.clock.now();
    for (const { items } of this.#collector.takeDue(now)) this.#track(this.#start(items));
    const next = this.#collector.nextDue();
    if (!next) return;
    const ms = Math.max(1, next.epochMilliseconds - now.epochMilliseconds);
    this.#nextTick = setTimeout(() => {
      this.#tick();
    }, ms).unref();
  }

  async #start(items: readonly Item[]): Promise<void> {
    let batch: Batch;
    try {
      batch = await makeBatch(items, this.#options);
      const { id, client } = batch;
      this.#options.events({ level: 'info', name: 'tsa.evidence.batch', id, client });
    } catch (error) {
      this.#delay(errorFields(error).reason, () => this.#start(items));
      this.#wake(items.map(({ submission }) => submission));
      return;
    }
    await this.#finish(batch);
  }

  async #finish(batch: Batch): Promise<void> {
    const { events } = this.#options;
    let proof: Proof | string;
    try {
      proof = await finishBatch(batch, this.#options);
    } catch (error) {
      proof = errorFields(error).reason;
    }
    if (typeof proof === 'string') {
      // Older than the log remembers: what it promised was given up with an event.
      if (Temporal.Instant.compare(batch.at, this.#limit()) >= 0)
        this.#delay(proof, () => this.#finish(batch), batch.id);
      this.#wake(batch.submissions);
      return;
    }
    this.#keep(batch.id, proof);
    const { submissions, id, client } = batch;
    const groups = submissions.reduce((sum, one) => sum + one.groups, 0);
    this.#promised -= groups;
    this.#wake(submissions);
    const { provider } = proof.token;
    events({ level: 'info', name: 'tsa.evidence.made', id, client, provider, groups });
  }

  #wake(submissions: readonly Submission[]): void {
    for (const { id } of submissions) for (const wake of this.#waiters.get(id) ?? []) wake();
  }

  /** What is promised stays promised: it is tried again. */
  #delay(reason: string, work: () => Promise<void>, id?: string): void {
    const retryMs = Math.max(minRetryMs, this.#settings.intervalSeconds * 1000);
    const batch = id === undefined ? {} : { id };
    this.#options.events({
      level: 'warn',
      name: 'tsa.evidence.delayed',
      ...batch,
      reason,
      retryMs,
    });
    if (this.#released) return;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#track(work());
    }, retryMs).unref();
    this.#timers.add(timer);
  }

  #track(work: Promise<void>): void {
    const kept = work.catch((error: unknown) => {
      this.#options.events({ level: 'error', name: 'tsa.evidence.failed', ...errorFields(error) });
    });
    this.#running.add(kept);
    void kept.then(() => this.#running.delete(kept));
  }

  #keep(id: string, proof: Proof): void {
    this.#proofs.delete(id);
    this.#proofs.set(id, proof);
    const oldest = this.#proofs.keys().next();
    if (this.#proofs.size > keptProofs && !oldest.done) this.#proofs.delete(oldest.value);
  }

  async #proofOf(batch: Batch): Promise<Proof | undefined> {
    const proof = this.#proofs.get(batch.id) ?? (await loadProof(batch, this.#segments));
    if (proof) this.#keep(batch.id, proof);
    return proof;
  }
}

/** Opens the evidence log, and goes on with what an earlier process promised. @throws the system's error */
export async function openEvidenceService(
  options: EvidenceServiceOptions,
): Promise<EvidenceService> {
  const { clock, settings } = options;
  const segments = openEvidenceSegments(options);
  const since = clock.now().subtract({ hours: 24 * settings().config.evidence.keepDays });
  const register = await loadRegister(segments, since);
  const evidence = new Evidence({ ...options, segments, register });
  await evidence.resume();
  return evidence;
}
