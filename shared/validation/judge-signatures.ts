// The signatures of a document as of one instant, such as its intake: one verdict for each of the facts, by
// the same judgement as a whole document gets (long-term.ts).
import type { Finding } from '#shared/trust/finding.ts';
import type { SubIndication } from '#shared/trust/sub-indication.ts';
import type { SignerFacts } from '#shared/validation/facts.ts';
import type { LongTermInput } from '#shared/validation/judgement-scope.ts';
import { notJudged, validateLongTerm } from '#shared/validation/long-term.ts';
import type { SignerPath, SignerQualification } from '#shared/validation/signer-qualification.ts';
import type { VerdictStatus } from '#shared/validation/verdict.ts';

export type SignatureVerdict = {
  /** Id of the signature in the facts. */
  readonly id: string;
  readonly status: VerdictStatus | 'not-judged';
  readonly subIndication?: SubIndication | undefined;
  readonly signer?: SignerFacts | undefined;
  readonly findings: readonly Finding[];
  readonly qualification?: SignerQualification | undefined;
  readonly signerPath?: SignerPath | undefined;
};

export type JudgeInput = Pick<LongTermInput, 'bytes' | 'detached' | 'at' | 'material'>;

/**
 * One verdict for each signature that inspection finds in the same bytes and detached contents, in the
 * facts' order. Proofs of existence are those that the document carries.
 * @throws FormatError where the bytes cannot be read at all
 * @see EN 319 102-1 §5.6.3
 */
export function judgeSignatures(input: JudgeInput): readonly SignatureVerdict[] {
  const { facts, signatures } = validateLongTerm({
    ...input,
    name: 'document',
    size: input.bytes.length,
    // No evidence is given that would ask for the whole document's digest.
    digest: () => undefined,
  });
  return facts.signatures.map(({ id, signer }): SignatureVerdict => {
    const judgement = signatures.get(id);
    if (!judgement) return { id, status: 'not-judged', signer, findings: [notJudged] };
    const { status, subIndication, findings, qualification, signerPath } = judgement;
    return { id, status, subIndication, signer, findings, qualification, signerPath };
  });
}
