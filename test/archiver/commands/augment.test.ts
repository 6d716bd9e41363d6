// `tokiwa augment` before a time-stamping authority that answers over HTTP: a file goes in, a file of its own comes
// out, and nothing else is left.
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { ConfigError } from '#shared/errors.ts';
import { localTsaConfig } from '#tsa/config/config.ts';
import { augmentFile, type AugmentSettings } from '../../../archiver/commands/augment-file.ts';
import { verifyFiles } from '../../../archiver/commands/verify.ts';
import { issueCrl, issueRoot, issueSigner } from '../../_authority.ts';
import { buildTestCms, testContent } from '../../_cms.ts';
import { mostMet, writeTrustOf } from '../augmentation/_refusals.ts';
import { createTestClock, random, startTestTsa, temporaryFolder } from '../../tsa/_proxy.ts';
import { projectRoot } from '../../_sources.ts';

const clock = createTestClock('2030-01-01T00:00:00Z');
const root = issueRoot();
const signer = issueSigner(root);
const crl = issueCrl({ issuer: root, thisUpdate: '2029-12-31T00:00:00Z' });

/** A TSA, a signed file with its anchors and CRLs, and the settings that go with them. */
async function prepare(folder: string, cms: Uint8Array) {
  const tsa = await startTestTsa(
    localTsaConfig({ stateDir: path.join(folder, 'tsa'), port: 0 }),
    clock,
  );
  const file = path.join(folder, 'contract.p7m');
  const anchors = path.join(folder, 'anchors.pem');
  await writeFile(file, cms);
  await writeFile(path.join(folder, 'root.der'), root.certificate.raw);
  await writeFile(path.join(folder, 'root.crl'), crl.raw);
  await writeFile(anchors, tsa.anchorsPem);
  const settings: AugmentSettings = {
    level: 'LTA',
    digestAlgorithm: 'SHA-256',
    out: path.join(folder, 'contract.lta.p7m'),
    detached: undefined,
    tsa: {
      url: tsa.url,
      anchors: [anchors],
      crls: [],
      auth: { kind: 'none' },
      revocation: 'soft',
      clockToleranceSeconds: 300,
      responseMs: 60_000,
    },
    signerTrust: [path.join(folder, 'root.der')],
    tsuTrust: [anchors],
    crls: [path.join(folder, 'root.crl'), path.join(folder, 'tsa', 'public', 'crls')],
    revocation: 'require',
    algorithmPolicy: undefined,
    fetch: false,
    allowedHosts: [],
  };
  const said: string[] = [];
  const run = {
    clock,
    random,
    events: () => undefined,
    progress: (text: string) => said.push(text),
    signal: new AbortController().signal,
  };
  return { tsa, file, settings, run, said };
}

test('a file reaches LTA in a file of its own, which is not written over', async (t) => {
  await using folder = await temporaryFolder();
  const cms = buildTestCms({ signer });
  const { tsa, file, settings, run, said } = await prepare(folder.path, cms);
  await using _ = tsa;
  const outcome = await augmentFile(file, settings, run);
  t.deepEqual(outcome, { kind: 'augmented', out: settings.out, level: 'LTA', tokens: 2 });
  t.deepEqual(new Uint8Array(await readFile(file)), cms);
  t.is(said.filter((text) => text.startsWith('asking')).length, 2);
  const again = await t.throwsAsync(augmentFile(file, settings, run), { instanceOf: ConfigError });
  t.regex(again.message, /exists already/);
  // The result is what the next archive timestamp goes on.
  const next = { ...settings, out: path.join(folder.path, 'next.p7m') };
  t.like(await augmentFile(settings.out, next, run), { kind: 'augmented', tokens: 1 });
});

test('the result has its name only once it was read back and judged', async (t) => {
  await using folder = await temporaryFolder();
  const { tsa, file, settings, run } = await prepare(folder.path, buildTestCms({ signer }));
  await using _ = tsa;
  const seen: string[][] = [];
  const watching = {
    now: () => {
      seen.push(readdirSync(folder.path).filter((name) => name.startsWith('contract.lta')));
      return clock.now();
    },
  };
  t.like(await augmentFile(file, settings, { ...run, clock: watching }), { kind: 'augmented' });
  t.true(seen.flat().length > 0, 'it was judged while it lay there');
  t.false(seen.flat().includes('contract.lta.p7m'));
  t.deepEqual(
    (await readdir(folder.path)).filter((name) => name.startsWith('contract.lta')),
    ['contract.lta.p7m'],
  );
});

