// Stamps of the local TSU, alone and through the proxy over HTTP with its journal, beside the signatures
// that OpenSSL makes with the same kind of key on one core.
import { randomBytes } from 'node:crypto';
import { Agent, request as httpRequest } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { buildTimeStampReq } from '#shared/tsp/request.ts';
import { parseTimeStampResp } from '#shared/tsp/response.ts';
import { openAuthorityFiles } from '#tsa/adapters/authority-files.ts';
import { openPublicFiles } from '#tsa/adapters/public-files.ts';
import { reserveBlock } from '#tsa/adapters/serial-file.ts';
import { localTsaConfig, type LocalKeyKind, type LocalProviderConfig } from '#tsa/config/config.ts';
import { openLocalAuthority } from '#tsa/local/local-authority.ts';
import { createLocalTsu } from '#tsa/local/local-tsu.ts';
import { startTsa } from '#tsa/main.ts';
import { createSerialSource } from '#tsa/local/serials.ts';
import { opensslSignatures, print, rateOfWaiting, type Limit } from './measure.ts';

const clock = { now: () => Temporal.Now.instant() };
const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
const events = (): void => undefined;
const { signal } = new AbortController();

/** Clients that ask at once. */
const lanes = 32;

function query(): Uint8Array {
  return buildTimeStampReq({
    algorithm: 'SHA-256',
    digest: random(32),
    nonce: BigInt(`0x${randomBytes(7).toString('hex')}`) + 1n,
    certReq: true,
  });
}

function checkAnswer(octets: Uint8Array): void {
  const { status } = parseTimeStampResp(octets);
  if (status !== 0) throw new Error(`the answer has status ${status}`);
}

async function alone(folder: string, config: LocalProviderConfig): Promise<number> {
  const files = await openAuthorityFiles(path.join(folder, 'authority'));
  const publicFiles = await openPublicFiles(path.join(folder, 'public'));
  const authority = await openLocalAuthority({ config, files, publicFiles, random, events });
  const serials = createSerialSource({
    reserve: () => reserveBlock(path.join(folder, 'serial-block')),
    random,
  });
  const tsu = createLocalTsu({ config, authority, serials, clock, events, notBefore: undefined });
  return rateOfWaiting(async () => {
    checkAnswer(await tsu.exchange(query(), { signal }));
  });
}

function post(agent: Agent, url: string, body: Uint8Array): Promise<Uint8Array> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const sent = httpRequest(
    url,
    { agent, method: 'POST', headers: { 'content-type': 'application/timestamp-query' } },
    (answer) => {
      const parts: Uint8Array[] = [];
      answer.on('data', (part: Uint8Array) => parts.push(part));
      answer.on('error', reject);
      answer.on('end', () => {
        resolve(new Uint8Array(Buffer.concat(parts)));
      });
    },
  );
  sent.on('error', reject);
  sent.end(body);
  return promise;
}

async function measure(key: LocalKeyKind, limits: readonly Limit[]): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), 'tokiwa-bench-'));
  try {
    const config = localTsaConfig({ stateDir: path.join(folder, 'tsa'), local: { key } });
    const [provider] = Object.values(config.providers);
    if (provider?.kind !== 'local') throw new Error('no local provider');
    const unit = 'stamps';
    print({ name: `${key}, TSU alone`, perSecond: await alone(folder, provider), unit, limits });
    await using tsa = await startTsa({ config, clock, random, events, signal });
    const agent = new Agent({ keepAlive: true, maxSockets: lanes });
    const perSecond = await rateOfWaiting(async () => {
      checkAnswer(await post(agent, tsa.url, query()));
    }, lanes);
    agent.destroy();
    print({ name: `${key}, HTTP and journal, ${lanes} clients`, perSecond, unit, limits });
  } finally {
    await rm(folder, { recursive: true });
  }
}

await measure('P-256', opensslSignatures('ecdsap256'));
await measure('RSA-3072', opensslSignatures('rsa3072'));
