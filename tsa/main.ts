// The proxy as one value with a lifetime: wiring of configuration, journal, providers and server. Used by
// `tokiwa tsa serve`, by `npm start` and by the simulation; knows no protocol itself.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { ConfigError } from '#shared/errors.ts';
import type { Clock, EventSink, RandomSource } from '#shared/ports/runtime.ts';
import { openAuthorityFiles } from './adapters/authority-files.ts';
import { openJournalFiles } from './adapters/files.ts';
import { openHttpProvider } from './adapters/http-provider.ts';
import { openPublicFiles, type PublicFiles } from './adapters/public-files.ts';
import { reserveBlock } from './adapters/serial-file.ts';
import type { LocalProviderConfig, TsaConfig } from './config.ts';
import { openJournal, type Journal } from './journal.ts';
import { openLocalAuthority, type LocalAuthority } from './local-authority.ts';
import { createLocalTsu } from './local-tsu.ts';
import type { Provider } from './providers.ts';
import { errorFields } from './replies.ts';
import { createSerialSource } from './serials.ts';
import { createTsaApp } from './server.ts';
import { createStampService, type StampService } from './stamp.ts';

export type StartTsaOptions = {
  readonly config: TsaConfig;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly events: EventSink;
  /** Aborting it stops the proxy as `close` does. */
  readonly signal: AbortSignal;
};

/** A proxy that answers. */
export type RunningTsa = AsyncDisposable & {
  /** Base address with a final slash, such as `http://127.0.0.1:3161/`: POST there for the default profile. */
  readonly url: string;
  /** Anchors of every local TSU, all generations, as PEM; empty without one. Read it again after a rollover. */
  readonly anchorsPem: string;
  /** The same as a file that is kept current. */
  readonly anchorsPath: string;
  /** Folder with one DER CRL per local authority, reissued daily. */
  readonly crlPath: string;
  /** Renews TSU certificates and CRLs that are due by the clock; also done by itself before each token and hourly. */
  readonly upkeep: () => Promise<void>;
  /** Stops taking requests, lets those in hand end, closes the journal. Safe to call twice. */
  readonly close: () => Promise<void>;
};

const upkeepPeriodMs = 3_600_000;
const requestTimeoutMs = 15_000;
const maxConnections = 1024;
const maxHeaderBytes = 8 * 1024;

async function openLocalProvider(
  config: LocalProviderConfig,
  options: StartTsaOptions & { readonly publicFiles: PublicFiles; readonly journal: Journal },
): Promise<{ readonly provider: Provider; readonly authority: LocalAuthority }> {
  const { random, journal } = options;
  const folder = path.join(options.config.stateDir, 'local', config.name);
  const files = await openAuthorityFiles(folder);
  const authority = await openLocalAuthority({ ...options, config, files });
  const serials = createSerialSource({
    reserve: () => reserveBlock(path.join(folder, 'serial-block')),
    random,
  });
  const notBefore = journal.lastGenTime(config.name);
  const provider = createLocalTsu({ ...options, config, authority, serials, notBefore });
  return { provider, authority };
}

async function openProviders(
  options: StartTsaOptions & { readonly publicFiles: PublicFiles; readonly journal: Journal },
  stack: AsyncDisposableStack,
) {
  const providers = new Map<string, Provider>();
  const authorities: LocalAuthority[] = [];
  for (const config of Object.values(options.config.providers)) {
    if (config.kind === 'local') {
      const { provider, authority } = await openLocalProvider(config, options);
      providers.set(config.name, stack.use(provider));
      authorities.push(authority);
    } else {
      providers.set(config.name, stack.use(await openHttpProvider({ ...options, config })));
    }
  }
  return { providers, authorities };
}

function listen(server: Server, { host, port }: TsaConfig['listen']): Promise<AddressInfo> {
  const { promise, resolve, reject } = Promise.withResolvers<AddressInfo>();
  server.once('error', (error) => {
    reject(
      new ConfigError('ERR_CONFIG_INVALID', `cannot listen on ${host}:${port}: ${error.message}`, {
        problems: [{ key: 'listen', message: error.message }],
        cause: error,
      }),
    );
  });
  server.listen({ host, port }, () => {
    const address = server.address();
    if (address !== null && typeof address !== 'string') resolve(address);
  });
  return promise;
}

