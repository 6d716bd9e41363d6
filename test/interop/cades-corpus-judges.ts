// The corpus's CAdES signatures, raised to LTA and renewed five times, before EU DSS: at each step the level, every
// new timestamp intact, and nothing worse than it was. What is not raised has its reason, and bought nothing.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ConformanceReport, ConformanceResult } from '../conformance/_report.ts';
import {
  type CorpusHistory,
  corpusHistories,
  corpusSteps,
  type CorpusState,
  ourRoot,
} from './_cades-corpus.ts';
import { askDss, type DssCades } from './_dss-cades.ts';

type DssTimestamp = DssCades['timestamps'][number];

const keyOf = ({ imprint, productionTime }: DssTimestamp): string => `${imprint} ${productionTime}`;

function isWhole(one: DssTimestamp): boolean {
  const { imprintFound, imprintIntact, signatureIntact, atsHashIndexValid } = one;
  return imprintFound && imprintIntact && signatureIntact && atsHashIndexValid !== false;
}

/** With what was carried from the beginning; a level without revocation data DSS names by what is there. */
const raisedLevels: readonly string[] = ['CAdES-BASELINE-LTA', 'CAdES-A'];

/** What DSS has against a state that it had not against the original. */
function worse(before: DssCades, after: DssCades, step: number): readonly string[] {
  const known = new Map(before.timestamps.map((one) => [keyOf(one), one]));
  const fresh = after.timestamps.filter((one) => !known.has(keyOf(one)));
  const now = new Map(after.timestamps.map((one) => [keyOf(one), one]));
  const lost = [...known].filter(([key, one]) => {
    const later = now.get(key);
    return !later || (isWhole(one) && !isWhole(later));
  });
  const { signatures } = after;
  return [
    ...(after.error === null ? [] : ['it does not read']),
    ...(signatures.length === before.signatures.length ? [] : ['not the same signatures']),
    ...(before.signatures.every(({ intact }, index) => !intact || signatures[index]?.intact)
      ? []
      : ['a signature']),
    ...(lost.length === 0 ? [] : [`${lost.length} earlier timestamps`]),
    ...(fresh.every(isWhole) ? [] : ['a new timestamp']),
    ...(fresh.length >= step ? [] : [`${fresh.length} new timestamps`]),
    ...signatures.flatMap(({ format }) => (raisedLevels.includes(format) ? [] : [format])),
  ];
}

function judgeStates(
  { entry }: CorpusHistory,
  { trusting, states }: { readonly trusting: string; readonly states: readonly CorpusState[] },
  [before, ...answers]: readonly DssCades[],
): ConformanceResult {
  const against = states.flatMap(({ offences }, index) => {
    const answer = answers[index];
    const theirs = before && answer ? worse(before, answer, index + 1) : ['no answer'];
    return [...offences, ...theirs.map((one) => `EU DSS: ${one}`)].map(
      (one) => `step ${index + 1}: ${one}`,
    );
  });
  return {
    case: `${entry.file} (${entry.case})`,
    passed: against.length === 0,
    expected: `at LTA after each of ${corpusSteps.length} steps, nothing worse than before`,
    got: against.join('; ') || `${states.length} steps, trusting ${trusting}`,
  };
}

/** What the manifest calls good is raised, or is what no raising helps. */
const reasons: readonly RegExp[] = [
  /carries an evidence record/,
  /is CMS, not CAdES/,
  /of the content no digest/,
  // The manifest asks only whether something is intact, not whether it was in force.
  /OUT_OF_BOUNDS|CHAIN_CONSTRAINTS_FAILURE/,
  // RFC 5652 §5.3, §11: an attribute twice; a signature timestamp that its certificate did not make.
  /FORMAT_FAILURE|SIG_CRYPTO_FAILURE/,
];

function judgeRefusal({ entry }: CorpusHistory, why: string, asked: number): ConformanceResult {
  const isExplained = entry.class !== 'positive' || reasons.some((reason) => reason.test(why));
  return {
    case: `${entry.file} (${entry.case})`,
    passed: isExplained && asked === 0,
    expected: 'raised, or refused for a reason before anything is bought',
    got: `${why}; ${asked} tokens`,
  };
}

/** `oracle` and `corpus` as folders. */
export async function judgeCadesCorpus(oracle: string, corpus: string): Promise<ConformanceReport> {
  const folder = await mkdtemp(path.join(tmpdir(), 'tokiwa-cades-corpus-'));
  try {
    const results: ConformanceResult[] = [];
    const raised: {
      readonly history: CorpusHistory;
      readonly states: readonly CorpusState[];
      readonly trusting: string;
    }[] = [];
    for await (const history of corpusHistories(corpus)) {
      const { result } = history;
      if (result.kind === 'refused') {
        results.push(judgeRefusal(history, result.why, result.asked));
        continue;
      }
      raised.push({ history, ...result });
    }
    const asked = raised.flatMap(({ history: { original, content }, states }) =>
      [original, ...states.map(({ octets }) => octets)].map((octets) => ({ octets, content })),
    );
    const answers = await askDss(oracle, asked, { folder, anchor: ourRoot.certificate });
    let next = 0;
    for (const { history, states, trusting } of raised) {
      const own = answers.slice(next, next + 1 + states.length);
      next += own.length;
      results.push(judgeStates(history, { trusting, states }, own));
    }
    return { results };
  } finally {
    await rm(folder, { recursive: true });
  }
}
