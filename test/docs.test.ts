// Documents that follow the code are as the code is now.
import { globSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { archiverSettings } from '#archiver/config-schema.ts';
import { tsaConfigSchema } from '#tsa/config/config-schema.ts';
import { buildReference, referenceFile, referenceRows } from '../docs/make-reference.ts';
import { projectRoot } from './_sources.ts';

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

test('docs/operations.md has a row for every kind of finding of a run', async (t) => {
  const operations = await readFile(path.join(projectRoot, 'docs', 'operations.md'), 'utf8');
  const kinds = new Set<string>();
  for (const file of globSync('archiver/{run.ts,stages/*.ts}', { cwd: projectRoot })) {
    const source = await readFile(path.join(projectRoot, file), 'utf8');
    // A finding is the only thing that has a kind and then a level.
    for (const [, kind = ''] of source.matchAll(/kind: '([a-z-]+)',\s+level: /g)) kinds.add(kind);
  }
  t.true(kinds.size > 10);
  t.deepEqual(
    [...kinds].filter((kind) => !operations.includes(`\`${kind}\``)),
    [],
  );
});

test('docs/operations.md has a row for every event of the proxy', async (t) => {
  const operations = await readFile(path.join(projectRoot, 'docs', 'operations.md'), 'utf8');
  const names = new Set<string>();
  for (const file of globSync('tsa/**/*.ts', { cwd: projectRoot })) {
    const source = await readFile(path.join(projectRoot, file), 'utf8');
    for (const [, name = ''] of source.matchAll(/'(tsa\.[a-z]+(?:[.-][a-z]+)*)'/g)) names.add(name);
  }
  t.true(names.size > 40);
  t.deepEqual(
    [...names].filter((name) => !operations.includes(`\`${name}\``)),
    [],
  );
});

test('docs/requirements.md names tests that are there', async (t) => {
  const text = await readFile(path.join(projectRoot, 'docs', 'requirements.md'), 'utf8');
  const named = [...text.matchAll(/`(test\/[^`]+)`/g)].map(([, file = '']) => file);
  t.true(named.length > 20);
  t.deepEqual(globSync(named, { cwd: projectRoot }).toSorted(), [...new Set(named)].toSorted());
});
