// A full disk: no token is given out that is not in the journal, none that was bought is lost, and nothing is bought
// that could not be recorded first.
import test from 'ava';
import { createBudgets } from '#tsa/metering/budgets.ts';
import { createLedger } from '#tsa/metering/ledger.ts';
import type { Event } from '#shared/ports/runtime.ts';
import { parseTimeStampReq, type TimeStampReq } from '#shared/tsp/request.ts';
import { openJournalFiles, type JournalFiles } from '#tsa/adapters/files.ts';
import { openHttpProvider } from '#tsa/adapters/http-provider.ts';
import { defaultProfile } from '#tsa/config/config.ts';
import { openJournal } from '#tsa/journal/journal.ts';
import type { Provider } from '#tsa/providers/providers.ts';
import { createStampService } from '#tsa/stamp.ts';
import { createStandingVerdicts } from '#tsa/local/standing-verdict.ts';
import { createTestClock, queryFor, random, temporaryFolder } from './_proxy.ts';
import { startUpstream, type Upstream } from './_upstream.ts';

/** A journal that refuses records while `isFull` says so of their kind. */
function filling(files: JournalFiles, isFull: (kind: string) => boolean): JournalFiles {
  return {
    ...files,
    create: async (name) => {
      const log = await files.create(name);
      return {
        ...log,
        append: (octets) => {
          const [, kind = ''] = /"kind":"(\w+)"/.exec(Buffer.from(octets).toString()) ?? [];
          if (!isFull(kind)) return log.append(octets);
          return Promise.reject(Object.assign(new Error('no space'), { code: 'ENOSPC' }));
        },
      };
    },
  };
}

/** The same provider as if this process were it: what it is asked is sent nowhere. */
function asOwn(provider: Provider, upstream: Upstream): Provider {
  const answer = (request: TimeStampReq) => Promise.resolve({ response: upstream.grant(request) });
  return { ...provider, own: { answer, verdicts: createStandingVerdicts() } };
}

async function openService(
  folder: string,
  isFull: (kind: string) => boolean,
  options: { readonly own?: boolean } = {},
) {
  const clock = createTestClock();
  const events: Event[] = [];
  const sink = (event: Event): void => {
    events.push(event);
  };
  const upstream = await startUpstream(clock);
  const config = await upstream.provider(folder);
  const { signal } = new AbortController();
  const provider = await openHttpProvider({ config, timeZone: 'UTC', clock, events: sink, signal });
  const files = filling(await openJournalFiles(folder), isFull);
  const journal = await openJournal({ files, clock, random, events: sink });
  const service = createStampService({
    journal,
    settings: () => ({
      providers: new Map([[config.name, options.own ? asOwn(provider, upstream) : provider]]),
      config: { algorithmPolicy: undefined, deadlineMs: 60_000 },
    }),
    clock,
    random,
    events: sink,
    budgets: createBudgets({
      budgets: [],
      timeZone: 'UTC',
      ledger: createLedger('UTC'),
      clock,
      events: sink,
    }),
    onLate: () => undefined,
    onSecond: () => undefined,
    onNewTsu: () => undefined,
    shutdown: signal,
  });
  const stamp = (text: string) =>
    service.stamp({
      client: 'test',
      profile: { ...defaultProfile, providers: [config.name] },
      request: parseTimeStampReq(queryFor(text)),
      algorithm: 'SHA-256',
    });
  const close = async (): Promise<void> => {
    await service.idle();
    await provider[Symbol.asyncDispose]();
    await journal[Symbol.asyncDispose]();
    await upstream[Symbol.asyncDispose]();
  };
  return { stamp, upstream, events, [Symbol.asyncDispose]: close };
}

test('a request that cannot be recorded is not sent', async (t) => {
  await using folder = await temporaryFolder();
  let full = true;
  await using service = await openService(folder.path, () => full);
  t.like(await service.stamp('a'), { kind: 'rejected', failureBit: 'systemFailure' });
  t.is(service.upstream.queries.length, 0);
  full = false;
  t.like(await service.stamp('a'), { kind: 'granted' });
});

test('a token that cannot be recorded is not given out, and given to the repeat when it can', async (t) => {
  await using folder = await temporaryFolder();
  let full = true;
  await using service = await openService(folder.path, (kind) => full && kind === 'token');
  t.like(await service.stamp('a'), { kind: 'rejected', failureBit: 'systemFailure' });
  t.like(await service.stamp('a'), { kind: 'rejected', failureBit: 'systemFailure' });
  t.is(service.upstream.queries.length, 1, 'the repeat buys nothing');
  full = false;
  t.like(await service.stamp('a'), { kind: 'granted' });
  t.is(service.upstream.queries.length, 1, 'it got the token that was waiting');
});

test('a request to a unit of our own that cannot be recorded gets no answer, its token stays for the repeat', async (t) => {
  await using folder = await temporaryFolder();
  let full = true;
  const isFull = (kind: string): boolean => full && kind === 'request';
  await using service = await openService(folder.path, isFull, { own: true });
  t.like(await service.stamp('a'), { kind: 'rejected', failureBit: 'systemFailure' });
  full = false;
  t.like(await service.stamp('a'), { kind: 'granted', repeated: true });
  t.is(service.upstream.queries.length, 0);
});
