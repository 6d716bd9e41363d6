// A whole document as of an instant: its signatures, timestamps and evidence records, and the evidence
// given beside it, as one tree of verdicts (EN 319 102-1 §5.6.3). Timestamps are judged newest first,
// each valid one proving what it covers, so that an expired one is saved by a later one over it.
import type { DigestAlgorithm } from '#shared/crypto/digest.ts';
import { type EvidenceRecord, parseEvidenceRecord } from '#shared/ers/evidence-record.ts';
import { parseXmlEvidenceRecord } from '#shared/ers/xml-evidence-record.ts';
import { type Problem, attempt } from '#shared/problem.ts';
import { compareInstants } from '#shared/time.ts';
import { embeddedValidationData } from '#shared/cms/revocation-values.ts';
import type { Finding } from '#shared/trust/finding.ts';
import { parseTimeStampToken, type TimeStampToken } from '#shared/tsp/token.ts';
import type { TimestampReading } from '#shared/validation/collect.ts';
import { detectFormat } from '#shared/validation/detect.ts';
import type {
  DetachedContent,
  Facts,
  SignatureFacts,
  TimestampType,
} from '#shared/validation/facts.ts';
import { type DocumentReading, readDocument } from '#shared/validation/inspect.ts';
import { judgeRecord, type RecordJudgement } from '#shared/validation/judge-record.ts';
import { judgeSignature, type SignatureJudgement } from '#shared/validation/judge-signature.ts';
import { type Imprint, judgeToken, type TokenJudgement } from '#shared/validation/judge-token.ts';
import {
  createProofStore,
  objectsCovered,
  objectsOf,
} from '#shared/validation/proof-of-existence.ts';
import type { EvidenceRecordReading } from '#shared/validation/reading.ts';
import { judgeableCms } from '#shared/validation/signature-value.ts';
import type { GivenMaterial, ValidationMaterial } from '#shared/validation/validation-material.ts';
import {
  recordNode,
  signatureNode,
  tokenNode,
  verdictNode,
} from '#shared/validation/verdict-nodes.ts';
import { type VerdictNode, worstOf } from '#shared/validation/verdict.ts';

/** Evidence that stands beside the document: a file's name and its octets, parsed as it is judged. */
export type EvidenceBeside = { readonly name: string; readonly octets: Uint8Array };

export type LongTermInput = {
  readonly name: string;
  /** The document or, where it is too large to inspect, its head. Borrowed. */
  readonly bytes: Uint8Array;
  readonly size: number;
  /** Digest of the whole document; `undefined` where it was not computed. */
  readonly digest: (algorithm: DigestAlgorithm) => Uint8Array | undefined;
  /** What detached signatures, tokens and records in the document are over. */
  readonly detached?: readonly DetachedContent[] | undefined;
  readonly evidenceRecords?: readonly EvidenceBeside[] | undefined;
  readonly tokens?: readonly EvidenceBeside[] | undefined;
  readonly at: Temporal.Instant;
  /** Trust, policy and validation data from outside; the document's own is added. */
  readonly material: GivenMaterial;
};

/** A token as it was judged: what tables and horizons are made from. */
export type JudgedToken = {
  readonly name: string;
  readonly token: TimeStampToken;
  readonly judgement: TokenJudgement;
  /** Tree hash of the chain that it ends; absent for a token that is no archive timestamp. */
  readonly treeHash?: DigestAlgorithm | undefined;
  /** Whether it holds by itself and covers what is older: the evidence ends when it does. */
  readonly outermost: boolean;
};

export type LongTermVerdict = {
  readonly tree: VerdictNode;
  readonly facts: Facts;
  readonly tokens: readonly JudgedToken[];
  /** By id in the facts; one that is not judged is absent. */
  readonly signatures: ReadonlyMap<string, SignatureJudgement>;
};

/** A signature of which a reader could make nothing that can be judged. */
export const notJudged: Finding = {
  check: 'signature-judged',
  clause: 'EN 319 102-1 §5.2',
  level: 'unknown',
  message: 'The signature cannot be judged: it was not read.',
  facts: {},
};

