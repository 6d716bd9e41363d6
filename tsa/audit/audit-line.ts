// Lines of the audit log and their form: JSON, one a line, each with the SHA-256 of the line before it. They say who
// got what when, and hold digests only. Files and the order of lines are for audit-log.ts.
import { z } from 'zod';
import { hexDigest } from '#shared/crypto/digest.ts';
import { instantText } from '#shared/time.ts';

/** Where a query came from. */
export type Asking = {
  /** Joins the lines and events of one HTTP request. */
  readonly id: string;
  /** The client's name in the configuration. */
  readonly client: string;
  /** Its network address; no proof of who it is. */
  readonly address: string;
  /** Whom the client says it asks for; the client answers for that. */
  readonly user?: string;
};

/** What a token is known by. */
export type TokenFields = {
  readonly provider: string;
  /** Hexadecimal. */
  readonly serialNumber: string;
  readonly genTime: string;
};

/** What happened; instants and digests are texts, since nothing here is computed with. */
export type AuditEntry =
  /** A query was answered. `repeated`: with the token of an earlier one. */
  | (Asking &
      Partial<TokenFields> & {
        readonly event: 'answer';
        readonly profile: string;
        readonly verdict: 'granted' | 'repeated' | 'rejected';
        /** Missing where the octets were no query. */
        readonly imprint?: { readonly algorithm: string; readonly digest: string };
        readonly failInfo?: string;
        readonly reason?: string;
      })
  /** Digests were taken in to be proved; `submission` is what their records are fetched by. */
  | (Asking & {
      readonly event: 'digests';
      readonly profile: string;
      readonly submission: string;
      readonly algorithm: string;
      readonly groups: number;
    })
  /** A batch of them got its token: the imprint is the root of its tree. */
  | (TokenFields & {
      readonly event: 'evidence';
      readonly id: string;
      readonly client: string;
      readonly profile: string;
      readonly imprint: { readonly algorithm: string; readonly digest: string };
      readonly submissions: number;
      readonly groups: number;
    })
  /** A client was turned away before its query was looked at. */
  | {
      readonly event: 'refused';
      readonly id: string;
      readonly client?: string;
      readonly address: string;
      readonly profile?: string;
      /** Of HTTP; 0: already the TLS handshake failed. */
      readonly status: number;
      readonly reason: string;
      /** Refusals since the last such line that have none of their own. */
      readonly unlisted?: number;
    }
  /** A token came after its client had been answered otherwise. */
  | (TokenFields & { readonly event: 'late'; readonly request: string })
  /** The other provider of a dual profile gave a token as well; its client had the first. */
  | (TokenFields & { readonly event: 'second'; readonly request: string })
  /** A provider signs with another TSU than before, below the same anchors. */
  | {
      readonly event: 'new-tsu';
      readonly provider: string;
      readonly subject: string;
      /** SHA-256 of its certificate. */
      readonly fingerprint: string;
      readonly notAfter: string;
    }
  /** The proxy runs with this configuration. */
  | { readonly event: 'started' | 'reloaded'; readonly configuration: string }
  | { readonly event: 'stopped' }
  /** Somebody did something to the proxy; `target`: to which client. */
  | (Asking & {
      readonly event: 'operated';
      readonly operation: 'reload' | 'add-key' | 'remove-keys';
      readonly target?: string;
    })
  /** The administrator's approval under which a provider or client is used, as the configuration says. */
  | {
      readonly event: 'approved';
      readonly kind: 'provider' | 'client';
      readonly name: string;
      readonly by: string;
      readonly on: string;
    }
  /** The line `through` was stamped: its SHA-256 is the imprint of the token in `file`. */
  | (TokenFields & {
      readonly event: 'stamped';
      readonly through: number;
      readonly head: string;
      readonly file: string;
      /** SHA-256 of the file. */
      readonly fileDigest: string;
    })
  /** Lines up to `through`, the last with this SHA-256, were removed as old. */
  | { readonly event: 'retired'; readonly through: number; readonly head: string }
  /**
   * This was put back from an older copy. Of database and audit log: the line with this SHA-256, `through` where its number
   * is known, had been there; of the journal: this token, which the audit log names.
   */
  | (Partial<TokenFields> & {
      readonly event: 'restored';
      readonly what: 'database' | 'audit log' | 'journal';
      readonly through?: number;
      readonly head?: string;
    })
  /** An append failed: lines behind the one before this are no part of the log. */
  | { readonly event: 'resumed'; readonly reason: string };

/** The last line so far. */
export type AuditHead = {
  /** Number of the line, from 1; 0 before the first. */
  readonly seq: number;
  /** SHA-256 of the line without its line break, hexadecimal. */
  readonly hash: string;
};

/** What stands before the first line. */
export const emptyHead: AuditHead = { seq: 0, hash: '0'.repeat(64) };

