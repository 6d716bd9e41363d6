// What stands in the database, read as the folders of files that it stands for: one file a day. So the bill and the
// check of the audit log read both in the same way.
import { FormatError } from '#shared/errors.ts';
import { maxReplyOctets } from '#shared/tsp/http-exchange.ts';
import {
  auditFileName,
  parseAuditFileName,
  parseStampFileName,
  stampFileName,
} from '../../audit/audit-line.ts';
import type { AuditFolder } from '../audit-files.ts';
import type { JournalFolder } from '../files.ts';
import type { FileLine } from '../lines.ts';
import type { Database } from './connection.ts';

type LineRow = { readonly seq: string; readonly line: Buffer };

const pageSize = 500;
const instance = '00000000';

/** Lines of one day, in pages; ends where a page is not full. */
async function* linesOfDay(
  database: Database,
  table: string,
  day: string,
): AsyncIterable<FileLine> {
  let after = '0';
  let offset = 0;
  for (;;) {
    const rows = await database.query<LineRow>(
      `SELECT t.seq::text, line FROM ${table} t WHERE day = $1 AND t.seq > $2 ORDER BY t.seq LIMIT ${pageSize}`,
      [day, after],
    );
    for (const { seq, line } of rows) {
      yield { offset, octets: line, whole: true };
      offset += line.length + 1;
      after = seq;
    }
    if (rows.length < pageSize) return;
  }
}

export function journalFolderOf(database: Database): JournalFolder {
  return {
    list: async () => {
      const rows = await database.query<{ day: string }>(
        'SELECT DISTINCT day FROM journal ORDER BY day',
      );
      return rows.map(({ day }) => day);
    },
    lines: (day) => linesOfDay(database, 'journal', day),
  };
}

export function auditFolderOf(database: Database): AuditFolder {
  return {
    list: async () => {
      const rows = await database.query<{ first: string; day: string }>(
        'SELECT min(seq)::text AS first, day FROM audit_lines GROUP BY day ORDER BY day',
      );
      return rows.map(({ first, day }) => auditFileName(Number(first), day, instance));
    },
    stamps: async () => {
      const rows = await database.query<{ seq: string }>(
        'SELECT s.seq::text FROM audit_stamps s ORDER BY s.seq',
      );
      return rows.map(({ seq }) => stampFileName(Number(seq)));
    },
    lines: (name) => linesOfDay(database, 'audit_lines', parseAuditFileName(name)?.day ?? ''),
    stamp: async (name) => {
      const [row] = await database.query<{ response: Buffer }>(
        'SELECT response FROM audit_stamps WHERE seq = $1',
        [parseStampFileName(name) ?? 0],
      );
      if (!row || row.response.length > maxReplyOctets)
        throw new FormatError('ERR_FORMAT_LIMIT', `${name}: no stamp`);
      return row.response;
    },
  };
}
