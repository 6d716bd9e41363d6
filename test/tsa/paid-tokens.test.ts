// Tokens that wait for a journal that works: each of them, and each once.
import test from 'ava';
import type { TokenRecord } from '#tsa/journal-line.ts';
import type { Journal } from '#tsa/journal.ts';
import { createPaidTokens } from '#tsa/paid-tokens.ts';

const record = (provider: string, serialNumber: string): TokenRecord => ({
  kind: 'token',
  id: 'purchase',
  at: Temporal.Instant.from('2030-01-01T00:00:00Z'),
  client: 'records',
  profile: 'default',
  repeatKey: undefined,
  provider,
  serialNumber,
  genTime: Temporal.Instant.from('2030-01-01T00:00:00Z'),
  late: false,
  price: undefined,
  response: new Uint8Array(),
});

/** A journal that refuses records while it is full, and takes its time. */
function openJournal() {
  const written: string[] = [];
  let full = true;
  const journal = {
    append: async (one: TokenRecord): Promise<boolean> => {
      await Promise.resolve();
      if (full) throw new Error('no space');
      written.push(`${one.provider} ${one.serialNumber}`);
      return false;
    },
  };
  const works = (): void => {
    full = false;
  };
  return { journal: journal as unknown as Journal, written, works };
}

test('both tokens of one purchase wait: the second does not take the place of the first', async (t) => {
  const { journal, written, works } = openJournal();
  const paid = createPaidTokens(journal, () => undefined);
  await t.throwsAsync(paid.append(record('first', '1')));
  await t.throwsAsync(paid.append(record('second', '1')));
  await t.throwsAsync(paid.append(record('second', '2')));
  works();
  await paid.flush();
  t.deepEqual(written, ['first 1', 'second 1', 'second 2']);
});

test('two that flush at the same time write each token once', async (t) => {
  const { journal, written, works } = openJournal();
  const paid = createPaidTokens(journal, () => undefined);
  await t.throwsAsync(paid.append(record('first', '1')));
  works();
  await Promise.all([paid.flush(), paid.flush()]);
  await paid.flush();
  t.deepEqual(written, ['first 1']);
});
