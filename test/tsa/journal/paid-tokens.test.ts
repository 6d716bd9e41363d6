// Tokens that wait for a journal that works: each of them, and each once.
import test from 'ava';
import type { Event } from '#shared/ports/runtime.ts';
import type { TokenRecord } from '#tsa/journal/journal-line.ts';
import type { Journal } from '#tsa/journal/journal.ts';
import { createPaidTokens } from '#tsa/journal/paid-tokens.ts';

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

/** Names of events, and the serial numbers that they are about. */
function listen() {
  const heard: string[] = [];
  const events = ({ name, serialNumber }: Event): void => {
    heard.push(`${name} ${String(serialNumber)}`);
  };
  return { heard, events };
}

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

test('at the end what waits goes into the journal', async (t) => {
  const { journal, written, works } = openJournal();
  const { heard, events } = listen();
  const paid = createPaidTokens(journal, events);
  await t.throwsAsync(paid.append(record('first', '1')));
  await t.throwsAsync(paid.append(record('first', '2')));
  works();
  await paid.close();
  t.deepEqual(written, ['first 1', 'first 2']);
  t.deepEqual(heard, ['tsa.token.journalled 1', 'tsa.token.journalled 2']);
});

test('what cannot be written at the end either is said, each by its serial number', async (t) => {
  const { journal, written } = openJournal();
  const { heard, events } = listen();
  const paid = createPaidTokens(journal, events);
  await t.throwsAsync(paid.append(record('first', '1')));
  await t.throwsAsync(paid.append(record('first', '2')));
  await paid.close();
  t.deepEqual(written, []);
  t.deepEqual(heard, ['tsa.token.lost 1', 'tsa.token.lost 2']);
  await paid.close();
  t.is(heard.length, 2, 'once');
});

test('of more than a thousand that wait the oldest is given up, and that is said', async (t) => {
  const { journal } = openJournal();
  const { heard, events } = listen();
  const paid = createPaidTokens(journal, events);
  for (let i = 0; i <= 1000; i++)
    await paid.append(record('first', String(i))).catch(() => undefined);
  t.deepEqual(heard, ['tsa.token.lost 0']);
});