test('a detached signature is raised with its content, and not without', async (t) => {
  await using folder = await temporaryFolder();
  const { tsa, file, settings, run } = await prepare(
    folder.path,
    buildTestCms({ signer, detached: true }),
  );
  await using _ = tsa;
  const detached = path.join(folder.path, 'contract');
  await writeFile(detached, testContent);
  await t.throwsAsync(augmentFile(file, settings, run), { message: /--detached/ });
  t.like(await augmentFile(file, { ...settings, detached }, run), { kind: 'augmented' });
  await writeFile(detached, 'something else');
  const other = { ...settings, detached, out: path.join(folder.path, 'other.p7m') };
  t.like(await augmentFile(file, other, run), {
    kind: 'refused',
    indication: 'TOTAL-FAILED',
    subIndication: 'HASH_FAILURE',
  });
});

test('what is refused leaves no file', async (t) => {
  await using folder = await temporaryFolder();
  const { tsa, file, settings, run } = await prepare(folder.path, buildTestCms({ signer }));
  await using _ = tsa;
  const before = await readdir(folder.path);
  const outcome = await augmentFile(file, { ...settings, signerTrust: [] }, run);
  t.like(outcome, { kind: 'refused', indication: 'INDETERMINATE' });
  t.deepEqual(await readdir(folder.path), before);
});

test('a TSA that nobody trusts gives no token, and nothing is written', async (t) => {
  await using folder = await temporaryFolder();
  const { tsa, file, settings, run } = await prepare(folder.path, buildTestCms({ signer }));
  await using _ = tsa;
  const before = await readdir(folder.path);
  await t.throwsAsync(augmentFile(file, { ...settings, tsuTrust: settings.signerTrust }, run), {
    code: 'ERR_SOURCE_ANSWER',
  });
  t.deepEqual(await readdir(folder.path), before);
});

const cli = (...args: readonly string[]) =>
  promisify(execFile)(process.execPath, [path.join(projectRoot, 'cli.ts'), 'augment', ...args]);

const wrong: readonly (readonly [name: string, args: readonly string[], message: RegExp])[] = [
  ['a level that there is not', ['x.p7m', '--level', 'C'], /--level is T, LT or LTA/],
  ['a digest that there is not', ['x.p7m', '--hash', 'SHA-3'], /no digest algorithm SHA-3/],
  ['a TSA without anchors', ['x.p7m', '--tsa', 'http://127.0.0.1:1/'], /--trust is needed/],
  [
    'a file that is no signature',
    ['package.json', '--tsa', 'http://127.0.0.1:1/', '--trust', 'samples/pki/anchors'],
    /no CMS signature/,
  ],
];
for (const [name, args, message] of wrong) {
  test(`${name} is a matter of usage`, async (t) => {
    const error = await t.throwsAsync(cli(...args));
    t.like(error, { code: 3 });
    t.regex(error instanceof Error && 'stderr' in error ? String(error.stderr) : '', message);
  });
}

test('content that is too large to be held is streamed, in the file as beside it', async (t) => {
  await using folder = await temporaryFolder();
  const content = new Uint8Array(64 * 1024 * 1024 + 1);
  const { tsa, file, settings, run } = await prepare(
    folder.path,
    buildTestCms({ signer, content }),
  );
  await using _ = tsa;
  t.like(await augmentFile(file, settings, run), { kind: 'augmented', level: 'LTA' });
  const verify = {
    evidence: [],
    token: [],
    trust: [...settings.signerTrust, ...settings.tsuTrust],
    crls: settings.crls,
    policy: 'none',
    revocation: 'require',
    suppose: [],
  };
  const signal = new AbortController().signal;
  for await (const { tree, facts } of verifyFiles([settings.out], verify, clock.now(), signal)) {
    t.is(tree.status, 'valid');
    t.is(facts.level, 'LTA');
  }
});

for (const refused of mostMet) {
  const { name, octets, raising, says, indication } = refused;
  test(`${name}: said, and nothing is written or bought`, async (t) => {
    await using folder = await temporaryFolder();
    const { tsa, file, settings, run, said } = await prepare(folder.path, octets);
    await using _ = tsa;
    const { anchor, crls } = await writeTrustOf(refused, folder.path);
    const before = await readdir(folder.path);
    const outcome = await augmentFile(
      file,
      {
        ...settings,
        signerTrust: [anchor],
        tsuTrust: [anchor],
        crls: [crls],
        algorithmPolicy: raising.material?.algorithmPolicy,
      },
      { ...run, clock: { now: () => Temporal.Instant.from(`${raising.on}T00:00:00Z`) } },
    );
    t.is(outcome.kind, 'refused');
    if (outcome.kind !== 'refused') return;
    t.deepEqual([outcome.reason, outcome.subIndication], says);
    t.is(outcome.indication, indication);
    t.false(said.some((text) => text.startsWith('asking')));
    t.deepEqual(await readdir(folder.path), before);
  });
}