/** A longer line is none of ours. */
export const maxAuditLineBytes = 16 * 1024;
const maxTextLength = 1000;

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const common = { seq: z.int().min(1), prev: sha256, at: z.string() };
const lineSchema = z.looseObject({ ...common, event: z.string() });
const stampedSchema = z.looseObject({
  through: z.int().min(1),
  head: sha256,
  file: z.string().regex(/^head-\d{12}\.tsr$/),
  fileDigest: sha256,
});
const retiredSchema = z.looseObject({ through: z.int().min(1), head: sha256 });

export type StampedFields = z.infer<typeof stampedSchema>;
export type RetiredFields = z.infer<typeof retiredSchema>;
const restoredSchema = z.looseObject({
  what: z.enum(['database', 'audit log', 'journal']).default('database'),
  through: z.int().optional(),
});
const tokenSchema = z.looseObject({
  provider: z.string(),
  serialNumber: z.string(),
  genTime: z.string(),
});

/** A line as read back; events of later versions are lines as well. */
export type AuditLine = {
  readonly seq: number;
  readonly prev: string;
  readonly at: string;
  readonly event: string;
  readonly stamped?: StampedFields;
  readonly retired?: RetiredFields;
  readonly restored?: z.infer<typeof restoredSchema>;
};

/** SHA-256 of a line without its line break, hexadecimal. */
export function auditHash(line: Uint8Array | string): string {
  return hexDigest('SHA-256', line);
}

/** The entry with its texts cut to what a line has room for. */
function shortened(entry: AuditEntry): AuditEntry {
  const isLong = (value: unknown) => typeof value === 'string' && value.length > maxTextLength;
  const values: readonly unknown[] = Object.values(entry);
  if (!values.some(isLong)) return entry;
  const fields = Object.entries(entry).map(([key, value]: [string, unknown]) => [
    key,
    typeof value === 'string' ? value.slice(0, maxTextLength) : value,
  ]);
  return Object.fromEntries(fields) as AuditEntry;
}

/** The entry as the line that follows `head`, with its line break, and the head that it makes. */
export function buildAuditLine(
  entry: AuditEntry,
  head: AuditHead,
  at: Temporal.Instant,
): { readonly octets: Uint8Array; readonly head: AuditHead } {
  const seq = head.seq + 1;
  const start = JSON.stringify({ seq, prev: head.hash, at: instantText(at) });
  // One object after the other in one pair of braces: the first has no key that an entry has.
  const text = `${start.slice(0, -1)},${JSON.stringify(shortened(entry)).slice(1)}`;
  return { octets: Buffer.from(`${text}\n`), head: { seq, hash: auditHash(text) } };
}

function parseJson(octets: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(octets)) as unknown;
  } catch {
    return undefined;
  }
}

/** The line without its line break; `undefined` where it is none. */
export function parseAuditLine(octets: Uint8Array): AuditLine | undefined {
  if (octets.length > maxAuditLineBytes) return undefined;
  const value = parseJson(octets);
  const line = lineSchema.safeParse(value);
  if (!line.success) return undefined;
  const { seq, prev, at, event } = line.data;
  if (event === 'stamped') {
    const stamped = stampedSchema.safeParse(value);
    return stamped.success ? { seq, prev, at, event, stamped: stamped.data } : undefined;
  }
  if (event === 'retired') {
    const retired = retiredSchema.safeParse(value);
    return retired.success ? { seq, prev, at, event, retired: retired.data } : undefined;
  }
  const restored = event === 'restored' ? restoredSchema.safeParse(value).data : undefined;
  return { seq, prev, at, event, ...(restored && { restored }) };
}

/** The token that a line names, where it names one. */
export function tokenNamedIn(octets: Uint8Array): TokenFields | undefined {
  if (octets.length > maxAuditLineBytes) return undefined;
  return tokenSchema.safeParse(parseJson(octets)).data;
}

/** Name of the file that begins with line `seq`: sorted by name, files are in the order of the log. */
export function auditFileName(seq: number, day: string, instance: string): string {
  return `${String(seq).padStart(12, '0')}.${day}.${instance}.jsonl`;
}

/** What an audit file's name says; `undefined` for another file. */
export function parseAuditFileName(
  name: string,
): { readonly seq: number; readonly day: string } | undefined {
  const match = /^(\d{12})\.(\d{4}-\d\d-\d\d)\.[0-9a-f]{8}\.jsonl$/.exec(name);
  return match ? { seq: Number(match[1]), day: match[2] ?? '' } : undefined;
}

/** Name of the file with the stamp over line `seq`. */
export function stampFileName(seq: number): string {
  return `head-${String(seq).padStart(12, '0')}.tsr`;
}

/** The line that a stamp's file covers; `undefined` for another file. */
export function parseStampFileName(name: string): number | undefined {
  const match = /^head-(\d{12})\.tsr$/.exec(name);
  return match ? Number(match[1]) : undefined;
}
