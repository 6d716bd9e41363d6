// Evidence records: `npm run bench -- ers [--leaves N] [--only build|verify|renew]`. A batch built with all of its
// records emitted at 10³, 10⁴, 10⁵ and 10⁶ documents (or N), records verified alone and by the batch, hash-tree
// renewals. Each part runs in a process of its own, so that neither what the engine has compiled nor memory is another's.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: { leaves: { type: 'string' }, only: { type: 'string' } },
});
const sizes = values.leaves === undefined ? [1e3, 1e4, 1e5, 1e6] : [Number(values.leaves)];

const parts: readonly (readonly [name: string, ...args: string[]])[] = [
  ...sizes.map((size) => ['build', `${size}`] as const),
  ['verify', `${Math.min(...sizes.slice(-1), 1e5)}`],
  ['renew'],
];

for (const [name, ...args] of parts) {
  if (values.only !== undefined && values.only !== name) continue;
  const file = path.join(import.meta.dirname, `ers-${name}.ts`);
  const { status } = spawnSync(process.execPath, [file, ...args], { stdio: 'inherit' });
  if (status !== 0) process.exitCode = 1;
}
