// Clients at load, providers that fail, lie, hang and roll over, replicas that are killed: what was acknowledged is good
// and in the journal, the same query has one answer, and the meter equals the providers' own counts but for what was in
// flight when a replica died, which is listed. Once with a folder and one process, once with three replicas on PostgreSQL.
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { digest } from '#shared/crypto/digest.ts';
import { toHex } from '#shared/bytes.ts';
import { buildTimeStampReq, parseTimeStampReq } from '#shared/tsp/request.ts';
import { parseTimeStampResp } from '#shared/tsp/response.ts';
import { parseTimeStampToken } from '#shared/tsp/token.ts';
import { verifyToken } from '#shared/tsp/verify-token.ts';
import { openKeptRecords } from '#tsa/adapters/kept-records.ts';
import { checkAuditLog } from '#tsa/audit/audit-check.ts';
import type { DatabaseConfig, TsaConfig } from '#tsa/config/config.ts';
import { parseJournalLine } from '#tsa/journal/journal-line.ts';
import { createUsageTable, formatMicros } from '#tsa/metering/usage.ts';
import type { ConformanceResult } from '../conformance/_report.ts';
import { startPostgres } from '../interop/_postgres.ts';
import { configWith } from '../tsa/_proxy.ts';
import { startChaosProvider, type ChaosProvider, type Given } from './_chaos-providers.ts';
import { startReplica, type Deaths, type Replica } from './_chaos-replicas.ts';
import { numbers } from './_numbers.ts';

const clients = 12;
const responseMs = 400;
/** Longer than a machine that has other things to do lets an answer lie: what is given up after it is nobody's fault. */
const lateMs = 60_000;
/** Between an answer of a provider and its record in the journal, on such a machine. */
const inFlightMs = 10_000;
/** More than this many requests are never under way in one process: a client's own, a late one, a trial. */
const mostInFlight = 3 * clients;

/** Fewer tokens than this show nothing. */
const enough = 50;

/** So many answers at least come between two kills. */
const leastInLife = 10;

/** What clients were told. */
type Told = {
  /** By the query's octets: serial numbers of the tokens that it was answered with. */
  readonly answers: Map<string, Set<string>>;
  /** Answers that are no good. */
  readonly bad: string[];
  granted: number;
  rejected: number;
  failed: number;
};

type Stage = {
  readonly providers: readonly ChaosProvider[];
  readonly replicas: readonly Replica[];
  readonly chance: () => number;
  readonly told: Told;
  readonly over: () => boolean;
  /** A repeat is answered with a token as old as this part of the proof at most; yesterday's is older. */
  readonly toleranceSeconds: number;
};

function query(): Uint8Array {
  return buildTimeStampReq({
    algorithm: 'SHA-256',
    digest: digest('SHA-256', randomBytes(32)),
    nonce: BigInt(`0x${randomBytes(8).toString('hex')}`) >> 1n,
    certReq: true,
  });
}

/** Judges an answer as a client would that trusts the providers' roots. */
function take(octets: Uint8Array, asked: Uint8Array, stage: Stage): boolean {
  const { told, providers, toleranceSeconds } = stage;
  const { statusName, token: tokenOctets } = parseTimeStampResp(octets);
  if (statusName !== 'granted' || !tokenOctets) {
    told.rejected++;
    return false;
  }
  const token = parseTimeStampToken(tokenOctets);
  const now = Temporal.Now.instant();
  const verdict = verifyToken(token, {
    request: parseTimeStampReq(asked),
    anchors: providers.map(({ upstream }) => ({ certificate: upstream.root.certificate })),
    at: now,
    clock: { now, toleranceSeconds },
    revocationMode: 'none',
  });
  const serial = token.tstInfo.serialNumber.toString(16);
  if (verdict.status !== 'valid') told.bad.push(`${serial}: ${verdict.subIndication ?? ''}`);
  const key = toHex(asked);
  // Serial numbers are each provider's own: the signer's root tells them apart.
  const name = `${verdict.path.at(-1)?.subject.text ?? ''} ${serial}`;
  told.answers.set(key, (told.answers.get(key) ?? new Set()).add(name));
  told.granted++;
  return true;
}

/** Sends one query until it is answered, to whichever replica is there. */
async function askUntilAnswered(asked: Uint8Array, stage: Stage): Promise<void> {
  for (let left = 40; left > 0 && !stage.over(); left--) {
    const { replicas, chance, told } = stage;
    const url = replicas[Math.floor(chance() * replicas.length)]?.url();
    if (url === undefined) {
      await delay(20);
      continue;
    }
    try {
      const answer = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/timestamp-query' },
        body: Buffer.from(asked),
        signal: AbortSignal.timeout(8000),
      });
      if (take(new Uint8Array(await answer.arrayBuffer()), asked, stage)) return;
    } catch {
      told.failed++;
    }
    await delay(20 * chance());
  }
}

