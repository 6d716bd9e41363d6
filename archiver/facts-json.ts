// Facts to JSON and back: instants are texts in between.
import type { Facts } from '#shared/validation/facts.ts';

/** Keys whose values are instants, wherever they stand in Facts. */
const instantKeys = new Set([
  'genTime',
  'notBefore',
  'notAfter',
  'claimedSigningTime',
  'initialTime',
  'lastTime',
]);

function revive(key: string, value: unknown): unknown {
  if (instantKeys.has(key) && typeof value === 'string') return Temporal.Instant.from(value);
  if (key === 'chainNotAfter' && Array.isArray(value)) {
    return value.map((text) =>
      typeof text === 'string' ? Temporal.Instant.from(text) : (text as unknown),
    );
  }
  return value;
}

/** Facts from our own JSON, as `JSON.stringify(facts)` wrote it. */
export function parseFacts(text: string): Facts {
  return JSON.parse(text, revive) as Facts;
}
