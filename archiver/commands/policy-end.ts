// `tokiwa policy end PROVIDER --on DAY`: a TSA ends, as a what-if: what hangs on it, what has to be renewed by when, at
// what cost, and the lines of configuration by which it takes effect.
import { stat } from 'node:fs/promises';
import type { Command } from 'commander';
import { ConfigError } from '#shared/errors.ts';
import { loadCertificates } from '#shared/io/trust-files.ts';
import { printable } from '#shared/printable.ts';
import type { Sentence } from '#shared/validation/verdict.ts';
import type { ArchiverConfig } from '../config.ts';
import type { ProviderEnd, Purchase } from '../reports/provider-end.ts';
import { parseInstant } from './archive.ts';
import { configOption, systemClock, withArchiver } from './context.ts';
import { languageOf } from './language.ts';
import { sideOf } from './policy-side.ts';

type Options = {
  readonly config?: string;
  readonly on: string;
  readonly at?: string;
  readonly price?: string;
  readonly examples: string;
  readonly lang?: string;
  readonly json?: boolean;
};

type Language = keyof Sentence;

const day = (instant: string, timeZone: string): string =>
  Temporal.Instant.from(instant).toZonedDateTimeISO(timeZone).toPlainDate().toString();

function money(amount: number | undefined, currency: string | undefined): string {
  return amount === undefined ? '' : ` (${amount} ${currency ?? ''})`.replace(' )', ')');
}

const sentences: Readonly<
  Record<Language, (end: ProviderEnd, timeZone: string) => readonly string[]>
> = {
  en: (end, timeZone) => {
    const bought = ({ tokens, cost }: Purchase): string =>
      `${tokens} tokens${money(cost, end.currency)}`;
    return [
      `from ${day(end.end, timeZone)} on nothing is anchored in ${end.anchors.length === 1 ? 'this anchor' : 'these anchors'} any more`,
      `hanging on it: ${end.documents} documents in ${end.batches} batches; for ${end.withoutOther} of them there is nothing else`,
      `to be renewed by ${day(end.renewBy, timeZone)}: ${bought(end.withEnd)}; without the end ${bought(end.withoutEnd)} would be bought that night`,
      `the end costs ${end.extraTokens} tokens${money(end.extraCost, end.currency)} more`,
      end.successor
        ? 'another anchor is configured: renewals and new documents go to it'
        : 'NO OTHER ANCHOR IS CONFIGURED: name a successor before that day, else nothing is renewed and nothing new is protected',
      `${end.difference.moved} of ${end.difference.documents} documents would move`,
    ];
  },
  ja: (end, timeZone) => {
    const bought = ({ tokens, cost }: Purchase): string =>
      `トークン ${tokens} 件${money(cost, end.currency)}`;
    return [
      `${day(end.end, timeZone)} 以降、このトラストアンカー(${end.anchors.length} 件)に基づく証明は成り立ちません`,
      `依存するもの: 文書 ${end.documents} 件、バッチ ${end.batches} 件。うち ${end.withoutOther} 件の文書にはほかの証拠がありません`,
      `${day(end.renewBy, timeZone)} までに必要な更新: ${bought(end.withEnd)}。終了しない場合、その夜の購入は ${bought(end.withoutEnd)}`,
      `終了による増加: トークン ${end.extraTokens} 件${money(end.extraCost, end.currency)}`,
      end.successor
        ? 'ほかのトラストアンカーが設定されています。更新と新しい文書にはそちらが使われます'
        : 'ほかのトラストアンカーが設定されていません。その日までに後継の TSA を設定しないと、更新も新しい文書の保護も行われません',
      `${end.difference.documents} 件中 ${end.difference.moved} 件の文書に変化があります`,
    ];
  },
};

const headings: Readonly<Record<Language, { readonly examples: string; readonly action: string }>> =
  {
    en: { examples: 'for example:', action: 'to make it so, in the configuration:' },
    ja: { examples: '例:', action: '実施するには、設定に次を加えます:' },
  };

