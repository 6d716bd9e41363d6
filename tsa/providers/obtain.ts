// Asking providers in order until one gives a token that passes every check (design §5). One that failed too often is
// passed over while another is there; where a profile hedges, a slow one gets company. Every failure is reported.
import type { AlgorithmProfile } from '#shared/policy/algorithm-policy.ts';
import type { Clock, EventSink } from '#shared/ports/runtime.ts';
import type { TimeStampReq } from '#shared/tsp/request.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import { askProvider } from './ask-provider.ts';
import type { Exhausted, Reservation } from '../metering/budget-rules.ts';
import type { Profile } from '../config/config.ts';
import { within, type Deadline } from '../deadline.ts';
import type { GoodAnswer, Judged, NextAnswer } from './judge-answer.ts';
import type { Provider } from './providers.ts';
import type { Rates } from './rates.ts';
import type { FailureBit, Rejection } from '../replies.ts';

export type Obtained =
  { readonly kind: 'token'; readonly provider: Provider; readonly answer: GoodAnswer } | Rejection;

export type ObtainOptions = {
  /** Joins the events and journal lines of one request. */
  readonly id: string;
  /** What is sent are the client's own octets: nonce and policy inside are what will be signed. */
  readonly request: TimeStampReq;
  readonly profile: Profile;
  /** Those that list algorithm and policy, first choice first; at least one. */
  readonly providers: readonly Provider[];
  readonly clock: Clock;
  readonly events: EventSink;
  readonly algorithmPolicy: AlgorithmProfile | undefined;
  /** The client's time is over: no further provider is asked. */
  readonly deadline: Deadline;
  /** The process ends: late answers are given up. */
  readonly shutdown: AbortSignal;
  readonly onFailure: (
    provider: Provider,
    failure: Pick<NextAnswer, 'failure' | 'reason'>,
    response?: Uint8Array,
  ) => void;
  /** Asked before a provider is: whether one more token may be bought there. */
  readonly reserve: (
    provider: Provider,
  ) => Reservation | Exhausted | Promise<Reservation | Exhausted>;
  readonly rates: Rates;
  /** A good token that came after its turn. */
  readonly onLate: (provider: Provider, answer: GoodAnswer) => Promise<void>;
  /** A good token of the other provider of a dual profile: the client had the first one's. */
  readonly onSecond: (provider: Provider, answer: GoodAnswer) => Promise<void>;
  /** A provider signs with another TSU than before; its token is good. */
  readonly onNewTsu: (provider: Provider, tsu: Certificate) => void;
  /** Work that goes on after the answer; whoever closes waits for it. */
  readonly background: (work: Promise<void>) => void;
  /** Buys a token with certReq TRUE: to learn a provider's certificates, or to see whether it is back. */
  readonly probe: (provider: Provider) => Promise<void>;
  /** Whether one more request may be sent because another provider is slow. */
  readonly takeHedge: () => Promise<boolean>;
};

/** What one provider's turn came to. */
type Turn = {
  readonly provider: Provider;
  readonly judged: Exclude<Judged, { kind: 'unknown-signer' }>;
};

/** What the client is told when no provider helped: the bit that all agree on, else timeNotAvailable. */
function refuseAfter(failures: readonly NextAnswer[]): Rejection {
  const bits = new Set<FailureBit>(
    failures.map((failure) => failure.failureBit ?? 'timeNotAvailable'),
  );
  const [only] = bits;
  const failureBit = bits.size === 1 && only !== undefined ? only : 'timeNotAvailable';
  const message = `no provider gave an acceptable token: ${failures.map((one) => one.reason).join(' | ')}`;
  return { kind: 'rejected', failureBit, message };
}

/**
 * Those that are well, in order. One whose trial is due gets it beside this request, as a token of the proxy's own;
 * where none is well all are asked, since this client has nothing else.
 */
function wellOnes(options: ObtainOptions): readonly Provider[] {
  const { providers, clock } = options;
  const now = clock.now();
  const well = providers.filter(({ record }) => record.breaker.state(now) === 'closed');
  if (well.length === 0) return providers;
  for (const provider of providers) {
    const { breaker } = provider.record;
    if (!breaker.takeTrial(now)) continue;
    options.background(
      options
        .probe(provider)
        .catch(() => undefined)
        .finally(() => {
          breaker.dropTrial(clock.now());
        }),
    );
  }
  return well;
}

