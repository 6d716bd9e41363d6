// Records of the journal and their form: one JSON line each, led by a piece of its own digest, so that a torn or
// damaged line is told from a whole one. Reading and writing files is for journal.ts.
import { z } from 'zod';
import { toBase64 } from '#shared/bytes.ts';
import { instantText } from '#shared/time.ts';
import { buildCheckedLine, instant, octets, parseCheckedLine } from './checked-line.ts';
import type { Price } from '../config/config.ts';

type Common = {
  /** Joins the lines of one request; 32 hexadecimal digits. */
  readonly id: string;
  readonly at: Temporal.Instant;
};

/** For whom and under which terms; missing in journals from before it was kept. */
type ForWhom = { readonly client?: string | undefined; readonly profile?: string | undefined };

/** Durable before the request is sent to any provider. */
export type RequestRecord = Common & {
  readonly kind: 'request';
  readonly client: string;
  readonly profile: string;
  /** The TimeStampReq as received. */
  readonly request: Uint8Array;
};

/** Durable before the token is answered. */
export type TokenRecord = Common &
  ForWhom & {
    readonly kind: 'token';
    /** By which a repeat finds it; missing for a request without a nonce. */
    readonly repeatKey?: string | undefined;
    readonly provider: string;
    /** Hexadecimal. */
    readonly serialNumber: string;
    readonly genTime: Temporal.Instant;
    /** It came after the next provider had been asked, and answered nobody yet. */
    readonly late: boolean;
    /** Of the other provider of a dual profile: its client has the first one. */
    readonly second?: boolean | undefined;
    readonly price?: Price | undefined;
    /** The TimeStampResp, the provider's own octets. */
    readonly response: Uint8Array;
  };

/** What a provider did instead of giving a good token. Evidence for a dispute, no promise hangs on it. */
export type FailureRecord = Common &
  ForWhom & {
    readonly kind: 'failure';
    readonly provider: string;
    /** The kind of failure as events name it, such as `invalid-token`. */
    readonly failureKind?: string | undefined;
    readonly reason: string;
    /** The octets that were refused, where there were any. */
    readonly response?: Uint8Array | undefined;
  };

export type JournalRecord = RequestRecord | TokenRecord | FailureRecord;

const common = { id: z.string(), at: instant };
const forWhom = { client: z.string().optional(), profile: z.string().optional() };
const recordSchema = z.discriminatedUnion('kind', [
  z.object({
    ...common,
    kind: z.literal('request'),
    client: z.string(),
    profile: z.string(),
    request: octets,
  }),
  z.object({
    ...common,
    ...forWhom,
    kind: z.literal('token'),
    repeatKey: z.string().optional(),
    provider: z.string(),
    serialNumber: z.string(),
    genTime: instant,
    late: z.boolean(),
    second: z.boolean().optional(),
    price: z.object({ amount: z.number(), currency: z.string() }).optional(),
    response: octets,
  }),
  z.object({
    ...common,
    ...forWhom,
    kind: z.literal('failure'),
    failureKind: z.string().optional(),
    provider: z.string(),
    reason: z.string(),
    response: octets.optional(),
  }),
]);

/** The record as one line with its line break. */
export function buildJournalLine(record: JournalRecord): Uint8Array {
  const at = instantText(record.at);
  // Octets by hand: a Buffer would write itself as a list of numbers.
  switch (record.kind) {
    case 'request':
      return buildCheckedLine({ ...record, at, request: toBase64(record.request) });
    case 'token': {
      const genTime = instantText(record.genTime);
      return buildCheckedLine({ ...record, at, genTime, response: toBase64(record.response) });
    }
    case 'failure': {
      const response = record.response && toBase64(record.response);
      return buildCheckedLine({ ...record, at, response });
    }
  }
}

/** The record of a line without its line break; `undefined` where the line is torn or damaged. */
export function parseJournalLine(line: Uint8Array): JournalRecord | undefined {
  // The digest says that these are the octets we wrote; the schema, that we still understand them.
  const result = recordSchema.safeParse(parseCheckedLine(line));
  return result.success ? result.data : undefined;
}
