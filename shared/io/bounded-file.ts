// Files that a configuration names, read whole while it is read: policies and certificates, never more than those
// can be.
import { readFileSync, statSync } from 'node:fs';
import { ConfigError } from '#shared/errors.ts';
import { systemErrorCode } from './durable-file.ts';

/** Policies and certificates that a configuration names; a policy has a tenth of it. */
const maxNamedFileOctets = 8 * 1024 * 1024;

/** @throws ConfigError ERR_CONFIG_INVALID: not there, or too large for what it is to be */
export function readBoundedFile(file: string): Uint8Array {
  try {
    if (statSync(file).size > maxNamedFileOctets)
      throw new ConfigError(
        'ERR_CONFIG_INVALID',
        `${file} has more than ${maxNamedFileOctets} octets`,
      );
    return readFileSync(file);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    throw new ConfigError(
      'ERR_CONFIG_INVALID',
      `${file} cannot be read (${systemErrorCode(error) ?? 'unknown'})`,
      { cause: error },
    );
  }
}
