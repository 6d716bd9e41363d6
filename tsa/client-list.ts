// The clients of the configuration together with the keys and passwords that `tokiwa tsa client` keeps for them. One
// that stands there alone may use the default profile.
import type { ClientCredentials } from './adapters/client-file.ts';
import type { ClientConfig } from './clients.ts';
import type { TsaConfig } from './config.ts';

/** Every client with all of its credentials, by name. */
export function listClients(
  config: Pick<TsaConfig, 'clients' | 'defaultProfile'>,
  credentials: ClientCredentials,
): readonly ClientConfig[] {
  const byName = new Map(config.clients.map((client) => [client.name, client]));
  for (const [name, kept] of Object.entries(credentials)) {
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
