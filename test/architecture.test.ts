// The arrows between rooms, and where input, output, time and chance may come in. The tables below are
// the rule; a file that breaks them is moved, or the table is changed with its reason beside it.
import { existsSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import {
  projectRoot,
  readSource,
  readSources,
  type SourceFile,
  type SourceImport,
} from './_sources.ts';

/**
 * Rooms under shared/ by row: a room imports its own folder and the rows above it. A row of several
 * names is of rooms that do not know one another.
 */
const rows: readonly (readonly string[])[] = [
  ['errors', 'bytes', 'oid'],
  // `time` throws the errors, `problem` turns a caught one into a line of a reading.
  ['time', 'problem'],
  // Octets, not meaning. `compress` is bounded inflation for ZIP entries and PDF streams.
  ['der', 'xml', 'compress'],
  // Algorithm identifiers and public keys are DER.
  ['crypto'],
  ['policy'],
  ['x509'],
  ['xmldsig'],
  ['trust'],
  ['cms'],
  ['tsp'],
  ['ers'],
  // What is collected, and the tree over it: what both programs take in.
  ['intake'],
  ['cades', 'xades', 'pades'],
  ['asic'],
  ['validation'],
  ['ports'],
  // For programs alone: adapters, and how a configuration file is read and judged, and whom to call when what fails.
  ['io', 'yaml-config', 'contacts', 'examination'],
];

const rowOf = new Map(rows.flatMap((names, row) => names.map((name) => [name, row] as const)));

/** Wiring: where adapters are named and the clock, the environment and the terminal come in. */
const wiring = new Set([
  'cli.ts',
  'start.ts',
  'doctor.ts',
  'embedded-tsa.ts',
  'simulated-tsas.ts',
  'tsa/main.ts',
  'tsa/commands.ts',
  'archiver/main.ts',
  'archiver/web.ts',
  // The report page's listening side: an adapter that stands with the rest of the page.
  'archiver/web/server.ts',
]);

/** Files that make themselves heard outside of the process, or hear from there. */
const outside = /^(?:(?:tsa|archiver)\/(?:.+\/)?(?:adapters|commands)\/|shared\/io\/)/;

function touchesOutside({ path: file }: SourceFile): boolean {
  return outside.test(file) || wiring.has(file) || isTool(file);
}

/** Tests, benchmarks and scripts of the documents see all and touch all. */
function isTool(file: string): boolean {
  return /^(?:test|bench|docs)\//.test(file);
}

/** Built-in modules that compute only. Everything else reads, writes, waits, or throws dice. */
const computing = new Set([
  'node:assert/strict',
  'node:buffer',
  'node:path',
  'node:path/posix',
  'node:url',
  'node:util',
  'node:zlib',
]);

/** Of other built-in modules, the names that compute only. */
const computingNames: ReadonlyMap<string, readonly string[]> = new Map([
  ['node:net', ['BlockList', 'isIP', 'isIPv4', 'isIPv6']],
]);

function computesOnly({ target, names }: SourceImport): boolean {
  const allowed = computingNames.get(target) ?? [];
  return (
    computing.has(target) || (names.length > 0 && names.every((name) => allowed.includes(name)))
  );
}

/** Packages, and the files in which their types and their work stay. */
const packageHomes: ReadonlyMap<string, RegExp> = new Map([
  ['@aws-sdk/client-s3', /^archiver\/adapters\/s3-/],
  ['@aws-sdk/lib-storage', /^archiver\/adapters\/s3-/],
  ['asn1js', /^shared\/(?:x509|cms|tsp|ers)\//],
  ['pkijs', /^shared\/(?:x509|cms|tsp|ers)\//],
  ['commander', /^(?:cli\.ts|start\.ts|doctor\.ts|(?:tsa|archiver)\/commands)/],
  ['express', /^(?:tsa\/server|archiver\/web)/],
  ['helmet', /^(?:tsa\/server|archiver\/web)/],
  ['kysely', /^archiver\/adapters\//],
  ['node-cron', /^archiver\/schedule\.ts$/],
  ['@zip.js/zip.js', /^archiver\/adapters\/zip-file\.ts$/],
  ['pdfkit', /^archiver\/pdf\/paper\.ts$/],
  ['fontkit', /^archiver\/(?:pdf\/fonts|adapters\/typefaces)\.ts$/],
  ['pg', /^tsa\/adapters\/database\//],
  ['yaml', /^(?:shared\/yaml-config\.ts|start\.ts|tsa\/yaml-lines\.ts)$/],
  ['zod', /^(?:shared\/(?:yaml-config(?:\.ts|\/)|contacts\.ts|policy\/)|tsa\/|archiver\/)/],
]);

/**
 * Design invariant 1: what judges afresh, and what it judges. The DER reader and writer are below both:
 * digests of DER forms have to be the same ones.
 */
const judges = [
  'archiver/evidence/read-back.ts',
  'archiver/evidence/read-back-table.ts',
  'archiver/evidence/read-back-covered.ts',
  'archiver/evidence/judge-record.ts',
  'archiver/augmentation/read-back.ts',
];
const builders =
  /^(?:archiver\/evidence\/(?!read-back|judge-record|types\.ts$)|shared\/ers\/(?:build|renewal|record-writer|xml-record-writer|continuation)\.ts$|shared\/tsp\/(?:build-token|evidence-form)\.ts$|archiver\/augmentation\/(?:raise|placement|validation-data|tokens|augment-stored)\.ts$|shared\/cades\/augment\/|shared\/der\/splice\.ts$)/;

const sources = readSources();
const byPath = new Map(sources.map((source) => [source.path, source]));

/** `shared/x509/name.ts` and `shared/oid.ts` are of the rooms `x509` and `oid`. */
function sharedRoom(file: string): string | undefined {
  return /^shared\/([^/]+?)(?:\.ts)?(?:\/|$)/.exec(file)?.[1];
}

/** What the table of rows has against one import; nothing where it is allowed. */
function arrowOffence(from: string, to: string): string | undefined {
  if (isTool(from)) return undefined;
  if (isTool(to)) return 'nothing imports test, bench or docs';
  if (to === 'cli.ts') return 'nothing imports cli.ts';
  if (!from.includes('/')) return undefined;
  if (!to.includes('/')) return 'no room imports the wiring of both programs';
  const fromRoom = sharedRoom(from);
  const toRoom = sharedRoom(to);
  if (fromRoom === undefined) {
    const [program = ''] = from.split('/');
    return toRoom !== undefined || to.startsWith(`${program}/`)
      ? undefined
      : 'tsa and archiver never import each other';
  }
  if (toRoom === undefined) return 'shared stands on nothing but itself';
  const fromRow = rowOf.get(fromRoom);
  const toRow = rowOf.get(toRoom);
  if (fromRow === undefined || toRow === undefined) return 'a room that the table does not know';
  return fromRoom === toRoom || toRow < fromRow ? undefined : 'not a row above';
}

test('every import of the project follows the table of rooms', (t) => {
  const offences = sources.flatMap(({ path: from, imports }) =>
    imports.flatMap(({ kind, target }) => {
      const offence = kind === 'own' ? arrowOffence(from, target) : undefined;
      return offence === undefined ? [] : [`${from} → ${target}: ${offence}`];
    }),
  );
  t.deepEqual(offences, []);
});

test('every own import names a file that is there', (t) => {
  const missing = sources.flatMap(({ path: from, imports }) =>
    imports
      .filter(({ kind, target }) => kind === 'own' && !existsSync(path.join(projectRoot, target)))
      .map(({ target }) => `${from} → ${target}`),
  );
  t.deepEqual(missing, []);
});

test('every import outside of tests can be read', (t) => {
  const computed = sources.filter(
    ({ path: file, imports }) => !isTool(file) && imports.some(({ kind }) => kind === 'computed'),
  );
  t.deepEqual(
    computed.map(({ path: file }) => file),
    [],
  );
});

test('ports are interfaces: they import types alone', (t) => {
  const values = sources
    .filter(({ path: file }) => file.startsWith('shared/ports/'))
    .flatMap(({ path: from, imports }) =>
      imports.filter(({ typeOnly }) => !typeOnly).map(({ target }) => `${from} → ${target}`),
    );
  t.deepEqual(values, []);
});

test('I/O enters by adapters, commands and wiring', (t) => {
  const offences = sources
    .filter((source) => !touchesOutside(source))
    .flatMap(({ path: from, imports }) =>
      imports
        .filter(({ kind, typeOnly }) => kind === 'built-in' && !typeOnly)
        .filter((one) => !computesOnly(one))
        // Digests and signature checks: the one room that hashes, and it takes no randomness.
        .filter(({ target }) => !(target === 'node:crypto' && sharedRoom(from) === 'crypto'))
        .map(({ target }) => `${from} → ${target}`),
    );
  t.deepEqual(offences, []);
});

/** What writes under a file's final name while it is not finished. */
const halfWritten = ['writeFile', 'createWriteStream', 'writeNewFile'];

test('what a command writes is there whole or not at all', (t) => {
  const offences = sources
    .filter(({ path: file }) => /^(?:archiver|tsa)\/commands\//.test(file))
    // Its stream goes to devices and pipes alone.
    .filter(({ path: file }) => file !== 'archiver/commands/output-file.ts')
    .flatMap(({ path: file, imports }) =>
      imports
        .flatMap(({ names }) => names)
        .filter((name) => halfWritten.includes(name))
        .map((name) => `${file}: ${name}`),
    );
  t.deepEqual(offences, []);
});

test('time, chance, environment and output enter by adapters, commands and wiring', (t) => {
  const offences = sources
    .filter((source) => !touchesOutside(source))
    .flatMap(({ path: from, ambient }) => ambient.map((name) => `${from}: ${name}`));
  t.deepEqual(offences, []);
});

test('a package stays in the rooms that its table names', (t) => {
  const offences = sources
    .filter(({ path: file }) => !isTool(file))
    .flatMap(({ path: from, imports }) =>
      imports
        .filter(({ kind, target }) => kind === 'package' && !packageHomes.get(target)?.test(from))
        .map(({ target }) => `${from} → ${target}`),
    );
  t.deepEqual(offences, []);
});

/** Everything that runs when `file` is loaded, itself aside: imports of values, followed to the end. */
function loadedBy(file: string): ReadonlySet<string> {
  const seen = new Set<string>();
  const waiting = [file];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    for (const { kind, target, typeOnly } of byPath.get(next)?.imports ?? []) {
      if (kind !== 'own' || typeOnly || seen.has(target)) continue;
      seen.add(target);
      waiting.push(target);
    }
  }
  return seen;
}

for (const judge of judges) {
  test(`${judge} takes nothing from what it judges but types`, (t) => {
    t.true(byPath.has(judge));
    t.deepEqual(
      [...loadedBy(judge)].filter((file) => builders.test(file)),
      [],
    );
  });
}

const offending: readonly (readonly [from: string, to: string, allowed: boolean])[] = [
  ['shared/cms/check.ts', 'shared/tsp/token.ts', false],
  ['shared/tsp/token.ts', 'shared/cms/check.ts', true],
  ['shared/cades/read.ts', 'shared/pades/read.ts', false],
  ['shared/tsp/token.ts', 'shared/io/durable-file.ts', false],
  ['shared/errors.ts', 'tsa/main.ts', false],
  ['shared/unheard-of.ts', 'shared/errors.ts', false],
  ['tsa/main.ts', 'archiver/main.ts', false],
  ['archiver/main.ts', 'tsa/main.ts', false],
  ['archiver/main.ts', 'start.ts', false],
  ['archiver/main.ts', 'shared/io/durable-file.ts', true],
  ['archiver/main.ts', 'test/_tsu.ts', false],
  ['start.ts', 'cli.ts', false],
  ['start.ts', 'tsa/main.ts', true],
  ['test/_tsu.ts', 'tsa/main.ts', true],
];

for (const [from, to, allowed] of offending) {
  test(`the table ${allowed ? 'allows' : 'refuses'} ${from} → ${to}`, (t) => {
    t.is(arrowOffence(from, to) === undefined, allowed);
  });
}

test('imports and ambient sources are read from the syntax, not from the text', (t) => {
  const { imports, ambient } = readSource(
    'shared/x509/some.ts',
    `import { a } from '#shared/oid.ts';
     import { type B } from './name.ts';
     import type { C } from '../time.ts';
     export { d } from '@scope/name/deep';
     const e = await import('node:fs');
     // Date.now() and console.log are but words here
     const f = 'process.env';
     const g = [new Date(), new Date(0), Temporal.Now.instant(), console.log];`,
  );
  t.deepEqual(imports, [
    { kind: 'own', target: 'shared/oid.ts', typeOnly: false, names: ['a'] },
    { kind: 'own', target: 'shared/x509/name.ts', typeOnly: true, names: ['B'] },
    { kind: 'own', target: 'shared/time.ts', typeOnly: true, names: ['C'] },
    { kind: 'package', target: '@scope/name', typeOnly: false, names: [] },
    { kind: 'built-in', target: 'node:fs', typeOnly: false, names: [] },
  ]);
  t.deepEqual(ambient, ['new Date()', 'Temporal.Now', 'console.log']);
});
