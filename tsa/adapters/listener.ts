// Sockets that the proxy listens on: opened, and closed without cutting off what is in hand.
import { constants } from 'node:crypto';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import { Socket, type AddressInfo } from 'node:net';
import { createSecureContext, TLSSocket, type SecureContextOptions } from 'node:tls';
import { readFile } from 'node:fs/promises';
import { ConfigError, FormatError } from '#shared/errors.ts';
import { loadCertificates, loadCrls } from '#shared/io/trust-files.ts';
import { createDrain, type Drain } from './drain.ts';
import { toPem } from './public-files.ts';
import { parseCertificate, type Certificate } from '#shared/x509/certificate.ts';
import type { CertificateList } from '#shared/x509/crl.ts';
import { namesMatch } from '#shared/x509/name.ts';
import type { TlsListenerConfig } from '../config/config.ts';
import { tlsSettings } from '../tls-table.ts';
import { readPrivateFile } from '#shared/io/private-file.ts';

const requestTimeoutMs = 15_000;
const handshakeTimeoutMs = 10_000;
const maxConnections = 1024;

/** Limits that every listener has: slow or endless headers end a connection. */
export const serverLimits = {
  maxHeaderSize: 8 * 1024,
  headersTimeout: requestTimeoutMs,
  requestTimeout: requestTimeoutMs,
  connectionsCheckingInterval: 1000,
} as const;

type Place = { readonly host: string; readonly port: number };

/** A socket that takes requests. */
export type Listener = {
  /** Base address with a final slash. */
  readonly url: string;
  /** Takes no further connection and resolves when the last request is answered, or cut off after `patienceMs`. */
  readonly close: (patienceMs: number) => Promise<void>;
};

/** A socket that speaks TLS. */
export type TlsListener = Listener & {
  /**
   * Reads its certificates, key and CRLs anew; they count from when the result is called. Connections that are open
   * have one more answer at most; those of clients that are revoked now end at once.
   * @throws ConfigError ERR_CONFIG_INVALID
   */
  readonly prepareReload: () => Promise<() => void>;
  /** What it shows to clients. */
  readonly certificate: () => Certificate;
  /** Who issues theirs. */
  readonly clientAuthorities: () => readonly Certificate[];
  /** CRLs that it looks up clients in. */
  readonly clientCrls: () => readonly CertificateList[];
};

function bind(server: Server, { host, port }: Place): Promise<AddressInfo> {
  const { promise, resolve, reject } = Promise.withResolvers<AddressInfo>();
  server.once('error', (error) => {
    reject(
      new ConfigError('ERR_CONFIG_INVALID', `cannot listen on ${host}:${port}: ${error.message}`, {
        problems: [{ key: 'listen', message: error.message }],
        cause: error,
      }),
    );
  });
  server.listen({ host, port }, () => {
    const address = server.address();
    if (address !== null && typeof address !== 'string') resolve(address);
  });
  return promise;
}

async function listen(
  scheme: string,
  server: Server,
  place: Place,
  drain: Drain,
): Promise<Listener> {
  server.maxConnections = maxConnections;
  drain.watch(server);
  const { address, family, port } = await bind(server, place);
  const host = family === 'IPv6' ? `[${address}]` : address;
  return {
    url: `${scheme}://${host}:${port}/`,
    close: (patienceMs) => drain.close(server, patienceMs),
  };
}

/**
 * Listens for plain HTTP; `limits` takes the place of single ones.
 * @throws ConfigError ERR_CONFIG_INVALID: the address cannot be listened on
 */
export function openListener(
  place: Place,
  serve: RequestListener,
  limits: Partial<Record<keyof typeof serverLimits, number>> = {},
): Promise<Listener> {
  const drain = createDrain(serve);
  return listen('http', createServer({ ...serverLimits, ...limits }, drain.serve), place, drain);
}

async function readCertificateFile(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new ConfigError('ERR_CONFIG_INVALID', `certificate ${file} cannot be read`, {
      cause: error,
    });
  }
}

type LoadedContext = SecureContextOptions & {
  readonly crls: readonly CertificateList[];
  readonly authorities: readonly Certificate[];
};

