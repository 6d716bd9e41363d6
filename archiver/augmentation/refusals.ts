// What is not raised whatever is done, and how a refusal is put.
import type { Facts, SignatureFacts } from '#shared/validation/facts.ts';
import type { LongTermVerdict } from '#shared/validation/long-term.ts';
import type { Refusal } from './types.ts';

/** A refusal with nothing more to say than its reason. */
export function refused(
  reason: Refusal['reason'],
  message: string,
  rest: Partial<Refusal> = {},
): Refusal {
  return { kind: 'refused', reason, message, findings: [], missing: [], ...rest };
}

/** The document's own signatures, in the order of signerInfos. */
export function ownSignatures({ signatures }: Facts): readonly SignatureFacts[] {
  return signatures.filter(({ countersigns }) => countersigns === undefined);
}

/** What no later step could mend. */
export function unsupported({ facts }: LongTermVerdict): Refusal | undefined {
  const signatures = ownSignatures(facts);
  if (signatures.length === 0)
    return refused('unsupported', `${facts.format} without a signature to be raised`);
  const plain = signatures.find(({ format }) => format !== 'CAdES');
  if (plain)
    return refused(
      'unsupported',
      `${plain.id} is ${plain.format}, not CAdES: it has no signing-certificate attribute; an evidence record keeps it provable`,
    );
  // RFC 4998 Appendix A: it is over the whole of what was there, so that nothing may be added beside it.
  if (facts.evidenceRecords.some(({ of }) => of !== undefined))
    return refused(
      'unsupported',
      'a signature carries an evidence record, which is renewed instead of being stamped over',
    );
  return undefined;
}
