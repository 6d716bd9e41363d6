// What this proxy has seen of its audit log, in a file that is not kept with the log: books that were put back from an
// older copy cannot tell by themselves.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { replaceFile } from '#shared/io/durable-file.ts';
import type { EventSink } from '#shared/ports/runtime.ts';
import { emptyHead, type AuditHead } from '../audit/audit-line.ts';
import type { TsaConfig } from '../config/config.ts';
import { errorFields } from '../replies.ts';

const schema = z.strictObject({
  version: z.literal(1),
  seq: z.int().min(0),
  hash: z.string().regex(/^[0-9a-f]{64}$/),
});

export type SeenHead = {
  /** `undefined`: nothing was seen yet, as far as can be known. */
  readonly load: () => Promise<AuditHead | undefined>;
  /** @throws the system's error */
  readonly store: (head: AuditHead) => Promise<void>;
};

export function seenHeadIn(file: string): SeenHead {
  return {
    load: async () => {
      try {
        const { seq, hash } = schema.parse(JSON.parse(await readFile(file, 'utf8')));
        return { seq, hash };
      } catch {
        // A file that is lost takes a check away, and nothing else.
        return undefined;
      }
    },
    store: ({ seq, hash }) =>
      replaceFile(file, Buffer.from(`${JSON.stringify({ version: 1, seq, hash })}\n`), {
        mode: 0o600,
      }),
  };
}

/** Where a proxy with this configuration keeps it; `undefined`: nowhere. */
export function seenHeadOf({
  database,
  stateDir,
  audit: { seenFile },
}: Pick<TsaConfig, 'database' | 'stateDir' | 'audit'>): SeenHead | undefined {
  if (database) return seenHeadIn(path.join(stateDir, 'database-seen.json'));
  return seenFile === undefined ? undefined : seenHeadIn(seenFile);
}

/**
 * A function that keeps the head where it has moved on. It throws nothing: a check may be lost, never an answer. That it
 * could not be kept is an event of this name.
 */
export function createSeenKeeper(options: {
  readonly place: SeenHead;
  readonly head: () => AuditHead;
  readonly seen: AuditHead | undefined;
  readonly events: EventSink;
  readonly failed: string;
}): () => Promise<void> {
  const { place, events, failed } = options;
  let seen = options.seen ?? emptyHead;
  return async () => {
    const head = options.head();
    if (head.seq === seen.seq && head.hash === seen.hash) return;
    try {
      await place.store(head);
      seen = head;
    } catch (error) {
      events({ level: 'warn', name: failed, ...errorFields(error) });
    }
  };
}
