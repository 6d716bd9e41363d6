// A proxy with TLS listeners and the certificates of its clients, good and bad, in a folder of the test's own.
import { chmod, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import path from 'node:path';
import type { ConnectionOptions } from 'node:tls';
import { oids } from '#shared/oid.ts';
import { toPem } from '#tsa/adapters/public-files.ts';
import type { ClientConfig } from '#tsa/clients/clients.ts';
import { localTsaConfig, type TlsListenerConfig, type TsaConfig } from '#tsa/config/config.ts';
import { issueCertificate, issueCrl, issueRoot, type Issued } from '../_authority.ts';
import { extendedKeyUsage, keyUsage, subjectAltName } from '../_extensions.ts';

export type PemPair = { readonly cert: string; readonly key: string };

export function pemOf(issued: Issued): PemPair {
  return {
    cert: toPem([issued.certificate.raw]),
    key: issued.key.privateKey.export({ type: 'pkcs8', format: 'pem' }),
  };
}

type Spec = Partial<Parameters<typeof issueCertificate>[0]>;

function issue(issuer: Issued, subject: string, purpose: string, spec: Spec = {}): Issued {
  return issueCertificate({ subject, ...spec, issuer }, [
    keyUsage(['digitalSignature']),
    extendedKeyUsage([purpose]),
  ]);
}

/** Authority, server and clients, made once a file. */
export function createPki() {
  const root = issueRoot({ subject: 'CN=Clients Root' });
  const stranger = issueRoot({ subject: 'CN=Other Root' });
  const client = (subject: string, spec: Spec = {}): Issued =>
    issue(root, subject, oids.idKpClientAuth, spec);
  const altName = subjectAltName([{ dns: 'archive.example' }]);
  return {
    root,
    server: issue(root, 'CN=localhost', oids.idKpServerAuth, {
      extraExtensions: [subjectAltName([{ ip: [127, 0, 0, 1] }])],
    }),
    /** By subject. */
    good: client('CN=records,O=Clinic'),
    /** By alternative name. */
    named: issueCertificate({ subject: 'CN=archive', issuer: root }, [
      keyUsage(['digitalSignature']),
      extendedKeyUsage([oids.idKpClientAuth]),
      altName,
    ]),
    unknown: client('CN=nobody'),
    expired: client('CN=records,O=Clinic', { notAfter: '2024-01-01T00:00:00Z' }),
    future: client('CN=records,O=Clinic', { notBefore: '2039-01-01T00:00:00Z' }),
    forServers: issue(root, 'CN=records,O=Clinic', oids.idKpServerAuth),
    revoked: client('CN=records,O=Clinic'),
    foreign: issue(stranger, 'CN=records,O=Clinic', oids.idKpClientAuth),
  };
}

export type TestPki = ReturnType<typeof createPki>;

export function clientConfig(name: string, settings: Partial<ClientConfig> = {}): ClientConfig {
  return {
    name,
    profiles: ['default'],
    certificates: [],
    keys: [],
    passwords: [],
    networks: [],
    requestsPerMinute: undefined,
    tokensPerDay: undefined,
    ...settings,
  };
}

/** Writes the server's files and gives settings with one listener for certificates and one for credentials. */
export async function tlsConfig(
  folder: string,
  pki: TestPki,
  settings: Partial<TlsListenerConfig> & { readonly clients?: readonly ClientConfig[] } = {},
): Promise<TsaConfig> {
  const { clients, ...listener } = settings;
  const file = (name: string): string => path.join(folder, name);
  const { cert, key } = pemOf(pki.server);
  await writeFile(file('server.pem'), cert);
  await writeFile(file('server.key'), key);
  await chmod(file('server.key'), 0o600);
  await writeFile(file('root.pem'), toPem([pki.root.certificate.raw]));
  const crl = issueCrl({
    issuer: pki.root,
    thisUpdate: '2024-01-01T00:00:00Z',
    nextUpdate: '2039-01-01T00:00:00Z',
    revoked: [{ certificate: pki.revoked, at: '2024-01-01T00:00:00Z' }],
  });
  await writeFile(file('clients.crl'), crl.raw);
  const base: TlsListenerConfig = {
    host: '127.0.0.1',
    port: 0,
    certificate: file('server.pem'),
    key: file('server.key'),
    authentication: 'certificate',
    clientAuthorities: [file('root.pem')],
    clientCrls: [file('clients.crl')],
    tls12: false,
    ...listener,
  };
  const local = localTsaConfig({ stateDir: path.join(folder, 'state') });
  return {
    ...local,
    listen: { ...local.listen, anonymous: false },
    listeners: [
      base,
      { ...base, authentication: 'credentials', clientAuthorities: [], clientCrls: [] },
    ],
    clients: clients ?? [
      clientConfig('records', { certificates: [{ subject: 'CN=records,O=Clinic' }] }),
      clientConfig('archive', { certificates: [{ san: 'dns:archive.example' }] }),
    ],
  };
}

/** Posts over TLS and gives the HTTP status; rejects with the error of a handshake that failed. */
export function post(
  url: string,
  body: Uint8Array,
  tls: ConnectionOptions,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ readonly status: number; readonly body: Buffer }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: Buffer }>();
  const outgoing = request(
    url,
    {
      method: 'POST',
      agent: false,
      headers: { 'content-type': 'application/timestamp-query', ...headers },
      ...tls,
    },
    (incoming) => {
      const parts: Buffer[] = [];
      incoming.on('data', (part: Buffer) => parts.push(part));
      incoming.on('error', reject);
      incoming.on('end', () => {
        resolve({ status: incoming.statusCode ?? 0, body: Buffer.concat(parts) });
      });
    },
  );
  outgoing.on('error', reject);
  outgoing.end(body);
  return promise;
}
