// Approvals of the configuration as lines of the audit log: all at the start, then what a reload changed.
import type { AuditEntry } from '../audit/audit-line.ts';
import type { Oversight } from '../config/config.ts';

type Approved = Extract<AuditEntry, { event: 'approved' }>;

function entriesOf({ approvals }: Oversight): readonly Approved[] {
  const of = (kind: Approved['kind'], map: Oversight['approvals']['clients']): Approved[] =>
    Object.entries(map).map(([name, { by, on }]) => ({ event: 'approved', kind, name, by, on }));
  return [...of('provider', approvals.providers), ...of('client', approvals.clients)];
}

/** Writes down what is approved and was not, or otherwise, before. */
export async function noteApprovals(
  oversight: Oversight,
  before: Oversight | undefined,
  note: (entry: AuditEntry) => Promise<unknown>,
): Promise<void> {
  const known = new Set(before && entriesOf(before).map((one) => JSON.stringify(one)));
  for (const entry of entriesOf(oversight))
    if (!known.has(JSON.stringify(entry))) await note(entry);
}
