// What this replica has seen of the shared audit log, in a file beside the database: a database that was put back from an
// older copy cannot tell by itself.
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { replaceFile } from '#shared/io/durable-file.ts';
import type { AuditHead } from '../audit-line.ts';

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
