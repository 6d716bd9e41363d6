// Judges one EvidenceRecord against data objects, as any RFC 4998 verifier would: ours or another
// product's. Collects the revocation data that each token needs, then asks shared/ers. Imports
// nothing from the code that builds records but types.
import type { DigestAlgorithm } from '#shared/crypto/digest.ts';
import { parseRecord } from '#shared/ers/record-form.ts';
import type { EvidenceDataObject, EvidenceRecordVerdict } from '#shared/ers/verdict.ts';
import { verifyEvidenceRecord } from '#shared/ers/verify.ts';
import type { ValidationData } from '#shared/ports/status-source.ts';
import { verifyToken, type TokenVerdict } from '#shared/tsp/verify-token.ts';
import type { TokenVerification } from './types.ts';

export type RecordJudgement = {
  /** The EvidenceRecord: BER, DER or XML. */
  readonly record: Uint8Array;
  readonly dataObjects: readonly EvidenceDataObject[];
  /** They are the whole group: other values in its first list are refused (RFC 4998 §4.3, end). */
  readonly exactGroup: boolean;
  readonly verification: TokenVerification;
  readonly digestSecure?: (algorithm: DigestAlgorithm, at: Temporal.Instant) => boolean | undefined;
  readonly at: Temporal.Instant;
  readonly signal: AbortSignal;
};

/**
 * The verdict on a record as of `at`: each token as of the next one's time, the last as of `at`.
 * @throws FormatError, UnsupportedError: no record, or one that cannot be read
 * @see RFC 4998 §4.3, §5.3
 */
export async function judgeRecord(
  judgement: RecordJudgement,
): Promise<EvidenceRecordVerdict<TokenVerdict>> {
  const { verification, at, signal } = judgement;
  const record = parseRecord(judgement.record);
  const tokens = record.sequence.chains.flatMap(({ archiveTimeStamps }) =>
    archiveTimeStamps.map(({ token }) => token),
  );
  // Only the newest token is judged as of now: the older ones carry what they need inside.
  const newest = tokens.at(-1);
  const known: ValidationData = await verification.statusSource.certificatesAndCrlsFor(
    [...(newest?.signedData.certificates ?? []), ...verification.certificates],
    { at, signal },
  );
  return verifyEvidenceRecord({
    record,
    dataObjects: judgement.dataObjects,
    exactGroup: judgement.exactGroup,
    digestSecure: judgement.digestSecure,
    at,
    verifyToken: (token, instant, imprint) =>
      verifyToken(token, {
        imprint,
        anchors: verification.anchors,
        certificates: [...verification.certificates, ...known.certificates],
        crls: known.crls,
        ocspResponses: known.ocspResponses,
        at: instant,
        algorithmPolicy: verification.algorithmPolicy,
        revocationMode: verification.revocationMode,
      }),
  });
}