async function client(stage: Stage): Promise<void> {
  const before: Uint8Array[] = [];
  while (!stage.over()) {
    const old = before[Math.floor(stage.chance() * before.length)];
    // One in five asks again for what it has.
    const asked = old && stage.chance() < 0.2 ? old : query();
    await askUntilAnswered(asked, stage);
    before.push(asked);
    if (before.length > 50) before.shift();
  }
}

async function killer({ replicas, chance, over, told }: Stage): Promise<number> {
  let kills = 0;
  for (;;) {
    await delay(500 + 2500 * chance());
    // Where a start takes long, a life would else be over before it has begun.
    const before = told.granted;
    while (!over() && told.granted < before + leastInLife) await delay(100);
    if (over()) return kills;
    await replicas[Math.floor(chance() * replicas.length)]?.kill();
    kills++;
  }
}

type Books = {
  /** `provider serialNumber` of every token in the journal. */
  readonly tokens: readonly string[];
  /** What `tokiwa tsa usage` bills: tokens and cost by provider. */
  readonly billed: ReadonlyMap<string, string>;
  readonly auditStatus: string;
  readonly auditLines: number;
  /** Nothing was put back from an older copy, so that nothing may say so. */
  readonly restored: number;
};

/** In JPY, of each token. */
const price = 10;

const billOf = (tokens: number): string => `${tokens} tokens, ${tokens * price} JPY`;

async function readBooks(config: TsaConfig): Promise<Books> {
  await using kept = await openKeptRecords(config, () => undefined);
  const tokens: string[] = [];
  const table = createUsageTable({ timeZone: config.timeZone });
  for (const name of await kept.journal.list())
    for await (const { octets } of kept.journal.lines(name)) {
      const record = parseJournalLine(octets);
      if (record) table.add(record);
      if (record?.kind === 'token') tokens.push(`${record.provider} ${record.serialNumber}`);
    }
  const billed = new Map<string, string>();
  for (const [provider, rows = []] of Map.groupBy(table.rows(), (row) => row.provider)) {
    const count = rows.reduce((sum, row) => sum + row.tokens, 0);
    const micros = rows.reduce((sum, row) => sum + row.costMicros, 0n);
    billed.set(provider, `${count} tokens, ${formatMicros(micros)} JPY`);
  }
  const { status, lines, findings } = await checkAuditLog(kept.audit, { anchors: [] });
  const restored = findings.filter(({ cause }) => cause.includes('older copy')).length;
  return { tokens, billed, auditStatus: status, auditLines: lines, restored };
}

/** What is known of a token that the journal lacks. */
function storyOf(one: Given, deaths: Deaths): string {
  const died = deaths.get(one.life);
  const end = died === undefined ? 'lives' : `died ${died - one.at} ms later`;
  return `${one.provider} ${one.serialNumber}: given after ${one.at - one.asked} ms, ${one.life} ${end}`;
}

/** Whether a token that the journal lacks was on its way when its replica died. */
function inFlight({ life, at }: Given, deaths: Deaths): boolean {
  const died = deaths.get(life);
  return died !== undefined && at > died - inFlightMs;
}

const keyOf = ({ provider, serialNumber }: Given): string => `${provider} ${serialNumber}`;

/** What providers gave and the journal lacks: what a kill explains, and what nothing does. */
function missing(providers: readonly ChaosProvider[], { tokens }: Books, deaths: Deaths) {
  const journalled = new Set(tokens);
  const lacking = providers
    .flatMap(({ given }) => given)
    .filter((one) => !journalled.has(keyOf(one)));
  const excused = lacking.filter((one) => inFlight(one, deaths));
  return { excused, lost: lacking.filter((one) => !excused.includes(one)) };
}

/** Lives of replicas whose death is to explain more than one process had in hand. */
function tooManyInFlight(excused: readonly Given[]): readonly string[] {
  return Object.entries(Object.groupBy(excused, ({ life }) => life)).flatMap(([life, all = []]) =>
    all.length > mostInFlight ? [`${life}: ${all.length}`] : [],
  );
}

