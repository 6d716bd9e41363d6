// The corpus `tsp` over HTTP: its answers from a fake upstream, whose every reject must be refused and fail over while
// its accepts are handed on octet for octet, and its requests to the proxy, each with its status and failure bit.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { digest } from '#shared/crypto/digest.ts';
import { equalBytes } from '#shared/bytes.ts';
import { TokiwaError } from '#shared/errors.ts';
import { buildTimeStampReq } from '#shared/tsp/request.ts';
import { buildTimeStampResp, parseTimeStampResp } from '#shared/tsp/response.ts';
import { parseTimeStampToken } from '#shared/tsp/token.ts';
import { defaultHashAlgorithms, defaultProfile, type TsaConfig } from '#tsa/config/config.ts';
import type { Item, Manifest, RequestItem } from '../conformance/tsp.ts';
import type { ConformanceReport, ConformanceResult } from '../conformance/_report.ts';
import { conformanceProfile } from '../conformance/_tsp-policy.ts';
import { choices } from '../conformance/_tsp-reasons.ts';
import { configWith, createTestClock, startTestTsa, temporaryFolder } from '../tsa/_proxy.ts';
import { startUpstream, upstreamPolicy } from '../tsa/_upstream.ts';

async function post(url: string, body: Uint8Array): Promise<Uint8Array> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/timestamp-query' },
    body: Buffer.from(body),
  });
  if (answer.status !== 200) throw new Error(`HTTP ${answer.status}: ${await answer.text()}`);
  return new Uint8Array(await answer.arrayBuffer());
}

/** What the upstream sends: the item's response, or one around its token. */
async function responseOf(folder: string, item: Item): Promise<Uint8Array> {
  const octets = new Uint8Array(await readFile(path.join(folder, item.file)));
  return item.kind === 'response'
    ? octets
    : buildTimeStampResp({ status: 'granted', token: octets });
}

/** The item's own request, or the one that a client with its data would send; `undefined` without either. */
async function requestOf(
  folder: string,
  item: Item,
  response: Uint8Array,
): Promise<Uint8Array | undefined> {
  if (item.request !== undefined) return readFile(path.join(folder, item.request));
  if (item.data === undefined) return undefined;
  try {
    const { token = new Uint8Array() } = parseTimeStampResp(response);
    const { algorithm } = parseTimeStampToken(token).tstInfo.messageImprint;
    if (!algorithm) return undefined;
    const imprint = digest(algorithm, await readFile(path.join(folder, item.data)));
    return buildTimeStampReq({ algorithm, digest: imprint, certReq: true });
  } catch (error) {
    if (error instanceof TokiwaError) return undefined;
    throw error;
  }
}

/** Whether the upstream says that the request itself is at fault: then nobody else is asked. */
function endsHere(served: Uint8Array): boolean {
  try {
    const { statusName, failInfo } = parseTimeStampResp(served);
    const bits: readonly string[] = failInfo;
    return statusName === 'rejection' && /badRequest|badDataFormat/.test(bits.join());
  } catch (error) {
    if (error instanceof TokiwaError) return false;
    throw error;
  }
}

/** The token may be good, but no client gets one whose TSU has ended by now. */
const endedByNow = /last second of the certificate|expired when the archive is checked/;

