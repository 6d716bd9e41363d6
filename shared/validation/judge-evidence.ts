// The timestamps and evidence records of a document, inside and beside it: each judged, newest first, and what
// it proves added for those that are older.
import { digest as computeDigest } from '#shared/crypto/digest.ts';
import type { EvidenceRecord } from '#shared/ers/evidence-record.ts';
import type { EvidenceDataObject } from '#shared/ers/verdict.ts';
import { type Problem, attempt } from '#shared/problem.ts';
import { compareInstants } from '#shared/time.ts';
import type { TimeStampToken } from '#shared/tsp/token.ts';
import type { TimestampReading } from '#shared/validation/collect.ts';
import { type DocumentReading, readDocument } from '#shared/validation/inspect.ts';
import { judgeRecord, type RecordJudgement } from '#shared/validation/judge-record.ts';
import { withCoveredEntries, withManifestEntries } from '#shared/validation/manifest-entries.ts';
import { type Imprint, judgeToken, type TokenJudgement } from '#shared/validation/judge-token.ts';
import {
  objectsCovered,
  proveDocument,
  recordSince,
} from '#shared/validation/proof-of-existence.ts';
import type { EvidenceRecordReading } from '#shared/validation/reading.ts';
import { unreadable } from '#shared/validation/judge-unread.ts';
import { withLaterChanges } from '#shared/validation/signature-value.ts';
import { withHashIndex, withImprint, withOrder } from '#shared/validation/token-coverage.ts';
import { recordNode, tokenNode } from '#shared/validation/verdict-nodes.ts';
import type { EvidenceBeside, JudgedToken, Scope } from '#shared/validation/judgement-scope.ts';
import type { VerdictNode } from '#shared/validation/verdict.ts';

/** A file's name with what it parsed to, or why it did not. */
export type Parsed<T> = { readonly name: string } & (
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly message: string }
);

/** What does not parse is kept: it is a verdict too. */
export function parseEach<T>(
  files: readonly EvidenceBeside[] | undefined,
  parse: (octets: Uint8Array) => T,
): readonly Parsed<T>[] {
  return (files ?? []).map(({ name, octets }): Parsed<T> => {
    const problems: Problem[] = [];
    const value = attempt(problems, undefined, () => parse(octets));
    return value === undefined
      ? { name, ok: false, message: problems[0]?.message ?? '' }
      : { name, ok: true, value };
  });
}

/** Records beside the document: each that holds proves everything in it since its first timestamp. */
export function judgeRecordsBeside(
  { input, reading, material, judged }: Scope,
  records: readonly Parsed<EvidenceRecord>[],
): readonly VerdictNode[] {
  const { at, digest } = input;
  return records.map((parsed) => {
    const { name } = parsed;
    if (!parsed.ok)
      return unreadable(
        { subject: 'evidence-record', type: 'beside', message: parsed.message },
        name,
      );
    // A document of which only the head is here is hashed as it is.
    const octets = input.bytes.length === input.size ? () => input.bytes : undefined;
    const data = { name: input.name, digest, octets };
    const judgement = judgeRecord(parsed.value, [data], at, material);
    if (judgement.status === 'valid') {
      const proof = { time: judgement.initialTime, by: name };
      proveDocument(material.proofs, reading, input.detached, proof);
      const isOver = (other: EvidenceDataObject): boolean =>
        judgeRecord(parsed.value, [data, other], at, material).status === 'valid';
      for (const { name: beside, octets: held } of input.validationData ?? [])
        if (isOver({ name: beside, digest: (algorithm) => computeDigest(algorithm, held) }))
          proveDocument(
            material.proofs,
            readDocument({ bytes: held, size: held.length }),
            undefined,
            proof,
          );
      // What a record inside is over, besides.
      for (const content of reading.evidenceRecords.length > 0 ? (input.detached ?? []) : [])
        if (isOver({ name: content.name ?? 'content', digest: content.digest }))
          material.proofs.addContent(content, proof);
    }
    addArchiveTokens(judged, name, parsed.value, judgement);
    return recordNode(name, judgement, { at: at.toString() });
  });
}

/** Valid without a later proof. */
function standsAlone({ status, past }: TokenJudgement): boolean {
  return status === 'valid' && past === undefined;
}

function addArchiveTokens(
  judged: JudgedToken[],
  name: string,
  record: EvidenceRecord,
  { chains }: RecordJudgement,
): void {
  for (const [chainIndex, { digestAlgorithm, archiveTimeStamps }] of chains.entries())
    for (const [index, { tokenVerdict: judgement }] of archiveTimeStamps.entries()) {
      const token = record.sequence.chains[chainIndex]?.archiveTimeStamps[index]?.token;
      if (!token) continue;
      const isLast = chainIndex === chains.length - 1 && index === archiveTimeStamps.length - 1;
      judged.push({
        name: `${name}: ${chainIndex + 1}.${index + 1}`,
        token,
        judgement,
        treeHash: digestAlgorithm,
        outermost: isLast && judgement.status === 'valid',
      });
    }
}