async function turnOf(provider: Provider, options: ObtainOptions): Promise<Turn> {
  return { provider, judged: await askProvider(provider, options) };
}

/** Of a dual profile one token is missing; the client has the other, or none. */
function missSecond({ provider, judged }: Turn, { events, profile, id }: ObtainOptions): void {
  if (judged.kind === 'token') return;
  const { name } = provider;
  events({ level: 'warn', name: 'tsa.dual.missing', id, profile: profile.name, provider: name });
}

/** Both tokens are wanted, and the client gets the one that comes first. */
async function askBoth(
  provider: Provider,
  next: Provider,
  options: ObtainOptions,
): Promise<readonly Turn[]> {
  const turns = [turnOf(provider, options), turnOf(next, options)] as const;
  const [first, second] = turns;
  const earliest = await Promise.race([
    first.then((turn) => ({ turn, other: second })),
    second.then((turn) => ({ turn, other: first })),
  ]);
  const keepOther = async (): Promise<void> => {
    const other = await earliest.other;
    missSecond(other, options);
    // A failed append has its event, and the token waits for a journal that works.
    if (other.judged.kind === 'token')
      await options.onSecond(other.provider, other.judged).catch(() => undefined);
  };
  if (earliest.turn.judged.kind === 'token') {
    options.background(keepOther());
    return [earliest.turn];
  }
  const both = await Promise.all(turns);
  for (const turn of both) missSecond(turn, options);
  return both;
}

/** A token that lost the race was paid for: it goes the way of late ones. */
function keepLoser(turn: Promise<Turn>, options: ObtainOptions): void {
  const keep = async (): Promise<void> => {
    const { provider, judged } = await turn;
    if (judged.kind !== 'token') return;
    // A failed append has its event, and the token waits for a journal that works.
    await options.onLate(provider, judged).catch(() => undefined);
  };
  options.background(keep());
}

/** The first of two turns that gives a token, or both. */
async function race(
  first: Promise<Turn>,
  second: Promise<Turn>,
  options: ObtainOptions,
): Promise<readonly Turn[]> {
  const earliest = await Promise.race([
    first.then((turn) => ({ turn, other: second })),
    second.then((turn) => ({ turn, other: first })),
  ]);
  if (earliest.turn.judged.kind !== 'token') return [earliest.turn, await earliest.other];
  keepLoser(earliest.other, options);
  return [earliest.turn];
}

/** The turn of `provider`, and that of `next` where both are wanted, or the first is slow and the profile hedges. */
async function turnsOf(
  provider: Provider,
  next: Provider | undefined,
  options: ObtainOptions,
): Promise<readonly Turn[]> {
  if (next && options.profile.dual) return askBoth(provider, next, options);
  const first = turnOf(provider, options);
  if (!next || options.profile.hedgesPerHour === 0) return [await first];
  const { p95Ms } = provider.record.figures();
  if (p95Ms === undefined) return [await first];
  const inTime = await within(first, p95Ms, options.deadline);
  if (inTime) return [inTime];
  if (options.deadline.passed() || !(await options.takeHedge())) return [await first];
  next.record.hedged();
  const { events, profile } = options;
  events({ level: 'info', name: 'tsa.hedged', profile: profile.name, provider: next.name });
  return race(first, turnOf(next, options), options);
}

/** Asks the providers in order. Resolves always; a rejection says which bit and why. */
export async function obtainToken(options: ObtainOptions): Promise<Obtained> {
  const failures: NextAnswer[] = [];
  const waiting = [...wellOnes(options)];
  for (let next = waiting.shift(); next; next = waiting.shift()) {
    if (options.deadline.passed() || options.shutdown.aborted) break;
    const turns = await turnsOf(next, waiting[0], options);
    if (turns.some(({ provider }) => provider === waiting[0])) waiting.shift();
    const good = turns.find(({ judged }) => judged.kind === 'token');
    if (good?.judged.kind === 'token')
      return { kind: 'token', provider: good.provider, answer: good.judged };
    for (const { judged } of turns) {
      if (judged.kind === 'end')
        return { kind: 'rejected', failureBit: judged.failureBit, message: judged.reason };
      if (judged.kind === 'next') failures.push(judged);
    }
  }
  return refuseAfter(failures);
}