type Scope = {
  readonly input: LongTermInput;
  readonly reading: DocumentReading;
  readonly material: ValidationMaterial;
  readonly judged: JudgedToken[];
  readonly signatures: Map<string, SignatureJudgement>;
};

function scopeOf(input: LongTermInput, tokensBeside: readonly TimeStampToken[]): Scope {
  const reading = readDocument({
    bytes: input.bytes,
    size: input.size,
    detached: input.detached,
  });
  const inTokens = [...reading.timestamps.map(({ token }) => token), ...tokensBeside].map(
    ({ signedData }) => embeddedValidationData(signedData),
  );
  const { material } = input;
  return {
    input,
    reading,
    judged: [],
    signatures: new Map(),
    material: {
      ...material,
      certificates: [
        ...material.certificates,
        ...reading.certificates,
        ...inTokens.flatMap(({ certificates }) => certificates),
      ],
      crls: [...material.crls, ...reading.crls, ...inTokens.flatMap(({ crls }) => crls)],
      ocspResponses: [
        ...material.ocspResponses,
        ...reading.ocspResponses,
        ...inTokens.flatMap(({ ocspResponses }) => ocspResponses),
      ],
      proofs: createProofStore(),
    },
  };
}

/** A verdict that the hash index makes worse: it lists what is not there, so something was taken away. */
function withHashIndex(
  judgement: TokenJudgement,
  { atsHashIndex }: Pick<TimestampReading, 'atsHashIndex'>,
): TokenJudgement {
  if (!atsHashIndex || atsHashIndex.valid) return judgement;
  const finding: Finding = {
    check: 'ats-hash-index',
    clause: 'EN 319 122-1 §5.5.2',
    level: 'error',
    message: `The hash index of the archive timestamp does not hold: ${atsHashIndex.problem ?? 'not valid'}.`,
    facts: { version: atsHashIndex.version },
  };
  const findings = [finding, ...judgement.findings];
  return judgement.status === 'invalid'
    ? { ...judgement, findings }
    : { ...judgement, status: 'invalid', subIndication: 'HASH_FAILURE', findings };
}

/** A verdict that the imprint makes worse: what a token covers has to be at hand, and to fit. */
function withImprint(
  judgement: TokenJudgement,
  { imprintFound, imprintIntact }: Pick<TimestampReading, 'imprintFound' | 'imprintIntact'>,
): TokenJudgement {
  if (judgement.status === 'invalid' || imprintIntact) return judgement;
  const computed = imprintIntact !== undefined;
  const isWrong = computed && imprintFound !== false;
  const finding: Finding = {
    check: 'imprint',
    clause: 'EN 319 102-1 §5.4.4',
    level: isWrong ? 'error' : 'unknown',
    message: isWrong
      ? 'The imprint of the timestamp is not that of the data.'
      : computed
        ? 'The data that the timestamp covers is not at hand.'
        : 'What the timestamp covers is not computed by this version.',
    facts: {},
  };
  return {
    ...judgement,
    status: isWrong ? 'invalid' : 'indeterminate',
    subIndication: isWrong ? 'HASH_FAILURE' : computed ? 'SIGNED_DATA_NOT_FOUND' : 'CUSTOM',
    findings: [finding, ...judgement.findings],
  };
}

/** Evidence beside the document that does not parse is a verdict too. */
function unreadable(subject: VerdictNode['subject'], name: string, message: string): VerdictNode {
  return verdictNode({
    subject,
    name,
    status: 'invalid',
    subIndication: 'FORMAT_FAILURE',
    facts: {},
    findings: [
      { check: 'format', clause: 'EN 319 102-1 §5.2.2', level: 'error', message, facts: {} },
    ],
  });
}

type Parsed<T> = { readonly name: string } & (
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly message: string }
);

