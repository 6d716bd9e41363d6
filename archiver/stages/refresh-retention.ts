// Retention that operators set since: what the journal says (tokiwa retention set, holds) and rules
// that changed in the configuration move the dates before tonight's plan.
import type { Catalogue, RetentionFacts } from '#shared/ports/catalogue.ts';
import type { FormatError } from '#shared/errors.ts';
import type { ArchiverConfig } from '../config.ts';
import type { EvidenceStore } from '../evidence-store.ts';
import type { JournalEntry } from '../journal-entries.ts';
import { resolveRetention } from './retention.ts';

/** What of the configuration decides retention, in one text. */
function rulesText(config: ArchiverConfig): string {
  return JSON.stringify([
    config.timeZone,
    config.rules.map((rule) => ({ ...rule, match: rule.match.source })),
  ]);
}

/** One journalled word of an operator, taken into the catalogue; other entries say nothing here. */
export async function applyRetentionEntry(
  catalogue: Catalogue,
  config: ArchiverConfig,
  entry: JournalEntry,
): Promise<void> {
  if (entry.kind !== 'retention-set' && entry.kind !== 'hold') return;
  for await (const row of catalogue.documents({ store: entry.store, key: entry.key })) {
    const { retention } = row;
    const journal = entry.kind === 'retention-set' ? entry.statement : retention.journal;
    const hold = entry.kind === 'hold' ? entry.on : retention.hold;
    const fresh = resolveRetention(config, {
      ...row,
      journal,
      sidecar: retention.sidecar,
      tag: retention.tag,
      hold,
    });
    await catalogue.updateDocument(row.id, { retention: fresh });
  }
}

function same(a: RetentionFacts, b: RetentionFacts): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/**
 * Resolves every document again where the rules are not those of the last run. `onDamaged` is told of
 * journal objects that cannot be read; the words in the others count.
 */
export async function refreshRetention(
  catalogue: Catalogue,
  config: ArchiverConfig,
  evidence: EvidenceStore,
  signal: AbortSignal,
  onDamaged?: (error: FormatError) => void,
): Promise<void> {
  const from = Number((await catalogue.getMeta('journal')) ?? '0');
  let last = from;
  for await (const record of evidence.journal.readFrom(from + 1, signal, onDamaged)) {
    for (const entry of record.entries) await applyRetentionEntry(catalogue, config, entry);
    last = record.sequence;
  }
  if (last !== from) await catalogue.setMeta('journal', String(last));
  const rules = rulesText(config);
  if ((await catalogue.getMeta('retention-rules')) === rules) return;
  for await (const row of catalogue.documents()) {
    signal.throwIfAborted();
    const { journal, sidecar, tag, hold } = row.retention;
    const fresh = resolveRetention(config, { ...row, journal, sidecar, tag, hold });
    if (!same(fresh, row.retention)) await catalogue.updateDocument(row.id, { retention: fresh });
  }
  await catalogue.setMeta('retention-rules', rules);
}
