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
  trustingRoots,
} from './_cades-corpus.ts';
import { askDss, type DssCades } from './_dss-cades.ts';

type DssTimestamp = DssCades['timestamps'][number];

const keyOf = ({ imprint, productionTime }: DssTimestamp): string => `${imprint} ${productionTime}`;

function isWhole(one: DssTimestamp): boolean {
  const { imprintFound, imprintIntact, signatureIntact, atsHashIndexValid } = one;
  return imprintFound && imprintIntact && signatureIntact && atsHashIndexValid !== false;
}

const raisedLevels: readonly string[] = ['CAdES-BASELINE-LTA', 'CAdES-A'];

/** What DSS has against a state that it had not against the original. */
function worse(
  before: DssCades,
  after: DssCades,
  { step, isLevelDue }: { readonly step: number; readonly isLevelDue: boolean },
): readonly string[] {
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
    ...signatures.flatMap(({ format }) =>
      !isLevelDue || raisedLevels.includes(format) ? [] : [format],
    ),
  ];
}

/** The states of a history that DSS is asked about. */
type Asked = { readonly step: number; readonly state: CorpusState };

function judgeStates(
  { entry }: CorpusHistory,
  { trusting, states }: { readonly trusting: string; readonly states: readonly CorpusState[] },
  asked: readonly Asked[],
  [before, ...answers]: readonly DssCades[],
): ConformanceResult {
  const ours = states.flatMap(({ offences }, index) =>
    offences.map((one) => `step ${index + 1}: ${one}`),
  );
  // Without revocation data of the signer, or a root that DSS knows, it names a lower level whatever is there.
  const isLevelDue = trusting === trustingRoots;
  const theirs = asked.flatMap(({ step }, index) => {
    const answer = answers[index];
    const all = before && answer ? worse(before, answer, { step, isLevelDue }) : ['no answer'];
    return all.map((one) => `step ${step}: EU DSS: ${one}`);
  });
  const against = [...ours, ...theirs];
  return {
    case: `${entry.file} (${entry.case})`,
    passed: against.length === 0,
    expected: `at LTA after each of ${corpusSteps.length} steps, nothing worse than before`,
    got:
      against.join('; ') ||
      `${states.length} steps, ${asked.length} before EU DSS, trusting ${trusting}`,
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

/** `oracle` and `corpus` as folders; DSS is asked about the first step and the last, or about each. */
export async function judgeCadesCorpus(
  oracle: string,
  corpus: string,
  { everyStep = false }: { readonly everyStep?: boolean } = {},
): Promise<ConformanceReport> {
  const folder = await mkdtemp(path.join(tmpdir(), 'tokiwa-cades-corpus-'));
  try {
    const results: ConformanceResult[] = [];
    const raised: {
      readonly history: CorpusHistory;
      readonly states: readonly CorpusState[];
      readonly trusting: string;
      readonly asked: readonly Asked[];
    }[] = [];
    for await (const history of corpusHistories(corpus)) {
      const { result } = history;
      if (result.kind === 'refused') {
        results.push(judgeRefusal(history, result.why, result.asked));
        continue;
      }
      const { states, trusting } = result;
      const asked = states
        .map((state, index): Asked => ({ step: index + 1, state }))
        .filter(({ step }) => everyStep || step === 1 || step === states.length);
      raised.push({ history, states, trusting, asked });
    }
    const files = raised.flatMap(({ history: { original, content }, asked }) =>
      [original, ...asked.map(({ state }) => state.octets)].map((octets) => ({ octets, content })),
    );
    const answers = await askDss(oracle, files, { folder, anchor: ourRoot.certificate });
    let next = 0;
    for (const { history, states, trusting, asked } of raised) {
      const own = answers.slice(next, next + 1 + asked.length);
      next += own.length;
      results.push(judgeStates(history, { trusting, states }, asked, own));
    }
    return { results };
  } finally {
    await rm(folder, { recursive: true });
  }
}
