// Key files of the local unit: encrypted by a password where there is one, and refused with another or without.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { verify, createPublicKey } from 'node:crypto';
import test from 'ava';
import { createSigningKey, loadSigningKey } from '#tsa/adapters/signing-key.ts';
import { temporaryFolder } from '../_proxy.ts';

test('a key file is encrypted by its password and useless without', async (t) => {
  await using folder = await temporaryFolder();
  const file = path.join(folder.path, 'key.pem');
  const made = await createSigningKey(file, 'P-384', 'SHA-384', 'correct horse');
  t.regex(await readFile(file, 'utf8'), /^-----BEGIN ENCRYPTED PRIVATE KEY-----/);
  for (const password of ['wrong horse', undefined])
    await t.throwsAsync(loadSigningKey(file, 'P-384', 'SHA-384', password), {
      code: 'ERR_CONFIG_INVALID',
    });
  const loaded = await loadSigningKey(file, 'P-384', 'SHA-384', 'correct horse');
  const key = createPublicKey({ key: Buffer.from(made.publicKey), format: 'der', type: 'spki' });
  const data = Buffer.from('a');
  t.true(verify('sha384', data, key, loaded.sign(data)));
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
