// Sockets that the proxy listens on: opened, and closed without cutting off what is in hand.
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ConfigError } from '#shared/errors.ts';
import type { TsaConfig } from '../config.ts';

const requestTimeoutMs = 15_000;
const maxConnections = 1024;

/** Limits that every listener has: slow or endless headers end a connection. */
export const serverLimits = {
  maxHeaderSize: 8 * 1024,
  headersTimeout: requestTimeoutMs,
  requestTimeout: requestTimeoutMs,
  connectionsCheckingInterval: 1000,
} as const;

/** A socket that takes requests. */
export type Listener = {
  /** Base address with a final slash. */
  readonly url: string;
  /** Takes no further connection and resolves when the last request is answered, or cut off after `patienceMs`. */
  readonly close: (patienceMs: number) => Promise<void>;
};

function bind(server: Server, { host, port }: TsaConfig['listen']): Promise<AddressInfo> {
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

function closeServer(server: Server, patienceMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => {
    server.closeAllConnections();
  }, patienceMs);
  server.close(() => {
    clearTimeout(timer);
    resolve(undefined);
  });
  server.closeIdleConnections();
  return promise;
}

/**
 * Listens for plain HTTP.
 * @throws ConfigError ERR_CONFIG_INVALID: the address cannot be listened on
 */
export async function openListener(
  place: TsaConfig['listen'],
  serve: RequestListener,
): Promise<Listener> {
  const server = createServer(serverLimits, serve);
  server.maxConnections = maxConnections;
  const { address, family, port } = await bind(server, place);
  const host = family === 'IPv6' ? `[${address}]` : address;
  return {
    url: `http://${host}:${port}/`,
    close: (patienceMs) => closeServer(server, patienceMs),
  };
}
