// What another configuration would move before it takes effect: of each document its proof horizon, next
// renewal, outlook, retention and compliance, counted by kind with the earliest date. From the
// catalogue alone; nothing is written.
import type { Catalogue, DocumentRow } from '#shared/ports/catalogue.ts';
import { proofHorizon, type HorizonRules } from '#shared/validation/proof-horizon.ts';
import type { ArchiverConfig } from '../config.ts';
import { resolveRetention } from '../stages/retention.ts';
import { reportEditions } from './build.ts';
import {
  type BatchIndex,
  type DocumentContext,
  documentsInContext,
  loadBatchIndex,
} from './document-context.ts';
import { documentLine } from './document-line.ts';
import type { DocumentLine, ReportEditions, ReportRules } from './report.ts';

/** What of a document may move. */
export type Aspect = 'proof-horizon' | 'next-renewal' | 'outlook' | 'retention' | 'compliance';

export type Move = {
  readonly store: string;
  readonly key: string;
  readonly aspect: Aspect;
  readonly from: string;
  readonly to: string;
};

export type AspectCount = {
  readonly documents: number;
  /** To an earlier date, a worse outlook, or more that is not met or not shown. */
  readonly worse: number;
  /** The earliest date under the new configuration among what moved. */
  readonly earliest?: string | undefined;
};

export type Difference = {
  readonly at: string;
  readonly editions: { readonly from: ReportEditions; readonly to: ReportEditions };
  readonly documents: number;
  /** Documents of which anything moves. */
  readonly moved: number;
  readonly byAspect: Readonly<Partial<Record<Aspect, AspectCount>>>;
  /** The first of them, worse ones not preferred: in the order of the catalogue. */
  readonly examples: readonly Move[];
};

/** A configuration as the comparison needs it. */
export type Side = {
  readonly config: ArchiverConfig;
  readonly rules: ReportRules;
  readonly horizonRules: HorizonRules;
};

const never = '–';
const outlooks: readonly DocumentLine['outlook'][] = [
  'covered',
  'ended',
  'open-ended',
  'by-renewal',
  'not-yet',
  'no',
];

type Reading = {
  readonly text: string;
  /** Larger is worse. */
  readonly rank: number;
  readonly date?: string | undefined;
};

function dated(date: string | undefined): Reading {
  return { text: date ?? never, rank: date === undefined ? -Infinity : -Date.parse(date), date };
}

const aspects: Readonly<Record<Aspect, (line: DocumentLine) => Reading>> = {
  'proof-horizon': ({ provableUntil }) => dated(provableUntil),
  'next-renewal': ({ nextRenewal }) => dated(nextRenewal),
  outlook: ({ outlook }) => ({ text: outlook, rank: outlooks.indexOf(outlook) }),
  // A longer retention asks for more; an unknown end asks for the most.
  retention: ({ retention: { lastDay, presets } }) => ({
    text: `${lastDay ?? 'end unknown'} (${presets.join(', ') || 'no rule'})`,
    rank: lastDay === undefined ? Infinity : Date.parse(lastDay),
    date: lastDay,
  }),
  compliance: ({ notMet, notShown, evidence }) => ({
    text: [
      `not met: ${notMet.join(' ') || never}`,
      `not shown: ${notShown.join(' ') || never}`,
      ...evidence.map(({ accreditation }) => accreditation.status),
    ].join('; '),
    rank: notMet.length * 100 + notShown.length,
  }),
};

/** Batches with their horizons under these rules. */
function under(batches: BatchIndex, { horizonRules }: Side): BatchIndex {
  return new Map(
    [...batches].map(([id, batch]) => {
      const { at, element } = proofHorizon(batch.newestToken, batch.digestAlgorithm, horizonRules);
      return [id, { ...batch, horizon: at, horizonElement: element }];
    }),
  );
}

function lineUnder(
  document: DocumentRow,
  context: DocumentContext,
  batches: BatchIndex,
  at: Temporal.Instant,
  { config, rules }: Side,
): DocumentLine {
  const { journal, sidecar, tag, hold } = document.retention;
  const retention = resolveRetention(config, { ...document, journal, sidecar, tag, hold });
  return documentLine(
    { ...document, retention },
    { ...context, batches: context.batches.map((batch) => batches.get(batch.batchId) ?? batch) },
    at,
    rules,
  );
}

type Open = { documents: number; worse: number; earliest: string | undefined };

/**
 * Compares every document as of `at`. Memory grows with batches and `maxExamples`, never with documents.
 * `onProgress` is told now and then how many documents were compared.
 */
export async function compareConfigurations(
  catalogue: Catalogue,
  sides: { readonly from: Side; readonly to: Side },
  options: {
    readonly at: Temporal.Instant;
    readonly maxExamples: number;
    readonly signal: AbortSignal;
    readonly onProgress?: ((documents: number) => void) | undefined;
  },
): Promise<Difference> {
  const { at, maxExamples, signal, onProgress } = options;
  const batches = await loadBatchIndex(catalogue);
  const batchesFrom = under(batches, sides.from);
  const batchesTo = under(batches, sides.to);
  const counts = new Map<Aspect, Open>();
  const examples: Move[] = [];
  let [documents, moved] = [0, 0];
  for await (const { document, context } of documentsInContext(catalogue, batches)) {
    signal.throwIfAborted();
    if (++documents % 10_000 === 0) onProgress?.(documents);
    const from = lineUnder(document, context, batchesFrom, at, sides.from);
    const to = lineUnder(document, context, batchesTo, at, sides.to);
    let isMoved = false;
    for (const [aspect, read] of Object.entries(aspects) as [Aspect, (typeof aspects)[Aspect]][]) {
      const [before, after] = [read(from), read(to)];
      if (before.text === after.text) continue;
      isMoved = true;
      const count = counts.get(aspect) ?? { documents: 0, worse: 0, earliest: undefined };
      counts.set(aspect, count);
      count.documents++;
      if (after.rank > before.rank) count.worse++;
      const { date } = after;
      if (date !== undefined && (count.earliest === undefined || date < count.earliest))
        count.earliest = date;
      const { store, key } = document;
      if (examples.length < maxExamples)
        examples.push({ store, key, aspect, from: before.text, to: after.text });
    }
    if (isMoved) moved++;
  }
  return {
    at: at.toString(),
    editions: { from: reportEditions(sides.from.rules), to: reportEditions(sides.to.rules) },
    documents,
    moved,
    byAspect: Object.fromEntries(counts),
    examples,
  };
}
