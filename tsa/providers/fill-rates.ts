// What was sent before this process began, as far as the journal tells: rates that are kept in memory go on from there, so
// that a restart allows nothing that a ceiling forbids.
import type { Clock } from '#shared/ports/runtime.ts';
import { isBefore } from '#shared/time.ts';
import type { TsaConfig } from '../config/config.ts';
import type { JournalRecord } from '../journal/journal-line.ts';
import { hedgeRate, type createRates } from './rates.ts';

type FillOptions = { readonly config: TsaConfig; readonly clock: Clock };
type FilledRates = Pick<ReturnType<typeof createRates>, 'wasTaken'>;

/**
 * Of providers: some block for a day whoever sends more than they allow, and know nothing of our restarts.
 */
function fillProviders({ config, clock }: FillOptions, rates: FilledRates) {
  return (record: Exclude<JournalRecord, { readonly kind: 'request' }>): void => {
    // A late token is of a request whose time-out stands there already.
    if (record.kind === 'token' && record.late) return;
    const provider = config.providers[record.provider];
    const limit = provider?.kind === 'http' ? provider.limits.rate : undefined;
    if (!limit) return;
    const began = clock.now().subtract({ seconds: limit.withinSeconds });
    if (isBefore(began, record.at)) rates.wasTaken(`provider ${record.provider}`, limit, record.at);
  };
}

/**
 * Of hedging. The journal does not say why a request went to a second provider: each that did counts, so that the ceiling
 * is never passed.
 */
function fillHedges({ config, clock }: FillOptions, rates: FilledRates) {
  /** The first provider of a request, and none once it is counted. */
  const asked = new Map<string, string | undefined>();
  return (record: Exclude<JournalRecord, { readonly kind: 'request' }>): void => {
    const { id, provider, profile: name = '' } = record;
    const profile = config.profiles[name];
    if (!profile || profile.hedgesPerHour === 0) return;
    const { key, limit } = hedgeRate(profile);
    if (!isBefore(clock.now().subtract({ seconds: limit.withinSeconds }), record.at)) return;
    const first = asked.get(id);
    if (!asked.has(id)) asked.set(id, provider);
    else if (first !== undefined && first !== provider) {
      asked.set(id, undefined);
      rates.wasTaken(key, limit, record.at);
    }
  };
}

/** Takes every record that is read at the start, the oldest first. */
export function createRateFill(
  options: FillOptions,
  rates: FilledRates,
): (record: JournalRecord) => void {
  const fills = [fillProviders(options, rates), fillHedges(options, rates)];
  return (record) => {
    if (record.kind === 'request') return;
    // Those that were not asked.
    if (record.kind === 'failure' && record.failureKind === 'limited') return;
    for (const fill of fills) fill(record);
  };
}
