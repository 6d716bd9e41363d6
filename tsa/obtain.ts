// Asking providers in order until one gives a token that passes every check (design §5). Each failure is reported
// with its octets; an answer that comes too late for its client is still judged and reported.
import type { AlgorithmProfile } from '#shared/policy/algorithm-policy.ts';
import type { Clock, EventSink } from '#shared/ports/runtime.ts';
import type { Exhausted, Reservation } from './budgets.ts';
import {
  judgeAnswer,
  judgeFailure,
  type GoodAnswer,
  type Judged,
  type NextAnswer,
} from './judge-answer.ts';
import type { Profile } from './config.ts';
import type { Provider } from './providers.ts';
import { errorFields, type FailureBit, type Rejection } from './replies.ts';

export type Obtained =
  { readonly kind: 'token'; readonly provider: Provider; readonly answer: GoodAnswer } | Rejection;

export type ObtainOptions = {
  /** The client's own octets: nonce and policy inside are what will be signed. */
  readonly request: Uint8Array;
  readonly profile: Profile;
  /** Those that list algorithm and policy, first choice first; at least one. */
  readonly providers: readonly Provider[];
  readonly clock: Clock;
  readonly events: EventSink;
  readonly algorithmPolicy: AlgorithmProfile | undefined;
  /** The client's time is over: no further provider is asked. */
  readonly deadline: AbortSignal;
  /** The process ends: late answers are given up. */
  readonly shutdown: AbortSignal;
  readonly onFailure: (
    provider: Provider,
    failure: Pick<NextAnswer, 'failure' | 'reason'>,
    response?: Uint8Array,
  ) => void;
  /** Asked before a provider is: whether one more token may be bought there. */
  readonly reserve: (provider: Provider) => Reservation | Exhausted;
  /** A good token that came after its turn. */
  readonly onLate: (provider: Provider, answer: GoodAnswer) => Promise<void>;
  /** Work that goes on after the answer; whoever closes waits for it. */
  readonly background: (work: Promise<void>) => void;
  /** Buys a token with certReq TRUE, so that the provider's certificates are learned. */
  readonly probe: (provider: Provider) => Promise<void>;
};

type Answered = { readonly judged: Judged; readonly response?: Uint8Array };

function reportFault(
  name: string,
  provider: Provider,
  error: unknown,
  options: ObtainOptions,
): void {
  options.events({ level: 'error', name, provider: provider.name, ...errorFields(error) });
}

/** Exchange and judgement; resolves always. */
async function askAndJudge(provider: Provider, options: ObtainOptions): Promise<Answered> {
  const signal = AbortSignal.any([options.shutdown, AbortSignal.timeout(provider.lateMs)]);
  let response: Uint8Array;
  try {
    response = await provider.exchange(options.request, { signal });
  } catch (error) {
    const judged = judgeFailure(error, provider.name);
    // A fault of ours, such as a full disk under the local unit: the reason is for the log alone.
    if (judged.failure === 'internal') reportFault('tsa.exchange.failed', provider, error, options);
    return { judged };
  }
  try {
    const judge = async (): Promise<Judged> => {
      const now = options.clock.now();
      const trust = await provider.trust(now);
      return judgeAnswer(response, { ...options, provider, trust, now });
    };
    const first = await judge();
    if (first.kind !== 'unknown-signer') return { judged: first, response };
    // certReq FALSE and a signer never seen: learn the provider's certificates, once a day at most.
    if (provider.record.takeProbe(options.clock.now())) await options.probe(provider);
    return { judged: await judge(), response };
  } catch (error) {
    reportFault('tsa.judge.failed', provider, error, options);
    const reason = `${provider.name}: the answer could not be judged`;
    return { judged: { kind: 'next', failure: 'internal', reason }, response };
  }
}

/** The promise's value, or `undefined` when the time is over or the signal is aborted first. */
async function within<T>(promise: Promise<T>, ms: number, signal: AbortSignal) {
  const { promise: over, resolve } = Promise.withResolvers<undefined>();
  const stop = (): void => {
    resolve(undefined);
  };
  const timer = setTimeout(stop, ms);
  signal.addEventListener('abort', stop);
  try {
    return await Promise.race([promise, over]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
  }
}

/** Counts and reports a failure. */
function fail(
  provider: Provider,
  failure: Pick<NextAnswer, 'failure' | 'reason'>,
  options: ObtainOptions,
  response?: Uint8Array,
): void {
  const { failure: kind, reason } = failure;
  provider.record.failed(options.clock.now(), kind, reason);
  options.events({
    level: 'warn',
    name: 'tsa.provider.failed',
    provider: provider.name,
    kind,
    reason,
  });
  options.onFailure(provider, failure, response);
}

/** Turns what a provider gave into the next step, with its side effects on the record. */
function settle(provider: Provider, answered: Answered, options: ObtainOptions, late: boolean) {
  const { judged, response } = answered;
  switch (judged.kind) {
    case 'token':
      provider.record.granted(options.clock.now(), late);
      provider.record.learn(judged.path);
      return judged;
    case 'unknown-signer': {
      const failure = { kind: 'next', failure: 'invalid-token', reason: judged.reason } as const;
      fail(provider, failure, options, response);
      return failure;
    }
    case 'end':
      fail(provider, { failure: 'rejected', reason: judged.reason }, options, response);
      return judged;
    case 'next':
      fail(provider, judged, options, response);
      return judged;
    default:
      return judged satisfies never;
  }
}

/** One provider's turn: its judged answer, or a time-out while the answer is still waited for. */
async function askProvider(provider: Provider, options: ObtainOptions) {
  const reserved = options.reserve(provider);
  if (reserved.kind === 'exhausted') {
    const reason = `${provider.name} is not asked: ${reserved.message}`;
    return { kind: 'next', failure: 'limited', reason } as const;
  }
  provider.record.asked();
  const pending = askAndJudge(provider, options).then((answered) => {
    // A token counts as bought when it is seen, however late; nothing else does.
    if (answered.judged.kind === 'token') reserved.bought();
    else reserved.release();
    return answered;
  });
  const answered = await within(pending, provider.responseMs, options.deadline);
  if (answered) return settle(provider, answered, options, false);
  const late = async (): Promise<void> => {
    const answer = await pending;
    // No answer at all: that is the failure which is counted below already.
    if (!answer.response) return;
    const judged = settle(provider, answer, options, true);
    try {
      if (judged.kind === 'token') await options.onLate(provider, judged);
    } catch (error) {
      options.events({ level: 'error', name: 'tsa.late.failed', ...errorFields(error) });
    }
  };
  options.background(late());
  const reason = `${provider.name} gave no answer within ${provider.responseMs} ms`;
  const timeout: NextAnswer = { kind: 'next', failure: 'timeout', reason };
  fail(provider, timeout, options);
  return timeout;
}

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

/** Asks the providers in order. Resolves always; a rejection says which bit and why. */
export async function obtainToken(options: ObtainOptions): Promise<Obtained> {
  const failures: NextAnswer[] = [];
  for (const provider of options.providers) {
    if (options.deadline.aborted || options.shutdown.aborted) break;
    const judged = await askProvider(provider, options);
    if (judged.kind === 'token') return { kind: 'token', provider, answer: judged };
    if (judged.kind === 'end')
      return { kind: 'rejected', failureBit: judged.failureBit, message: judged.reason };
    failures.push(judged);
  }
  return refuseAfter(failures);
}
