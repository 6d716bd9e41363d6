// Lines of the evidence log and their form: what was taken in, which batch it is in, and the batch's token. Digests
// and tokens only. Reading and writing files is for segments.ts.
import { z } from 'zod';
import { toBase64 } from '#shared/bytes.ts';
import { isDigestAlgorithm, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import { buildCheckedLine, instant, octets, parseCheckedLine } from '../journal/checked-line.ts';

/** Whose batch it is, and under which hash: what may share a tree. */
export type LaneFields = {
  readonly client: string;
  readonly profile: string;
  readonly algorithm: DigestAlgorithm;
};

/** A client's digests; durable before they are promised a record. */
export type SubmissionLine = LaneFields & {
  readonly kind: 'submission';
  /** `nameOfGroups`: what is sent twice is one submission. */
  readonly id: string;
  readonly at: Temporal.Instant;
  readonly groups: readonly (readonly Uint8Array[])[];
};

/** A tree and its query; durable before the token is asked for, so that a crash asks with the same octets. */
export type BatchLine = LaneFields & {
  readonly kind: 'batch';
  readonly id: string;
  readonly at: Temporal.Instant;
  readonly request: Uint8Array;
  /** One after another, in the order of the submissions and of their groups. */
  readonly leaves: Uint8Array;
  /** Names of the submissions, and the first leaf of each. */
  readonly submissions: readonly (readonly [id: string, firstLeaf: number])[];
};

/** What answers the batch. */
export type TokenLine = {
  readonly kind: 'token';
  readonly batch: string;
  readonly at: Temporal.Instant;
  /** In evidence form. */
  readonly token: Uint8Array;
  readonly provider: string;
  readonly genTime: Temporal.Instant;
  /** Until when the token can be verified; `undefined`: no end is known. */
  readonly provableUntil: Temporal.Instant | undefined;
};

export type EvidenceLine = SubmissionLine | BatchLine | TokenLine;

const lane = {
  client: z.string(),
  profile: z.string(),
  algorithm: z.string().refine(isDigestAlgorithm),
};
const lineSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('submission'),
    id: z.string(),
    at: instant,
    ...lane,
    groups: z.array(z.array(octets)),
  }),
  z.object({
    kind: z.literal('batch'),
    id: z.string(),
    at: instant,
    ...lane,
    request: octets,
    leaves: octets,
    submissions: z.array(z.tuple([z.string(), z.int()])),
  }),
  z.object({
    kind: z.literal('token'),
    batch: z.string(),
    at: instant,
    token: octets,
    provider: z.string(),
    genTime: instant,
    provableUntil: instant.optional().transform((at) => at),
  }),
]);

/** Octets as texts: a Buffer would write itself as a list of numbers. */
function writtenForm(line: EvidenceLine): object {
  switch (line.kind) {
    case 'submission':
      return { ...line, groups: line.groups.map((group) => group.map(toBase64)) };
    case 'batch':
      return { ...line, request: toBase64(line.request), leaves: toBase64(line.leaves) };
    case 'token':
      return { ...line, token: toBase64(line.token) };
  }
}

/** One line with its line break. */
export function buildEvidenceLine(line: EvidenceLine): Uint8Array {
  return buildCheckedLine(writtenForm(line));
}

/** The line without its line break; `undefined` where it is torn or damaged. */
export function parseEvidenceLine(octetsOfLine: Uint8Array): EvidenceLine | undefined {
  const result = lineSchema.safeParse(parseCheckedLine(octetsOfLine));
  if (!result.success) return undefined;
  const line = result.data;
  return line.kind === 'token' ? { ...line, provableUntil: line.provableUntil } : line;
}
