// `tokiwa policy show|export|import` as processes: what is printed, what is kept, and what is refused.
import test from 'ava';
import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { loadConfig } from '#archiver/commands/context.ts';
import { bundledPolicies } from '#shared/policy/bundled.ts';
import { parseDssc } from '#shared/policy/dssc.ts';
import { readPolicyFile } from '#shared/trust/policy-file.ts';
import { issueRoot } from '../../_authority.ts';
import { testKey } from '../../_keys.ts';
import { signEnveloped } from '../../_enveloped.ts';

const cli = path.resolve(import.meta.dirname, '../../../cli.ts');
const env = { ...process.env, NODE_COMPILE_CACHE: path.join(tmpdir(), 'tokiwa-compile-cache') };

type Ended = { readonly code: number; readonly stdout: string; readonly stderr: string };

function policy(folder: string, ...args: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [cli, 'policy', ...args],
      { cwd: folder, timeout: 60_000, env },
      (error, stdout, stderr) => {
        resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr });
      },
    );
  });
}

const id = 'cryptrec-ls-0003-2022';

test('a policy goes out, is signed, comes in, and is in force once the configuration says so', async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), 'tokiwa-policy-'));
  try {
    const exported = await policy(folder, 'export', id);
    t.is(exported.code, 0, exported.stderr);
    const bundled = bundledPolicies.policies.find((one) => one.id === id);
    t.deepEqual(
      parseDssc(new TextEncoder().encode(exported.stdout)).policy.hashAlgorithms,
      bundled?.hashAlgorithms,
    );
    const signer = issueRoot();
    await writeFile(path.join(folder, 'signed.xml'), signEnveloped(exported.stdout, signer));
    await writeFile(path.join(folder, 'signer.der'), signer.certificate.raw);
    await writeFile(path.join(folder, 'other.der'), issueRoot().certificate.raw);
    const config = path.join(folder, 'tokiwa.yaml');
    const options = ['-c', config, '--id', 'mine-policy'];
    const wrong = await policy(
      folder,
      'import',
      'signed.xml',
      ...options,
      '--signed-by',
      'other.der',
    );
    t.is(wrong.code, 3);
    t.regex(wrong.stderr, /none of the signers/);
    const imported = await policy(
      folder,
      ...['import', 'signed.xml', ...options, '--signed-by', 'signer.der'],
    );
    t.is(imported.code, 0, imported.stderr);
    const lines = imported.stdout
      .split('\n')
      .slice(2, 6)
      .map((line) => line.slice(2));
    await writeFile(
      config,
      `state: state\nstores: [{ kind: folder, path: documents }]\ntsa: { url: "http://127.0.0.1:1/", anchors: [a.pem] }\n${lines.join('\n')}\n`,
    );
    t.deepEqual(
      (await loadConfig(config)).profile.policies.map((one) => one.id),
      ['mine-policy'],
    );
    const shown = await policy(folder, 'show', 'mine-policy', '-c', config);
    t.regex(shown.stdout, /SHA-256: new, ends 2051-01-01/);
    const again = await policy(folder, 'import', 'signed.xml', ...options);
    t.is(again.code, 3);
    t.regex(again.stderr, /is there already/);
    t.true((await readFile(path.join(folder, 'policies', 'mine-policy.xml'))).length > 1000);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('a policy is signed as it goes out, by the key of a certificate that is its own', async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), 'tokiwa-policy-'));
  try {
    const signer = issueRoot();
    const files = { key: 'key.pem', open: 'open.pem', own: 'own.der', other: 'other.der' };
    const at = (name: keyof typeof files): string => path.join(folder, files[name]);
    const pem = signer.key.privateKey.export({ type: 'pkcs8', format: 'pem' });
    await writeFile(at('key'), pem, { mode: 0o600 });
    await writeFile(at('open'), pem, { mode: 0o600 });
    await chmod(at('open'), 0o644);
    await writeFile(at('own'), signer.certificate.raw);
    await writeFile(at('other'), issueRoot({ key: testKey('P-384') }).certificate.raw);
    const exported = (...args: readonly string[]) => policy(folder, 'export', id, ...args);
    const by = (key: keyof typeof files, certificate: keyof typeof files) =>
      exported('--sign-key', at(key), '--sign-certificate', at(certificate));
    const signed = await by('key', 'own');
    t.is(signed.code, 0, signed.stderr);
    const octets = new TextEncoder().encode(signed.stdout);
    const { signer: found, policy: read } = readPolicyFile(octets, undefined, [signer.certificate]);
    t.is(found?.fingerprint, signer.certificate.fingerprint);
    t.deepEqual(
      read,
      bundledPolicies.policies.find((one) => one.id === id),
    );
    const refused: readonly [Promise<Ended>, RegExp][] = [
      [by('open', 'own'), /can be read by others/],
      [by('key', 'other'), /is of another key/],
      [exported('--sign-key', at('key')), /go together/],
    ];
    for (const [ended, reason] of refused) {
      const { code, stdout, stderr } = await ended;
      t.is(code, 3);
      t.is(stdout, '');
      t.regex(stderr, reason);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('what there is, and what there is not', async (t) => {
  const list = await policy(tmpdir(), 'show');
  t.regex(list.stdout, /jp-medical \(default\): cryptrec-ls-0003-2022, jp-gov-pqc-2035/);
  const none = await policy(tmpdir(), 'show', 'nothing');
  t.is(none.code, 3);
  t.regex(none.stderr, /there are: etsi/);
});
