// What a local unit would sign with, looked at from outside while it may be running: its password, its state, the keys of
// its certificates. Nothing is made or written.
import { access } from 'node:fs/promises';
import path from 'node:path';
import { systemErrorCode } from '#shared/io/durable-file.ts';
import { readSecretFile } from '#shared/io/private-file.ts';
import { isBefore } from '#shared/time.ts';
import { openAuthorityFiles } from './authority-files.ts';
import type { TsuGeneration } from '../local/authority-plan.ts';
import type { LocalProviderConfig } from '../config/config.ts';

/** Where the unit of this name keeps itself. */
export function localUnitFolder(stateDir: string, name: string): string {
  return path.join(stateDir, 'local', name);
}

/** The password by which its key files are encrypted, if there is one. @throws ConfigError ERR_CONFIG_INVALID */
export async function keyPasswordOf({
  keyPasswordFile: file,
}: LocalProviderConfig): Promise<string | undefined> {
  return file === undefined ? undefined : readSecretFile(file, 'key password file');
}

async function isThere(file: string): Promise<boolean> {
  try {
    await access(file);
    return true;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return false;
    throw error;
  }
}

/**
 * The TSU in service, once every key that is still used was found to be that of its certificate; nothing before the first
 * start.
 * @throws ConfigError ERR_CONFIG_INVALID: password, state or a key cannot be used
 */
export async function checkLocalUnit(
  config: LocalProviderConfig,
  stateDir: string,
  now: Temporal.Instant,
): Promise<TsuGeneration | undefined> {
  const password = await keyPasswordOf(config);
  const folder = localUnitFolder(stateDir, config.name);
  if (!(await isThere(path.join(folder, 'keys')))) return undefined;
  const files = await openAuthorityFiles(folder, password);
  const { cas, tsu } = await files.loadState();
  // Of a CA that has ended the key is gone.
  for (const ca of cas) if (!isBefore(ca.notAfter, now)) await files.loadKey(`ca-${ca.id}`, ca);
  if (tsu) await files.loadKey(`tsu-${tsu.id}`, tsu);
  return tsu;
}
