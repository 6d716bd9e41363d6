// What a token is over, as far as it makes its verdict worse: an imprint or a hash index that does not fit, or data
// that was there only later. EN 319 102-1 §5.4.4, §5.5.4.
import { equalBytes } from '#shared/bytes.ts';
import { compareInstants } from '#shared/time.ts';
import type { Finding } from '#shared/trust/finding.ts';
import type { TimeStampToken } from '#shared/tsp/token.ts';
import type { TimestampReading } from '#shared/validation/collect.ts';
import type { TimestampType } from '#shared/validation/facts.ts';
import type { TokenJudgement } from '#shared/validation/judge-token.ts';

/** A verdict that the hash index makes worse: it lists what is not there, so something was taken away. */
export function withHashIndex(
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

/** Timestamps that a signature is over, so that they are older: judge-signature.ts asks it of them. */
export const contentTypes: readonly TimestampType[] = [
  'content',
  'all-data-objects',
  'individual-data-objects',
];

/** Clocks of two units may differ, but never so much. */
const clocksDiffer = { hours: 1 };

/** A verdict that the order makes worse: what a timestamp is over was there before it. */
export function withOrder(
  judgement: TokenJudgement,
  { genTime }: Pick<TimeStampToken['tstInfo'], 'genTime'>,
  covered: readonly Uint8Array[],
  timestamps: readonly TimestampReading[],
): TokenJudgement {
  const limit = genTime.add(clocksDiffer);
  const later = timestamps.find(
    ({ type, token: { raw, tstInfo } }) =>
      !contentTypes.includes(type) &&
      compareInstants(tstInfo.genTime, limit) > 0 &&
      covered.some((octets) => equalBytes(octets, raw)),
  );
  if (!later) return judgement;
  const finding: Finding = {
    check: 'timestamp-order',
    clause: 'EN 319 102-1 §5.5.4',
    level: 'error',
    message: 'The timestamp is over one that was made later.',
    facts: { later: later.id, laterTime: later.token.tstInfo.genTime.toString() },
  };
  return {
    ...judgement,
    status: 'indeterminate',
    subIndication: 'TIMESTAMP_ORDER_FAILURE',
    findings: [finding, ...judgement.findings],
  };
}

/** A verdict that the imprint makes worse: what a token covers has to be at hand, and to fit. */
export function withImprint(
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
