// The Prefer header (RFC 7240) as intake reads it.
import test from 'ava';
import { preferenceOf } from '#shared/intake/preference.ts';

const rows: readonly (readonly [header: string | undefined, waitMs: number | undefined])[] = [
  [undefined, undefined],
  ['', undefined],
  ['respond-async', 0],
  ['Respond-Async', 0],
  ['handling=lenient, respond-async', 0],
  ['wait=10', 10_000],
  ['respond-async, wait=10', 10_000],
  ['wait="5"', 5000],
  ['wait=1, wait=9', 1000],
  ['wait=soon', undefined],
  ['wait=-1', undefined],
  [`${'x'.repeat(2000)}, respond-async`, undefined],
];
for (const [header, waitMs] of rows)
  test(`Prefer: ${header?.slice(0, 40) ?? 'none'}`, (t) => {
    t.is(preferenceOf(header).waitMs, waitMs);
  });
