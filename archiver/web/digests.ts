// `POST /digests`: digests of documents that stay with their owner, to be proved and renewed like documents. It is the
// owner's to send digests under the next hash in time: each answer says by when.
import type { Express, Request, RequestHandler, Response } from 'express';
import { z } from 'zod';
import { toBase64 } from '#shared/bytes.ts';
import { isDigestAlgorithm, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import { digestOnlyTerms } from '#shared/intake/digest-only-terms.ts';
import { preferenceOf } from '#shared/intake/preference.ts';
import type { AlgorithmProfile } from '#shared/policy/algorithm-policy.ts';
import type { Catalogue } from '#shared/ports/catalogue.ts';
import type { Clock } from '#shared/ports/runtime.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import type { RecordReader } from '../intake/answer.ts';
import {
  digestStoreName,
  stateDigests,
  statedDigestsSchema,
  type DigestStatement,
} from '../intake/digest-statement.ts';
import type { IntakeService } from '../intake/service.ts';
import { parameter } from './query.ts';

/** Where digests go, and what becomes of them. */
export type WebDigests = {
  readonly service: IntakeService;
  /** The evidence store. */
  readonly store: ObjectStore;
  readonly runMs: number;
  readonly recordsOf: RecordReader;
  /** Digests have to be under this one too, besides SHA-256. */
  readonly algorithm: DigestAlgorithm;
  readonly next: DigestAlgorithm;
  readonly profile: AlgorithmProfile;
  readonly leadTime: Temporal.Duration;
  readonly clock: Clock;
};

export type DigestRoutes = {
  readonly digests: WebDigests;
  readonly guard: RequestHandler;
  readonly parse: RequestHandler;
  readonly read: <T>(work: (catalogue: Catalogue) => Promise<T>) => Promise<T>;
  readonly sendPlain: (response: Response, status: number, text: string) => void;
};

/** A thousand of them have a hundred kilobytes or a few. */
export const maxDigestsBytes = 1024 * 1024;
export const maxObjects = 1000;

/** Statements that are written at once: a store far away takes its time for each. */
const writesAtOnce = 8;

const keySchema = z
  .string()
  .min(1)
  .refine((key) => Buffer.byteLength(key) <= 1024, 'a key has at most 1024 octets')
  .refine((key) => !/[\u0000-\u001f\u007f]/.test(key), 'a key has no control characters');

const bodySchema = z.strictObject({
  objects: z
    .array(z.strictObject({ key: keySchema, digests: statedDigestsSchema }))
    .min(1)
    .max(maxObjects),
});

function hasTwice(keys: readonly string[]): boolean {
  return new Set(keys).size < keys.length;
}

/** Adds what takes digests in and tells of them. */
export function addDigests(app: Express, routes: DigestRoutes): void {
  const { digests, guard, parse, read, sendPlain } = routes;
  const { service, store, algorithm } = digests;

  const statementsOf = (body: unknown): readonly DigestStatement[] | string => {
    const result = bodySchema.safeParse(body);
    if (!result.success) {
      const [issue] = result.error.issues;
      return `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not understood'}`;
    }
    const { objects } = result.data;
    if (hasTwice(objects.map(({ key }) => key))) return 'a key is named twice';
    const lacking = objects.find((one) => one.digests[algorithm] === undefined);
    return lacking ? `${JSON.stringify(lacking.key)} has no digest of ${algorithm}` : objects;
  };

  const termsOf = (hashAlgorithm: string) => {
    const { next, profile, leadTime, clock } = digests;
    const terms =
      isDigestAlgorithm(hashAlgorithm) &&
      digestOnlyTerms({ algorithm: hashAlgorithm, next, profile, leadTime, at: clock.now() });
    return terms
      ? { sendDigestsBy: terms.sendDigestsBy.toString(), nextHashAlgorithm: terms.next }
      : {};
  };

  /** What is known of these keys; 202 as long as one of them has no record. */
  const answer = async (response: Response, keys: readonly string[]): Promise<void> => {
    const objects = await read(async (catalogue) => {
      const found = [];
      for (const key of keys) {
        const row = await catalogue.findDocument({ store: digestStoreName, key, versionId: '' });
        const records = row ? await digests.recordsOf(catalogue, row) : [];
        found.push({
          key,
          status: records.length > 0 ? 'done' : 'waiting',
          state: row?.state ?? 'waiting',
          digests: row?.digests,
          records: records.map(({ octets, ...record }) => ({
            ...{ ...record, ...termsOf(record.hashAlgorithm) },
            record: toBase64(octets),
          })),
        });
      }
      return found;
    });
    const done = objects.every(({ status }) => status === 'done');
    if (!done) response.set('retry-after', String(Math.ceil(service.intervalMs / 1000) || 1));
    response
      .set('cache-control', 'no-store')
      .status(done ? 200 : 202)
      .json({ objects });
  };

  const post = async (request: Request, response: Response): Promise<void> => {
    const statements = statementsOf(request.body);
    if (typeof statements === 'string') {
      sendPlain(response, 400, `This cannot be taken in: ${statements}.`);
      return;
    }
    if (!service.hasRoom(statements.length)) {
      response.set('retry-after', String(Math.ceil(service.intervalMs / 1000) || 1));
      sendPlain(response, 503, 'As many as may wait are waiting. Nothing was taken in.');
      return;
    }
    const conflicts: string[] = [];
    const fresh: string[] = [];
    for (let start = 0; start < statements.length; start += writesAtOnce)
      await Promise.all(
        statements.slice(start, start + writesAtOnce).map(async (one) => {
          const { kind } = await stateDigests(store, one, new AbortController().signal);
          if (kind === 'conflict') conflicts.push(one.key);
          else if (kind === 'stated') fresh.push(one.key);
        }),
      );
    const keys = statements.map(({ key }) => key);
    const waiting = await waitingOf(keys, fresh);
    for (const key of waiting) service.collect({ store: digestStoreName, key });
    if (conflicts.length > 0) {
      const which = conflicts.map((key) => JSON.stringify(key)).join(', ');
      sendPlain(
        response,
        409,
        `Another digest is known of ${which}, and stays. The others are taken in.`,
      );
      return;
    }
    const { waitMs, applied } = preferenceOf(request.headers['prefer']);
    if (applied !== undefined) response.set('preference-applied', applied);
    const gone = new AbortController();
    response.once('close', () => {
      gone.abort();
    });
    const longest = service.intervalMs + digests.runMs;
    const [last] = waiting.slice(-1);
    // One run takes all that was collected together; whoever is cut off from it comes again.
    if (last !== undefined)
      await service.settled(
        { store: digestStoreName, key: last },
        Math.min(waitMs ?? longest, longest),
        gone.signal,
      );
    if (!gone.signal.aborted) await answer(response, keys);
  };

  /** Those of which something is new, or which have no record yet. */
  const waitingOf = (keys: readonly string[], fresh: readonly string[]) =>
    read(async (catalogue) => {
      const found: string[] = [];
      for (const key of keys) {
        const row = await catalogue.findDocument({ store: digestStoreName, key, versionId: '' });
        if (fresh.includes(key) || !row || row.state === 'waiting') found.push(key);
      }
      return found;
    });

  const get = async (request: Request, response: Response): Promise<void> => {
    const key = parameter(request, 'key');
    if (key === undefined) {
      sendPlain(response, 400, 'Digests are asked for by their key.');
      return;
    }
    const known = await read((catalogue) =>
      catalogue.findDocument({ store: digestStoreName, key, versionId: '' }),
    );
    if (known) await answer(response, [key]);
    else sendPlain(response, 404, 'Nothing is known of this key, or it is not taken in yet.');
  };

  app.route('/digests').get(guard, get).post(guard, parse, post);
}
