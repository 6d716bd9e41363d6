// OpenSSL's responder (`openssl ts -reply`) behind a few lines of HTTP: a provider that we did not write.
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { makePeerKeys, type PeerTsa } from './_peer-tsas.ts';

const run = promisify(execFile);
const policy = '1.2.3.4.8';

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
  return Buffer.concat(parts);
}

/** Its TSU has a key of this kind. */
export async function startOpenssl(key: 'P-256' | 'RSA-3072'): Promise<Omit<PeerTsa, 'process'>> {
  const folder = await mkdtemp(path.join(tmpdir(), 'tokiwa-openssl-'));
  await makePeerKeys(folder, key);
  const settings = path.join(folder, 'ts.cnf');
  await writeFile(
    settings,
    [
      '[ tsa ]',
      `serial = ${folder}/serial`,
      'signer_cert = tsa.pem',
      'signer_key = tsa.key',
      'certs = ca.pem',
      'signer_digest = sha256',
      `default_policy = ${policy}`,
      'digests = sha256, sha384, sha512',
      'accuracy = secs:1',
      'ess_cert_id_chain = no',
      'ess_cert_id_alg = sha256',
      '',
    ].join('\n'),
  );
  let queries = 0;
  const answer = async (query: Buffer): Promise<Buffer> => {
    const name = String(queries++);
    await writeFile(path.join(folder, `${name}.tsq`), query);
    const names = ['-queryfile', `${name}.tsq`, '-out', `${name}.tsr`];
    const args = ['ts', '-reply', '-config', settings, '-section', 'tsa', ...names];
    await run('openssl', args, { cwd: folder });
    return readFile(path.join(folder, `${name}.tsr`));
  };
  // One after the other: it keeps the last serial number in a file.
  let last: Promise<unknown> = Promise.resolve();
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const query = await bodyOf(request);
    const mine = last.then(() => answer(query));
    last = mine.catch(() => undefined);
    response.setHeader('content-type', 'application/timestamp-reply');
    response.end(await mine);
  };
  const server = createServer((request, response) => {
    serve(request, response).catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    name: `OpenSSL's responder, ${key}`,
    url: `http://127.0.0.1:${port}/`,
    anchors: path.join(folder, 'ca.pem'),
    policy,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
