// The clients of the configuration together with the keys and passwords that `tokiwa tsa client` keeps for them. One
// that stands there alone may use the default profile, unless clients need to be approved.
import type { ClientCredentials } from '../adapters/client-file.ts';
import { reservedNames, type ClientConfig } from './clients.ts';
import type { TsaConfig } from '../config/config.ts';

/** Every client with all of its credentials, by name. */
export function listClients(
  config: Pick<TsaConfig, 'clients' | 'defaultProfile' | 'oversight'>,
  credentials: ClientCredentials,
): readonly ClientConfig[] {
  const byName = new Map(config.clients.map((client) => [client.name, client]));
  const { approvals, disabledClients } = config.oversight;
  for (const [name, kept] of Object.entries(credentials)) {
    if (disabledClients.includes(name) || reservedNames.includes(name)) continue;
    // A key alone approves nobody.
    if (approvals.required && !byName.has(name)) continue;
    const client = byName.get(name) ?? {
      name,
      profiles: [config.defaultProfile],
      certificates: [],
      keys: [],
      passwords: [],
      networks: [],
      requestsPerMinute: undefined,
      tokensPerDay: undefined,
    };
    byName.set(name, {
      ...client,
      keys: [...client.keys, ...kept.flatMap(({ sha256 }) => sha256 ?? [])],
      passwords: [...client.passwords, ...kept.flatMap(({ password }) => password ?? [])],
    });
  }
  return [...byName.values()];
}