function parseEach<T>(
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
function judgeRecordsBeside(
  { input, reading, material, judged }: Scope,
  records: readonly Parsed<EvidenceRecord>[],
): readonly VerdictNode[] {
  const { at, digest } = input;
  return records.map((parsed) => {
    const { name } = parsed;
    if (!parsed.ok) return unreadable('evidence-record', name, parsed.message);
    // A document of which only the head is here is hashed as it is.
    const octets = input.bytes.length === input.size ? () => input.bytes : undefined;
    const data = { name: input.name, digest, octets };
    const judgement = judgeRecord(parsed.value, [data], at, material);
    if (judgement.status === 'valid')
      material.proofs.add(objectsOf(reading), { time: judgement.initialTime, by: name });
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

function judgeTokensBeside(
  { input, reading, material, judged }: Scope,
  tokens: readonly Parsed<TimeStampToken>[],
): readonly VerdictNode[] {
  const { at, digest } = input;
  return tokens.map((parsed) => {
    const { name } = parsed;
    if (!parsed.ok) return unreadable('timestamp', name, parsed.message);
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
      material.proofs.add(objectsOf(reading), { time: token.tstInfo.genTime, by: name });
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
function judgeInner(scope: Scope): ReadonlyMap<string, VerdictNode> {
  const { input, reading, material, judged } = scope;
  const { at } = input;
  const nodes = new Map<string, VerdictNode>();
  for (const { kind, of } of innerEvidence(reading)) {
    if (kind === 'timestamp') {
      const { id, token, type, covers } = of;
      const judgement = withHashIndex(
        withImprint(judgeToken(token, undefined, at, material), of),
        of,
      );
      judged.push({ name: id, token, judgement, outermost: standsAlone(judgement) });
      nodes.set(id, tokenNode(id, token, judgement, { at: at.toString(), type }));
      if (judgement.status === 'valid' && covers)
        material.proofs.add(objectsCovered(covers, token), {
          time: token.tstInfo.genTime,
          by: id,
        });
      continue;
    }
    const { id, record, dataObjects } = of;
    const named = dataObjects.map(({ name, digest, octets }, index) => ({
      name: name ?? `data object ${index + 1}`,
      digest,
      octets,
    }));
    const judgement = judgeRecord(record, named, at, material);
    nodes.set(id, recordNode(id, judgement, { at: at.toString() }));
    addArchiveTokens(judged, id, record, judgement);
    if (judgement.status === 'valid') {
      const documents = dataObjects.flatMap(({ octets }) => octets?.() ?? []);
      material.proofs.add(objectsCovered({ documents }, undefined), {
        time: judgement.initialTime,
        by: id,
      });
    }
  }
  return nodes;
}

/** Timestamps that a signature is over, so that they are older. */
const contentTypes: readonly TimestampType[] = [
  'content',
  'all-data-objects',
  'individual-data-objects',
];

/** The signatures, countersignatures below those that they are about. */
function judgeAllSignatures(
  { input, reading, material, signatures }: Scope,
  inner: ReadonlyMap<string, VerdictNode>,
): readonly VerdictNode[] {
  const { facts } = reading;
  const byId = new Map(
    [...reading.cmsSignatures.map(judgeableCms), ...reading.xmlSignatures].map((signature) => [
      signature.id,
      signature,
    ]),
  );
  const nodeOf = (id: string): VerdictNode[] => {
    const node = inner.get(id);
    return node ? [node] : [];
  };
  const judge = ({
    id,
    signer,
    level,
    format,
    claimedSigningTime,
  }: SignatureFacts): VerdictNode => {
    const timestamps = facts.timestamps.filter(({ of }) => of === id);
    const children = [
      ...timestamps.flatMap((one) => nodeOf(one.id)),
      ...facts.evidenceRecords.filter(({ of }) => of === id).flatMap((one) => nodeOf(one.id)),
      ...facts.signatures.filter(({ countersigns }) => countersigns === id).map(judge),
    ];
    const shown = {
      at: input.at.toString(),
      format,
      ...(level && { level }),
      ...(signer && { signer: signer.subject }),
      ...(claimedSigningTime && { claimedSigningTime: claimedSigningTime.toString() }),
    };
    const signature = byId.get(id);
    if (!signature)
      return signatureNode(
        id,
        { status: 'indeterminate', subIndication: 'CUSTOM', findings: [notJudged] },
        shown,
        children,
      );
    const contentTimes = timestamps
      .filter(
        ({ type, id: timestamp }) =>
          contentTypes.includes(type) && inner.get(timestamp)?.status === 'valid',
      )
      .map(({ genTime }) => genTime);
    const judgement = judgeSignature(signature, { at: input.at, contentTimes }, material);
    signatures.set(id, judgement);
    return signatureNode(id, judgement, shown, children);
  };
  return facts.signatures.filter(({ countersigns }) => countersigns === undefined).map(judge);
}

/** Anything broken anywhere in the tree: who speaks of the whole may not pass over it. */
function firstInvalid(nodes: readonly VerdictNode[]): VerdictNode | undefined {
  for (const node of nodes) {
    const found = node.status === 'invalid' ? node : firstInvalid(node.children);
    if (found) return found;
  }
  return undefined;
}

type Parts = {
  readonly signatures: readonly VerdictNode[];
  readonly beside: readonly VerdictNode[];
  /** Timestamps and records inside that belong to no signature. */
  readonly own: readonly VerdictNode[];
};

/**
 * The document stands with its signatures and the evidence beside it; without any, with the timestamps
 * and records that it is or holds. An inner timestamp that cannot be told takes nothing away, a broken
 * one does.
 */
function documentNode({ input, reading }: Scope, parts: Parts): VerdictNode {
  const { signatures, beside, own } = parts;
  const children = [...signatures, ...own, ...beside];
  const demanded = signatures.length > 0 ? [...signatures, ...beside] : children;
  const decisive = firstInvalid(children) ?? worstOf(demanded);
  const errors = reading.facts.problems.filter(({ severity }) => severity === 'error');
  const facts = { at: input.at.toString(), format: reading.facts.format };
  const findings = errors.map(({ code, message, place }): Finding => ({
    check: 'document-read',
    clause: 'EN 319 102-1 §5.2.2',
    level: decisive ? 'warning' : 'unknown',
    message,
    facts: { code, ...(place !== undefined && { place }) },
  }));
  const common = { subject: 'document' as const, name: input.name, children, findings };
  if (!decisive)
    return verdictNode({
      ...common,
      status: 'indeterminate',
      subIndication: errors.length > 0 ? 'FORMAT_FAILURE' : 'NO_POE',
      facts,
    });
  const { status, subIndication, sentence } = decisive;
  return verdictNode({
    ...common,
    status,
    subIndication,
    facts: {
      ...facts,
      ...(status !== 'valid' && { decidedBy: decisive.name, because: sentence.en }),
    },
  });
}

/**
 * Judges a document as of `at`, its own evidence and what is given beside it. Pure: nothing is fetched,
 * `at` is the only clock. Hostile octets give a verdict, never an exception.
 * @see EN 319 102-1 §5.6.3
 */
export function validateLongTerm(input: LongTermInput): LongTermVerdict {
  const records = parseEach(input.evidenceRecords, (octets) =>
    detectFormat(octets) === 'xml' ? parseXmlEvidenceRecord(octets) : parseEvidenceRecord(octets),
  );
  const tokens = parseEach(input.tokens, parseTimeStampToken).toSorted(newestFirst);
  const scope = scopeOf(input, [
    ...records.flatMap((record) =>
      record.ok
        ? record.value.sequence.chains.flatMap(({ archiveTimeStamps }) =>
            archiveTimeStamps.map(({ token }) => token),
          )
        : [],
    ),
    ...tokens.flatMap((token) => (token.ok ? [token.value] : [])),
  ]);
  const beside = [...judgeRecordsBeside(scope, records), ...judgeTokensBeside(scope, tokens)];
  const inner = judgeInner(scope);
  const signatures = judgeAllSignatures(scope, inner);
  const { timestamps, evidenceRecords } = scope.reading.facts;
  const own = [...timestamps, ...evidenceRecords]
    .filter(({ of }) => of === undefined)
    .flatMap(({ id }) => inner.get(id) ?? []);
  return {
    tree: documentNode(scope, { signatures, beside, own }),
    facts: scope.reading.facts,
    tokens: scope.judged,
    signatures: scope.signatures,
  };
}

function newestFirst(a: Parsed<TimeStampToken>, b: Parsed<TimeStampToken>): number {
  if (!a.ok || !b.ok) return Number(b.ok) - Number(a.ok);
  return compareInstants(b.value.tstInfo.genTime, a.value.tstInfo.genTime);
}