function renderText(end: ProviderEnd, language: Language, timeZone: string): string {
  const { examples, action } = headings[language];
  const moves = end.difference.examples.map(
    ({ key, aspect, from, to }) => `  ${printable(key)}: ${aspect} ${from} → ${to}`,
  );
  return [
    ...sentences[language](end, timeZone),
    ...end.findings.map(({ message }) => `! ${message}`),
    ...(moves.length > 0 ? [examples, ...moves] : []),
    action,
    'anchorEnds:',
    ...end.anchors.map((anchor) => `  - { anchor: ${anchor}, end: ${day(end.end, timeZone)} }`),
    '',
  ].join('\n');
}

/** Fingerprints of what was named: a TSA of the configuration, a fingerprint, or a file of certificates. */
async function anchorsOf(provider: string, config: ArchiverConfig): Promise<ReadonlySet<string>> {
  const hex = provider.replaceAll(':', '').toLowerCase();
  if (/^[0-9a-f]{64}$/.test(hex)) return new Set([hex]);
  const ofTsa =
    provider === 'tsa' || provider === 'secondTsa' ? config[provider]?.anchors : undefined;
  const isFile = ofTsa === undefined && (await stat(provider).catch(() => undefined)) !== undefined;
  const files = ofTsa ?? (isFile ? [provider] : undefined);
  if (!files)
    throw new ConfigError(
      'ERR_CONFIG_USAGE',
      `${JSON.stringify(provider)} is no TSA of the configuration, no fingerprint and no file`,
    );
  return new Set((await loadCertificates(files)).map(({ fingerprint }) => fingerprint));
}

function priceOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const price = Number(text);
  if (text.trim() !== '' && Number.isFinite(price) && price >= 0) return price;
  throw new ConfigError('ERR_CONFIG_USAGE', '--price takes an amount, such as 12.5');
}

/** The first instant of a day in the archive's time zone, as `anchorEnds` counts it. */
function endOf(text: string, timeZone: string): Temporal.Instant {
  try {
    return Temporal.PlainDate.from(text).toZonedDateTime(timeZone).toInstant();
  } catch (cause) {
    const message = `${JSON.stringify(text)} is no day: write 2031-04-01`;
    throw new ConfigError('ERR_CONFIG_USAGE', message, { cause });
  }
}

async function show(provider: string, options: Options): Promise<void> {
  const { endOfProvider } = await import('../reports/provider-end.ts');
  const price = priceOf(options.price);
  const at = options.at === undefined ? systemClock().now() : parseInstant(options.at);
  const found = await withArchiver(
    options.config,
    { create: false, json: options.json },
    async ({ archiver: { config, catalogue }, events, signal }) => ({
      timeZone: config.timeZone,
      end: await endOfProvider(catalogue, await sideOf(config, at, events), {
        anchors: await anchorsOf(provider, config),
        end: endOf(options.on, config.timeZone),
        at,
        price,
        maxExamples: Number(options.examples),
        signal,
      }),
    }),
  );
  process.stdout.write(
    options.json
      ? `${JSON.stringify(found.end, undefined, 2)}\n`
      : renderText(found.end, languageOf(options.lang), found.timeZone),
  );
  process.exitCode = found.end.documents > 0 ? 1 : 0;
}

/** Adds `policy end`. */
export function registerPolicyEnd(policy: Command): void {
  policy
    .command('end')
    .description('what would hang on a TSA that ends: documents, renewals by when, their cost')
    .argument(
      '<provider>',
      '`tsa`, `secondTsa`, the fingerprint of an anchor, or a file of anchors',
    )
    .requiredOption('--on <day>', 'the first day on which it is trusted no longer')
    .option(...configOption)
    .option('--price <amount>', 'of one token of the successor, in the configured currency')
    .option('--at <time>', 'as of another time')
    .option('--examples <n>', 'how many documents to name', '10')
    .option('--lang <language>', 'ja or en (default: from the environment)')
    .option('--json', 'as JSON')
    .addHelpText('after', '\nExit status: 0 nothing hangs on it, 1 something does, 3 usage.')
    .action(show);
}
