// A TSA behind a URL as a provider: sends the client's octets unchanged, keeps anchors and CRLs at hand. What an
// answer is worth is not decided here.
import { readFile } from 'node:fs/promises';
import { ConfigError, FormatError, SourceError } from '#shared/errors.ts';
import { type HttpSender, openHttpSender } from '#shared/io/http-sender.ts';
import type { Clock, EventSink } from '#shared/ports/runtime.ts';
import { maxReplyOctets, queryHeaders, replyOctets } from '#shared/tsp/http-exchange.ts';
import type { CertificateList } from '#shared/x509/crl.ts';
import type { HttpProviderConfig, ProviderAuth } from '../config.ts';
import { createProviderRecord, type Provider } from '../providers.ts';
import { errorFields } from '../replies.ts';
import { fetchCrl, isUrl, loadCertificates, loadCrls } from '#shared/io/trust-files.ts';

/** CRLs are looked at again after this long. */
const refreshPeriod = { hours: 1 } as const;

async function authHeaders(auth: ProviderAuth): Promise<Readonly<Record<string, string>>> {
  if (auth.kind === 'none') return {};
  try {
    const password = (await readFile(auth.passwordFile, 'utf8')).replace(/\r?\n$/, '');
    const credentials = Buffer.from(`${auth.user}:${password}`).toString('base64');
    return { Authorization: `Basic ${credentials}` };
  } catch (error) {
    throw new ConfigError(
      'ERR_CONFIG_INVALID',
      `password file ${auth.passwordFile} cannot be read`,
      { cause: error },
    );
  }
}

/** The CRLs of one provider: files are read, addresses asked; the last good ones stay when that fails. */
function createCrlCache(options: {
  readonly config: HttpProviderConfig;
  readonly sender: HttpSender;
  readonly events: EventSink;
  readonly signal: AbortSignal;
}) {
  const { config, events } = options;
  const known = new Map<string, readonly CertificateList[]>();
  let due: Temporal.Instant | undefined;
  let refreshing: Promise<void> | undefined;

  const load = (source: string): Promise<readonly CertificateList[]> =>
    isUrl(source) ? fetchCrl(source, options).then((crl) => [crl]) : loadCrls([source]);

  const refresh = async (): Promise<void> => {
    for (const source of config.crls) {
      try {
        known.set(source, await load(source));
      } catch (error) {
        if (
          !(error instanceof SourceError) &&
          !(error instanceof FormatError) &&
          !(error instanceof ConfigError)
        )
          throw error;
        // Whether tokens pass without it is the profile's choice (revocation).
        const fields = errorFields(error);
        events({
          level: 'warn',
          name: 'tsa.crl.failed',
          provider: config.name,
          source,
          ...fields,
        });
      }
    }
  };

  return async (now: Temporal.Instant): Promise<readonly CertificateList[]> => {
    if (config.crls.length > 0 && (!due || Temporal.Instant.compare(now, due) >= 0)) {
      refreshing ??= refresh().finally(() => {
        refreshing = undefined;
      });
      await refreshing;
      due = now.add(refreshPeriod);
    }
    return [...known.values()].flat();
  };
}

/**
 * Opens a provider: reads its anchors and password; its CRLs come with the first token.
 * @throws ConfigError ERR_CONFIG_INVALID: a file that it names cannot be used
 */
export async function openHttpProvider(options: {
  readonly config: HttpProviderConfig;
  readonly clock: Clock;
  readonly events: EventSink;
  readonly signal: AbortSignal;
}): Promise<Provider> {
  const { config, clock } = options;
  const anchors = (await loadCertificates(config.anchors)).map((certificate) => ({ certificate }));
  await loadCrls(config.crls.filter((source) => !isUrl(source)));
  const headers = { ...queryHeaders, ...(await authHeaders(config.auth)) };
  const sender = openHttpSender();
  const crls = createCrlCache({ ...options, sender });
  const record = createProviderRecord();
  const { connectMs, responseMs, lateMs } = config.timeouts;
  return {
    kind: 'http',
    name: config.name,
    tsaPolicies: config.tsaPolicies,
    hashAlgorithms: config.hashAlgorithms,
    price: config.price,
    responseMs,
    lateMs,
    exchange: async (request, { signal }) => {
      const answer = await sender.send({
        url: config.url,
        method: 'POST',
        headers,
        body: request,
        addresses: 'any',
        limits: {
          connectMs,
          firstByteMs: lateMs,
          totalMs: lateMs,
          maxAnswerBytes: maxReplyOctets,
        },
        signal,
      });
      return replyOctets(answer, clock.now());
    },
    trust: async (now) => ({ anchors, certificates: record.learned(), crls: await crls(now) }),
    record,
    [Symbol.asyncDispose]: () => sender[Symbol.asyncDispose](),
  };
}
