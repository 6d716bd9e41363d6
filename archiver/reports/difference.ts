// What another configuration would move before it takes effect: of each document its proof horizon, next
// renewal, outlook, retention and compliance, counted by kind with the earliest date. From the
// catalogue alone; nothing is written.
import type {
  BatchRow,
  Catalogue,
  DocumentOutline,
  DocumentRow,
  HeldSignature,
  RetentionFacts,
} from '#shared/ports/catalogue.ts';
import { proofHorizon, type HorizonRules } from '#shared/validation/proof-horizon.ts';
import type { ArchiverConfig, RetentionRule } from '../config.ts';
import { hasSaidStart, rememberedEnds, resolveRetention, ruleFor } from '../stages/retention.ts';
import { reportEditions } from './build.ts';
import { embeddedBatch } from './embedded-evidence.ts';
import { type BatchIndex, loadBatchIndex } from './document-context.ts';
import { DocumentJudge, type DocumentOutlook } from './document-outlook.ts';
import type { DocumentLine, ReportEditions, ReportRules } from './report.ts';

/** What of a document may move. */
export type Aspect =
  'proof-horizon' | 'next-renewal' | 'outlook' | 'retention' | 'signers' | 'compliance';

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
  /** Fingerprints of the trust anchors of either TSA, by its number; absent: nothing is asked of them. */
  readonly anchors?: ReadonlyMap<number, ReadonlySet<string>> | undefined;
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

const worth: readonly HeldSignature['status'][] = [
  'valid',
  'not-judged',
  'indeterminate',
  'invalid',
];

type Reading = {
  readonly text: string;
  /** Larger is worse. */
  readonly rank: () => number;
  readonly date?: string | undefined;
};

/** What one configuration says of a document. */
type Compared = { readonly outlook: DocumentOutlook; readonly retention: RetentionFacts };

function dated(date: string | undefined): Reading {
  return {
    text: date ?? never,
    rank: () => (date === undefined ? -Infinity : -Date.parse(date)),
    date,
  };
}

const aspects: Readonly<Record<Aspect, (compared: Compared) => Reading>> = {
  'proof-horizon': ({ outlook }) => dated(outlook.provableUntil),
  'next-renewal': ({ outlook }) => dated(outlook.nextRenewal),
  outlook: ({ outlook: { outlook } }) => ({ text: outlook, rank: () => outlooks.indexOf(outlook) }),
  // A longer retention asks for more; an unknown end asks for the most.
  retention: ({ retention: { lastDay, presets } }) => ({
    text: `${lastDay ?? 'end unknown'} (${presets.join(', ') || 'no rule'})`,
    rank: () => (lastDay === undefined ? Infinity : Date.parse(lastDay)),
    date: lastDay,
  }),
  // Whose service stands behind each signature, and what it is worth below that one's anchor.
  signers: ({ outlook: { signatures } }) => {
    const texts = signatures.map(({ status, subIndication, qualification }) => {
      const why = subIndication === undefined ? '' : ` (${subIndication})`;
      return `${qualification?.anchorClass ?? 'no anchor'}, ${status}${why}`;
    });
    return {
      text: [...new Set(texts)].toSorted().join('; ') || never,
      rank: () => Math.max(0, ...signatures.map(({ status }) => worth.indexOf(status))),
    };
  },
  compliance: ({ outlook: { compliance, accreditations } }) => {
    const { notMet, notShown } = compliance;
    const text = [
      `not met: ${notMet.join(' ') || never}`,
      `not shown: ${notShown.join(' ') || never}`,
      ...accreditations.map(({ status }) => status),
    ].join('; ');
    return { text, rank: () => notMet.length * 100 + notShown.length };
  },
};
const readings = Object.entries(aspects) as [Aspect, (typeof aspects)[Aspect]][];

/** A batch under these rules. Without a configured anchor in its path it proves nothing. */
export function batchUnder(
  batch: BatchRow,
  { horizonRules, anchors }: Pick<Side, 'horizonRules' | 'anchors'>,
): BatchRow {
  const { at, element } = proofHorizon(batch.newestToken, batch.digestAlgorithm, horizonRules);
  const ours = anchors?.get(batch.anchor);
  const isTrusted =
    !ours || batch.newestToken.chain.some(({ fingerprint }) => ours.has(fingerprint));
  return {
    ...batch,
    horizon: at,
    horizonElement: element,
    state: isTrusted ? batch.state : 'broken',
  };
}

