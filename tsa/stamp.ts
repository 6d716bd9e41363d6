// One stamp request from admission to answer: a repeat gets what it got, two at once share one purchase, and the
// journal is written before anything leaves (design §1.3, §5).
import { digest, digestLength, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import type { AlgorithmProfile } from '#shared/policy/algorithm-policy.ts';
import type { Clock, EventSink, RandomSource } from '#shared/ports/runtime.ts';
import { buildTimeStampReq, parseTimeStampReq, type TimeStampReq } from '#shared/tsp/request.ts';
import type { Budgets } from './budget-rules.ts';
import type { Profile } from './config.ts';
import { deadlineIn } from './deadline.ts';
import type { TokenRecord } from './journal-line.ts';
import { repeatKeyOf, type Claim, type Journal } from './journal.ts';
import type { GoodAnswer } from './judge-answer.ts';
import { obtainToken, type ObtainOptions } from './obtain.ts';
import { createPaidTokens } from './paid-tokens.ts';
import { foundOrClaimed } from './repeats.ts';
import { accreditedProviders, eligibleProviders, type Provider } from './providers.ts';
import { createRates, hedgeRate, type Rates } from './rates.ts';
import { errorFields, type Rejection } from './replies.ts';

/** A query that admission let through. */
export type StampQuery = {
  /** Joins the events, journal and audit lines of one request; made here where it is missing. */
  readonly id?: string;
  /** Who asks. */
  readonly client: string;
  readonly profile: Profile;
  readonly request: TimeStampReq;
  /** The imprint's algorithm. */
  readonly algorithm: DigestAlgorithm;
};

export type Stamped =
  /** `record.response` is the TimeStampResp to send, the provider's own octets; the journal has it. */
  | { readonly kind: 'granted'; readonly record: TokenRecord; readonly repeated: boolean }
  /** The client has nothing left to spend until then. */
  | { readonly kind: 'limited'; readonly message: string; readonly until: Temporal.Instant }
  | Rejection;

export type StampService = {
  /** Resolves always. */
  readonly stamp: (query: StampQuery) => Promise<Stamped>;
  /** Waits until nothing is in hand. */
  readonly idle: () => Promise<void>;
};

type Purchase = {
  readonly id: string;
  readonly repeatKey: string | undefined;
  readonly client: string;
  readonly profile: Profile;
  readonly request: TimeStampReq;
};

/** A refused answer up to this size is kept for a dispute; a provider's garbage does not fill the disk. */
const maxRefusedOctets = 64 * 1024;
const journalFailed: Rejection = {
  kind: 'rejected',
  failureBit: 'systemFailure',
  message: 'the journal cannot be written, and no token is given out that is not in it',
};

const stillInHand: Rejection = {
  kind: 'rejected',
  failureBit: 'timeNotAvailable',
  message: 'the same request is still in hand',
};

/** The name under which tokens stand in the journal that were bought to learn a provider's certificates. */
const probeClient = 'probe';

type Probe = ObtainOptions['probe'];

/** What is asked for at each request, since a reload may change it. */
export type StampSettings = {
  readonly providers: ReadonlyMap<string, Provider>;
  readonly config: {
    /** Algorithms that a token may use; `undefined`: any that verifies. */
    readonly algorithmPolicy: AlgorithmProfile | undefined;
    readonly deadlineMs: number;
  };
};

export function createStampService(options: {
  readonly journal: Journal;
  readonly settings: () => StampSettings;
  readonly budgets: Budgets;
  /** Of this process alone unless given. */
  readonly rates?: Rates;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly events: EventSink;
  /** A token came after its client had been answered otherwise; the journal has it. */
  readonly onLate: (record: TokenRecord) => void;
  /** The other provider of a dual profile gave a token too; the journal has it. */
  readonly onSecond: (record: TokenRecord) => void;
  /** A provider signs with another TSU than before. */
  readonly onNewTsu: ObtainOptions['onNewTsu'];
  readonly shutdown: AbortSignal;
}): StampService {
  const { journal, budgets, clock, events, random, shutdown } = options;
  const inFlight = new Map<string, Promise<Stamped>>();
  const running = new Set<Promise<unknown>>();
  const paid = createPaidTokens(journal, events);
  const rates = options.rates ?? createRates();

  /** One second request of the profile's ceiling. */
  const takeHedge = async (profile: Profile): Promise<boolean> => {
    const { key, limit } = hedgeRate(profile);
    return (await rates.takeOfWindow(key, limit, clock.now())) === undefined;
  };

  const track = <T>(promise: Promise<T>): Promise<T> => {
    running.add(promise);
    const forget = (): void => {
      running.delete(promise);
    };
    promise.then(forget, forget);
    return promise;
  };

  const recordOf = (
    purchase: Purchase,
    provider: Provider,
    answer: GoodAnswer,
    late: boolean,
  ): TokenRecord => ({
    kind: 'token',
    id: purchase.id,
    at: clock.now(),
    client: purchase.client,
    profile: purchase.profile.name,
    repeatKey: purchase.repeatKey,
    provider: provider.name,
    serialNumber: answer.serialNumber.toString(16),
    genTime: answer.genTime,
    late,
    price: provider.price,
    response: answer.response,
  });

  const keepFailure =
    (purchase: Purchase): ObtainOptions['onFailure'] =>
    (provider, { failure, reason }, response) => {
      const kept = response && response.length <= maxRefusedOctets ? { response } : {};
      const record = {
        kind: 'failure',
        id: purchase.id,
        at: clock.now(),
        client: purchase.client,
        profile: purchase.profile.name,
        provider: provider.name,
        failureKind: failure,
        reason,
        ...kept,
      } as const;
      // Not waited for: the client's answer does not hang on it, and a failed append has its own event.
      void track(journal.append(record)).catch(() => undefined);
    };

  /** Asks for a token whose request is durable already. */
  const obtain = (purchase: Purchase, providers: readonly Provider[], probe: Probe) => {
    const { algorithmPolicy, deadlineMs } = options.settings().config;
    const deadline = deadlineIn(deadlineMs);
    return obtainToken({
      id: purchase.id,
      clock,
      events,
      shutdown,
      algorithmPolicy,
      request: purchase.request,
      profile: purchase.profile,
      providers,
      deadline,
      probe,
      rates,
      reserve: (provider) =>
        budgets.reserve({
          id: purchase.id,
          client: purchase.client,
          profile: purchase.profile.name,
          provider: provider.name,
          price: provider.price,
          holdMs: provider.lateMs,
        }),
      onFailure: keepFailure(purchase),
      onLate: async (provider, answer) => {
        const record = recordOf(purchase, provider, answer, true);
        await paid.append(record);
        options.onLate(record);
      },
      onSecond: async (provider, answer) => {
        // No repeat is answered with it: the client has the other one.
        const record = recordOf({ ...purchase, repeatKey: undefined }, provider, answer, false);
        await paid.append(record);
        options.onSecond(record);
      },
      onNewTsu: options.onNewTsu,
      takeHedge: () => takeHedge(purchase.profile),
      background: (work) => {
        void track(work);
      },
    }).finally(deadline.settle);
  };

  const keepRequest = ({ id, client, profile, request }: Purchase): Promise<boolean> =>
    journal.append({
      kind: 'request',
      id,
      at: clock.now(),
      client,
      profile: profile.name,
      request: request.raw,
    });

  /** A token bought only to learn the provider's certificates. */
  const probeFor =
    (profile: Profile): Probe =>
    async (provider) => {
      const [algorithm] = provider.hashAlgorithms;
      if (!algorithm) return;
      const octets = buildTimeStampReq({
        algorithm,
        digest: digest(algorithm, random(digestLength(algorithm))),
        nonce: BigInt(`0x${Buffer.from(random(8)).toString('hex')}`),
        certReq: true,
      });
      const request = parseTimeStampReq(octets);
      const id = journal.newId();
      const purchase = { id, repeatKey: undefined, client: probeClient, profile, request };
      await keepRequest(purchase);
      const obtained = await obtain(purchase, [provider], () => Promise.resolve());
      if (obtained.kind === 'token')
        await paid.append(recordOf(purchase, provider, obtained.answer, false));
    };

  const buy = async (purchase: Purchase, providers: readonly Provider[]): Promise<Stamped> => {
    const over = await budgets.check({ client: purchase.client, profile: purchase.profile.name });
    if (over) return { kind: 'limited', message: over.message, until: over.until };
    // The unit of this process is sent nothing that a crash could lose: its request becomes durable with its token.
    const isSent = providers.some(({ own }) => !own);
    let kept: Promise<unknown>;
    try {
      await paid.flush();
      kept = keepRequest(purchase);
      if (isSent) await kept;
      else kept.catch(() => undefined);
    } catch {
      return journalFailed;
    }
    const obtained = await obtain(purchase, providers, probeFor(purchase.profile));
    try {
      if (obtained.kind === 'rejected') {
        await kept;
        return obtained;
      }
      const record = recordOf(purchase, obtained.provider, obtained.answer, false);
      // First the token: where it is durable, the repeat after a failure has to find it.
      const mayBeSecond = await paid.append(record);
      await kept;
      // Whoever asks again is answered with the first token of the journal; so is whoever asks first. It may be one
      // that came late, to this purchase or to an earlier one of the same request that ended without.
      const { repeatKey } = purchase;
      const first = repeatKey && mayBeSecond ? await journal.find(repeatKey) : undefined;
      return { kind: 'granted', record: first ?? record, repeated: false };
    } catch {
      return journalFailed;
    }
  };

  const repeatOrBuy = async (
    purchase: Purchase,
    repeatKey: string,
    providers: readonly Provider[],
  ): Promise<Stamped> => {
    const { deadlineMs } = options.settings().config;
    let found: TokenRecord | Claim | undefined;
    try {
      if (paid.waits(repeatKey)) await paid.flush();
      found = await foundOrClaimed(repeatKey, { journal, shutdown, deadlineMs });
    } catch {
      // Its event is there already.
      return journalFailed;
    }
    if (!found) return stillInHand;
    if ('release' in found) return buy(purchase, providers).finally(found.release);
    const { id, provider } = found;
    events({ level: 'info', name: 'tsa.token.repeated', id, provider });
    return { kind: 'granted', record: found, repeated: true };
  };

  const start = (query: StampQuery): Promise<Stamped> => {
    const { profile, request, algorithm, client } = query;
    const wanted = { algorithm, reqPolicy: request.reqPolicy };
    const eligible = eligibleProviders(profile, options.settings().providers, wanted);
    if (eligible.length === 0) {
      const message = 'no provider of this profile offers this policy with this digest algorithm';
      return Promise.resolve({ kind: 'rejected', failureBit: 'unacceptedPolicy', message });
    }
    const accredited = accreditedProviders(profile, eligible, clock.now());
    if (accredited.length < eligible.length) {
      const lapsed = eligible.filter((one) => !accredited.includes(one)).map(({ name }) => name);
      events({ level: 'warn', name: 'tsa.provider.not-accredited', providers: lapsed });
    }
    if (accredited.length === 0) {
      const message = 'no provider of this profile is accredited now';
      return Promise.resolve({ kind: 'rejected', failureBit: 'timeNotAvailable', message });
    }
    const providers = accredited.filter(
      ({ record }) => request.certReq || !record.sendsUnasked(clock.now()),
    );
    if (providers.length === 0) {
      const message = 'every provider sends certificates that this query does not ask for';
      return Promise.resolve({ kind: 'rejected', failureBit: 'addInfoNotAvailable', message });
    }
    const purchase = { id: query.id ?? journal.newId(), client, profile, request };
    // Without a nonce two equal queries may mean two stamps: every one is new (design §5).
    if (request.nonce === undefined) return buy({ ...purchase, repeatKey: undefined }, providers);
    const repeatKey = repeatKeyOf({ client, profile: profile.name, octets: request.raw });
    const other = inFlight.get(repeatKey);
    if (other)
      return other.then((stamped) =>
        stamped.kind === 'granted' ? { ...stamped, repeated: true } : stamped,
      );
    const mine = repeatOrBuy({ ...purchase, repeatKey }, repeatKey, providers).finally(() => {
      inFlight.delete(repeatKey);
    });
    inFlight.set(repeatKey, mine);
    return mine;
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