export function judgeTokensBeside(
  { input, reading, material, judged }: Scope,
  tokens: readonly Parsed<TimeStampToken>[],
): readonly VerdictNode[] {
  const { at, digest } = input;
  return tokens.map((parsed) => {
    const { name } = parsed;
    if (!parsed.ok)
      return unreadable({ subject: 'timestamp', type: 'beside', message: parsed.message }, name);
    const token = parsed.value;
    const { algorithm } = token.tstInfo.messageImprint;
    const value = algorithm && digest(algorithm);
    const imprint: Imprint | undefined = algorithm && value && { algorithm, digest: value };
    const judgement = withImprint(judgeToken(token, imprint, at, material), {
      // With an imprint the token's own checks have compared it.
      imprintFound: imprint !== undefined,
      imprintIntact: imprint !== undefined,
    });
    if (judgement.status === 'valid')
      proveDocument(material.proofs, reading, input.detached, {
        time: token.tstInfo.genTime,
        by: name,
      });
    judged.push({ name, token, judgement, outermost: standsAlone(judgement) });
    return tokenNode(name, token, judgement, { at: at.toString(), type: 'token' });
  });
}

type Inner =
  | { readonly kind: 'timestamp'; readonly time: Temporal.Instant; readonly of: TimestampReading }
  | {
      readonly kind: 'record';
      readonly time: Temporal.Instant;
      readonly of: EvidenceRecordReading;
    };

/** Timestamps and records inside, newest first; of the same time the one that comes later in the document. */
function innerEvidence({ timestamps, evidenceRecords }: DocumentReading): readonly Inner[] {
  const inner: Inner[] = [
    ...timestamps
      .filter(({ type }) => type !== 'evidence-record')
      .map((of): Inner => ({ kind: 'timestamp', time: of.token.tstInfo.genTime, of })),
    ...evidenceRecords.map((of): Inner => {
      const newest = of.record.sequence.chains.at(-1)?.archiveTimeStamps.at(-1);
      return {
        kind: 'record',
        time: newest?.token.tstInfo.genTime ?? Temporal.Instant.fromEpochMilliseconds(0),
        of,
      };
    }),
  ];
  return inner.reverse().toSorted((a, b) => compareInstants(b.time, a.time));
}

/** Judges what is inside and adds what it proves. Gives the nodes by id. */
export function judgeInner(scope: Scope): ReadonlyMap<string, VerdictNode> {
  const { input, reading, material, judged } = scope;
  const { at } = input;
  const nodes = new Map<string, VerdictNode>();
  for (const { kind, of } of innerEvidence(reading)) {
    if (kind === 'timestamp') {
      const { id, token, type, covers, entries = [], laterChanges = [] } = of;
      const alone = withCoveredEntries(
        withHashIndex(withImprint(judgeToken(token, undefined, at, material), of), of),
        entries,
      );
      const covered = alone.status === 'valid' && covers ? objectsCovered(covers, token) : [];
      const judgement = withOrder(alone, token.tstInfo, covered, reading.timestamps);
      judged.push({ name: id, token, judgement, outermost: standsAlone(judgement) });
      // Its octets are what they were, and prove what they did; what a viewer shows is something else.
      const shown = withLaterChanges({ laterChanges }, judgement);
      nodes.set(id, tokenNode(id, token, shown, { at: at.toString(), type }));
      if (judgement.status === 'valid')
        material.proofs.add(covered, { time: token.tstInfo.genTime, by: id });
      continue;
    }
    const { id, record, dataObjects, covers, entries = [] } = of;
    const named = dataObjects.map(({ name, digest, octets }, index) => ({
      name: name ?? `data object ${index + 1}`,
      digest,
      octets,
    }));
    const now = judgeRecord(record, named, at, material);
    // Its hash has ended: it says what it did when that was good, if it and what it is over existed then.
    const proof =
      now.subIndication === 'CRYPTO_CONSTRAINTS_FAILURE_NO_POE'
        ? recordSince(of, material.proofs)
        : undefined;
    const past = proof && judgeRecord(record, named, at, material, proof.time);
    const judgement = withManifestEntries(past ?? now, entries);
    nodes.set(
      id,
      recordNode(id, judgement, {
        at: at.toString(),
        ...(proof && { existsSince: proof.time.toString(), provedBy: proof.by }),
      }),
    );
    addArchiveTokens(judged, id, record, judgement);
    if (judgement.status === 'valid') {
      const documents = dataObjects.flatMap(({ octets }) => octets?.() ?? []);
      material.proofs.add(objectsCovered({ documents, ...covers }, undefined), {
        time: judgement.initialTime,
        by: id,
      });
    }
  }
  return nodes;
}

/** For `toSorted`: what does not parse comes last. */
export function newestFirst(a: Parsed<TimeStampToken>, b: Parsed<TimeStampToken>): number {
  if (!a.ok || !b.ok) return Number(b.ok) - Number(a.ok);
  return compareInstants(b.value.tstInfo.genTime, a.value.tstInfo.genTime);
}
