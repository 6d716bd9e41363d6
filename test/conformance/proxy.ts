// Corpus `tsp` behind the proxy: each answer that has to be rejected is given by a provider to the corpus's own query. The
// client gets none of it, and the next provider is asked. Reads gen.json and real.json of a folder.
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { replyMediaType } from '#shared/tsp/http-exchange.ts';
import { buildTimeStampResp, parseTimeStampResp } from '#shared/tsp/response.ts';
import { defaultHttpProvider, type HttpProviderConfig } from '#tsa/config/config.ts';
import { configWith, createTestClock, startTestTsa, temporaryFolder } from '../tsa/_proxy.ts';
import type { ConformanceReport, ConformanceResult } from './_report.ts';
import type { Item, Manifest } from './tsp.ts';

type Served = AsyncDisposable & { readonly url: string; readonly asked: () => number };

/** A provider that answers every query with what `answer` is at that moment. */
async function serve(answer: () => Uint8Array): Promise<Served> {
  let asked = 0;
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      asked++;
      response.writeHead(200, { 'content-type': replyMediaType }).end(answer());
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    asked: () => asked,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => {
          resolve();
        });
      }),
  };
}

function providerAt(
  name: string,
  url: string,
  anchors: readonly string[],
  tsaPolicies: readonly string[],
): HttpProviderConfig {
  return {
    ...defaultHttpProvider,
    kind: 'http',
    name,
    url,
    anchors,
    tsaPolicies,
    hashAlgorithms: ['SHA-256', 'SHA-384', 'SHA-512'],
    // However bad its answers are, it is asked again.
    breaker: { ...defaultHttpProvider.breaker, failures: 100_000 },
    timeouts: { connectMs: 60_000, responseMs: 120_000, lateMs: 180_000 },
  };
}

/** Answers to which the caller's query, clock and anchors are known. */
type Case = Item & {
  readonly request: string;
  readonly now: string;
  readonly trust: string;
};

function isCase(item: Item): item is Case {
  const { kind, expect, firm, request, now, trust } = item;
  const isKnown = request !== undefined && now !== undefined && trust !== null;
  return kind === 'response' && expect === 'reject' && firm && isKnown;
}

/** The two bits after which another provider would say the same. */
function endsThere(octets: Uint8Array): boolean {
  try {
    const { statusName, failInfo } = parseTimeStampResp(octets);
    const ending = failInfo.some((bit) => bit === 'badRequest' || bit === 'badDataFormat');
    return statusName === 'rejection' && ending;
  } catch {
    return false;
  }
}

async function runUnder(
  folder: string,
  trust: string,
  cases: readonly Case[],
  policy: string | undefined,
): Promise<readonly ConformanceResult[]> {
  let answer: Uint8Array = new Uint8Array();
  const refusal = buildTimeStampResp({ status: 'rejection', failInfo: ['timeNotAvailable'] });
  await using bad = await serve(() => answer);
  await using next = await serve(() => refusal);
  await using state = await temporaryFolder();
  const clock = createTestClock();
  const anchors = [join(folder, trust)];
  const policies = policy === undefined ? [] : [policy];
  const providers = [
    providerAt('bad', bad.url, anchors, policies),
    providerAt('next', next.url, anchors, policies),
  ];
  const config = configWith(state.path, providers, {
    hashAlgorithms: ['SHA-256', 'SHA-384', 'SHA-512'],
    clockToleranceSeconds: 300,
    revocation: 'none',
    minimumRemainingDays: 0,
  });
  const audit = { ...config.audit, stampProfile: undefined };
  await using tsa = await startTestTsa({ ...config, audit, deadlineMs: 600_000 }, clock);
  const results: ConformanceResult[] = [];
  for (const { id, file, request, now } of cases) {
    answer = await readFile(join(folder, file));
    clock.set(now);
    const before = [bad.asked(), next.asked()];
    const reply = await fetch(tsa.url, {
      method: 'POST',
      headers: { 'content-type': 'application/timestamp-query' },
      body: await readFile(join(folder, request)),
    });
    const octets = new Uint8Array(await reply.arrayBuffer());
    const asked = [bad.asked() - (before[0] ?? 0), next.asked() - (before[1] ?? 0)].join();
    const status = reply.status === 200 ? parseTimeStampResp(octets).statusName : reply.status;
    const handedOn = Buffer.from(octets).equals(answer) ? ', and was handed on' : '';
    // A query that is not taken itself never reaches a provider.
    const expected = endsThere(answer) ? ['1,0'] : ['1,1', '0,0'];
    results.push({
      case: id,
      expected: `rejection; asked ${expected.join(' or ')}`,
      got: `${String(status)}; asked ${asked}${handedOn}`,
      passed: status === 'rejection' && expected.includes(asked) && handedOn === '',
    });
  }
  return results;
}

/** Serves every item that has to be rejected; those of one anchor by one proxy. */
export async function run(folder: string): Promise<ConformanceReport> {
  const results: ConformanceResult[] = [];
  for (const name of ['gen.json', 'real.json']) {
    const { policy, items } = JSON.parse(await readFile(join(folder, name), 'utf8')) as Manifest;
    for (const [trust, cases] of Map.groupBy(items.filter(isCase), (item) => item.trust))
      results.push(...(await runUnder(folder, trust, cases, policy)));
  }
  return { results };
}
