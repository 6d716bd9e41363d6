// Verifying a miniature archive's records in tests.
import { digest } from '#shared/crypto/digest.ts';
import { parseEvidenceRecord } from '#shared/ers/evidence-record.ts';
import type { EvidenceDataObject, EvidenceRecordVerdict } from '#shared/ers/verdict.ts';
import { verifyEvidenceRecord, type EvidenceRecordVerification } from '#shared/ers/verify.ts';
import { verifyTokenSignature } from './_token-signature.ts';

type TokenVerdict = ReturnType<typeof verifyTokenSignature>;

export const verifiedAt = Temporal.Instant.from('2090-01-01T00:00:00Z');

export function dataObjectsOf(documents: readonly Uint8Array[]): EvidenceDataObject[] {
  return documents.map((document, index) => ({
    name: `document ${index}`,
    digest: (algorithm) => digest(algorithm, document),
  }));
}

/** The verdict on a record against documents, tokens judged by their signatures. */
export function verdictOn(
  record: Uint8Array,
  documents: readonly Uint8Array[],
  options: Partial<EvidenceRecordVerification<TokenVerdict>> = {},
): EvidenceRecordVerdict<TokenVerdict> {
  return verifyEvidenceRecord({
    record: parseEvidenceRecord(record),
    dataObjects: dataObjectsOf(documents),
    verifyToken: verifyTokenSignature,
    at: verifiedAt,
    ...options,
  });
}

/** Names of the checks that found an error or could not decide. */
export function failedChecks(verdict: EvidenceRecordVerdict): string[] {
  return verdict.findings
    .filter(({ level }) => level === 'error' || level === 'unknown')
    .map(({ check }) => check);
}
