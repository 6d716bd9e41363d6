// Another configuration while the proxy runs: checked and opened whole beside the old one, then swapped in one step, so
// that every request sees the one or the other. What cannot be changed so is named, and nothing changes.
import { ConfigError, type ConfigProblem } from '#shared/errors.ts';
import type { TsaConfig } from './config/config.ts';
import type { OpenSettings, Settings } from './providers/provider-set.ts';

/** Settings that are bound to sockets and folders opened at the start. */
const fixed = [
  'listen',
  'stateDir',
  'journalDir',
  'audit',
  'database',
  'timeZone',
  'credentialsFile',
] as const;

function localUnits(config: TsaConfig): unknown {
  return Object.values(config.providers).filter(({ kind }) => kind === 'local');
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/**
 * Whether the running proxy can take over these settings.
 * @throws ConfigError ERR_CONFIG_INVALID: names each key that asks for a restart
 */
export function checkReload(before: TsaConfig, after: TsaConfig): void {
  const changed: string[] = fixed.filter((key) => !isSame(before[key], after[key]));
  if (!isSame(before.listeners, after.listeners)) changed.push('listeners');
  if (!isSame(localUnits(before), localUnits(after))) changed.push('providers of type local');
  if (changed.length === 0) return;
  const problems = changed.map((key): ConfigProblem => ({
    key,
    message: 'changes with a restart alone',
  }));
  throw new ConfigError(
    'ERR_CONFIG_INVALID',
    `these change with a restart alone: ${changed.join(', ')}; the old configuration stays`,
    { problems },
  );
}

/** The settings in force, and how others take their place. */
export function createSwitch(
  first: OpenSettings,
  open: (config: TsaConfig, before: Settings) => Promise<OpenSettings>,
  stack: AsyncDisposableStack,
) {
  let current = first;
  const replaced = new Set<OpenSettings>();
  stack.defer(async () => {
    for (const one of [...replaced, current]) await one[Symbol.asyncDispose]();
  });
  const dispose = (old: OpenSettings): void => {
    replaced.delete(old);
    void old[Symbol.asyncDispose]();
  };
  return {
    settings: (): Settings => current,
    /** Opens these settings; they count from when the result is called. @throws ConfigError ERR_CONFIG_INVALID */
    prepare: async (config: TsaConfig): Promise<() => void> => {
      checkReload(current.config, config);
      const next = await open(config, current);
      return () => {
        const old = current;
        current = next;
        replaced.add(old);
        // Requests that began with the old providers end with them, late answers included.
        const lates = [...old.providers.values()].map(({ lateMs }) => lateMs);
        setTimeout(dispose, old.config.deadlineMs + Math.max(0, ...lates), old).unref();
      };
    },
  };
}
