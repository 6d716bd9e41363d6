// One provider's turn: asked, its answer judged, the outcome counted. An answer that comes too late for its client is
// still judged and kept, since it was paid for.
import { within } from '../deadline.ts';
import { errorFields } from '../replies.ts';
import {
  judgeAnswer,
  judgeFailure,
  type GoodAnswer,
  type Judged,
  type NextAnswer,
} from './judge-answer.ts';
import type { ObtainOptions } from './obtain.ts';
import type { Provider } from './providers.ts';
import type { OwnAnswer } from '../local/standing-verdict.ts';

type Answered = {
  readonly judged: Judged;
  readonly response?: Uint8Array;
  /** From the request to its answer. */
  readonly milliseconds: number;
};

function reportFault(
  name: string,
  provider: Provider,
  error: unknown,
  options: ObtainOptions,
): void {
  options.events({ level: 'error', name, provider: provider.name, ...errorFields(error) });
}

type Heard = Omit<Answered, 'milliseconds'>;

/** Exchange and judgement; resolves always. */
async function exchangeAndJudge(provider: Provider, options: ObtainOptions): Promise<Heard> {
  const { own } = provider;
  const { request, shutdown: signal, profile, algorithmPolicy } = options;
  let answer: OwnAnswer;
  try {
    answer = own
      ? await own.answer(request)
      : { response: await provider.exchange(request.raw, { signal }) };
  } catch (error) {
    const judged = judgeFailure(error, provider.name);
    // A fault of ours, such as a full disk under the local unit: the reason is for the log alone.
    if (judged.failure === 'internal') reportFault('tsa.exchange.failed', provider, error, options);
    return { judged };
  }
  const { response, token } = answer;
  try {
    const judge = async (): Promise<Judged> => {
      const now = options.clock.now();
      const trust = await provider.trust(now);
      return judgeAnswer(response, { ...options, provider, trust, now });
    };
    const asked = { response, profile, algorithmPolicy, now: options.clock.now() };
    const first = token && own ? await own.verdicts.of(token, asked, judge) : await judge();
    if (first.kind !== 'unknown-signer' || request.certReq) return { judged: first, response };
    // A signer never seen: the provider's certificates are learned by a token that shows them.
    await provider.record.probeOnce(options.clock.now(), () => options.probe(provider));
    return { judged: await judge(), response };
  } catch (error) {
    reportFault('tsa.judge.failed', provider, error, options);
    const reason = `${provider.name}: the answer could not be judged`;
    return { judged: { kind: 'next', failure: 'internal', reason }, response };
  }
}

async function askAndJudge(provider: Provider, options: ObtainOptions): Promise<Answered> {
  const { clock } = options;
  const began = clock.now().epochMilliseconds;
  const heard = await exchangeAndJudge(provider, options);
  return { ...heard, milliseconds: Math.max(0, clock.now().epochMilliseconds - began) };
}

/** Bits by which a provider says that it is the request, not the provider, that cannot be served. */
const bitsOfRequests: readonly unknown[] = [
  'badAlg',
  'unacceptedPolicy',
  'unacceptedExtension',
  'badRequest',
  'badDataFormat',
];

type Failure = Pick<NextAnswer, 'failure' | 'failureBit' | 'unasked'> & {
  /** Its answer to a query without certReq is by a signer that it does not show. */
  readonly hidden?: boolean;
};

/** Whether a failure says that the provider is not well: for queries that ask for certificates it may be. */
function isSick({ failure, failureBit, unasked, hidden }: Failure): boolean {
  if (failure === 'internal' || failure === 'limited' || unasked || hidden) return false;
  return failure !== 'rejected' || !bitsOfRequests.includes(failureBit);
}

function countAgainst(provider: Provider, now: Temporal.Instant, options: ObtainOptions): void {
  const until = provider.record.breaker.failed(now);
  if (!until) return;
  const event = { name: 'tsa.provider.opened', provider: provider.name, until: until.toString() };
  options.events({ level: 'error', ...event });
}

/** Counts and reports a failure. */
function fail(
  provider: Provider,
  failure: Failure & Pick<NextAnswer, 'reason'>,
  options: ObtainOptions,
  response?: Uint8Array,
): void {
  const { failure: kind, reason } = failure;
  const now = options.clock.now();
  provider.record.failed(now, kind, reason);
  if (failure.unasked) provider.record.sentUnasked(now);
  if (failure.hidden) provider.record.hidSigner(now);
  if (isSick(failure)) countAgainst(provider, now, options);
  options.events({
    level: 'warn',
    name: 'tsa.provider.failed',
    id: options.id,
    provider: provider.name,
    kind,
    reason,
  });
  options.onFailure(provider, failure, response);
}

/** Takes note of a good token: how long it took, and by whom it is signed. */
function noteToken(
  provider: Provider,
  { path, genTime }: GoodAnswer,
  { late, milliseconds }: { readonly late: boolean; readonly milliseconds: number },
  options: ObtainOptions,
): void {
  const { record, name } = provider;
  record.granted(options.clock.now(), late, milliseconds);
  record.took(late ? 'late' : 'granted', milliseconds);
  // A late one may have lain somewhere.
  if (!late) record.sawTime(genTime, options.clock.now());
  // A late one does not make a slow provider well.
  if (!late && record.breaker.succeeded())
    options.events({ level: 'info', name: 'tsa.provider.closed', provider: name });
  const [tsu] = path;
  if (record.learn(path) && tsu) options.onNewTsu(provider, tsu);
}

/** Turns what a provider gave into the next step, with its side effects on the record. */
function settle(provider: Provider, answered: Answered, options: ObtainOptions, late: boolean) {
  const { judged, response, milliseconds } = answered;
  switch (judged.kind) {
    case 'token':
      noteToken(provider, judged, { late, milliseconds }, options);
      return judged;
    case 'unknown-signer': {
      provider.record.took('invalid-token', milliseconds);
      const failure = { kind: 'next', failure: 'invalid-token', reason: judged.reason } as const;
      fail(provider, { ...failure, hidden: !options.request.certReq }, options, response);
      return failure;
    }
    case 'end':
      provider.record.took('rejected', milliseconds);
      fail(
        provider,
        { failure: 'rejected', reason: judged.reason, failureBit: judged.failureBit },
        options,
        response,
      );
      return judged;
    case 'next':
      if (!late) provider.record.took(judged.failure, milliseconds);
      fail(provider, judged, options, response);
      return judged;
    default:
      return judged satisfies never;
  }
}

/** One provider's turn: its judged answer, or a time-out while the answer is still waited for. */
export async function askProvider(provider: Provider, options: ObtainOptions) {
  const limited = (why: string) => {
    const reason = `${provider.name} is not asked: ${why}`;
    return { kind: 'next', failure: 'limited', reason } as const;
  };
  const reserved = await options.reserve(provider);
  if (reserved.kind === 'exhausted') return limited(reserved.message);
  const { rate } = provider;
  const key = `provider ${provider.name}`;
  const free = rate && (await options.rates.takeOfWindow(key, rate, options.clock.now()));
  if (free) {
    reserved.release();
    return limited(`its rate allows no request before ${free.toString()}`);
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
  provider.record.took('timeout', provider.responseMs);
  const timeout: NextAnswer = { kind: 'next', failure: 'timeout', reason };
  fail(provider, timeout, options);
  return timeout;
}
