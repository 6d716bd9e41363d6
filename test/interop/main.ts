// Our output before implementations that we did not write, and theirs before us:
// `npm run interop [-- GROUP...]`. Prints every check, closes with the count; exit 1 on failure. A judge
// that is absent is a failure. Folder of the judges: TOKIWA_SHARED, default ../shared.
import path from 'node:path';
import type { ConformanceReport } from '../conformance/_report.ts';

const projectRoot = path.dirname(path.dirname(import.meta.dirname));
const shared = path.resolve(projectRoot, process.env['TOKIWA_SHARED'] ?? '../shared');
const oracle = path.join(shared, 'oracle');

/** What is judged, by the name on the command line; loaded when it is asked for. */
const groups = new Map<string, () => Promise<ConformanceReport>>([
  ['tokens', async () => (await import('./token-judges.ts')).judgeTokens(oracle)],
  [
    'corpus',
    async () =>
      (await import('./corpus-judges.ts')).judgeCorpus(path.join(shared, 'corpus', 'tsp')),
  ],
  ['providers', async () => (await import('./provider-judges.ts')).judgeProviders()],
  ['metrics', async () => (await import('./metrics-judges.ts')).judgeMetrics()],
  ['tls', async () => (await import('./tls-judges.ts')).judgeTls()],
  ['ers', async () => (await import('./ers-judges.ts')).judgeEvidenceRecords(oracle)],
  ['intake', async () => (await import('./intake-judges.ts')).judgeIntake(oracle)],
  ['cades', async () => (await import('./cades-judges.ts')).judgeCades(oracle)],
  [
    'cades-hostile',
    async () => (await import('./cades-hostile-judges.ts')).judgeHostileCades(oracle),
  ],
  [
    'octets',
    async () =>
      (await import('./octet-judges.ts')).judgeSampledOctets(path.join(shared, 'corpus', 'dss')),
  ],
  ['unread', async () => (await import('./unread-judges.ts')).judgeUnreadEvidence(oracle)],
  [
    'cades-corpus',
    async () =>
      (await import('./cades-corpus-judges.ts')).judgeCadesCorpus(
        oracle,
        path.join(shared, 'corpus', 'dss'),
      ),
  ],
  ['night', async () => (await import('./night-judges.ts')).judgeNight(oracle)],
  ['simulation', async () => (await import('./simulation-judges.ts')).judgeSimulation(oracle)],
  [
    'trusted-lists',
    async () => (await import('./trusted-list-judges.ts')).judgeTrustedLists(path.dirname(oracle)),
  ],
  ['policies', async () => (await import('./policy-judges.ts')).judgePolicies(oracle)],
  ['services', async () => (await import('./services.ts')).runServiceTests()],
]);

/** A group that cannot be run has failed; the others are still run. */
async function run(
  name: string,
  judge: () => Promise<ConformanceReport>,
): Promise<ConformanceReport> {
  try {
    const report = await judge();
    if (report.results.length > 0) return report;
    return { results: [{ case: name, passed: false, expected: 'checks', got: 'none' }] };
  } catch (error) {
    const got = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { results: [{ case: name, passed: false, expected: 'to be run', got }] };
  }
}

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !groups.has(name));
if (unknown.length > 0) {
  console.error(`no group ${unknown.join(', ')}; there are: ${[...groups.keys()].join(', ')}`);
  process.exitCode = 3;
} else {
  let passed = 0;
  let failed = 0;
  for (const [name, judge] of groups) {
    if (asked.length > 0 && !asked.includes(name)) continue;
    const { results } = await run(name, judge);
    for (const result of results) {
      console.log(`${result.passed ? 'ok  ' : 'FAIL'} ${name}: ${result.case}: ${result.got}`);
      if (result.passed) continue;
      console.log(`     expected: ${result.expected}`);
      if (result.note) console.log(`     note: ${result.note}`);
    }
    const bad = results.filter((result) => !result.passed).length;
    passed += results.length - bad;
    failed += bad;
  }
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}
