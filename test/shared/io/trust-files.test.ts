// CRLs and OCSP responses from files and folders, told apart by what they are.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { loadStatusFiles } from '#shared/io/trust-files.ts';
import {
  issueCa,
  issueCrl,
  issueOcspResponder,
  issueOcspResponse,
  issueRoot,
  issueSigner,
} from '../../_authority.ts';

const on = '2026-05-31T00:00:00Z';
const ca = issueCa(issueRoot());
const signer = issueSigner(ca);
const crl = issueCrl({ issuer: ca, thisUpdate: on }).raw;
const ocsp = issueOcspResponse({
  issuer: ca,
  responder: issueOcspResponder(ca),
  producedAt: on,
  entries: [{ certificate: signer, status: 'good', thisUpdate: on }],
}).raw;
const pem = `-----BEGIN X509 CRL-----\n${Buffer.from(crl).toString('base64')}\n-----END X509 CRL-----\n`;

const kinds: readonly (readonly [string, Readonly<Record<string, Uint8Array | string>>, object])[] =
  [
    ['a CRL in DER', { 'a.crl': crl }, { crls: 1, ocspResponses: 0 }],
    ['a CRL in PEM', { 'a.pem': pem }, { crls: 1, ocspResponses: 0 }],
    ['an OCSP response', { 'a.ocsp': ocsp }, { crls: 0, ocspResponses: 1 }],
    [
      'both in one folder, other files passed over',
      { 'a.der': ocsp, 'b.der': crl, 'README.txt': 'no' },
      { crls: 1, ocspResponses: 1 },
    ],
  ];
for (const [what, files, expected] of kinds)
  test(what, async (t) => {
    const folder = await mkdtemp(path.join(tmpdir(), 'tokiwa-status-'));
    t.teardown(() => rm(folder, { recursive: true }));
    for (const [name, octets] of Object.entries(files))
      await writeFile(path.join(folder, name), octets);
    const { crls, ocspResponses } = await loadStatusFiles([folder]);
    t.deepEqual({ crls: crls.length, ocspResponses: ocspResponses.length }, expected);
  });

test('what is neither is refused by name', async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), 'tokiwa-status-'));
  t.teardown(() => rm(folder, { recursive: true }));
  await writeFile(path.join(folder, 'x.crl'), signer.certificate.raw);
  const error = await t.throwsAsync(loadStatusFiles([folder]), { code: 'ERR_CONFIG_INVALID' });
  t.true(error.message.includes(folder));
});
