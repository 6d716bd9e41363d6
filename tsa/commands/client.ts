// `tokiwa tsa client`: keys and passwords of clients. A key is shown once, when it is made; what is kept of it says
// nothing of it. Exit codes: 0 done, 3 usage or unreadable input.
import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import { ConfigError } from '#shared/errors.ts';
import {
  credentialsOf,
  loadCredentials,
  storeCredentials,
  withoutClient,
  type Credential,
} from '../adapters/client-file.ts';
import { createApiKey, hashPassword } from '../adapters/password.ts';
import { reservedNames } from '../clients/clients.ts';
import { nameSchema } from '../config/config-clients.ts';
import { loadTsaConfig, withExitCode } from './context.ts';

type ClientOptions = { readonly config: string; readonly password?: boolean };

const shortestPassword = 12;

/** One line of standard input, so that no password stands among the arguments that everyone can list. */
async function readPassword(): Promise<string> {
  process.stderr.write('password: ');
  const lines = createInterface({ input: process.stdin });
  for await (const line of lines) {
    lines.close();
    if (line.length >= shortestPassword) return line;
    break;
  }
  throw new ConfigError(
    'ERR_CONFIG_USAGE',
    `a password has at least ${shortestPassword} characters, on one line of standard input`,
  );
}

async function add(name: string, options: ClientOptions): Promise<void> {
  if (!nameSchema.safeParse(name).success)
    throw new ConfigError(
      'ERR_CONFIG_USAGE',
      `no name for a client: ${name}; lower-case letters, digits and hyphens`,
    );
  if (reservedNames.includes(name))
    throw new ConfigError('ERR_CONFIG_USAGE', `${name} is a name that the proxy keeps for itself`);
  const { credentialsFile } = await loadTsaConfig(options.config);
  const clients = await loadCredentials(credentialsFile);
  const since = Temporal.Now.instant().toString({ smallestUnit: 'second' });
  const made = options.password ? undefined : createApiKey();
  const credential: Credential = made
    ? { since, sha256: made.sha256 }
    : { since, password: await hashPassword(await readPassword()) };
  await storeCredentials(credentialsFile, {
    ...clients,
    [name]: [...credentialsOf(clients, name), credential],
  });
  if (made) process.stdout.write(`${made.key}\n`);
  process.stderr.write(
    `tokiwa: kept for client ${name} in ${credentialsFile}; it counts once the proxy is told to reload (SIGHUP)\n`,
  );
}

async function remove(name: string, options: ClientOptions): Promise<void> {
  const { credentialsFile } = await loadTsaConfig(options.config);
  const clients = await loadCredentials(credentialsFile);
  const removed = credentialsOf(clients, name);
  if (removed.length === 0)
    throw new ConfigError('ERR_CONFIG_USAGE', `${credentialsFile} has no client ${name}`);
  await storeCredentials(credentialsFile, withoutClient(clients, name));
  process.stderr.write(
    `tokiwa: ${removed.length} keys and passwords of client ${name} are gone once the proxy is told to reload (SIGHUP)\n`,
  );
}

async function list(options: ClientOptions): Promise<void> {
  const { credentialsFile } = await loadTsaConfig(options.config);
  for (const [name, credentials] of Object.entries(await loadCredentials(credentialsFile)))
    for (const { since, sha256 } of credentials)
      process.stdout.write(
        `${name}\t${since}\t${sha256 === undefined ? 'password' : `key ${sha256.slice(0, 16)}…`}\n`,
      );
}

/** Adds `tsa client add`, `remove` and `list`. */
export function registerClient(tsa: Command): void {
  const client = tsa.command('client').description('keys and passwords of clients');
  const command = (usage: string, description: string): Command =>
    client
      .command(usage)
      .description(description)
      .requiredOption('--config <file>', 'configuration file of the proxy');
  command('add', 'make a key of 256 random bits for a client and show it, once')
    .argument('<name>', 'name of the client')
    .option('--password', 'take a password from standard input instead')
    .action((name: string, options: ClientOptions) => withExitCode(() => add(name, options)));
  command('remove', 'forget all keys and passwords that are kept for a client')
    .argument('<name>', 'name of the client')
    .action((name: string, options: ClientOptions) => withExitCode(() => remove(name, options)));
  command('list', 'say for whom keys and passwords are kept').action((options: ClientOptions) =>
    withExitCode(() => list(options)),
  );
}
