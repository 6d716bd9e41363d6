// A whole document as of an instant: its signatures, timestamps and evidence records, and the evidence
// given beside it, as one tree of verdicts (EN 319 102-1 §5.6.3). Timestamps are judged newest first,
// each valid one proving what it covers, so that an expired one is saved by a later one over it.
import { parseEvidenceRecord } from '#shared/ers/evidence-record.ts';
import { parseXmlEvidenceRecord } from '#shared/ers/xml-evidence-record.ts';
import type { Finding } from '#shared/trust/finding.ts';
import { parseTimeStampToken } from '#shared/tsp/token.ts';
import { detectFormat } from '#shared/validation/detect.ts';
import type { Facts, SignatureFacts } from '#shared/validation/facts.ts';
import type { DocumentReading } from '#shared/validation/inspect.ts';
import { judgeSignature, type SignatureJudgement } from '#shared/validation/judge-signature.ts';
import { judgeableCms } from '#shared/validation/signature-value.ts';
import { contentTypes } from '#shared/validation/token-coverage.ts';
import { signatureNode, verdictNode } from '#shared/validation/verdict-nodes.ts';
import {
  judgeInner,
  judgeRecordsBeside,
  judgeTokensBeside,
  newestFirst,
  parseEach,
} from '#shared/validation/judge-evidence.ts';
import { judgeUnread } from '#shared/validation/judge-unread.ts';
import {
  type JudgedToken,
  type LongTermInput,
  type Scope,
  scopeOf,
} from '#shared/validation/judgement-scope.ts';
import { type VerdictNode, worstOf } from '#shared/validation/verdict.ts';

export type LongTermVerdict = {
  readonly tree: VerdictNode;
  readonly facts: Facts;
  /** What the facts were made from. */
  readonly reading: DocumentReading;
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

/** The signatures, countersignatures below those that they are about. */
function judgeAllSignatures(
  scope: Scope,
  inner: ReadonlyMap<string, VerdictNode>,
): readonly VerdictNode[] {
  const { input, reading, material, signatures } = scope;
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
      ...judgeUnread(scope, id),
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

/**
 * Everything in the tree that could not be read, or was changed behind a timestamp's back. Certificates and revocation
 * data that cannot be read are said and decide nothing: what rests on them is not proved without them.
 */
function notPassedOver(nodes: readonly VerdictNode[]): readonly VerdictNode[] {
  return nodes.flatMap((node) => [
    ...((node.facts['unread'] !== undefined && node.subject !== 'validation-data') ||
    node.findings.some(({ check }) => check === 'unchanged-after-signing')
      ? [node]
      : []),
    ...notPassedOver(node.children),
  ]);
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
 * and records that it is or holds. An inner timestamp that cannot be told takes nothing away; a broken one
 * does, one that cannot be read, and one after which a PDF was changed.
 */
function documentNode({ input, reading }: Scope, parts: Parts): VerdictNode {
  const { signatures, beside, own } = parts;
  const children = [...signatures, ...own, ...beside];
  const demanded =
    signatures.length > 0 ? [...signatures, ...beside, ...notPassedOver(children)] : children;
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
  const own = [
    ...[...timestamps, ...evidenceRecords]
      .filter(({ of }) => of === undefined)
      .flatMap(({ id }) => inner.get(id) ?? []),
    ...judgeUnread(scope, undefined),
  ];
  return {
    tree: documentNode(scope, { signatures, beside, own }),
    facts: scope.reading.facts,
    reading: scope.reading,
    tokens: scope.judged,
    signatures: scope.signatures,
  };
}
