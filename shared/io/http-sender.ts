// Outgoing HTTP requests with limits: deadlines, answer size, redirects, and, for addresses found
// in certificates, only public ones, checked again after the name is resolved. It hands back any
// status: what an answer means is left to the protocol (RFC 3161 §3.4, RFC 6960 App. A, RFC 5280).
import { lookup } from 'node:dns';
import http from 'node:http';
import https from 'node:https';
import type { LookupFunction } from 'node:net';
import type { SecureVersion } from 'node:tls';
import { createByteCollector } from '#shared/bytes.ts';
import { SourceError } from '#shared/errors.ts';
import { type AddressRule, checkUrl, isPublicAddress, withoutUserInfo } from './address-check.ts';

export type HttpLimits = {
  /** From DNS to the end of the TLS handshake. */
  readonly connectMs: number;
  /** From the end of the request to the answer's header. */
  readonly firstByteMs: number;
  /** The whole exchange, redirects included. */
  readonly totalMs: number;
  readonly maxAnswerBytes: number;
};

export type HttpRequest = {
  readonly url: string;
  readonly method: 'GET' | 'POST';
  /** Authorization included, where the caller has one; it goes to the URL's own origin only. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: Uint8Array | undefined;
  readonly addresses: AddressRule;
  /** How many redirects a GET may follow; 0 hands back the 3xx answer. */
  readonly maxRedirects?: number | undefined;
  readonly limits: HttpLimits;
  readonly signal: AbortSignal;
};

