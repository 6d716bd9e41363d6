// The Prefer header as far as intake has something to choose: whether to wait for the records (RFC 7240 §4.1, §4.3).

export type Preference = {
  /** How long the sender waits; `undefined`: as long as it takes. */
  readonly waitMs: number | undefined;
  /** What is said to have been applied, where it was. */
  readonly applied: string | undefined;
};

/** What is not understood is as if it were not there (RFC 7240 §2); of a preference given twice, the first counts. */
export function preferenceOf(header: string | readonly string[] | undefined): Preference {
  const text = typeof header === 'string' ? header : (header ?? []).join(',');
  const preferences = text
    .slice(0, 1000)
    .split(',')
    .map((one) => one.split(';')[0]?.trim().toLowerCase() ?? '');
  const wait = preferences.flatMap((one) => /^wait\s*=\s*"?(\d{1,6})"?$/.exec(one)?.[1] ?? [])[0];
  // RFC 7240 §4.3: respond-async with a wait means, wait that long first.
  if (wait !== undefined) return { waitMs: Number(wait) * 1000, applied: `wait=${wait}` };
  if (preferences.includes('respond-async')) return { waitMs: 0, applied: 'respond-async' };
  return { waitMs: undefined, applied: undefined };
}
