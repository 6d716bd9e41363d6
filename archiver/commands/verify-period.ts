// `tokiwa verify --from --to`: the archive's timestamps of a period in bulk (J-5): every document of a class whose
// evidence has a timestamp then, judged afresh from the stores, with the accreditation of each provider at
// genTime. The same table as for files.
import { ConfigError } from '#shared/errors.ts';
import { askAccreditation } from '#shared/policy/accreditation.ts';
import type { BatchRow, DocumentRow } from '#shared/ports/catalogue.ts';
import { isBefore } from '#shared/time.ts';
import type { JudgedToken } from '#shared/validation/judgement-scope.ts';
import {
  type BatchIndex,
  documentsInContext,
  loadBatchIndex,
} from '../reports/document-context.ts';
import { digestStoreName } from '../intake/digest-statement.ts';
import type { Archiver } from '../main.ts';
import { collectPack } from '../pack/collect.ts';
import { placesOf } from './pack.ts';
import { withHorizons } from './verify-horizons.ts';
import type { FileVerdict } from './verify-output.ts';

/** Half open: `from` belongs to it, `to` does not. */
export type Period = { readonly from: Temporal.Instant; readonly to: Temporal.Instant };

export type PeriodRequest = {
  readonly period: Period;
  /** Name of a retention rule; absent: all documents. */
  readonly documentClass: string | undefined;
  readonly at: Temporal.Instant;
  readonly signal: AbortSignal;
};

/** A document's verdict with those of its timestamps that are of the period. */
export type PeriodVerdict = {
  readonly verdict: FileVerdict;
  /** Who counted as accredited at genTime, in the words of the table. */
  readonly accredited: (judged: JudgedToken) => string;
};

/**
 * A day, taken in the archive's time zone, or an instant. As the end of a period a day belongs to it.
 * @throws ConfigError ERR_CONFIG_USAGE
 */
export function periodOf(from: string, to: string, timeZone: string): Period {
  const read = (text: string, days: number): Temporal.Instant => {
    try {
      if (text.includes('T')) return Temporal.Instant.from(text);
      return Temporal.PlainDate.from(text).add({ days }).toZonedDateTime(timeZone).toInstant();
    } catch (cause) {
      throw new ConfigError(
        'ERR_CONFIG_USAGE',
        `${JSON.stringify(text)} is no day (YYYY-MM-DD) and no instant`,
        { cause },
      );
    }
  };
  const period = { from: read(from, 0), to: read(to, 1) };
  if (isBefore(period.from, period.to)) return period;
  throw new ConfigError('ERR_CONFIG_USAGE', 'the period ends before it begins');
}

function isWithin(at: Temporal.Instant, { from, to }: Period): boolean {
  return !isBefore(at, from) && isBefore(at, to);
}

/** Its own token and its renewals lie between the first and the newest. */
function mayTouch({ genTime, newestToken }: BatchRow, { from, to }: Period): boolean {
  return isBefore(genTime, to) && !isBefore(Temporal.Instant.from(newestToken.genTime), from);
}

/** Accredited when it stamped, by which provider under which scheme; else that it is not shown. */
function accreditationAt(
  { config }: Archiver,
  row: DocumentRow,
  at: Temporal.Instant,
): (judged: JudgedToken) => string {
  return ({ token, judgement }) => {
    const { genTime, policy: tsaPolicy } = token.tstInfo;
    const answer = askAccreditation(
      config.accreditation,
      { genTime, tsaPolicy, anchor: judgement.path.at(-1)?.fingerprint },
      row.retention.presets.length > 0 ? 'statutory' : 'other',
      at,
    );
    if (answer.kind === 'not-shown') return '未確認';
    const { name, scheme } = answer.entry;
    return `${name} (${scheme}${answer.transitional ? '、経過措置' : ''})`;
  };
}

async function judge(
  archiver: Archiver,
  deps: Awaited<ReturnType<Archiver['night']>>,
  row: DocumentRow,
  attached: readonly DocumentRow[],
  { at, period, signal }: PeriodRequest,
): Promise<readonly PeriodVerdict[]> {
  const places = await placesOf(archiver, row, signal);
  const { verdicts } = await collectPack({ deps, row, attached, places, at, signal });
  const accredited = accreditationAt(archiver, row, at);
  return verdicts.flatMap((whole) => {
    const verdict = withHorizons(whole.tree.name, whole, deps.signerMaterial, []);
    const tokens = verdict.tokens.filter(({ token }) => isWithin(token.tstInfo.genTime, period));
    return tokens.length === 0 ? [] : [{ verdict: { ...verdict, tokens }, accredited }];
  });
}

/**
 * Verdicts of the documents of a class with a timestamp of the period, in the catalogue's order, each as it
 * is known. A document that is gone is an error of its own and stops none of the others.
 * @throws ConfigError ERR_CONFIG_USAGE: no such class
 */
export async function* verifyPeriod(
  archiver: Archiver,
  request: PeriodRequest,
  onUnreadable: (key: string, error: Error) => void,
): AsyncGenerator<PeriodVerdict> {
  const { config, catalogue } = archiver;
  const { documentClass, period, signal } = request;
  if (documentClass !== undefined && !config.rules.some(({ name }) => name === documentClass))
    throw new ConfigError(
      'ERR_CONFIG_USAGE',
      `no class ${documentClass}; there are: ${config.rules.map(({ name }) => name).join(', ')}`,
    );
  const deps = await archiver.night(signal);
  const batches: BatchIndex = await loadBatchIndex(catalogue);
  for await (const { document, context } of documentsInContext(catalogue, batches)) {
    signal.throwIfAborted();
    const { attachedTo, store, key, retention } = document;
    if (attachedTo !== undefined || store === digestStoreName) continue;
    if (documentClass !== undefined && retention.rule !== documentClass) continue;
    if (!context.batches.some((batch) => mayTouch(batch, period))) continue;
    try {
      yield* await judge(archiver, deps, document, context.attached, request);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof Error)) throw error;
      onUnreadable(key, error);
    }
  }
}