/** Certificates, key and table of one listener, as node:tls takes them; authorities and CRLs by themselves too. */
async function loadContext(config: TlsListenerConfig): Promise<LoadedContext> {
  const { clientAuthorities, clientCrls } = config;
  const authorities = clientAuthorities.length > 0 ? await loadCertificates(clientAuthorities) : [];
  const crls = clientCrls.length > 0 ? await loadCrls(clientCrls) : [];
  const crlPem = crls.map(({ raw }) => toPem([raw]).replaceAll('CERTIFICATE', 'X509 CRL'));
  return {
    crls,
    authorities,
    ...tlsSettings(config),
    cert: await readCertificateFile(config.certificate),
    key: await readPrivateFile(config.key, 'key file'),
    ca: toPem(authorities.map(({ raw }) => raw)),
    ...(crlPem.length > 0 ? { crl: crlPem } : {}),
    honorCipherOrder: true,
    // No ticket: what was good at one handshake is looked at again at the next.
    secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
  };
}

function leafOf({ cert }: SecureContextOptions): Certificate {
  const text = String(cert);
  const [, base64 = ''] = /-----BEGIN CERTIFICATE-----([\s\S]*?)-----END/.exec(text) ?? [];
  return parseCertificate(new Uint8Array(Buffer.from(base64, 'base64')));
}

/** A key that is not the certificate's, or a suite that nobody knows, is found here and not by the first client. */
function applyContext<T>(apply: () => T, config: TlsListenerConfig): T {
  try {
    return apply();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const message = `the TLS listener on ${config.host}:${config.port} cannot use its files: ${reason}`;
    throw new ConfigError('ERR_CONFIG_INVALID', message, { cause: error });
  }
}

/**
 * Tells of handshakes that failed: from where, and why. A certificate that does not verify has node:tls destroy the
 * connection: the reason stays on the TLS socket, the address on the socket below it alone.
 */
function watchHandshakes(
  server: TlsServer,
  onRefused: (address: string, reason: string) => void,
): void {
  const addresses = new WeakMap<Socket, string>();
  server.prependListener('connection', (socket) => {
    addresses.set(socket, socket.remoteAddress ?? '');
  });
  server.on('tlsClientError', (error: Error & { readonly code?: string }, socket) => {
    const below: unknown = Reflect.get(socket, '_parent');
    const known = below instanceof Socket ? addresses.get(below) : undefined;
    const { authorizationError } = socket as { readonly authorizationError?: unknown };
    const reason =
      typeof authorizationError === 'string' ? authorizationError : (error.code ?? error.message);
    onRefused(socket.remoteAddress ?? known ?? '', reason);
  });
}

/**
 * Listens for HTTPS. `onRefused` is told of each handshake that failed, with the address and OpenSSL's reason.
 * @throws ConfigError ERR_CONFIG_INVALID: a file that it names, or the address, cannot be used
 */
export async function openTlsListener(
  config: TlsListenerConfig,
  serve: RequestListener,
  onRefused: (address: string, reason: string) => void,
): Promise<TlsListener> {
  const context = await loadContext(config);
  let leaf = applyContext(() => leafOf(context), config);
  let { authorities, crls } = context;
  const byCertificate = config.authentication === 'certificate';
  const drain = createDrain(serve);
  const create = (): TlsServer =>
    createTlsServer(
      {
        ...serverLimits,
        ...context,
        handshakeTimeout: handshakeTimeoutMs,
        requestCert: byCertificate,
        rejectUnauthorized: byCertificate,
        ALPNProtocols: ['http/1.1'],
      },
      drain.serve,
    );
  const server = applyContext(create, config);
  watchHandshakes(server, onRefused);
  const listener = await listen('https', server, config, drain);
  return {
    ...listener,
    certificate: () => leaf,
    clientAuthorities: () => authorities,
    clientCrls: () => crls,
    prepareReload: async () => {
      const next = await loadContext(config);
      const nextLeaf = applyContext(() => {
        createSecureContext(next);
        return leafOf(next);
      }, config);
      return () => {
        server.setSecureContext(next);
        leaf = nextLeaf;
        ({ authorities, crls } = next);
        drain.renew((socket) => {
          const certificate = peerCertificate(socket);
          return certificate !== undefined && isRevoked(certificate, next.crls);
        });
      };
    },
  };
}

/** Whether one of the CRLs of its issuer names it. */
function isRevoked(certificate: Certificate, crls: readonly CertificateList[]): boolean {
  return crls.some(
    ({ issuer, revokedCertificates }) =>
      namesMatch(issuer, certificate.issuer) &&
      revokedCertificates.some(({ serialNumber }) => serialNumber === certificate.serialNumber),
  );
}

/** The certificate that a client showed and the handshake verified; `undefined` without one. */
export function peerCertificate(socket: unknown): Certificate | undefined {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
  const raw = socket.getPeerX509Certificate()?.raw;
  if (!raw) return undefined;
  try {
    return parseCertificate(new Uint8Array(raw));
  } catch (error) {
    // OpenSSL reads more than we do: nobody's certificate.
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}
