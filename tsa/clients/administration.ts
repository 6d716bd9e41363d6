// What may be done to a running proxy over HTTP: another configuration, keys of clients. Each is written into the audit
// log with its actor before it is done.
import { ConfigError } from '#shared/errors.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { Asking } from '../audit/audit-line.ts';
import {
  credentialsOf,
  loadCredentials,
  storeCredentials,
  withoutClient,
  type ClientCredentials,
} from '../adapters/client-file.ts';
import { createApiKey } from '../adapters/password.ts';
import type { TsaConfig } from '../config/config.ts';

/** A credential as it is listed: nothing of it can be used. */
export type ListedCredential = {
  readonly client: string;
  readonly since: string;
  readonly kind: 'key' | 'password';
};

export type Administration = {
  /** Takes over the configuration file as it is now. @throws ConfigError: it cannot be used, the old one stays */
  readonly reload: (actor: Asking) => Promise<void>;
  readonly list: () => Promise<readonly ListedCredential[]>;
  /** A key of 256 random bits that opens the door at once; `undefined`: no such client is configured. */
  readonly addKey: (actor: Asking, client: string) => Promise<string | undefined>;
  /** Forgets every key and password that is kept for the client; how many there were. */
  readonly removeKeys: (actor: Asking, client: string) => Promise<number>;
};

export function createAdministration(options: {
  readonly audit: Pick<AuditLog, 'append'>;
  readonly config: () => TsaConfig;
  readonly now: () => Temporal.Instant;
  /** Reads the configuration file; `undefined`: there is none. */
  readonly loadConfig: (() => Promise<TsaConfig>) | undefined;
  readonly reload: (config: TsaConfig) => Promise<void>;
  /** Credentials have changed. */
  readonly onCredentials: (credentials: ClientCredentials) => void;
}): Administration {
  // One change of the file at a time: each begins with what the one before has written.
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const result = last.then(work);
    last = result.catch(() => undefined);
    return result;
  };
  const load = (): Promise<ClientCredentials> => loadCredentials(options.config().credentialsFile);
  const store = async (credentials: ClientCredentials): Promise<void> => {
    await storeCredentials(options.config().credentialsFile, credentials);
    options.onCredentials(credentials);
  };
  return {
    reload: async (actor) => {
      if (!options.loadConfig)
        throw new ConfigError('ERR_CONFIG_USAGE', 'this proxy was started without a file');
      await options.audit.append({ event: 'operated', ...actor, operation: 'reload' });
      await options.reload(await options.loadConfig());
    },
    list: async () =>
      Object.entries(await load()).flatMap(([client, credentials]) =>
        credentials.map(({ since, sha256 }) => ({
          client,
          since,
          kind: sha256 === undefined ? 'password' : 'key',
        })),
      ),
    addKey: (actor, client) =>
      inTurn(async () => {
        if (!options.config().clients.some(({ name }) => name === client)) return undefined;
        await options.audit.append({
          event: 'operated',
          ...actor,
          operation: 'add-key',
          target: client,
        });
        const { key, sha256 } = createApiKey();
        const since = options.now().toString({ smallestUnit: 'second' });
        const credentials = await load();
        const own = [...credentialsOf(credentials, client), { since, sha256 }];
        await store({ ...credentials, [client]: own });
        return key;
      }),
    removeKeys: (actor, client) =>
      inTurn(async () => {
        const credentials = await load();
        const removed = credentialsOf(credentials, client);
        if (removed.length === 0) return 0;
        await options.audit.append({
          event: 'operated',
          ...actor,
          operation: 'remove-keys',
          target: client,
        });
        await store(withoutClient(credentials, client));
        return removed.length;
      }),
  };
}
