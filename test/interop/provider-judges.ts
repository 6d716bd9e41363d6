// The proxy between programs that we did not write: OpenSSL's responder, sigstore's timestamp-authority and Bouncy Castle
// as providers, OpenSSL with curl, Bouncy Castle, EU DSS and pyHanko as clients.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { defaultHttpProvider, type HttpProviderConfig } from '#tsa/config/config.ts';
import type { ConformanceReport, ConformanceResult } from '../conformance/_report.ts';
import { configWith, startTestTsa, temporaryFolder, type TestTsa } from '../tsa/_proxy.ts';
import { startOpenssl } from './_openssl-tsa.ts';
import { endChild, startSigstore, type PeerTsa } from './_peer-tsas.ts';
import { pythonWith } from './_python.ts';

const run = promisify(execFile);
const javaFolder = path.join(import.meta.dirname, 'java');
const clock = {
  now: () => Temporal.Now.instant(),
  set: () => undefined,
  advance: () => undefined,
};

type Provider = Omit<PeerTsa, 'process'> & {
  /** It sends certificates that the query did not ask for (RFC 3161 §2.4.1), which is refused. */
  readonly sendsUnasked?: boolean;
};

const accepted = /Verification: OK|Status: Granted/;
// From its second query on, such a provider is not asked.
const refused = /certificates that (were not asked for|this query does not ask for)/;

/** The class path of the Java programs; Maven brings what is missing. */
async function classPath(folder: string): Promise<string> {
  const file = path.join(folder, 'class-path');
  const goal = ['dependency:build-classpath', `-Dmdep.outputFile=${file}`];
  await run('mvn', ['-q', '-B', ...goal], { cwd: javaFolder });
  const { stdout } = await run('cat', [file]);
  return stdout.trim();
}

async function startBouncyCastle(folder: string, libraries: string): Promise<Provider> {
  const anchors = path.join(folder, 'bouncy-castle.pem');
  const args = ['-cp', libraries, 'BouncyCastleTsa.java', anchors];
  const child = spawn('java', args, { cwd: javaFolder, stdio: ['ignore', 'pipe', 'inherit'] });
  const [port] = (await once(child.stdout, 'data')) as [Buffer];
  return {
    name: 'Bouncy Castle, P-384',
    url: `http://127.0.0.1:${port.toString().trim()}/`,
    anchors,
    policy: '1.2.3.4.7',
    [Symbol.asyncDispose]: () => endChild(child),
  };
}

function proxyBefore(provider: Provider, folder: string): Promise<TestTsa> {
  const settings: HttpProviderConfig = {
    ...defaultHttpProvider,
    kind: 'http',
    name: 'peer',
    url: provider.url,
    anchors: [provider.anchors],
    tsaPolicies: [provider.policy],
    hashAlgorithms: ['SHA-256', 'SHA-384', 'SHA-512'],
    timeouts: { connectMs: 5000, responseMs: 20_000, lateMs: 20_000 },
  };
  return startTestTsa(configWith(folder, [settings]), clock);
}

const passed = (name: string, ok: boolean, got: string): ConformanceResult => ({
  case: name,
  passed: ok,
  expected: 'ok',
  got,
});

/** OpenSSL makes the query and judges the answer, curl carries them. */
async function judgeByOpenssl(
  url: string,
  { name, anchors, sendsUnasked }: Provider,
  folder: string,
): Promise<readonly ConformanceResult[]> {
  const data = path.join(folder, 'document');
  await writeFile(data, 'document');
  const query = path.join(folder, 'query.tsq');
  const reply = path.join(folder, 'reply.tsr');
  const results: ConformanceResult[] = [];
  for (const digest of ['sha256', 'sha384', 'sha512'])
    for (const options of [['-cert'], ['-cert', '-no_nonce'], []]) {
      const title = `${name}: OpenSSL and curl, ${[digest, ...options].join(' ')}`;
      try {
        const ask = ['-query', '-data', data, `-${digest}`, ...options, '-out', query];
        await run('openssl', ['ts', ...ask]);
        const header = 'Content-Type: application/timestamp-query';
        const send = ['-s', '-S', '-f', '-H', header, '--data-binary', `@${query}`, '-o', reply];
        await run('curl', [...send, url]);
        const withCertificates = options.includes('-cert');
        // Without certificates OpenSSL has nothing to verify the signature with: the answer itself is looked at.
        const verify = withCertificates
          ? ['-verify', '-queryfile', query, '-in', reply, '-CAfile', anchors]
          : ['-reply', '-in', reply, '-text'];
        const { stdout } = await run('openssl', ['ts', ...verify]);
        const ok = (withCertificates || !sendsUnasked ? accepted : refused).test(stdout);
        results.push(passed(title, ok, ok ? 'ok' : stdout.slice(0, 300)));
      } catch (error) {
        results.push(passed(title, false, error instanceof Error ? error.message : String(error)));
      }
    }
  return results;
}

/** A client that prints `ok …` or `FAIL …` lines. */
async function judgeByProgram(
  provider: string,
  program: string,
  args: readonly string[],
  wanted: number,
): Promise<readonly ConformanceResult[]> {
  const output = await run(program, args, { cwd: javaFolder, timeout: 120_000 }).then(
    ({ stdout }) => stdout,
    (error: unknown) => {
      const { stdout = '', message } = error as Error & { readonly stdout?: string };
      return `${stdout}\nFAIL ${message}\n`;
    },
  );
  const lines = output.split('\n').filter((line) => /^(ok|FAIL) /.test(line));
  const good = lines.filter((line) => line.startsWith('ok ')).length;
  return [
    ...lines.map((line) =>
      passed(`${provider}: ${line.slice(line.indexOf(' ') + 1)}`, line.startsWith('ok '), line),
    ),
    ...(good === wanted ? [] : [passed(`${provider}: ${program}`, false, `${good} of ${wanted}`)]),
  ];
}

/** Every provider with OpenSSL and curl before the proxy; one of them with every client. */
export async function judgeProviders(): Promise<ConformanceReport> {
  const folder = await mkdtemp(path.join(tmpdir(), 'tokiwa-providers-'));
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rm(folder, { recursive: true, force: true }));
  const libraries = await classPath(folder);
  const sigstore = await startSigstore();
  const providers: Provider[] = [
    await startOpenssl('RSA-3072'),
    await startOpenssl('P-256'),
    ...(sigstore ? [{ ...sigstore, sendsUnasked: true }] : []),
    await startBouncyCastle(folder, libraries),
  ];
  for (const provider of providers) stack.use(provider);
  const results: ConformanceResult[] = sigstore
    ? []
    : [passed('sigstore timestamp-authority', false, 'TOKIWA_SIGSTORE_TSA names no program')];
  const python = await pythonWith('pyhanko', '0.38.0', 'pyhanko.sign.timestamps');
  const script = path.join(import.meta.dirname, '_pyhanko-client.py');
  await access(script);
  for (const [i, provider] of providers.entries()) {
    await using state = await temporaryFolder();
    await using tsa = await proxyBefore(provider, state.path);
    results.push(...(await judgeByOpenssl(tsa.url, provider, state.path)));
    if (i === 1) {
      const java = ['-cp', libraries, 'Clients.java', tsa.url, provider.anchors];
      results.push(...(await judgeByProgram(provider.name, 'java', java, 4)));
      results.push(...(await judgeByProgram(provider.name, python, [script, tsa.url], 2)));
    }
  }
  return { results };
}