export type HttpAnswer = {
  readonly status: number;
  /** Names in lower case; repeated headers joined by a comma. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
};

/** TLS of this sender: which authorities it trusts instead of the system's, who it is (PEM), what it speaks. */
export type TlsOptions = {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly minVersion?: SecureVersion | undefined;
  readonly maxVersion?: SecureVersion | undefined;
  /** Suites, groups and signature algorithms as OpenSSL lists them. */
  readonly ciphers?: string | undefined;
  readonly ecdhCurve?: string | undefined;
  readonly sigalgs?: string | undefined;
};

export type HttpSender = {
  /**
   * Sends one request; connections are kept for the next.
   * @throws SourceError ERR_SOURCE_FORBIDDEN_ADDRESS (nothing was sent), ERR_SOURCE_TIMEOUT,
   *   ERR_SOURCE_UNREACHABLE, ERR_SOURCE_ANSWER (too long, encoded, cut off); a POST that may have
   *   been acted upon has `outcomeUnknown`
   * @throws the signal's reason
   */
  readonly send: (request: HttpRequest) => Promise<HttpAnswer>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};

/** Shorter than the 5 s after which common servers drop an idle connection. */
const idleMs = 4000;
/** Answers before the answer (RFC 9110 §15.2): more than a few are a flood. */
const maxInterimAnswers = 16;
/** To one host: as many as a busy proxy has in use at once, so that a burst does not shake hands anew. */
const maxFreeSockets = 64;

export function openHttpSender(
  options: { readonly tls?: TlsOptions; readonly lookup?: LookupFunction } = {},
): HttpSender {
  const resolve = options.lookup ?? lookup;
  const agentOptions = { keepAlive: true, timeout: idleMs, maxFreeSockets };
  // One pair per rule: a connection made under `any` must not serve a request under `public`.
  const agentsOf = (rule: AddressRule) => {
    const checked = rule === 'any' ? resolve : publicOnly(resolve);
    return {
      'http:': new http.Agent({ ...agentOptions, lookup: checked }),
      'https:': new https.Agent({ ...agentOptions, ...options.tls, lookup: checked }),
    };
  };
  const agents = { any: agentsOf('any'), public: agentsOf('public') };
  return {
    send: (request) =>
      follow(request, (url) => agents[request.addresses][url.protocol as 'http:' | 'https:']),
    [Symbol.asyncDispose]: () => {
      for (const pair of Object.values(agents))
        for (const agent of Object.values(pair)) agent.destroy();
      return Promise.resolve();
    },
  };
}

/** Thrown into the socket by the look-up, found again as the request's error. */
class ForbiddenAddress extends Error {
  override readonly name = 'ForbiddenAddress';
}

/** A name with one private address among its public ones is refused whole: which is used is chance. */
function publicOnly(resolve: LookupFunction): LookupFunction {
  return (hostname, options, callback) => {
    resolve(hostname, options, (error, address, family) => {
      if (error !== null) {
        callback(error, address, family);
        return;
      }
      const found = typeof address === 'string' ? [address] : address.map((one) => one.address);
      const forbidden = found.find((one) => !isPublicAddress(one));
      if (forbidden !== undefined)
        callback(new ForbiddenAddress(`${hostname} resolves to ${forbidden}`), '', 0);
      else callback(null, address, family);
    });
  };
}

async function follow(
  request: HttpRequest,
  agentOf: (url: URL) => http.Agent,
): Promise<HttpAnswer> {
  const ends = performance.now() + request.limits.totalMs;
  let { url: target, headers = {} } = request;
  for (let redirects = 0; ; redirects++) {
    request.signal.throwIfAborted();
    const check = checkUrl(target, request.addresses);
    if (check.kind === 'refused')
      throw new SourceError(
        'ERR_SOURCE_FORBIDDEN_ADDRESS',
        `${JSON.stringify(withoutUserInfo(target).slice(0, 200))} is not asked: ${check.reason}`,
        { retryable: false },
      );
    const { url } = check;
    const answer = await exchange({ ...request, headers }, url, agentOf(url), ends);
    const location = answer.headers['location'];
    const mayFollow = request.method === 'GET' && redirects < (request.maxRedirects ?? 0);
    if (!mayFollow || location === undefined || ![301, 302, 303, 307, 308].includes(answer.status))
      return answer;
    const next = URL.parse(location, url);
    if (next === null || (url.protocol === 'https:' && next.protocol !== 'https:'))
      throw new SourceError(
        'ERR_SOURCE_FORBIDDEN_ADDRESS',
        `${url.origin} redirects to ${JSON.stringify(withoutUserInfo(location).slice(0, 200))}, which is not followed`,
        { retryable: false },
      );
    if (next.origin !== url.origin)
      headers = Object.fromEntries(
        Object.entries(headers).filter(([name]) => name.toLowerCase() !== 'authorization'),
      );
    target = next.href;
  }
}

/**
 * One request to one address. Settles once; every timer and listener is gone afterwards. `ends` is of the clock of
 * performance.now.
 */
async function exchange(
  request: HttpRequest,
  url: URL,
  agent: http.Agent,
  ends: number,
): Promise<HttpAnswer> {
  const { limits, signal } = request;
  let connected = false;
  const outgoing = (url.protocol === 'https:' ? https : http).request(url, {
    agent,
    method: request.method,
    headers: {
      ...request.headers,
      'accept-encoding': 'identity',
      ...(request.body === undefined ? {} : { 'content-length': request.body.length }),
    },
  });
  const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage>();
  let incoming: http.IncomingMessage | undefined;
  // By hand: signals that join others cost more than the request.
  const stop = (error: unknown): void => {
    reject(error);
    incoming?.destroy(error instanceof Error ? error : undefined);
    outgoing.destroy();
  };
  const onAbort = (): void => {
    stop(signal.reason);
  };
  const giveUpAfter = (what: string, ms: number, named = ms): NodeJS.Timeout =>
    setTimeout(() => {
      stop(new PhaseTimeout(`${url.host}${what} within ${named} ms`));
    }, ms);
  const total = giveUpAfter(
    ': no whole answer',
    Math.max(0, ends - performance.now()),
    limits.totalMs,
  );
  let phase = giveUpAfter(' gave no connection', limits.connectMs);
  const onConnected = () => {
    connected = true;
    clearTimeout(phase);
    phase = giveUpAfter(' gave no answer', limits.firstByteMs);
  };
  signal.addEventListener('abort', onAbort);
  outgoing.once('socket', (socket) => {
    if (outgoing.reusedSocket) onConnected();
    else socket.once(url.protocol === 'https:' ? 'secureConnect' : 'connect', onConnected);
  });
  try {
    outgoing.once('response', (message) => {
      incoming = message;
      resolve(message);
    });
    let interim = 0;
    outgoing.on('information', () => {
      if (++interim > maxInterimAnswers)
        stop(
          new BadAnswer(`${url.host} answers with more than ${maxInterimAnswers} interim answers`),
        );
    });
    outgoing.once('upgrade', (_, socket) => {
      socket.destroy();
      stop(new BadAnswer(`${url.host} changes to another protocol`));
    });
    // Stays for late errors too: without a listener they would end the process.
    outgoing.on('error', reject);
    outgoing.end(request.body);
    const answer = await promise;
    clearTimeout(phase);
    return {
      status: answer.statusCode ?? 0,
      headers: headersOf(answer),
      body: await readBody(answer, url, limits.maxAnswerBytes),
    };
  } catch (error) {
    outgoing.destroy();
    signal.throwIfAborted();
    throw translate(error, {
      url,
      timedOut: error instanceof PhaseTimeout ? error.message : undefined,
      outcomeUnknown: connected && request.method === 'POST',
    });
  } finally {
    clearTimeout(phase);
    clearTimeout(total);
    signal.removeEventListener('abort', onAbort);
  }
}

/** Names in lower case; repeated headers joined by a comma. */
function headersOf({ rawHeaders }: http.IncomingMessage): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {};
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]?.toLowerCase() ?? '';
    const value = rawHeaders[i + 1] ?? '';
    headers[name] = Object.hasOwn(headers, name) ? `${headers[name] ?? ''}, ${value}` : value;
  }
  return headers;
}

