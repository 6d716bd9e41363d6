// Key files of the local unit: encrypted by a password where there is one, and refused with another or without.
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { verify, createPublicKey } from 'node:crypto';
import test from 'ava';
import { createSigningKey, loadSigningKey } from '#tsa/adapters/signing-key.ts';
import { temporaryFolder } from '../_proxy.ts';

// RSA-4096 takes seconds to make, and goes the way of RSA-3072.
for (const [kind, digestAlgorithm, digestName] of [
  ['P-256', 'SHA-256', 'sha256'],
  ['P-384', 'SHA-384', 'sha384'],
  ['RSA-3072', 'SHA-512', 'sha512'],
  ['Ed25519', 'SHA-512', null],
  ['ML-DSA-65', 'SHA-512', null],
] as const)
  test(`${kind}: a key file is encrypted by its password and useless without`, async (t) => {
    await using folder = await temporaryFolder();
    const file = path.join(folder.path, 'key.pem');
    const made = await createSigningKey(file, kind, digestAlgorithm, 'correct horse');
    t.regex(await readFile(file, 'utf8'), /^-----BEGIN ENCRYPTED PRIVATE KEY-----/);
    t.is((await stat(file)).mode & 0o777, 0o600);
    for (const password of ['wrong horse', '', undefined])
      await t.throwsAsync(loadSigningKey(file, kind, digestAlgorithm, password), {
        code: 'ERR_CONFIG_INVALID',
      });
    const loaded = await loadSigningKey(file, kind, digestAlgorithm, 'correct horse');
    const key = createPublicKey({ key: Buffer.from(made.publicKey), format: 'der', type: 'spki' });
    const data = Buffer.from('a');
    t.true(verify(digestName, data, key, loaded.sign(data)));
  });

test('a key file from before there was a password is read as it is', async (t) => {
  await using folder = await temporaryFolder();
  const file = path.join(folder.path, 'key.pem');
  const made = await createSigningKey(file, 'Ed25519', 'SHA-512');
  const loaded = await loadSigningKey(file, 'Ed25519', 'SHA-512', 'correct horse');
  t.deepEqual(loaded.publicKey, made.publicKey);
});

test('a key does not sign with a digest that is not for it', async (t) => {
  await using folder = await temporaryFolder();
  const file = path.join(folder.path, 'key.pem');
  await t.throwsAsync(createSigningKey(file, 'Ed25519', 'SHA-256'), { code: 'ERR_CONFIG_INVALID' });
});
