// Documents that are made from the code are as the code is now.
import { readFile } from 'node:fs/promises';
import test from 'ava';
import { archiverSettings } from '#archiver/config-schema.ts';
import { tsaConfigSchema } from '#tsa/config-schema.ts';
import { buildReference, referenceFile, referenceRows } from '../docs/make-reference.ts';

test('docs/configuration.md is what npm run docs writes', async (t) => {
  t.is(await readFile(referenceFile, 'utf8'), buildReference());
});

for (const [name, schema] of [
  ['archiver', archiverSettings],
  ['proxy', tsaConfigSchema],
] as const) {
  test(`${name}: every key of the configuration says what it means`, (t) => {
    const rows = referenceRows(schema);
    t.true(rows.length > 20);
    t.deepEqual(
      rows.filter(({ meaning }) => meaning === undefined).map(({ key }) => key),
      [],
    );
  });
}
