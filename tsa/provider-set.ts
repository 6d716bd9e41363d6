// The providers that a configuration names, opened: those behind URLs and local units look alike from here on.
import path from 'node:path';
import type { Clock, EventSink, RandomSource } from '#shared/ports/runtime.ts';
import { openAuthorityFiles } from './adapters/authority-files.ts';
import { openHttpProvider } from './adapters/http-provider.ts';
import type { PublicFiles } from './adapters/public-files.ts';
import { reserveBlock } from './adapters/serial-file.ts';
import type { LocalProviderConfig, TsaConfig } from './config.ts';
import type { Journal } from './journal.ts';
import { openLocalAuthority, type LocalAuthority } from './local-authority.ts';
import { createLocalTsu } from './local-tsu.ts';
import type { Provider } from './providers.ts';
import { createSerialSource } from './serials.ts';

export type ProviderSetOptions = {
  readonly config: TsaConfig;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly events: EventSink;
  readonly publicFiles: PublicFiles;
  readonly journal: Journal;
  readonly signal: AbortSignal;
};

/** What a request is served by: one value, so that a reload changes all of it at once. */
export type Settings = {
  readonly config: TsaConfig;
  readonly providers: ReadonlyMap<string, Provider>;
};

export type ProviderSet = AsyncDisposable & {
  readonly providers: ReadonlyMap<string, Provider>;
  readonly authorities: readonly LocalAuthority[];
};

async function openLocalProvider(
  config: LocalProviderConfig,
  options: ProviderSetOptions,
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

/**
 * Opens every provider of the configuration, or none.
 * @throws ConfigError ERR_CONFIG_INVALID: a file that one of them names cannot be used
 */
export async function openProviderSet(options: ProviderSetOptions): Promise<ProviderSet> {
  await using stack = new AsyncDisposableStack();
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
  const owned = stack.move();
  return { providers, authorities, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
