// One night in a process of its own that ends itself with SIGKILL at a chosen call to stores or TSA, before or after the call's effect. Arguments: configuration file, the instant of the night, the
// number of the call (0: none), `before` or `after`, and keys that came in between nights, the last one's digest alone, where it is a run over these.
// Says when it begins, and at its end how many calls there were.
import process from 'node:process';
import { loadConfig } from '#archiver/commands/context.ts';
import { openEvidenceStore } from '#archiver/evidence-store.ts';
import { digestStoreName } from '#archiver/intake/digest-statement.ts';
import { openArchiver } from '#archiver/main.ts';
import type { StampingTsa } from '#archiver/evidence/types.ts';
import { runIntake, runNight } from '#archiver/run.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';

const [configFile = '', instant = '', fatalCall = '0', when = 'before', ...keys] =
  process.argv.slice(2);
const runAt = Temporal.Instant.from(instant);
const clock = { now: () => runAt };
const { signal } = new AbortController();
let calls = 0;

function die(): Promise<never> {
  process.kill(process.pid, 'SIGKILL');
  return new Promise(() => undefined);
}

async function counted<T>(call: () => Promise<T>): Promise<T> {
  calls += 1;
  const isFatal = calls === Number(fatalCall);
  if (isFatal && when === 'before') return die();
  const result = await call();
  return isFatal ? die() : result;
}

/** Listing is a read: it counts as one call, before its first entry. */
function deadly(store: ObjectStore): ObjectStore {
  return {
    ...store,
    digest: undefined,
    list: async function* (options) {
      await counted(() => Promise.resolve());
      yield* store.list(options);
    },
    head: (...call) => counted(() => store.head(...call)),
    read: (...call) => counted(() => store.read(...call)),
    write: (...call) => counted(() => store.write(...call)),
    remove: (...call) => counted(() => store.remove(...call)),
  };
}

const events = (): void => undefined;
await using archiver = await openArchiver(await loadConfig(configFile), {
  clock,
  events,
  signal,
  create: true,
});
const own = await archiver.night(signal);
const evidence = await openEvidenceStore({
  store: deadly(own.evidence.objects),
  prefix: '',
  expectedArchiveId: own.evidence.archiveId,
  create: false,
  at: runAt,
  random: own.random,
  signal,
});

/** Each asking of a TSA is a call. */
function asked(tsa: StampingTsa): StampingTsa {
  const { source } = tsa;
  const exchange: typeof source.exchange = (...call) => counted(() => source.exchange(...call));
  return { ...tsa, source: { ...source, exchange } };
}

const tsas = { tsa: asked(own.tsa), secondTsa: own.secondTsa && asked(own.secondTsa) };
const stores = new Map([...own.stores].map(([name, store]) => [name, deadly(store)]));
const deps = { ...own, stores, evidence, ...tsas };
process.stdout.write('begins\n');
const summary =
  keys.length === 0
    ? await runNight(deps, { runAt, signal, reread: 'whole' })
    : await runIntake(deps, { runAt, signal }, [
        ...keys.slice(0, -1).map((key) => ({ store: 'documents', key })),
        ...keys.slice(-1).map((key) => ({ store: digestStoreName, key })),
      ]);
process.stdout.write(`${JSON.stringify({ calls, outcome: summary.outcome })}\n`);
