// One document taken in: read once, told from its content, its signatures judged as of now.
// The result is a catalogue row and a journal entry; nothing is stored here.
import { fromHex } from '#shared/bytes.ts';
import type { DigestAlgorithm } from '#shared/crypto/digest.ts';
import { TokiwaError } from '#shared/errors.ts';
import type {
  IntakeEvidenceRecord,
  IntakeSignature,
  IntakeVerdict,
} from '#shared/ports/catalogue.ts';
import type { ObjectEntry, ObjectStore } from '#shared/ports/object-store.ts';
import type { DetachedContent, Facts } from '#shared/validation/facts.ts';
import { judgeSignatures } from '#shared/validation/judge-signatures.ts';
import { validateLongTerm } from '#shared/validation/long-term.ts';
import type { GivenMaterial } from '#shared/validation/validation-material.ts';
import type { VerdictNode } from '#shared/validation/verdict.ts';
import { combineIntake, isLost } from '../intake-order.ts';
import { type IntakeContent, readFacts } from './document-facts.ts';
import { readDocument, type DocumentReading } from './read-document.ts';

export type IntakeRules = {
  readonly runAt: Temporal.Instant;
  readonly digestAlgorithm: DigestAlgorithm;
  readonly inspectLimitBytes: number;
  /** Whom signers and the TSUs of documents may descend from, revocation data, algorithm policy. */
  readonly material: GivenMaterial;
};

/** What intake found of one object. */
export type IntakeResult = {
  readonly entry: ObjectEntry;
  readonly sha256: string;
  readonly size: number;
  readonly digests: Readonly<Partial<Record<DigestAlgorithm, string>>>;
  readonly facts: Facts;
  readonly verdict: IntakeVerdict;
};

/**
 * Whether validation data is to be collected for an object's own signatures and for the records inside of
 * it: what was lost when it was taken in is not helped by any.
 */
export function needsValidationData({ signatures, records = [] }: IntakeVerdict): boolean {
  return [...signatures, ...records].some((one) => !isLost(one));
}

/**
 * Reads and judges one object. A document that cannot be parsed is a result like any other: its
 * facts say why.
 * @throws SourceError, ConflictError from the store
 */
export async function takeIn(
  store: ObjectStore,
  entry: ObjectEntry,
  rules: IntakeRules,
  content: IntakeContent | undefined,
  signal: AbortSignal,
): Promise<IntakeResult> {
  const reading = await readDocument(store, entry.key, {
    versionId: entry.versionId,
    algorithms: ['SHA-256', rules.digestAlgorithm],
    keep: rules.inspectLimitBytes,
    signal,
  });
  const { facts, bytes, isWhole, detached } = await readFacts(
    store,
    entry,
    { ...reading, ...rules },
    content,
    signal,
  );
  const signatures = isWhole ? judge(bytes, facts, detached, rules) : [];
  const records = isWhole ? judgeRecordsInside(reading, facts, detached, rules) : [];
  const status = combineIntake(signatures);
  return {
    entry: reading.entry,
    sha256: reading.digests['SHA-256'] ?? '',
    size: reading.size,
    digests: reading.digests,
    facts,
    verdict: {
      status,
      at: rules.runAt.toString(),
      signatures,
      ...(records.length > 0 && { records }),
    },
  };
}

function judge(
  bytes: Uint8Array,
  facts: Facts,
  detached: readonly DetachedContent[],
  rules: IntakeRules,
): IntakeSignature[] {
  if (facts.signatures.length === 0) return [];
  try {
    return judgeSignatures({ bytes, detached, at: rules.runAt, material: rules.material }).map(
      (verdict) => ({
        id: verdict.id,
        status: verdict.status,
        subIndication: verdict.subIndication,
        signer: verdict.signer?.subject,
        signerNotAfter: verdict.signer?.notAfter.toString(),
        findings: verdict.findings,
        ...(verdict.qualification && { qualification: verdict.qualification }),
        ...(verdict.signerPath && { signerPath: verdict.signerPath }),
      }),
    );
  } catch (error) {
    // Hostile octets that inspection could list and judging could not: undecided, with the reason.
    if (!(error instanceof TokiwaError)) throw error;
    return facts.signatures.map((signature) => ({
      id: signature.id,
      status: 'indeterminate',
      findings: [
        {
          check: 'readable',
          clause: 'EN 319 102-1 §5.2',
          level: 'unknown',
          message: error.message,
          facts: { code: error.code },
        },
      ],
    }));
  }
}

function nodesOf(node: VerdictNode, subject: VerdictNode['subject']): readonly VerdictNode[] {
  const below = node.children.flatMap((child) => nodesOf(child, subject));
  return node.subject === subject ? [node, ...below] : below;
}

/** Records inside of a document (RFC 4998 Annex A, EN 319 162, TS 119 132-3); one by itself is no document's. */
function judgeRecordsInside(
  { head, size, digests }: DocumentReading,
  facts: Facts,
  detached: readonly DetachedContent[],
  { runAt: at, material }: IntakeRules,
): readonly IntakeEvidenceRecord[] {
  const alone = facts.format === 'ER-ASN1' || facts.format === 'ER-XML';
  if (alone || facts.evidenceRecords.length === 0) return [];
  try {
    const digest = (algorithm: DigestAlgorithm) => fromHex(digests[algorithm] ?? '');
    const input = { name: 'document', bytes: head, size, digest, detached, at, material };
    return nodesOf(validateLongTerm(input).tree, 'evidence-record').map(
      ({ name: id, status, subIndication, findings }) => {
        const deciding = findings.filter(({ level }) => level === 'error' || level === 'unknown');
        const reason = [...new Set(deciding.map(({ message }) => message))].slice(0, 2).join(' ');
        return { id, status, subIndication, ...(status !== 'valid' && { reason }) };
      },
    );
  } catch (error) {
    if (!(error instanceof TokiwaError)) throw error;
    const reason = error.message;
    return facts.evidenceRecords.map(({ id }) => ({ id, status: 'indeterminate', reason }));
  }
}
