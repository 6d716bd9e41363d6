// The CRLs of one provider: files are read, addresses asked. A token waits for them where nothing that is current is
// known; else they are fetched beside it, and the last good ones stay when that fails.
import { ConfigError, FormatError, SourceError } from '#shared/errors.ts';
import type { HttpSender } from '#shared/io/http-sender.ts';
import { fetchCrl, isUrl, loadCrls } from '#shared/io/trust-files.ts';
import type { Clock, EventSink } from '#shared/ports/runtime.ts';
import { compareInstants, earlier, isBefore } from '#shared/time.ts';
import type { CertificateList } from '#shared/x509/crl.ts';
import type { HttpProviderConfig } from '../config/config.ts';
import type { KeptCrls, ProviderRecord } from '../providers/provider-record.ts';
import { errorFields } from '../replies.ts';

/** CRLs are looked at again after this long, or when one of them ends. */
const refreshPeriod = { hours: 1 } as const;
/** So soon after a look that failed, and never sooner. */
const retryPeriod = { minutes: 1 } as const;
/** Older ones are not gone by: nobody asked for so long that nobody fetched. */
const oldestUsed = { hours: 2 } as const;
/** A token waits for no more than this part of its provider's time, and is judged by what is there. */
const shareOfTime = 0.5;

type Options = {
  readonly config: Pick<HttpProviderConfig, 'name' | 'crls' | 'timeouts'>;
  /** Keeps what is known over a reload. */
  readonly record: Pick<ProviderRecord, 'crls' | 'keepCrls'>;
  readonly sender: HttpSender;
  readonly clock: Clock;
  readonly events: EventSink;
  readonly signal: AbortSignal;
};

/** The earliest end of these lists; `undefined`: none says when. */
function endOf(lists: readonly CertificateList[]): Temporal.Instant | undefined {
  const ends = lists.flatMap(({ nextUpdate }) => nextUpdate ?? []);
  return ends.length === 0 ? undefined : ends.reduce(earlier);
}

function isCurrent({ lists, at }: KeptCrls, now: Temporal.Instant): boolean {
  const end = endOf(lists);
  return isBefore(now, at.add(oldestUsed)) && (end === undefined || isBefore(now, end));
}

function isExpected(error: unknown): boolean {
  return (
    error instanceof SourceError || error instanceof FormatError || error instanceof ConfigError
  );
}

function endedOrLate(work: Promise<void>, longestMs: number): Promise<unknown> {
  const { promise: late, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(resolve, longestMs, undefined).unref();
  return Promise.race([work, late]).finally(() => {
    clearTimeout(timer);
  });
}

/** What is known as of `now`. The files are read at once: what cannot be used is a matter of the configuration. */
export async function openProviderCrls(
  options: Options,
): Promise<(now: Temporal.Instant) => Promise<readonly CertificateList[]>> {
  const { config, record, clock, events } = options;
  let due: Temporal.Instant | undefined;
  /** Under way, for those who have nothing to go by. */
  let awaited: Promise<unknown> | undefined;

  const load = async (source: string): Promise<void> => {
    const lists = isUrl(source) ? [await fetchCrl(source, options)] : await loadCrls([source]);
    record.keepCrls(source, { lists, at: clock.now() });
  };

  const loadOrSay = async (source: string): Promise<boolean> => {
    try {
      await load(source);
      return true;
    } catch (error) {
      // Whether tokens pass without it is the profile's choice (revocation).
      const level = isExpected(error) ? 'warn' : 'error';
      const { name } = config;
      events({ level, name: 'tsa.crl.failed', provider: name, source, ...errorFields(error) });
      return false;
    }
  };

  const refresh = async (): Promise<void> => {
    const loaded = await Promise.all(config.crls.map(loadOrSay));
    const now = clock.now();
    const soonest = now.add(retryPeriod);
    if (loaded.includes(false)) {
      due = soonest;
      return;
    }
    const latest = now.add(refreshPeriod);
    const end = endOf(config.crls.flatMap((source) => record.crls().get(source)?.lists ?? []));
    const wanted = end === undefined ? latest : earlier(latest, end);
    due = isBefore(wanted, soonest) ? soonest : wanted;
  };

  for (const source of config.crls.filter((one) => !isUrl(one))) await load(source);

  return async (now) => {
    if (config.crls.length === 0) return [];
    const kept = record.crls();
    const known = config.crls.flatMap((source) => kept.get(source) ?? []);
    if (!awaited && (!due || compareInstants(now, due) >= 0)) {
      const refreshing = refresh().finally(() => {
        awaited = undefined;
      });
      awaited = endedOrLate(refreshing, shareOfTime * config.timeouts.responseMs);
    }
    const isKnown = known.length === config.crls.length;
    if (!isKnown || !known.every((one) => isCurrent(one, now))) await awaited;
    return config.crls.flatMap((source) => record.crls().get(source)?.lists ?? []);
  };
}
