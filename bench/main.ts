// `npm run bench -- [name…] [--leaves N]`: each benchmark in a process of its own, so that memory and caches of one
// are not another's. Prints figures; passes or fails nothing.
import { spawnSync } from 'node:child_process';
import path from 'node:path';

const names = ['ers', 'verify', 'tsu', 'tsa', 'trust', 'policy', 'cades'] as const;

const options = process.argv.slice(2);
const optionsAt = options.findIndex((word) => word.startsWith('--'));
/** What comes from the first option on is the benchmarks' own. */
const passed = optionsAt < 0 ? [] : options.splice(optionsAt);
const asked = options;
const unknown = asked.filter((name) => !names.some((known) => known === name));
if (unknown.length > 0) {
  process.stderr.write(`no benchmark ${unknown.join(', ')}; there are: ${names.join(', ')}\n`);
  process.exitCode = 3;
} else {
  for (const name of names) {
    if (asked.length > 0 && !asked.includes(name)) continue;
    process.stdout.write(`\n== ${name}\n`);
    const file = path.join(import.meta.dirname, `${name}.ts`);
    const { status } = spawnSync(process.execPath, [file, ...passed], { stdio: 'inherit' });
    if (status !== 0) process.exitCode = 1;
  }
}
