// The clients of the configuration with the keys that are kept for them: names that mean something else open nothing.
import test from 'ava';
import { credentialsOf } from '#tsa/adapters/client-file.ts';
import { listClients } from '#tsa/clients/client-list.ts';
import { reservedNames } from '#tsa/clients/clients.ts';
import { localTsaConfig } from '#tsa/config/config.ts';

const since = '2030-01-01T00:00:00Z';
const sha256 = 'a'.repeat(64);
const config = localTsaConfig({ stateDir: '/nowhere' });

test('a key that is kept under a name of the books makes no client', (t) => {
  const names = [...reservedNames, 'records'];
  const credentials = Object.fromEntries(names.map((name) => [name, [{ since, sha256 }]]));
  t.deepEqual(
    listClients(config, credentials).map(({ name }) => name),
    ['records'],
  );
});

test('a name that every object knows has no keys of its own', (t) => {
  t.deepEqual(credentialsOf({}, 'constructor'), []);
  t.is(credentialsOf({ constructor: [{ since, sha256 }] }, 'constructor').length, 1);
});
