// Issuers, CRLs and OCSP from the addresses in certificates: a small host on loopback, which has to be
// allowed by name, since addresses that strangers choose may lead into the house.
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import test from 'ava';
import { oids } from '#shared/oid.ts';
import {
  issueCa,
  issueCrl,
  issueOcspResponder,
  issueOcspResponse,
  issueRoot,
  issueSigner,
} from '../../_authority.ts';
import { buildTestCms } from '../../_cms.ts';
import { authorityInfoAccess, crlDistributionPoints } from '../../_extensions.ts';
import { assertSound, createArchive, kindsOf, messageOf } from './_night.ts';

type Host = AsyncDisposable & {
  readonly host: string;
  /** What stands at each path, as of the archive's clock. */
  readonly pages: Map<string, () => Uint8Array>;
  readonly asked: string[];
};

async function openHost(): Promise<Host> {
  const pages = new Map<string, () => Uint8Array>();
  const asked: string[] = [];
  const server = http.createServer((request, response) => {
    const page = pages.get(request.url ?? '');
    asked.push(request.url ?? '');
    request.resume();
    response.writeHead(page ? 200 : 404).end(page?.());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    pages,
    asked,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Two letters of one signer that carry the signer's certificate alone; the rest is to be asked for. */
async function signedLetters(host: Host, status: Readonly<Record<string, unknown>>) {
  const at = (page: string): string => `http://${host.host}/${page}`;
  const root = issueRoot();
  const ca = issueCa(root, {
    extraExtensions: [crlDistributionPoints([{ fullName: [{ uri: at('root.crl') }] }])],
  });
  const signer = issueSigner(ca, {
    extraExtensions: [
      authorityInfoAccess([
        { method: oids.idAdCaIssuers, uri: at('ca.cer') },
        { method: oids.idAdOcsp, uri: at('ocsp') },
      ]),
      crlDistributionPoints([{ fullName: [{ uri: at('ca.crl') }] }]),
    ],
  });
  const archive = await createArchive({ signers: { anchors: ['root.cer'] }, status });
  await writeFile(path.join(archive.folder, 'root.cer'), root.certificate.raw);
  const responder = issueOcspResponder(ca);
  const earlier = (): Temporal.Instant => archive.clock.now().subtract({ hours: 1 });
  host.pages.set('/ca.cer', () => ca.certificate.raw);
  host.pages.set('/root.crl', () => issueCrl({ issuer: root, thisUpdate: earlier() }).raw);
  host.pages.set('/ca.crl', () => issueCrl({ issuer: ca, thisUpdate: earlier() }).raw);
  host.pages.set('/ocsp', () => {
    const nextUpdate = earlier().add({ hours: 48 });
    const entry = {
      certificate: signer,
      status: 'good',
      thisUpdate: earlier(),
      nextUpdate,
    } as const;
    return issueOcspResponse({ issuer: ca, responder, producedAt: earlier(), entries: [entry] })
      .raw;
  });
  await archive.put('letter.p7m', buildTestCms({ signer }));
  await archive.put('other.p7m', buildTestCms({ signer, content: Uint8Array.of(2) }));
  await archive.night();
  return archive;
}

test('issuer, OCSP and CRL are asked for once and kept', async (t) => {
  await using host = await openHost();
  await using archive = await signedLetters(host, { fetch: true, allowedHosts: [host.host] });
  t.deepEqual(host.asked, [], 'intake asks nobody');
  t.deepEqual((await archive.nightAfter(1)).findings, []);
  t.deepEqual(host.asked, ['/ca.cer', '/ocsp', '/root.crl']);
  t.truthy((await archive.row('letter.p7m')).validationData);
  await assertSound(t, archive);
});

test('without OCSP the CRL counts', async (t) => {
  await using host = await openHost();
  await using archive = await signedLetters(host, { fetch: true, allowedHosts: [host.host] });
  host.pages.delete('/ocsp');
  t.deepEqual((await archive.nightAfter(1)).findings, []);
  t.deepEqual(host.asked, ['/ca.cer', '/ocsp', '/ca.crl', '/root.crl']);
  await assertSound(t, archive);
});

test('a private address that nobody allowed is not asked', async (t) => {
  await using host = await openHost();
  await using archive = await signedLetters(host, { fetch: true });
  const night = await archive.nightAfter(1);
  t.deepEqual(kindsOf(night), ['validation-data-missing']);
  t.deepEqual(host.asked, []);
  const refused = archive.events.find(({ name }) => name === 'archiver.status.unavailable');
  t.is(refused?.['code'], 'ERR_SOURCE_FORBIDDEN_ADDRESS');
  await assertSound(t, archive);
});

test('nothing is asked unless the configuration says so', async (t) => {
  await using host = await openHost();
  await using archive = await signedLetters(host, { allowedHosts: [host.host] });
  t.deepEqual(kindsOf(await archive.nightAfter(1)), ['validation-data-missing']);
  t.deepEqual(host.asked, []);
});

test('what does not verify is not kept, and asked for again the next night', async (t) => {
  await using host = await openHost();
  await using archive = await signedLetters(host, { fetch: true, allowedHosts: [host.host] });
  const stranger = issueRoot({ subject: 'CN=Test Root,O=Tokiwa Test,C=JP' });
  const genuine = host.pages.get('/root.crl');
  host.pages.set(
    '/root.crl',
    () =>
      issueCrl({ issuer: stranger, thisUpdate: archive.clock.now().subtract({ hours: 1 }) }).raw,
  );
  const night = await archive.nightAfter(1);
  t.deepEqual(kindsOf(night), ['validation-data-missing']);
  t.regex(messageOf(night, 'validation-data-missing'), /signature that no known issuer made/);
  if (genuine) host.pages.set('/root.crl', genuine);
  t.deepEqual((await archive.nightAfter(1)).findings, []);
  await assertSound(t, archive);
});
