// What the evidence log says, as an index in memory: submissions, the batch that each is in, and where its lines
// stand. Rebuilt at the start; digests themselves stay in the log.
import { isBefore } from '#shared/time.ts';
import type { BatchLine, LaneFields, SubmissionLine, TokenLine } from './lines.ts';
import type { EvidenceSegments, LinePlace } from './segments.ts';

export type Submission = LaneFields & {
  readonly id: string;
  readonly at: Temporal.Instant;
  readonly place: LinePlace;
  /** How many records it is promised. */
  readonly groups: number;
  batch?: Batch;
  /** Its first leaf in the batch. */
  firstLeaf?: number;
};

export type Batch = LaneFields & {
  readonly id: string;
  readonly at: Temporal.Instant;
  readonly place: LinePlace;
  readonly submissions: readonly Submission[];
  /** Where its token stands, once there is one. */
  token?: LinePlace;
};

export type Register = {
  readonly submission: (id: string) => Submission | undefined;
  readonly addSubmission: (line: SubmissionLine, place: LinePlace) => Submission;
  readonly addBatch: (line: BatchLine, place: LinePlace) => Batch;
  readonly addToken: (line: Pick<TokenLine, 'batch'>, place: LinePlace) => void;
  /** Those without a batch, and batches without a token. */
  readonly unfinished: () => {
    readonly submissions: readonly Submission[];
    readonly batches: readonly Batch[];
  };
  /** Drops what was taken in before this instant; returns those that got no record. */
  readonly forgetBefore: (limit: Temporal.Instant) => readonly Submission[];
};

function laneOf({ client, profile, algorithm }: LaneFields): LaneFields {
  return { client, profile, algorithm };
}

export function createRegister(): Register {
  const submissions = new Map<string, Submission>();
  const batches = new Map<string, Batch>();
  return {
    submission: (id) => submissions.get(id),
    addSubmission: (line, place) => {
      const { id, at, groups } = line;
      const made = { id, at, place, groups: groups.length, ...laneOf(line) };
      const other = submissions.get(id);
      // Sent again after it had been forgotten: the later one is meant.
      if (other && isBefore(at, other.at)) return other;
      submissions.set(id, made);
      return made;
    },
    addBatch: (line, place) => {
      const { id, at } = line;
      const members = line.submissions.flatMap(([name, firstLeaf]) => {
        const found = submissions.get(name);
        if (!found || isBefore(at, found.at)) return [];
        found.firstLeaf = firstLeaf;
        return [found];
      });
      const made: Batch = { id, at, place, submissions: members, ...laneOf(line) };
      for (const one of members) one.batch = made;
      batches.set(id, made);
      return made;
    },
    addToken: ({ batch }, place) => {
      const found = batches.get(batch);
      if (found) found.token = place;
    },
    unfinished: () => ({
      submissions: [...submissions.values()].filter(({ batch }) => !batch),
      batches: [...batches.values()].filter(({ token }) => !token),
    }),
    forgetBefore: (limit) => {
      const lost: Submission[] = [];
      for (const one of submissions.values())
        if (isBefore(one.at, limit)) {
          submissions.delete(one.id);
          if (!one.batch?.token) lost.push(one);
        }
      for (const { id, submissions: members } of batches.values())
        if (members.every((one) => submissions.get(one.id) !== one)) batches.delete(id);
      return lost;
    },
  };
}

/** Reads the log. Files of one day are in no order of time, so each kind of line goes in after the one it speaks of. */
export async function loadRegister(
  segments: EvidenceSegments,
  since: Temporal.Instant,
): Promise<Register> {
  const register = createRegister();
  const batches: { readonly line: BatchLine; readonly place: LinePlace }[] = [];
  const tokens: { readonly batch: string; readonly place: LinePlace }[] = [];
  for await (const { line, place } of segments.read()) {
    if (isBefore(line.at, since)) continue;
    if (line.kind === 'submission') register.addSubmission(line, place);
    // The leaves, which are most of the line, are read again where they are needed.
    else if (line.kind === 'batch')
      batches.push({ line: { ...line, leaves: new Uint8Array() }, place });
    else tokens.push({ batch: line.batch, place });
  }
  for (const { line, place } of batches.toSorted((a, b) =>
    Temporal.Instant.compare(a.line.at, b.line.at),
  ))
    register.addBatch(line, place);
  for (const { batch, place } of tokens) register.addToken({ batch }, place);
  return register;
}