/** One configuration's answers on all documents: its batches with their horizons, its judge, its rules. */
class Under {
  readonly #side: Side;
  readonly #batches: BatchIndex;
  readonly #judge: DocumentJudge;
  readonly #ends = rememberedEnds();
  /** What a rule makes of what was said. */
  readonly #retentions = new Map<RetentionRule | undefined, Map<RetentionFacts, RetentionFacts>>();

  constructor(side: Side, batches: BatchIndex, at: Temporal.Instant) {
    this.#side = side;
    this.#judge = new DocumentJudge(at, side.rules);
    this.#batches = new Map([...batches].map(([id, batch]) => [id, batchUnder(batch, side)]));
  }

  /** `alone`: the whole row of a document that no batch stands for. */
  judge(document: DocumentOutline, alone?: DocumentRow): Compared {
    const retention = this.#retentionOf(document);
    const { state, intakeStatus, attachedIntake, validation } = document;
    const outlook = this.#judge.judge(
      {
        state,
        intakeStatus,
        attachedIntake,
        validation,
        retention,
        // Read only where something is signed.
        get signatures() {
          return document.signatures;
        },
      },
      alone
        ? this.#embedded(alone)
        : document.batchIds.flatMap((id) => this.#batches.get(id) ?? []),
    );
    return { retention, outlook };
  }

  /** What its own archive timestamps are worth. */
  #embedded(row: DocumentRow): readonly BatchRow[] {
    const { rules, horizonRules } = this.#side;
    const batch = embeddedBatch(row, [], rules);
    if (!batch) return [];
    const { at, element } = proofHorizon(batch.newestToken, batch.digestAlgorithm, horizonRules);
    return [{ ...batch, horizon: at, horizonElement: element }];
  }

  #retentionOf(document: DocumentOutline): RetentionFacts {
    if (!hasSaidStart(document.retention)) return this.#resolve(document);
    const rule = ruleFor(this.#side.config, document.key);
    const ofRule = this.#retentions.get(rule) ?? new Map<RetentionFacts, RetentionFacts>();
    this.#retentions.set(rule, ofRule);
    const known = ofRule.get(document.retention);
    if (known) return known;
    const retention = this.#resolve(document);
    if (ofRule.size < maxRemembered) ofRule.set(document.retention, retention);
    return retention;
  }

  #resolve(document: DocumentOutline): RetentionFacts {
    const { journal, sidecar, tag, hold } = document.retention;
    const { key, lastModified, facts = { signatures: [] } } = document;
    const input = { key, lastModified, facts, journal, sidecar, tag, hold };
    return resolveRetention(this.#side.config, input, this.#ends);
  }
}

const maxRemembered = 50_000;

/** Whether a rule takes a document's start from its signatures: then their facts are read as well. */
function asksFacts({ config }: Side): boolean {
  return config.rules.some(({ fallback }) => fallback === 'signing-time');
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
  const [from, to] = [sides.from, sides.to].map((side) => new Under(side, batches, at)) as [
    Under,
    Under,
  ];
  const counts = new Map<Aspect, Open>();
  const examples: Move[] = [];
  let [documents, moved] = [0, 0];
  const compare = (document: DocumentOutline, alone: DocumentRow | undefined): boolean => {
    const [left, right] = [from.judge(document, alone), to.judge(document, alone)];
    let isMoved = false;
    for (const [aspect, read] of readings) {
      const [before, after] = [read(left), read(right)];
      if (before.text === after.text) continue;
      isMoved = true;
      const count = counts.get(aspect) ?? { documents: 0, worse: 0, earliest: undefined };
      counts.set(aspect, count);
      count.documents++;
      if (after.rank() > before.rank()) count.worse++;
      const { date } = after;
      if (date !== undefined && (count.earliest === undefined || date < count.earliest))
        count.earliest = date;
      const { store, key } = document;
      if (examples.length < maxExamples)
        examples.push({ store, key, aspect, from: before.text, to: after.text });
    }
    return isMoved;
  };
  const facts = asksFacts(sides.from) || asksFacts(sides.to);
  for await (const page of catalogue.documentOutlines({ facts })) {
    signal.throwIfAborted();
    for (const document of page) {
      // An earlier version of a document, whose newer one is compared.
      if (document.state === 'superseded') continue;
      documents++;
      // Protected and in no batch: by its augmentation alone, of which its facts tell.
      const alone =
        document.state === 'protected' && document.batchIds.length === 0
          ? await catalogue.getDocument(document.id)
          : undefined;
      if (compare(document, alone)) moved++;
    }
    onProgress?.(documents);
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
