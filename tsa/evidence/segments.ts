// The evidence log's segments: one file a day and start, append-only. Every start writes files of its own, so that
// nothing follows a torn line.
import { toHex } from '#shared/bytes.ts';
import { InvariantError } from '#shared/errors.ts';
import type { AppendLog } from '#shared/io/append-log.ts';
import type { EventSink, RandomSource } from '#shared/ports/runtime.ts';
import type { EvidenceFiles } from '../adapters/evidence-files.ts';
import { dayOf } from '../days.ts';
import { errorFields } from '../replies.ts';
import { buildEvidenceLine, parseEvidenceLine, type EvidenceLine } from './lines.ts';

/** Where a line stands. */
export type LinePlace = {
  readonly segment: string;
  readonly offset: number;
  readonly length: number;
};

export type EvidenceSegments = {
  /** Every line that is there, oldest first; what is torn or damaged has its event. */
  readonly read: () => AsyncIterable<{ readonly line: EvidenceLine; readonly place: LinePlace }>;
  /** Resolves when the line is durable. @throws the system's error: it does not count */
  readonly append: (line: EvidenceLine) => Promise<LinePlace>;
  /** `undefined` where the line is damaged. @throws the system's error */
  readonly lineAt: (place: LinePlace) => Promise<EvidenceLine | undefined>;
  /** Takes away the segments of days before this one. @throws the system's error */
  readonly removeBefore: (day: string) => Promise<void>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};

export function openEvidenceSegments(options: {
  readonly files: EvidenceFiles;
  readonly random: RandomSource;
  readonly events: EventSink;
}): EvidenceSegments {
  const { files, events } = options;
  const instance = toHex(options.random(4));
  let current: { readonly name: string; readonly day: string; readonly log: AppendLog } | undefined;
  let count = 0;
  let closed = false;
  let switching: Promise<unknown> = Promise.resolve();

  const segmentOf = (day: string): Promise<NonNullable<typeof current>> => {
    const run = switching.then(async () => {
      if (current && current.day >= day) return current;
      if (closed) throw new InvariantError('ERR_INVARIANT_STATE', 'the evidence log is closed');
      const name = `${day}.${instance}.${String(count++).padStart(6, '0')}.jsonl`;
      const old = current;
      current = { name, day, log: await files.create(name) };
      await old?.log[Symbol.asyncDispose]();
      return current;
    });
    switching = run.catch(() => undefined);
    return run;
  };

  return {
    read: async function* () {
      for (const segment of await files.list())
        for await (const { octets, offset, whole } of files.lines(segment)) {
          const line = whole ? parseEvidenceLine(octets) : undefined;
          if (line) yield { line, place: { segment, offset, length: octets.length } };
          else
            events({
              // A torn last line is what a crash leaves: nobody was promised anything for it.
              level: whole ? 'error' : 'info',
              name: whole ? 'tsa.evidence.damaged-line' : 'tsa.evidence.torn-line',
              segment,
              offset,
            });
        }
    },
    append: async (line) => {
      const octets = buildEvidenceLine(line);
      const segment = await segmentOf(dayOf(line.at));
      try {
        const offset = await segment.log.append(octets);
        return { segment: segment.name, offset, length: octets.length - 1 };
      } catch (error) {
        // What a failed write left is not known for certain: the next line begins a new segment.
        if (current === segment) {
          current = undefined;
          void segment.log[Symbol.asyncDispose]().catch(() => undefined);
        }
        const failure = { name: 'tsa.evidence.append-failed', kind: line.kind };
        events({ level: 'error', ...failure, ...errorFields(error) });
        throw error;
      }
    },
    lineAt: async ({ segment, offset, length }) =>
      parseEvidenceLine(await files.read(segment, offset, length)),
    removeBefore: async (day) => {
      for (const name of await files.list()) if (name < day) await files.remove(name);
    },
    [Symbol.asyncDispose]: async () => {
      closed = true;
      await switching;
      await current?.log[Symbol.asyncDispose]();
      current = undefined;
    },
  };
}

/** The line at a place. @throws InvariantError ERR_INVARIANT_STATE: it is damaged, or another one */
export async function readLine<K extends EvidenceLine['kind']>(
  segments: EvidenceSegments,
  kind: K,
  place: LinePlace,
): Promise<Extract<EvidenceLine, { kind: K }>> {
  const line = await segments.lineAt(place);
  const isWanted = (one: EvidenceLine): one is Extract<EvidenceLine, { kind: K }> =>
    one.kind === kind;
  if (line && isWanted(line)) return line;
  const where = `${place.segment} at octet ${place.offset}`;
  throw new InvariantError(
    'ERR_INVARIANT_STATE',
    `no ${kind} line in ${where}: the log is damaged`,
  );
}