function resultsOf(
  name: string,
  stage: Stage,
  books: Books,
  deaths: Deaths,
  kills: number,
): readonly ConformanceResult[] {
  const { told, providers } = stage;
  const result = (what: string, wrong: readonly string[], got: string): ConformanceResult => ({
    case: `${name}: ${what}`,
    passed: wrong.length === 0,
    expected: 'none',
    got: wrong.length === 0 ? got : wrong.slice(0, 10).join('; '),
  });
  const journalled = new Set(books.tokens);
  const rootNames = new Map(
    providers.map(({ name: provider, upstream }) => [
      upstream.root.certificate.subject.text,
      provider,
    ]),
  );
  const acknowledged = [...told.answers.values()].flatMap((names) =>
    [...names].map((one) => {
      const split = one.lastIndexOf(' ');
      return `${rootNames.get(one.slice(0, split)) ?? '?'} ${one.slice(split + 1)}`;
    }),
  );
  const given = providers.flatMap((provider) => provider.given);
  const billed = new Set(given.map(keyOf));
  const { excused, lost } = missing(providers, books, deaths);
  for (const one of excused)
    console.log(`chaos: ${name}: in flight at a kill: ${storyOf(one, deaths)}`);
  const summary = `${told.granted} granted, ${told.rejected} rejected, ${told.failed} not answered, ${kills} kills, ${books.tokens.length} tokens, ${excused.length} in flight at a kill`;
  return [
    result(
      'there was something to see',
      told.granted > enough && kills > 0 ? [] : [summary],
      summary,
    ),
    result('answers that do not verify', told.bad, 'none'),
    result(
      'queries with two different answers',
      [...told.answers].filter(([, names]) => names.size > 1).map(([key]) => key),
      `${told.answers.size} queries`,
    ),
    result(
      'acknowledged tokens that the journal lacks',
      acknowledged.filter((one) => !journalled.has(one)),
      `${acknowledged.length} acknowledged`,
    ),
    result(
      'tokens of the journal that no provider gave, or that stand there twice',
      books.tokens.filter((one, i) => !billed.has(one) || books.tokens.indexOf(one) !== i),
      `${books.tokens.length} in the journal`,
    ),
    result(
      'tokens that a provider counts and the meter does not',
      [...lost.map((one) => storyOf(one, deaths)), ...tooManyInFlight(excused)],
      `${given.length} given, ${excused.length} of them in flight at a kill`,
    ),
    result(
      'bills that are not what the provider counts but for what was in flight',
      providers.flatMap(({ name: provider, given: own }) => {
        const expected = billOf(own.filter((one) => !excused.includes(one)).length);
        const got = books.billed.get(provider) ?? billOf(0);
        return got === expected ? [] : [`${provider}: ${expected}, billed ${got}`];
      }),
      [...books.billed].map((one) => one.join(': ')).join('; '),
    ),
    result(
      'breaches of the audit log',
      books.auditStatus === 'intact' && books.auditLines >= told.granted ? [] : [books.auditStatus],
      `${books.auditLines} lines`,
    ),
    result(
      'copies that are taken for older ones',
      books.restored === 0 ? [] : [`${books.restored} lines say so`],
      'none',
    ),
  ];
}

async function run(
  name: string,
  seed: number,
  milliseconds: number,
  replicaCount: number,
  database: DatabaseConfig | undefined,
): Promise<readonly ConformanceResult[]> {
  const folder = await mkdtemp(path.join(tmpdir(), 'tokiwa-chaos-'));
  const chance = numbers(seed);
  let calm = false;
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const providers: ChaosProvider[] = [];
  for (const provider of ['first', 'second', 'third']) {
    const started = await startChaosProvider(provider, chance, () => calm);
    stack.use(started.upstream);
    providers.push(started);
  }
  const settings = await Promise.all(
    providers.map(({ name: provider, upstream }) =>
      upstream.provider(folder, {
        name: provider,
        timeouts: { connectMs: 300, responseMs, lateMs },
        price: { amount: price, currency: 'JPY' },
        breaker: { failures: 5, openSeconds: 1, maxOpenSeconds: 4 },
      }),
    ),
  );
  const configOf = (state: string, life: string): TsaConfig => ({
    ...configWith(
      path.join(folder, state),
      settings.map((one) => ({ ...one, url: new URL(life, one.url).href })),
    ),
    database,
    deadlineMs: 5000,
    budgets: [{ period: 'month', tokens: 10_000_000, warnAtPercent: 80 }],
  });
  const deaths: Deaths = new Map();
  const replicas: Replica[] = [];
  for (let i = 0; i < replicaCount; i++) {
    const state = `replica-${i}`;
    const replica = await startReplica(state, (life) => configOf(state, life), deaths);
    stack.defer(replica.stop);
    replicas.push(replica);
  }
  const told: Told = { answers: new Map(), bad: [], granted: 0, rejected: 0, failed: 0 };
  const toleranceSeconds = 120 + milliseconds / 100;
  // A machine that is busy gets more time: what is too little to see shows nothing.
  const began = Date.now();
  const over = (): boolean => {
    const passed = Date.now() - began;
    return passed > milliseconds && (told.granted > enough || passed > 10 * milliseconds);
  };
  const stage = { providers, replicas, chance, told, over, toleranceSeconds };
  const [kills] = await Promise.all([
    killer(stage),
    ...Array.from({ length: clients }, () => client(stage)),
  ]);
  calm = true;
  // What is still on its way comes in, or is given up.
  const books = (): Promise<Books> => readBooks(configOf('replica-0', '/'));
  const until = Date.now() + lateMs;
  while (Date.now() < until && missing(providers, await books(), deaths).lost.length > 0)
    await delay(500);
  for (const replica of replicas) await replica.stop();
  return resultsOf(name, stage, await books(), deaths, kills);
}

/** Part 0: one process and its folders. Part 1: three replicas on a real PostgreSQL. */
export async function chaos(
  seed: number,
  part: number,
  milliseconds: number,
): Promise<readonly ConformanceResult[]> {
  if (part === 0) return run('a folder', seed, milliseconds, 1, undefined);
  await using server = await startPostgres();
  return await run('three replicas', seed, milliseconds, 3, server.newDatabase());
}