/** One proxy for the items that trust the same anchors. */
async function judgeItems(
  folder: string,
  trust: string,
  policy: string | undefined,
  items: readonly Item[],
): Promise<readonly ConformanceResult[]> {
  await using state = await temporaryFolder();
  const clock = createTestClock();
  let served: Uint8Array = new Uint8Array();
  await using corpus = await startUpstream({ ...clock, handler: () => ({ body: served }) });
  await using good = await startUpstream(clock);
  const breaker = { failures: 1_000_000, openSeconds: 1, maxOpenSeconds: 1 };
  const offered = [upstreamPolicy, ...(policy === undefined ? [] : [policy])];
  const common = { hashAlgorithms: defaultHashAlgorithms, breaker };
  const fake = await corpus.provider(state.path, {
    ...common,
    anchors: [path.join(folder, trust)],
    crls: [],
    tsaPolicies: policy === undefined ? [] : [policy],
  });
  // A provider and a profile for each item: nothing is learned from another, and the same request is no repeat.
  const providers = [
    ...items.map((_, i) => ({ ...fake, name: `corpus-${i}` })),
    await good.provider(state.path, { ...common, name: 'good', tsaPolicies: offered }),
  ];
  const settings: TsaConfig = {
    ...configWith(state.path, providers),
    algorithmPolicy: conformanceProfile,
    audit: { ...configWith(state.path, providers).audit, stampProfile: undefined },
    profiles: Object.fromEntries(
      items.map((_, i) => [
        `item-${i}`,
        {
          ...defaultProfile,
          name: `item-${i}`,
          providers: [`corpus-${i}`, 'good'],
          clockToleranceSeconds: 300,
          revocation: 'none' as const,
        },
      ]),
    ),
  };
  await using tsa = await startTestTsa(settings, clock);
  const results: ConformanceResult[] = [];
  for (const [i, item] of items.entries()) {
    served = await responseOf(folder, item);
    const request = await requestOf(folder, item, served);
    if (!request) continue;
    clock.set(item.now ?? item.at);
    const before = corpus.queries.length;
    const answer = await post(`${tsa.url}tsa/item-${i}`, request);
    // Stopped before it was sent anywhere, such as for a digest that nobody may use any more.
    if (corpus.queries.length === before) continue;
    const handedOn = equalBytes(answer, served);
    const { statusName = '', statusString } = parseTimeStampResp(answer);
    const refusal = `${statusName}: ${statusString.join('; ')}`;
    const got = handedOn ? 'handed on' : statusName === 'granted' ? 'failed over' : refusal;
    const rejects = item.expect === 'reject';
    const choice = item.firm ? undefined : choices.find(({ reason }) => reason?.test(item.reason));
    // Before its own certificates the next provider cannot serve either.
    const alone = endsHere(served) || clock.now().toString() < '2020';
    const refused = got === 'failed over' || (alone && statusName === 'rejection');
    results.push({
      case: `${item.id}: ${item.reason}`,
      passed: choice !== undefined || (rejects ? refused : handedOn),
      expected: rejects ? 'refused, and the next provider serves' : 'handed on',
      got,
      note: choice?.choice,
    });
  }
  return results;
}

async function judgeRequests(folder: string): Promise<readonly ConformanceResult[]> {
  const manifest = JSON.parse(await readFile(path.join(folder, 'requests.json'), 'utf8')) as {
    readonly offeredPolicy: string;
    readonly items: readonly RequestItem[];
  };
  await using state = await temporaryFolder();
  const clock = createTestClock();
  await using upstream = await startUpstream(clock);
  const provider = await upstream.provider(state.path, {
    hashAlgorithms: defaultHashAlgorithms,
    tsaPolicies: [manifest.offeredPolicy, upstreamPolicy],
  });
  // Nothing is refused for its length alone.
  const settings = { ...configWith(state.path, [provider]), bodyLimitBytes: 2 ** 20 };
  await using tsa = await startTestTsa(settings, clock);
  const results: ConformanceResult[] = [];
  for (const item of manifest.items) {
    const octets = await readFile(path.join(folder, item.file));
    const before = upstream.queries.length;
    const { statusName = '', failInfo } = parseTimeStampResp(await post(tsa.url, octets));
    const sent = upstream.queries.at(-1);
    const forwarded = upstream.queries.length > before && sent && equalBytes(sent, octets);
    const got = forwarded && statusName === 'granted' ? 'forward' : failInfo.join(', ');
    const wanted = item.expect === 'forward' ? 'forward' : (item.failInfo ?? '');
    const choice = item.firm ? undefined : choices.find(({ reason }) => reason?.test(item.reason));
    results.push({
      case: `request ${item.id}: ${item.reason}`,
      passed: got === wanted || choice !== undefined,
      expected: wanted,
      got,
      note: choice?.choice,
    });
  }
  return results;
}

/** The corpus `tsp` in this folder, over HTTP. */
export async function judgeCorpus(folder: string): Promise<ConformanceReport> {
  const results: ConformanceResult[] = [...(await judgeRequests(folder))];
  for (const name of ['gen.json', 'real.json']) {
    const text = await readFile(path.join(folder, name), 'utf8');
    const { policy, items } = JSON.parse(text) as Manifest;
    // Accepts of the real half are of their own time and rules; here they would show the policy, not the proxy.
    const wanted = items.filter(
      ({ expect, firm, untrusted, signer, reason }) =>
        expect === 'reject' ||
        (name === 'gen.json' && firm && !untrusted && !signer && !endedByNow.test(reason)),
    );
    const byTrust = Map.groupBy(wanted, ({ trust }) => trust ?? '');
    for (const [trust, group] of byTrust)
      if (trust !== '') results.push(...(await judgeItems(folder, trust, policy, group)));
  }
  return { results };
}
