// `npm start` the first time: what is written, and what a newcomer is not told.
import test from 'ava';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { eventsOf, prepare } from '../start.ts';

const missing = { level: 'warn', name: 'archiver.contact.missing' } as const;
const other = { level: 'warn', name: 'archiver.store.skipped' } as const;

const rows = {
  'the first time, with samples': [{ isFirst: true, samples: true }, [other.name]],
  'the first time, without samples': [
    { isFirst: true, samples: false },
    [missing.name, other.name],
  ],
  'any later time': [{ isFirst: false, samples: true }, [missing.name, other.name]],
} as const;

for (const [what, [start, expected]] of Object.entries(rows))
  test(`whom to call is missing: ${what}`, (t) => {
    const told: string[] = [];
    const events = eventsOf(start, ({ name }) => {
      told.push(name);
    });
    events(missing);
    events(other);
    t.deepEqual(told, expected);
  });

test('a configuration is written once, and is the operator’s from then on', async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), 'tokiwa-start-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const options = {
    state: path.join(folder, 'state'),
    documents: path.join(folder, 'documents'),
    port: '3180',
    tsaPort: '3161',
    samples: false,
  };
  const configFile = path.join(options.state, 'tokiwa.yaml');
  t.deepEqual(await prepare(options), { configFile, isFirst: true });
  t.deepEqual(await prepare(options), { configFile, isFirst: false });
});
