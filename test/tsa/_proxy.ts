// A proxy for tests: on the loopback, in a folder of its own, with a clock that the test moves and events that it
// can look at. Clients are plain HTTP requests.
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { digest } from '#shared/crypto/digest.ts';
import type { Event } from '#shared/ports/runtime.ts';
import { buildTimeStampReq } from '#shared/tsp/request.ts';
import { parseTimeStampResp, type TimeStampResp } from '#shared/tsp/response.ts';
import { parseTimeStampToken, type TimeStampToken } from '#shared/tsp/token.ts';
import {
  defaultProfile,
  localTsaConfig,
  type LocalProviderConfig,
  type Profile,
  type ProviderConfig,
  type TsaConfig,
} from '#tsa/config/config.ts';
import { startTsa, type RunningTsa } from '#tsa/main.ts';

export type TestClock = {
  readonly now: () => Temporal.Instant;
  readonly set: (text: string) => void;
  readonly advance: (span: Temporal.DurationLike) => void;
};

export function createTestClock(start = '2030-01-01T00:00:00Z'): TestClock {
  let current = Temporal.Instant.from(start);
  return {
    now: () => current,
    set: (text) => {
      current = Temporal.Instant.from(text);
    },
    advance: (span) => {
      current = current.toZonedDateTimeISO('UTC').add(span).toInstant();
    },
  };
}

export const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));

/** A folder that is gone when the test ends. */
export async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const folder = await mkdtemp(path.join(tmpdir(), 'tokiwa-tsa-test-'));
  return {
    path: folder,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

/** Settings with these providers behind the default profile. */
export function configWith(
  stateDir: string,
  providers: readonly ProviderConfig[],
  profile: Partial<Profile> = {},
): TsaConfig {
  return {
    ...localTsaConfig({ stateDir }),
    profiles: {
      default: { ...defaultProfile, providers: providers.map(({ name }) => name), ...profile },
    },
    providers: Object.fromEntries(providers.map((one) => [one.name, one])),
  };
}

export type TestTsa = RunningTsa & { readonly events: readonly Event[] };

export async function startTestTsa(config: TsaConfig, clock: TestClock): Promise<TestTsa> {
  const events: Event[] = [];
  const tsa = await startTsa({
    config,
    clock,
    random,
    events: (event) => events.push(event),
    signal: new AbortController().signal,
  });
  // Not spread: the anchors are read anew each time.
  return Object.assign(tsa, { events });
}

export function startLocal(
  stateDir: string,
  clock: TestClock,
  local: Partial<Omit<LocalProviderConfig, 'kind' | 'name'>> = {},
): Promise<TestTsa> {
  return startTestTsa(localTsaConfig({ stateDir, local }), clock);
}

/** A query over the digest of `text`. */
export function queryFor(
  text: string,
  fields: Partial<Parameters<typeof buildTimeStampReq>[0]> = {},
): Uint8Array {
  return buildTimeStampReq({
    algorithm: 'SHA-256',
    digest: digest('SHA-256', Buffer.from(text)),
    nonce: 0x1234567890n,
    certReq: true,
    ...fields,
  });
}

export type Reply = {
  readonly octets: Uint8Array;
  readonly response: TimeStampResp;
  readonly token: TimeStampToken | undefined;
};

/** Posts a query and reads the reply; fails the test on any HTTP status but 200. */
export async function ask(url: string, query: Uint8Array): Promise<Reply> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/timestamp-query' },
    body: Buffer.from(query),
  });
  if (answer.status !== 200) throw new Error(`HTTP ${answer.status}: ${await answer.text()}`);
  const octets = new Uint8Array(await answer.arrayBuffer());
  const response = parseTimeStampResp(octets);
  return {
    octets,
    response,
    token: response.token && parseTimeStampToken(response.token),
  };
}
