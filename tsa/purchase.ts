// One purchase, from the request that is written down to the token in the journal: nothing is sent that a crash could
// lose, and nothing is given out that is not kept (design §1.3).
import { digest, digestLength } from '#shared/crypto/digest.ts';
import type { AlgorithmProfile } from '#shared/policy/algorithm-policy.ts';
import type { Clock, EventSink, RandomSource } from '#shared/ports/runtime.ts';
import { buildTimeStampReq, parseTimeStampReq, type TimeStampReq } from '#shared/tsp/request.ts';
import type { Budgets } from './metering/budget-rules.ts';
import type { Profile } from './config/config.ts';
import { deadlineIn } from './deadline.ts';
import type { TokenRecord } from './journal/journal-line.ts';
import type { Journal } from './journal/journal.ts';
import type { GoodAnswer } from './providers/judge-answer.ts';
import { obtainToken, type ObtainOptions } from './providers/obtain.ts';
import type { PaidTokens } from './journal/paid-tokens.ts';
import type { Provider } from './providers/providers.ts';
import { hedgeRate, type Rates } from './providers/rates.ts';
import type { Rejection } from './replies.ts';

export type Stamped =
  /** `record.response` is the TimeStampResp to send, the provider's own octets; the journal has it. */
  | { readonly kind: 'granted'; readonly record: TokenRecord; readonly repeated: boolean }
  /** The client has nothing left to spend until then. */
  | { readonly kind: 'limited'; readonly message: string; readonly until: Temporal.Instant }
  | Rejection;

/** What is asked for at each request, since a reload may change it. */
export type StampSettings = {
  readonly providers: ReadonlyMap<string, Provider>;
  readonly config: {
    /** Algorithms that a token may use; `undefined`: any that verifies. */
    readonly algorithmPolicy: AlgorithmProfile | undefined;
    readonly deadlineMs: number;
  };
};

/** What is bought, for whom. */
export type Purchase = {
  readonly id: string;
  /** By which a repeat finds it; `undefined`: none will be asked for. */
  readonly repeatKey: string | undefined;
  readonly client: string;
  readonly profile: Profile;
  readonly request: TimeStampReq;
};

/** A refused answer up to this size is kept for a dispute; a provider's garbage does not fill the disk. */
const maxRefusedOctets = 64 * 1024;
export const journalFailed: Rejection = {
  kind: 'rejected',
  failureBit: 'systemFailure',
  message: 'the journal cannot be written, and no token is given out that is not in it',
};

/** The name under which tokens stand in the journal that were bought to learn a provider's certificates. */
const probeClient = 'probe';

type Probe = ObtainOptions['probe'];

/** What a purchase works with. */
export type PurchaseOptions = {
  readonly journal: Journal;
  readonly settings: () => StampSettings;
  readonly budgets: Budgets;
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
};

/** Buys one token, of one of these providers. Resolves always. */
export type Buy = (purchase: Purchase, providers: readonly Provider[]) => Promise<Stamped>;

export function createBuy(
  options: PurchaseOptions & {
    readonly paid: PaidTokens;
    readonly rates: Rates;
    /** Work that goes on after the answer; whoever closes waits for it. */
    readonly track: <T>(work: Promise<T>) => Promise<T>;
  },
): Buy {
  const { journal, budgets, clock, events, random, shutdown, paid, rates, track } = options;

  /** One second request of the profile's ceiling. */
  const takeHedge = async (profile: Profile): Promise<boolean> => {
    const { key, limit } = hedgeRate(profile);
    return (await rates.takeOfWindow(key, limit, clock.now())) === undefined;
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
        const other = recordOf({ ...purchase, repeatKey: undefined }, provider, answer, false);
        const record = { ...other, second: true };
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
      // One that the profile takes: the token is judged as every other.
      const algorithm = provider.hashAlgorithms.find((one) => profile.hashAlgorithms.includes(one));
      if (!algorithm) return;
      const reqPolicy = profile.tsaPolicies.find((one) => provider.tsaPolicies.includes(one));
      const octets = buildTimeStampReq({
        algorithm,
        digest: digest(algorithm, random(digestLength(algorithm))),
        reqPolicy,
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

  return async (purchase, providers) => {
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
}
