// One document of a store raised to LTA as a new version (design, "Embedded augmentation"): decided and bought so
// that a crash buys nothing twice, judged from the assembled octets, written on the condition that the version is
// the one that was read, and judged again from the store. What the catalogue makes of it is the stage's.
import { toHex } from '#shared/bytes.ts';
import { createDigest, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import { streamSplice } from '#shared/der/splice.ts';
import { InvariantError, SourceError } from '#shared/errors.ts';
import type { DocumentIdentity } from '#shared/ports/catalogue.ts';
import type { ObjectHead, ObjectStore, WrittenObject } from '#shared/ports/object-store.ts';
import { parseTimeStampResp } from '#shared/tsp/response.ts';
import type { DetachedContent } from '#shared/validation/facts.ts';
import type { StatusSource } from '#shared/ports/status-source.ts';
import type { GivenMaterial } from '#shared/validation/validation-material.ts';
import type { EvidenceRun, StampingTsa } from '../evidence/types.ts';
import { openPending, type PendingAugmentation, pendingId } from './pending.ts';
import { raise } from './raise.ts';
import { readBackAugmented } from './read-back.ts';
import { refused } from './refusals.ts';
import { readableObject, readStored, type ReadableDocument } from './stored-document.ts';
import { acceptToken, buildQuery } from './tokens.ts';
import type { CadesDocument, ObtainToken, Refusal } from './types.ts';

export type StoredDocument = {
  readonly identity: DocumentIdentity;
  readonly etag: string;
  readonly size: number;
  /** Gives what a detached signature is over. */
  readonly detached?:
    ((algorithms: readonly DigestAlgorithm[]) => Promise<DetachedContent>) | undefined;
};

export type StoredAugmentation = {
  readonly store: ObjectStore;
  /** The evidence store's objects. */
  readonly evidence: ObjectStore;
  readonly document: StoredDocument;
  readonly digestAlgorithm: DigestAlgorithm;
  readonly limitBytes: number;
  readonly material: GivenMaterial;
  readonly statusSource: StatusSource;
  readonly tsa: StampingTsa;
  readonly run: EvidenceRun;
};

export type StoredOutcome =
  | {
      readonly kind: 'written';
      readonly head: ObjectHead;
      readonly sha256: string;
      readonly bought: number;
    }
  | { readonly kind: 'refused'; readonly refusal: Refusal; readonly bought: number }
  | { readonly kind: 'ceiling'; readonly bought: number }
  | { readonly kind: 'no-token'; readonly error: SourceError; readonly bought: number }
  /** The store did not take the new version; its token is kept for the next night. */
  | { readonly kind: 'not-written'; readonly error: SourceError; readonly bought: number };

/** The store of the documents failed, no TSA. */
class NotWritten extends Error {
  override readonly cause: SourceError;

  constructor(cause: SourceError) {
    super(cause.message, { cause });
    this.cause = cause;
  }
}

/** Nothing was bought for what would pass the ceiling of the run. */
class CeilingReached extends Error {}

function isGranted(answer: Uint8Array): boolean {
  return parseTimeStampResp(answer).token !== undefined;
}

class StoredRaising {
  readonly #input: StoredAugmentation;
  readonly #pending: PendingAugmentation;
  bought = 0;

  constructor(input: StoredAugmentation) {
    this.#input = input;
    const { evidence, document, run } = input;
    this.#pending = openPending(evidence, pendingId(document.identity), run.signal);
  }

  /** Design, invariant 3: the query is durable before it is sent, and sent again as it is. */
  readonly #obtainToken: ObtainToken = async (algorithm, imprint) => {
    const { tsa, run } = this.#input;
    const pending = this.#pending;
    let query = await pending.loadQuery(imprint);
    if (!query) {
      if (!run.budget.take(1)) throw new CeilingReached();
      query = buildQuery(algorithm, imprint, { tsaPolicy: tsa.tsaPolicy, random: run.random });
      await pending.storeQuery(imprint, query);
    }
    let answer = await pending.loadAnswer(imprint);
    if (!answer) {
      answer = await tsa.source.exchange(query, { signal: run.signal });
      if (isGranted(answer)) {
        this.bought += 1;
        await pending.storeAnswer(imprint, answer);
      }
    }
    const { source, verification } = tsa;
    const { signal, clock } = run;
    return acceptToken(query, answer, { source, verification, now: clock.now, signal });
  };

  async run(): Promise<StoredOutcome> {
    const { run } = this.#input;
    try {
      return await this.#raise();
    } catch (error) {
      if (error instanceof CeilingReached) return { kind: 'ceiling', bought: this.bought };
      if (error instanceof NotWritten && !run.signal.aborted)
        return { kind: 'not-written', error: error.cause, bought: this.bought };
      if (run.signal.aborted || !(error instanceof SourceError)) throw error;
      // A token that is wrong is not asked for again with the same octets.
      if (error.code === 'ERR_SOURCE_ANSWER' && !error.retryable) await this.#pending.clear();
      return { kind: 'no-token', error, bought: this.bought };
    }
  }

  async #raise(): Promise<StoredOutcome> {
    const { store, document, digestAlgorithm, limitBytes, material, statusSource, run } =
      this.#input;
    const { identity, size, detached } = document;
    const source = readableObject(store, identity, size, run.signal);
    const reading = { digestAlgorithm, limitBytes, detached };
    const before = await readStored(source, reading);
    const within = before.stored.signedData.raw;
    const outcome = await raise({
      document: before,
      level: 'LTA',
      digestAlgorithm,
      at: run.runAt,
      material,
      statusSource,
      obtainToken: this.#obtainToken,
      resume: await this.#pending.loadDecided(within),
      checkpoint: (additions) => this.#pending.storeDecided(additions, within),
      signal: run.signal,
    });
    if (outcome.kind === 'refused')
      return { kind: 'refused', refusal: outcome, bought: this.bought };
    if (outcome.kind === 'nothing-to-do')
      throw new InvariantError('ERR_INVARIANT_STATE', 'raising to LTA adds an archive timestamp');
    const { splice } = outcome;
    const assembled: ReadableDocument = {
      name: source.name,
      size: splice.length,
      open: async () => streamSplice(await source.open(), splice),
    };
    const offences = this.#offences(before, await readStored(assembled, reading));
    if (offences.length > 0)
      return {
        kind: 'refused',
        refusal: refused('does-not-hold', `it would not hold: ${offences.join('; ')}`),
        bought: this.bought,
      };
    const digest = createDigest('SHA-256');
    for await (const part of await assembled.open()) digest.update(part);
    const sha256 = toHex(digest.finish());
    await this.#pending.storeVersion({ previous: identity, sha256, size: splice.length });
    const written = await this.#write(await assembled.open());
    const head = await store.head(identity.key, {
      signal: run.signal,
      versionId: written.versionId,
    });
    const versionId = head.versionId ?? '';
    const kept = readableObject(store, { ...identity, versionId }, head.size, run.signal);
    const broken = this.#offences(before, await readStored(kept, reading));
    if (broken.length > 0)
      throw new InvariantError(
        'ERR_INVARIANT_READ_BACK',
        `an augmented document does not hold: ${broken.join('; ')}`,
      );
    return { kind: 'written', head, sha256, bought: this.bought };
  }

  async #write(content: AsyncIterable<Uint8Array>): Promise<WrittenObject> {
    const { store, document, run } = this.#input;
    const { key, versionId, sha256 } = document.identity;
    try {
      return await store.write(key, content, {
        signal: run.signal,
        condition: { kind: 'match', etag: document.etag },
        successorOf: {
          versionId: versionId === '' ? undefined : versionId,
          metadata: { 'tokiwa-origin': `sha256:${sha256}` },
        },
      });
    } catch (error) {
      throw error instanceof SourceError ? new NotWritten(error) : error;
    }
  }

  #offences(before: CadesDocument, after: CadesDocument): readonly string[] {
    const { digestAlgorithm, material, run } = this.#input;
    return readBackAugmented(
      { ...before, signedData: before.stored.signedData.raw },
      { ...after, signedData: after.stored.signedData.raw },
      { level: 'LTA', digestAlgorithm, material, at: run.runAt },
    ).offences;
  }
}

/**
 * Writes the next version of one document.
 * @throws ConflictError: another version was written meanwhile; InvariantError ERR_INVARIANT_READ_BACK
 */
export function augmentStored(input: StoredAugmentation): Promise<StoredOutcome> {
  return new StoredRaising(input).run();
}
