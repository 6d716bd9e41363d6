// One stamp request from admission to answer: who may serve it, a repeat gets what it got, and two at once share one
// purchase (design §5).
import type { DigestAlgorithm } from '#shared/crypto/digest.ts';
import type { TimeStampReq } from '#shared/tsp/request.ts';
import type { Profile } from './config/config.ts';
import type { TokenRecord } from './journal/journal-line.ts';
import { repeatKeyOf, type Claim } from './journal/journal.ts';
import { createPaidTokens } from './journal/paid-tokens.ts';
import { accreditedProviders, eligibleProviders, type Provider } from './providers/providers.ts';
import {
  createBuy,
  journalFailed,
  type Purchase,
  type PurchaseOptions,
  type Stamped,
} from './purchase.ts';
import { createRates, type Rates } from './providers/rates.ts';
import { foundOrClaimed } from './journal/repeats.ts';
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
  /** Those of the profile's configuration; unless given, those of now. */
  readonly providers?: ReadonlyMap<string, Provider>;
};

export type StampService = {
  /** Resolves always. */
  readonly stamp: (query: StampQuery) => Promise<Stamped>;
  /** Before the end: waits until nothing is in hand, and brings into the journal what waits for it. */
  readonly idle: () => Promise<void>;
};

const stillInHand: Rejection = {
  kind: 'rejected',
  failureBit: 'timeNotAvailable',
  message: 'the same request is still in hand',
};

export function createStampService(
  options: PurchaseOptions & {
    /** Of this process alone unless given. */
    readonly rates?: Rates;
  },
): StampService {
  const { journal, clock, events, shutdown } = options;
  const inFlight = new Map<string, Promise<Stamped>>();
  const running = new Set<Promise<unknown>>();
  const paid = createPaidTokens(journal, events);

  const track = <T>(promise: Promise<T>): Promise<T> => {
    running.add(promise);
    const forget = (): void => {
      running.delete(promise);
    };
    promise.then(forget, forget);
    return promise;
  };

  const buy = createBuy({ ...options, paid, rates: options.rates ?? createRates(), track });

  /** Who may serve a query, or why nobody can. */
  const choose = ({
    profile,
    request,
    algorithm,
    providers = options.settings().providers,
  }: StampQuery): readonly Provider[] | Rejection => {
    const now = clock.now();
    const wanted = { algorithm, reqPolicy: request.reqPolicy };
    const eligible = eligibleProviders(profile, providers, wanted);
    if (eligible.length === 0) {
      const message = 'no provider of this profile offers this policy with this digest algorithm';
      return { kind: 'rejected', failureBit: 'unacceptedPolicy', message };
    }
    const accredited = accreditedProviders(profile, eligible, now);
    if (accredited.length < eligible.length) {
      const lapsed = eligible.filter((one) => !accredited.includes(one)).map(({ name }) => name);
      events({ level: 'warn', name: 'tsa.provider.not-accredited', providers: lapsed });
    }
    if (accredited.length === 0) {
      const message = 'no provider of this profile is accredited now';
      return { kind: 'rejected', failureBit: 'timeNotAvailable', message };
    }
    if (request.certReq) return accredited;
    const found = accredited.filter(({ record }) => record.servesBare(now));
    if (found.length > 0) return found;
    const message =
      'every provider sends certificates that this query does not ask for, or hides the one that it signs with';
    return { kind: 'rejected', failureBit: 'addInfoNotAvailable', message };
  };

  const buyOfChosen = (purchase: Purchase, query: StampQuery): Promise<Stamped> => {
    const chosen = choose(query);
    return 'kind' in chosen ? Promise.resolve(chosen) : buy(purchase, chosen);
  };

  const repeatOrBuy = async (
    purchase: Purchase,
    repeatKey: string,
    query: StampQuery,
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
    if ('release' in found) return buyOfChosen(purchase, query).finally(found.release);
    const { id, provider } = found;
    events({ level: 'info', name: 'tsa.token.repeated', id, provider });
    return { kind: 'granted', record: found, repeated: true };
  };

  const start = (query: StampQuery): Promise<Stamped> => {
    const { profile, request, client } = query;
    const purchase = { id: query.id ?? journal.newId(), client, profile, request };
    // Without a nonce two equal queries may mean two stamps: every one is new (design §5).
    if (request.nonce === undefined)
      return buyOfChosen({ ...purchase, repeatKey: undefined }, query);
    const repeatKey = repeatKeyOf({ client, profile: profile.name, octets: request.raw });
    const other = inFlight.get(repeatKey);
    if (other)
      return other.then((stamped) =>
        stamped.kind === 'granted' ? { ...stamped, repeated: true } : stamped,
      );
    const mine = repeatOrBuy({ ...purchase, repeatKey }, repeatKey, query).finally(() => {
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
      await paid.close();
    },
  };
}
