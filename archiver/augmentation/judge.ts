// A document on the way to a higher level, judged as any verifier would (EN 319 102-1 §5.6.3), and what of
// that forbids to go on: what does not verify is reported, never covered.
import { embeddedValidationData } from '#shared/cms/revocation-values.ts';
import { compareInstants } from '#shared/time.ts';
import type { StatusMaterial } from '#shared/trust/chain-status.ts';
import { type DocumentReading, readDocument } from '#shared/validation/inspect.ts';
import { type LongTermVerdict, validateLongTerm } from '#shared/validation/long-term.ts';
import type { GivenMaterial } from '#shared/validation/validation-material.ts';
import { indicationOf, type VerdictNode } from '#shared/validation/verdict.ts';
import type { CadesDocument, Refusal } from './types.ts';

/** Since when a document with these tokens can be judged: a token of tonight is later than the run began. */
export function judgedAt(at: Temporal.Instant, { timestamps }: DocumentReading): Temporal.Instant {
  return (
    [at, ...timestamps.map(({ token }) => token.tstInfo.genTime)]
      .toSorted(compareInstants)
      .at(-1) ?? at
  );
}

/** What a document says of itself. `signedData`: its octets as far as they are at hand. */
export function readSigned(
  { content }: Pick<CadesDocument, 'content'>,
  signedData: Uint8Array,
): DocumentReading {
  const detached = content ? [content] : [];
  return readDocument({ bytes: signedData, size: signedData.length, detached });
}

/** The verdict on the signatures of a document; `reading`: what `readSigned` gave for the same octets. */
export function judgeDocument(
  { name, content }: Pick<CadesDocument, 'name' | 'content'>,
  signedData: Uint8Array,
  material: GivenMaterial,
  at: Temporal.Instant,
  reading?: DocumentReading,
): LongTermVerdict {
  return validateLongTerm({
    name,
    bytes: signedData,
    size: signedData.length,
    reading,
    // No evidence beside the document is given that would ask for it.
    digest: () => undefined,
    detached: content ? [content] : [],
    at,
    material,
  });
}

/** Validation data that the document itself carries, that in its tokens included. */
export function carriedBy(reading: DocumentReading): StatusMaterial {
  const inTokens = reading.timestamps.map(({ token }) => embeddedValidationData(token.signedData));
  return {
    certificates: [
      ...reading.certificates,
      ...inTokens.flatMap(({ certificates }) => certificates),
    ],
    crls: [...reading.crls, ...inTokens.flatMap(({ crls }) => crls)],
    ocspResponses: [
      ...reading.ocspResponses,
      ...inTokens.flatMap(({ ocspResponses }) => ocspResponses),
    ],
  };
}

/** Anything but valid: signatures, and timestamps of those kinds that carry a level. */
function firstOffence(nodes: readonly VerdictNode[]): VerdictNode | undefined {
  for (const node of nodes) {
    if (node.status !== 'valid') return node;
    const below = firstOffence(node.children);
    if (below) return below;
  }
  return undefined;
}

/** Why the document may not be covered by a new timestamp; `undefined` where all of it holds. */
export function offenceOf({ tree }: LongTermVerdict): Refusal | undefined {
  const offence = firstOffence(tree.children) ?? firstOffence([tree]);
  if (!offence) return undefined;
  const { status, subIndication, findings, subject, name, sentence } = offence;
  return {
    kind: 'refused',
    reason: 'not-valid',
    message: `${name}: ${sentence.en}`,
    indication: indicationOf(subject, status),
    subIndication,
    findings: [...tree.findings, ...findings],
    missing: [],
  };
}
