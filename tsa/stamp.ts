// One stamp request from admission to answer: a repeat gets what it got, two at once share one purchase, and the
// journal is written before anything leaves (design §1.3, §5).
import { digest, digestLength, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import type { AlgorithmProfile } from '#shared/policy/algorithm-policy.ts';
import type { Clock, EventSink, RandomSource } from '#shared/ports/runtime.ts';
import { buildTimeStampReq, type TimeStampReq } from '#shared/tsp/request.ts';
import type { Profile } from './config.ts';
import type { TokenRecord } from './journal-line.ts';
import { repeatKeyOf, type Journal } from './journal.ts';
import type { GoodAnswer } from './judge-answer.ts';
import { obtainToken } from './obtain.ts';
import { eligibleProviders, type Provider } from './providers.ts';
import { errorFields, type Rejection } from './replies.ts';

/** A query that admission let through. */
export type StampQuery = {
  /** Who asks; until clients authenticate, everyone is one client. */
  readonly client: string;
  readonly profile: Profile;
  readonly request: TimeStampReq;
  /** The imprint's algorithm. */
  readonly algorithm: DigestAlgorithm;
};

export type Stamped =
  /** The TimeStampResp to send, the provider's own octets. */
  { readonly kind: 'granted'; readonly response: Uint8Array } | Rejection;

export type StampService = {
  /** Resolves always. */
  readonly stamp: (query: StampQuery) => Promise<Stamped>;
  /** Waits until nothing is in hand. */
  readonly idle: () => Promise<void>;
};

type Purchase = {
  readonly id: string;
  readonly repeatKey: string | undefined;
  readonly query: StampQuery;
  readonly providers: readonly Provider[];
};

/** Tokens that the journal could not take wait in memory; more than this and the oldest is dropped. */
const maxUnjournalled = 1000;
/** A refused answer up to this size is kept for a dispute; a provider's garbage does not fill the disk. */
const maxRefusedOctets = 64 * 1024;
const journalFailed: Rejection = {
  kind: 'rejected',
  failureBit: 'systemFailure',
  message: 'the journal cannot be written, and no token is given out that is not in it',
};

export function createStampService(options: {
  readonly journal: Journal;
  readonly providers: ReadonlyMap<string, Provider>;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly events: EventSink;
  /** Algorithms that a token may use; `undefined`: any that verifies. */
  readonly algorithmPolicy: AlgorithmProfile | undefined;
  readonly deadlineMs: number;
  readonly shutdown: AbortSignal;
}): StampService {
  const { journal, clock, events, random, shutdown } = options;
  const inFlight = new Map<string, Promise<Stamped>>();
  const running = new Set<Promise<unknown>>();
  const unjournalled = new Map<string, TokenRecord>();

  const track = <T>(promise: Promise<T>): Promise<T> => {
    running.add(promise);
    const forget = (): void => {
      running.delete(promise);
    };
    promise.then(forget, forget);
    return promise;
  };

  const tokenRecord = (
    purchase: Pick<Purchase, 'id' | 'repeatKey'>,
    provider: Provider,
    answer: GoodAnswer,
    late: boolean,
  ): TokenRecord => ({
    kind: 'token',
    id: purchase.id,
    at: clock.now(),
    repeatKey: purchase.repeatKey,
    provider: provider.name,
    serialNumber: answer.token.tstInfo.serialNumber.toString(16),
    genTime: answer.token.tstInfo.genTime,
    late,
    price: provider.price,
    response: answer.response,
  });

  const appendToken = async (record: TokenRecord): Promise<void> => {
    try {
      await journal.append(record);
    } catch (error) {
      // It was paid for: it waits here for a journal that works, or for its client to ask again.
      unjournalled.set(record.id, record);
      const oldest = unjournalled.keys().next();
      if (unjournalled.size > maxUnjournalled && !oldest.done) unjournalled.delete(oldest.value);
      throw error;
    }
    events({
      level: 'info',
      name: 'tsa.token.journalled',
      id: record.id,
      provider: record.provider,
      serialNumber: record.serialNumber,
      genTime: record.genTime.toString(),
      late: record.late,
    });
  };

  const flushUnjournalled = async (): Promise<void> => {
    for (const record of [...unjournalled.values()]) {
      await journal.append(record);
      unjournalled.delete(record.id);
    }
  };

  const reportFailure =
    (id: string) => (provider: Provider, reason: string, response?: Uint8Array) => {
      const record = {
        kind: 'failure',
        id,
        at: clock.now(),
        provider: provider.name,
        reason,
      } as const;
      // Not waited for: the client's answer does not hang on it, and a failed append has its own event.
      const kept =
        response && response.length <= maxRefusedOctets ? { ...record, response } : record;
      void track(journal.append(kept)).catch(() => undefined);
    };

  /** A token bought only to learn the provider's certificates. */
  const probe = async (provider: Provider, profile: Profile): Promise<void> => {
    const [algorithm] = provider.hashAlgorithms;
    if (!algorithm) return;
    const octets = buildTimeStampReq({
      algorithm,
      digest: digest(algorithm, random(digestLength(algorithm))),
      nonce: BigInt(`0x${Buffer.from(random(8)).toString('hex')}`),
      certReq: true,
    });
    const id = journal.newId();
    const at = clock.now();
    await journal.append({
      kind: 'request',
      id,
      at,
      client: 'probe',
      profile: profile.name,
      request: octets,
    });
    const obtained = await obtainToken({
      ...common(id),
      request: octets,
      profile,
      providers: [provider],
      deadline: AbortSignal.timeout(options.deadlineMs),
      probe: () => Promise.resolve(),
      onLate: (asked, answer) =>
        appendToken(tokenRecord({ id, repeatKey: undefined }, asked, answer, true)),
    });
    if (obtained.kind === 'token')
      await appendToken(
        tokenRecord({ id, repeatKey: undefined }, provider, obtained.answer, false),
      );
  };

  const common = (id: string) => ({
    clock,
    events,
    shutdown,
    algorithmPolicy: options.algorithmPolicy,
    onFailure: reportFailure(id),
    background: (work: Promise<void>) => {
      void track(work);
    },
  });

  const purchaseToken = async (purchase: Purchase): Promise<Stamped> => {
    const { id, query, providers } = purchase;
    const { profile, request } = query;
    try {
      await flushUnjournalled();
      await journal.append({
        kind: 'request',
        id,
        at: clock.now(),
        client: query.client,
        profile: profile.name,
        request: request.raw,
      });
    } catch {
      return journalFailed;
    }
    const obtained = await obtainToken({
      ...common(id),
      request: request.raw,
      profile,
      providers,
      deadline: AbortSignal.timeout(options.deadlineMs),
      probe: (provider) => probe(provider, profile),
      onLate: (provider, answer) => appendToken(tokenRecord(purchase, provider, answer, true)),
    });
    if (obtained.kind === 'rejected') return obtained;
    try {
      await appendToken(tokenRecord(purchase, obtained.provider, obtained.answer, false));
    } catch {
      return journalFailed;
    }
    return { kind: 'granted', response: obtained.answer.response };
  };

  const repeatOrPurchase = async (purchase: Purchase, repeatKey: string): Promise<Stamped> => {
    const waiting = [...unjournalled.values()].some((record) => record.repeatKey === repeatKey);
    if (waiting) {
      try {
        await flushUnjournalled();
      } catch {
        return journalFailed;
      }
    }
    const record = await journal.find(repeatKey);
    if (!record) return purchaseToken(purchase);
    events({ level: 'info', name: 'tsa.token.repeated', id: record.id, provider: record.provider });
    return { kind: 'granted', response: record.response };
  };

  const start = (query: StampQuery): Promise<Stamped> => {
    const { profile, request, algorithm, client } = query;
    const wanted = { algorithm, reqPolicy: request.reqPolicy };
    const providers = eligibleProviders(profile, options.providers, wanted);
    if (providers.length === 0) {
      const message = 'no provider of this profile offers this policy with this digest algorithm';
      return Promise.resolve({ kind: 'rejected', failureBit: 'unacceptedPolicy', message });
    }
    const id = journal.newId();
    // Without a nonce two equal queries may mean two stamps: every one is new (design §5).
    if (request.nonce === undefined)
      return purchaseToken({ id, repeatKey: undefined, query, providers });
    const repeatKey = repeatKeyOf({ client, profile: profile.name, octets: request.raw });
    const shared =
      inFlight.get(repeatKey) ??
      repeatOrPurchase({ id, repeatKey, query, providers }, repeatKey).finally(() => {
        inFlight.delete(repeatKey);
      });
    inFlight.set(repeatKey, shared);
    return shared;
  };

  return {
    stamp: (query) =>
      track(
        start(query).catch((error: unknown): Stamped => {
          events({ level: 'error', name: 'tsa.stamp.failed', ...errorFields(error) });
          return journalFailed;
        }),
      ),
    idle: async () => {
      while (running.size > 0) await Promise.allSettled(running);
    },
  };
}