/** Takes no further connection and resolves when the last request is answered, or cut off after `patienceMs`. */
function closeServer(server: Server, patienceMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => {
    server.closeAllConnections();
  }, patienceMs);
  server.close(() => {
    clearTimeout(timer);
    resolve(undefined);
  });
  server.closeIdleConnections();
  return promise;
}

async function startServer(
  options: StartTsaOptions,
  parts: {
    readonly service: StampService;
    readonly journal: Journal;
    readonly providers: ReadonlyMap<string, Provider>;
    readonly authorities: readonly LocalAuthority[];
    readonly publicFiles: PublicFiles;
  },
): Promise<{ readonly server: Server; readonly url: string }> {
  const { config, clock } = options;
  const { service, journal, providers, authorities, publicFiles } = parts;
  const app = createTsaApp({
    ...options,
    service,
    providers,
    journalWritable: journal.writable,
    anchorsPem: publicFiles.anchorsPem,
    certificateList: async () => {
      const [first] = authorities;
      await first?.upkeep(clock.now());
      return first?.certificateLists().at(-1);
    },
  });
  const server = createServer(
    {
      maxHeaderSize: maxHeaderBytes,
      headersTimeout: requestTimeoutMs,
      requestTimeout: requestTimeoutMs,
      connectionsCheckingInterval: 1000,
    },
    // express answers every error itself; what it returns is not a promise to wait for.
    (request, response) => {
      app(request, response);
    },
  );
  server.maxConnections = maxConnections;
  const { address, family, port } = await listen(server, config.listen);
  const host = family === 'IPv6' ? `[${address}]` : address;
  return { server, url: `http://${host}:${port}/` };
}

/**
 * Starts the proxy and resolves when it accepts connections.
 * @throws ConfigError ERR_CONFIG_INVALID: a file, folder or address that the configuration names cannot be used
 */
export async function startTsa(options: StartTsaOptions): Promise<RunningTsa> {
  const { config, clock, events } = options;
  await using stack = new AsyncDisposableStack();
  const shutdown = new AbortController();
  const publicFiles = await openPublicFiles(path.join(config.stateDir, 'public'));
  const files = await openJournalFiles(config.journalDir);
  const journal = stack.use(await openJournal({ ...options, files }));
  const opened = await openProviders(
    { ...options, publicFiles, journal, signal: shutdown.signal },
    stack,
  );
  const { providers, authorities } = opened;
  const upkeep = async (): Promise<void> => {
    for (const authority of authorities) await authority.upkeep(clock.now());
  };
  await upkeep();
  const service = createStampService({
    ...options,
    ...config,
    journal,
    providers,
    shutdown: shutdown.signal,
  });
  stack.defer(async () => {
    shutdown.abort();
    await service.idle();
  });
  const { server, url } = await startServer(options, {
    service,
    journal,
    publicFiles,
    ...opened,
  });
  stack.defer(() => closeServer(server, config.deadlineMs));
  const timer = setInterval(() => {
    upkeep().catch((error: unknown) => {
      events({ level: 'error', name: 'tsa.upkeep.failed', ...errorFields(error) });
    });
  }, upkeepPeriodMs);
  timer.unref();
  stack.defer(() => {
    clearInterval(timer);
  });
  events({ level: 'info', name: 'tsa.started', url });

  const owned = stack.move();
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= owned.disposeAsync().then(() => {
      events({ level: 'info', name: 'tsa.stopped', url });
    });
    return closing;
  };
  options.signal.addEventListener('abort', () => void close(), { once: true });
  if (options.signal.aborted) await close();
  return {
    url,
    get anchorsPem() {
      return publicFiles.anchorsPem();
    },
    anchorsPath: publicFiles.anchorsPath,
    crlPath: publicFiles.crlFolder,
    upkeep,
    close,
    [Symbol.asyncDispose]: close,
  };
}
