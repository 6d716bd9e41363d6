// Evidence that cannot be read, as a verdict: neither passed over nor taken for good (EN 319 102-1 §5.2.2, §5.4.4).
import type { UnreadEvidence } from '#shared/validation/reading.ts';
import type { Scope } from '#shared/validation/judgement-scope.ts';
import type { SubIndication } from '#shared/trust/sub-indication.ts';
import { verdictNode } from '#shared/validation/verdict-nodes.ts';
import type { VerdictNode } from '#shared/validation/verdict.ts';

/**
 * What is broken failed; what a standard has and this version does not read cannot be told. Certificates and
 * revocation data prove nothing by themselves: whether those that cannot be read say something else than the
 * others is unknown.
 */
function subIndicationOf({ subject, unsupported }: UnreadEvidence): SubIndication {
  if (subject === 'validation-data') return 'CERTIFICATE_CHAIN_GENERAL_FAILURE';
  return unsupported ? 'CUSTOM' : 'FORMAT_FAILURE';
}

/** One verdict on what does not parse. */
export function unreadable(evidence: UnreadEvidence, name: string): VerdictNode {
  const { subject, type, place, message } = evidence;
  const subIndication = subIndicationOf(evidence);
  const isBroken = subIndication === 'FORMAT_FAILURE';
  return verdictNode({
    subject,
    name,
    status: isBroken ? 'invalid' : 'indeterminate',
    subIndication,
    facts: { unread: type, ...(place !== undefined && { place }), cause: message },
    findings: [
      {
        check: 'format',
        clause: 'EN 319 102-1 §5.2.2',
        level: isBroken ? 'error' : 'unknown',
        message,
        facts: {},
      },
    ],
  });
}

/** What a signature, or without one the document, carries as evidence and nobody can read. */
export function judgeUnread(
  { reading }: Scope,
  signature: string | undefined,
): readonly VerdictNode[] {
  const prefix = signature === undefined ? '' : `${signature}-`;
  return reading.unread
    .filter(({ of }) => of === signature)
    .map((evidence, index) => unreadable(evidence, `${prefix}unread-${index + 1}`));
}
