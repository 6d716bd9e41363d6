// The providers that a configuration names, opened: those behind URLs and local units look alike from here on. Local
// units live as long as the process; those behind URLs change with a reload.
import path from 'node:path';
import type { Clock, EventSink, RandomSource } from '#shared/ports/runtime.ts';
import { openAuthorityFiles } from '../adapters/authority-files.ts';
import { keyPasswordOf, localUnitFolder } from '../adapters/local-unit-check.ts';
import { openHttpProvider } from '../adapters/http-provider.ts';
import type { PublicFiles } from '../adapters/public-files.ts';
import { reserveBlock } from '../adapters/serial-file.ts';
import { createClockGuard } from '../local/clock-guard.ts';
import type { LocalProviderConfig, TsaConfig } from '../config/config.ts';
import type { Journal } from '../journal/journal.ts';
import { openLocalAuthority, type LocalAuthority } from '../local/local-authority.ts';
import { createLocalTsu } from '../local/local-tsu.ts';
import type { Provider } from './providers.ts';
import { createSerialSource } from '../local/serials.ts';

export type ProviderOptions = {
  readonly clock: Clock;
  /** Milliseconds of a clock that only ever runs forward. */
  readonly steadyClock?: (() => number) | undefined;
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

export type LocalUnits = AsyncDisposable & {
  readonly providers: ReadonlyMap<string, Provider>;
  readonly authorities: readonly LocalAuthority[];
  /**
   * Another algorithm policy for all of them, which counts from when the result is called.
   * @throws ConfigError ERR_CONFIG_INVALID: it does not accept the key of one of them for long enough
   */
  readonly preparePolicy: (profile: TsaConfig['algorithmPolicy']) => () => void;
};

async function openLocalUnit(
  config: LocalProviderConfig,
  stateDir: string,
  options: ProviderOptions,
): Promise<{ readonly provider: Provider; readonly authority: LocalAuthority }> {
  const { random, journal, steadyClock } = options;
  const folder = localUnitFolder(stateDir, config.name);
  const files = await openAuthorityFiles(folder, await keyPasswordOf(config));
  // One of its own: what renews looks at the clock more seldom than what stamps.
  const guard = createClockGuard();
  const clockJump = steadyClock && ((now: Temporal.Instant) => guard.check(now, steadyClock()));
  const authority = await openLocalAuthority({ ...options, config, files, clockJump });
  const serials = createSerialSource({
    reserve: () => reserveBlock(path.join(folder, 'serial-block')),
    random,
  });
  const notBefore = journal.lastGenTime(config.name);
  const provider = createLocalTsu({ ...options, config, authority, serials, notBefore });
  return { provider, authority };
}

/**
 * Opens every local unit of the configuration.
 * @throws ConfigError ERR_CONFIG_INVALID: damaged state, or a key that the algorithm policy does not accept for long enough
 */
export async function openLocalUnits(
  config: TsaConfig,
  options: ProviderOptions,
): Promise<LocalUnits> {
  await using stack = new AsyncDisposableStack();
  const providers = new Map<string, Provider>();
  const authorities: LocalAuthority[] = [];
  for (const one of Object.values(config.providers)) {
    if (one.kind !== 'local') continue;
    const { provider, authority } = await openLocalUnit(one, config.stateDir, options);
    providers.set(one.name, stack.use(provider));
    authorities.push(authority);
  }
  const preparePolicy: LocalUnits['preparePolicy'] = (profile) => {
    const now = options.clock.now();
    const commits = authorities.map((authority) => authority.preparePolicy(profile, now));
    return () => {
      for (const commit of commits) commit();
    };
  };
  preparePolicy(config.algorithmPolicy)();
  const owned = stack.move();
  return {
    providers,
    authorities,
    preparePolicy,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Settings with the providers behind URLs that are theirs; disposing gives up their connections. */
export type OpenSettings = Settings & AsyncDisposable;

/**
 * Opens every provider behind a URL, or none. One that `before` has with the same settings keeps its record.
 * @throws ConfigError ERR_CONFIG_INVALID: a file that one of them names cannot be used
 */
export async function openSettings(
  config: TsaConfig,
  local: LocalUnits,
  options: ProviderOptions,
  before?: Settings,
): Promise<OpenSettings> {
  await using stack = new AsyncDisposableStack();
  const providers = new Map<string, Provider>();
  for (const one of Object.values(config.providers)) {
    const unit = local.providers.get(one.name);
    if (one.kind === 'local') {
      if (unit) providers.set(one.name, unit);
      continue;
    }
    const same = JSON.stringify(before?.config.providers[one.name]) === JSON.stringify(one);
    const known = before?.providers.get(one.name)?.record;
    const provider = await openHttpProvider({
      ...options,
      config: one,
      timeZone: config.timeZone,
      record: same ? known : undefined,
      before: known,
    });
    providers.set(one.name, stack.use(provider));
  }
  const owned = stack.move();
  return { config, providers, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
