// Runs one corpus from any folder of its layout: `npm run conformance -- SUITE DIR [--json]`. Prints each
// difference, then those that docs/standards.md explains, and closes with the count. Exit 1 on failure.
import { readdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { ConformanceReport, ConformanceResult } from './_report.ts';

/** A plug-in is a file of this folder that is no helper and not this one. */
async function suites(): Promise<string[]> {
  const files = await readdir(import.meta.dirname);
  return files
    .filter((file) => /^[a-z]+\.ts$/.test(file) && file !== 'main.ts')
    .map((file) => file.slice(0, -'.ts'.length))
    .toSorted();
}

type Suite = { readonly run: (folder: string) => Promise<ConformanceReport> };

async function loadSuite(name: string): Promise<Suite> {
  const loaded: unknown = await import(`./${name}.ts`);
  return loaded as Suite;
}

function printFailure(result: ConformanceResult): void {
  console.log(`DIFFERENT ${result.case}`);
  console.log(`  expected: ${result.expected}`);
  console.log(`  got:      ${result.got}`);
  if (result.note !== undefined) console.log(`  note:     ${result.note}`);
}

/** Cases that count although readings differ, by the reason. */
function printExplained(results: readonly ConformanceResult[]): void {
  const byNote = Map.groupBy(results, ({ note }) => note ?? '');
  for (const [note, cases] of byNote) {
    console.log(`EXPLAINED ${note}: ${cases.length}`);
    for (const { case: name } of cases) console.log(`  ${name}`);
  }
}

const [suite, folder] = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const json = process.argv.includes('--json');
const known = await suites();
if (suite === undefined || folder === undefined || !known.includes(suite)) {
  console.error(`usage: npm run conformance -- SUITE DIR [--json]; suites: ${known.join(', ')}`);
  process.exitCode = 3;
} else {
  const { results } = await (await loadSuite(suite)).run(resolve(folder));
  const failures = results.filter(({ passed }) => !passed);
  const passed = results.length - failures.length;
  if (json) {
    console.log(JSON.stringify({ suite, passed, failed: failures.length, results }, null, 1));
  } else {
    for (const failure of failures) printFailure(failure);
    printExplained(
      results.filter(({ passed: ok, note, expected, got }) => ok && note && expected !== got),
    );
    console.log(`${passed} passed, ${failures.length} failed`);
  }
  // A folder in which nothing was found is no success.
  process.exitCode = failures.length === 0 && results.length > 0 ? 0 : 1;
}
