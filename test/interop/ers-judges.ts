// Evidence records of ours before other judges: Bouncy Castle with the strict walk of RFC 4998 beside
// it (`bc-ers`) and EU DSS (`dss`), both in the shared folder's `oracle`. Good records have to please
// all of them, damaged ones nobody who checks that kind of damage. Needs Java; not part of npm test.
import { FormatError } from '#shared/errors.ts';
import type { ConformanceReport, ConformanceResult } from '../conformance/_report.ts';
import {
  createTakingWorld,
  foreignRecords,
  foreignXmlRecords,
  renewed,
  takeInto,
  type ForeignRecord,
} from '../archiver/evidence/_taken-over.ts';
import { damagedRecords, recordPairs, type RecordPair } from '../archiver/evidence/_xml-records.ts';
import { damages, renewalPlans } from '../shared/ers/_cases.ts';
import { recordOf } from '../shared/ers/_archive.ts';
import { createTestTsu } from '../shared/ers/_tokens.ts';
import { verdictOn } from '../shared/ers/_verify.ts';
import { dssAccepts, judgeRecords, judgeXmlRecords, type RecordJudgement } from './_judges.ts';

/** A record, its documents, and which judges have to accept it. */
type JudgedCase = {
  readonly name: string;
  readonly record: Uint8Array;
  readonly documents: readonly Uint8Array[];
  readonly good: boolean;
  /** Not by the strict walk, which wants DER throughout. */
  readonly laxly?: boolean;
  /** EU DSS sees this kind of damage, too. */
  readonly dssSees: boolean;
};

function makeCases(seed: number, perShape: number): JudgedCase[] {
  const tsu = createTestTsu('Interop TSU');
  const plans = [
    ...renewalPlans(seed, perShape).map((plan) => ({ plan, leaves: undefined })),
    ...renewalPlans(seed, 1, [7]).map((plan) => ({ plan, leaves: 1_000_000 })),
  ];
  const good = plans.map(({ plan, leaves }) => {
    const archive = plan.run({ tsu, form: 'evidence', leaves });
    const index = plan.groupCount > 2 ? plan.groupCount - 2 : plan.groupCount - 1;
    return {
      name: leaves ? `${plan.name}, among ${leaves}` : plan.name,
      record: recordOf(archive, index),
      documents: archive.groups[index] ?? [],
      good: true,
      dssSees: true,
    };
  });
  const bad = damages({ tsu }).map(({ name, record, documents, dssSees }) => ({
    name,
    record,
    documents,
    good: false,
    dssSees,
  }));
  return [...good, ...bad];
}

/** Records of another product as they stand after takeover and renewals here. */
async function takenOverIn(records: readonly ForeignRecord[]): Promise<readonly JudgedCase[]> {
  const cases: JudgedCase[] = [];
  for (const { name, acceptedBy, make } of records) {
    if (acceptedBy === 'us') continue;
    for (const steps of [['timestamp'], ['timestamp', 'hash-tree', 'timestamp']] as const) {
      const { world, tsu } = createTakingWorld();
      const { record, documents } = make(tsu);
      const outcome = await takeInto(world, tsu, record, documents);
      if (outcome.kind !== 'taken-over') throw new Error(JSON.stringify(outcome.findings));
      cases.push({
        name: `taken over (${name}), then ${steps.join(' ')}`,
        record: await renewed(world, tsu, outcome.manifest.id, steps),
        documents,
        good: true,
        laxly: acceptedBy === 'libraries',
        dssSees: true,
      });
    }
  }
  return cases;
}

function ourAnswer({ record, documents }: JudgedCase): string {
  try {
    const verdict = verdictOn(record, documents, { exactGroup: true });
    return verdict.status === 'valid' ? 'accept' : `refuse (${verdict.subIndication ?? ''})`;
  } catch (error) {
    if (error instanceof FormatError) return `refuse (${error.code})`;
    throw error;
  }
}

/**
 * Builds records of many shapes and damaged ones, and asks every judge about each.
 * `oracle` is the folder that holds `bc-ers` and `dss`.
 */
export async function judgeEvidenceRecords(
  oracle: string,
  options: { readonly seed?: number; readonly perShape?: number } = {},
): Promise<ConformanceReport> {
  const steps = ['join', 'timestamp', 'timestamp', 'hash-tree', 'timestamp', 'join'] as const;
  const pairs = await recordPairs(steps, '2005-01-01T00:00:00Z');
  const cases = [
    ...makeCases(options.seed ?? 1, options.perShape ?? 4),
    ...(await takenOverIn(foreignRecords)),
    ...pairs.map(({ name, asn1, documents }) => ({
      ...{ name, record: asn1, documents },
      good: true,
      dssSees: true,
    })),
  ];
  const judgements = await judgeRecords(oracle, cases);
  const results = cases.map((one, index) => compare(one, judgements[index]));
  return { results: [...results, ...(await judgeXml(oracle, pairs))] };
}

/**
 * Records in XML (RFC 6283), of which EU DSS alone is a judge, over the trees and tokens of records in ASN.1:
 * accepted after renewals of both kinds, ours and those that go on from other products', with anything changed refused.
 */
async function judgeXml(
  oracle: string,
  pairs: readonly RecordPair[],
): Promise<readonly ConformanceResult[]> {
  const last = pairs.at(-2);
  const cases = [
    ...(await takenOverIn(foreignXmlRecords)).map(({ record, ...rest }) => ({
      ...rest,
      xml: record,
    })),
    ...pairs.map(({ name, xml, documents }) => ({ name, xml, documents, good: true })),
    ...(last ? damagedRecords(last) : []).map(({ name, xml }) => ({
      name: `${name} changed`,
      xml,
      documents: last?.documents ?? [],
      good: false,
    })),
  ];
  const answers = await judgeXmlRecords(
    oracle,
    cases.map(({ xml, documents }) => ({ record: xml, documents })),
  );
  return cases.map(({ name, good }, index) => {
    const answer = answers[index];
    const accepted = answer !== undefined && dssAccepts(answer);
    return {
      case: `in XML: ${name}`,
      passed: accepted === good,
      expected: good ? 'accepted' : 'refused',
      got: `EU DSS: ${accepted}`,
    };
  });
}

function compare(one: JudgedCase, judgement: RecordJudgement | undefined): ConformanceResult {
  if (!judgement) throw new Error(`no judgement on ${one.name}`);
  const { strict, dss } = judgement;
  const ours = ourAnswer(one);
  const dssOk = dssAccepts(dss);
  const passed = one.good
    ? ours === 'accept' && (strict.ok || one.laxly === true) && strict.bc.ok && dssOk
    : ours !== 'accept' && !strict.ok && (!dssOk || !one.dssSees);
  return {
    case: one.name,
    passed,
    expected: one.good ? 'accepted by all' : 'refused',
    got: `ours: ${ours}; strict walk: ${strict.ok}; Bouncy Castle: ${strict.bc.ok}; EU DSS: ${dssOk}`,
    note: [...strict.errors, strict.bc.error ?? ''].join('; '),
  };
}