class PhaseTimeout extends Error {
  override readonly name = 'PhaseTimeout';
}

class BadAnswer extends Error {
  override readonly name = 'BadAnswer';
}

async function readBody(
  incoming: http.IncomingMessage,
  url: URL,
  maxBytes: number,
): Promise<Uint8Array> {
  const encoding = incoming.headers['content-encoding'] ?? 'identity';
  // A small answer could unpack to gigabytes; it was asked not to be packed.
  if (encoding.toLowerCase() !== 'identity')
    throw new BadAnswer(`${url.host} answers with content-encoding ${encoding}`);
  const tooLong = () => new BadAnswer(`${url.host} answers with more than ${maxBytes} octets`);
  if (Number(incoming.headers['content-length'] ?? 0) > maxBytes) throw tooLong();
  const body = createByteCollector();
  const { promise, resolve, reject } = Promise.withResolvers<undefined>();
  incoming.on('data', (part: Uint8Array) => {
    if (body.length() + part.length > maxBytes) reject(tooLong());
    else body.add(part);
  });
  incoming.once('end', resolve);
  incoming.once('error', reject);
  const onClose = (): void => {
    if (!incoming.readableEnded) reject(new BadAnswer(`${url.host} hung up in its answer`));
  };
  incoming.once('close', onClose);
  if (incoming.destroyed) onClose();
  await promise;
  return new Uint8Array(body.octets());
}

function translate(
  error: unknown,
  facts: {
    readonly url: URL;
    readonly timedOut: string | undefined;
    readonly outcomeUnknown: boolean;
  },
): unknown {
  const { url, timedOut, outcomeUnknown } = facts;
  if (timedOut !== undefined)
    return new SourceError('ERR_SOURCE_TIMEOUT', timedOut, {
      retryable: true,
      outcomeUnknown,
      cause: error,
    });
  if (error instanceof ForbiddenAddress)
    return new SourceError('ERR_SOURCE_FORBIDDEN_ADDRESS', `not asked: ${error.message}`, {
      retryable: false,
      cause: error,
    });
  if (error instanceof BadAnswer)
    return new SourceError('ERR_SOURCE_ANSWER', error.message, {
      retryable: true,
      outcomeUnknown,
      cause: error,
    });
  // Every failure of sockets, TLS and the HTTP parser has a code; what has none is a fault of ours.
  if (!(error instanceof Error) || !('code' in error) || error instanceof TypeError) return error;
  return new SourceError(
    'ERR_SOURCE_UNREACHABLE',
    `${url.host} cannot be reached: ${error.message || String(error.code)}`,
    { retryable: true, outcomeUnknown, cause: error },
  );
}
