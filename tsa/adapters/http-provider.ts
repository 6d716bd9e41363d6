// A TSA behind a URL as a provider: sends the client's octets unchanged, keeps anchors and CRLs at hand. What an
// answer is worth is not decided here.
import { createSecureContext } from 'node:tls';
import { ConfigError } from '#shared/errors.ts';
import { openHttpSender, type TlsOptions } from '#shared/io/http-sender.ts';
import type { Clock, EventSink } from '#shared/ports/runtime.ts';
import {
  maxReplyOctets,
  queryHeaders,
  replyOctets,
  withoutCredentials,
} from '#shared/tsp/http-exchange.ts';
import { parsePemCertificates } from '#shared/x509/certificate.ts';
import { accreditationsOf } from '../providers/accreditation.ts';
import type { HttpProviderConfig, ProviderAuth } from '../config/config.ts';
import { createProviderRecord, type ProviderRecord } from '../providers/provider-record.ts';
import type { Provider } from '../providers/providers.ts';
import { tlsSettings } from '../tls-table.ts';
import { readPrivateFile, readSecret } from '#shared/io/private-file.ts';
import { openProviderCrls } from './provider-crls.ts';
import { toPem } from './public-files.ts';
import { loadCertificates } from '#shared/io/trust-files.ts';

async function authHeaders(auth: ProviderAuth): Promise<Readonly<Record<string, string>>> {
  switch (auth.kind) {
    case 'none':
    case 'certificate':
      return {};
    case 'basic': {
      const password = await readSecret(auth.passwordFile, 'password');
      const credentials = Buffer.from(`${auth.user}:${password}`).toString('base64');
      return { Authorization: `Basic ${credentials}` };
    }
    case 'bearer': {
      const token = await readSecret(auth.tokenFile, 'token');
      // RFC 6750 §2.1: anything else could end the header, or begin another one.
      if (!/^[A-Za-z0-9\-._~+/]+=*$/.test(token))
        throw new ConfigError('ERR_CONFIG_INVALID', `${auth.tokenFile} holds no bearer token`);
      return { Authorization: `Bearer ${token}` };
    }
  }
}

/** What the connection to the TSA speaks, whom it trusts, and who we are on it. */
export async function tlsOptions({ tls, auth }: HttpProviderConfig): Promise<TlsOptions> {
  const authorities = tls.authorities.length > 0 ? await loadCertificates(tls.authorities) : [];
  const options = {
    ...tlsSettings(tls),
    ...(authorities.length > 0 ? { ca: toPem(authorities.map(({ raw }) => raw)) } : {}),
  };
  if (auth.kind !== 'certificate') return options;
  const identity = {
    cert: await readSecret(auth.certificate, 'certificate'),
    key: await readPrivateFile(auth.key, 'key file'),
  };
  try {
    // A key that is not the certificate's is found here, and not by the first request.
    createSecureContext({ ...options, ...identity });
  } catch (error) {
    throw new ConfigError(
      'ERR_CONFIG_INVALID',
      `${auth.certificate} and ${auth.key} cannot be used as a client certificate`,
      { cause: error },
    );
  }
  return { ...options, ...identity };
}

/**
 * Opens a provider: reads its anchors and secrets; its CRLs come with the first token. `record` is that of the same
 * provider before a reload.
 * @throws ConfigError ERR_CONFIG_INVALID: a file that it names cannot be used
 */
export async function openHttpProvider(options: {
  readonly config: HttpProviderConfig;
  /** In which the days of an accreditation begin. */
  readonly timeZone: string;
  readonly record?: ProviderRecord | undefined;
  /** That of one by the same name before: its CRLs are good until others come. */
  readonly before?: Pick<ProviderRecord, 'crls'> | undefined;
  readonly clock: Clock;
  readonly events: EventSink;
  readonly signal: AbortSignal;
}): Promise<Provider> {
  const { config, clock } = options;
  const anchors = (await loadCertificates(config.anchors)).map((certificate) => ({ certificate }));
  const authorization = await authHeaders(config.auth);
  const headers = { ...queryHeaders, ...authorization };
  const tls = await tlsOptions(config);
  const sender = openHttpSender({ tls });
  // Whoever publishes CRLs is somebody else: who we are at the TSA is not for them.
  const crlSender = openHttpSender();
  const { breaker, limits } = config;
  const record = options.record ?? createProviderRecord({ breaker });
  for (const source of config.crls) {
    const kept = options.before?.crls().get(source);
    if (kept) record.keepCrls(source, kept);
  }
  const crls = await openProviderCrls({ ...options, record, sender: crlSender });
  const { connectMs, responseMs, lateMs } = config.timeouts;
  return {
    kind: 'http',
    name: config.name,
    tsaPolicies: config.tsaPolicies,
    hashAlgorithms: config.hashAlgorithms,
    price: config.price,
    accreditations: accreditationsOf(config.accreditations, options.timeZone),
    rate: limits.rate,
    identityEnds: tls.cert === undefined ? undefined : parsePemCertificates(tls.cert)[0]?.notAfter,
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
    conceal: withoutCredentials(authorization['Authorization']),
    trust: async (now) => ({ anchors, certificates: record.learned(), crls: await crls(now) }),
    record,
    [Symbol.asyncDispose]: async () => {
      await sender[Symbol.asyncDispose]();
      await crlSender[Symbol.asyncDispose]();
    },
  };
}
