// How a server's connections end without a request being cut off: when it is closed, and when what they were let in by
// has changed.
import { ServerResponse, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { endStalled, inTurn } from './turns.ts';

/** So often connections that have become idle are ended while the last requests are answered. */
const idleCheckMs = 250;

/** The answer to CONNECT, which node:http leaves to its listener. */
const noTunnel =
  'HTTP/1.1 405 Method Not Allowed\r\nAllow: GET, HEAD, POST\r\nConnection: close\r\nContent-Length: 0\r\n\r\n';

/** What is done to a server so that it can be closed without cutting anything off. */
export type Drain = {
  /** Goes in front of what answers. */
  readonly serve: RequestListener;
  readonly watch: (server: Server) => void;
  /**
   * Lets every connection that is open go on for one more answer at most, as after a change of what it was let in by;
   * those of which `isRefused` says so end at once.
   */
  readonly renew: (isRefused: (socket: Socket) => boolean) => void;
  readonly close: (server: Server, patienceMs: number) => Promise<void>;
};

/**
 * Node ends a connection that is idle when a server is closed; one that is in use goes on for as long as its client has
 * requests, and would be cut off in the middle of one in the end. So each answer from then on says that it is the last
 * of its connection (RFC 9112 §9.6).
 */
export function createDrain(serve: RequestListener): Drain {
  const sockets = new Set<Socket>();
  const leaving = new WeakSet<Socket>();
  let isClosing = false;
  /** The answer that is under way is the last one, where that can still be said. */
  const sayLast = (socket: Socket): void => {
    const response: unknown = Reflect.get(socket, '_httpMessage');
    if (response instanceof ServerResponse && !response.headersSent)
      response.setHeader('connection', 'close');
  };
  const stalled = endStalled(sockets);
  const inHand = inTurn((request, response) => {
    if (isClosing || leaving.has(request.socket)) response.setHeader('connection', 'close');
    serve(request, response);
  });
  return {
    serve: inHand,
    renew: (isRefused) => {
      for (const socket of sockets) {
        leaving.add(socket);
        if (isRefused(socket)) socket.destroy();
        else sayLast(socket);
      }
    },
    watch: (server) => {
      // Whoever reads the body says that it may come: of a request that is refused it never does (RFC 9110 §10.1.1).
      server.on('checkContinue', inHand);
      server.on('connect', (_: IncomingMessage, socket: Socket) => {
        socket.end(noTunnel);
      });
      const secure = 'setSecureContext' in server;
      server.on(secure ? 'secureConnection' : 'connection', (socket: Socket) => {
        sockets.add(socket);
        socket.once('close', () => sockets.delete(socket));
      });
    },
    close: (server, patienceMs) => {
      isClosing = true;
      for (const socket of sockets) sayLast(socket);
      const { promise, resolve } = Promise.withResolvers<undefined>();
      const patience = setTimeout(() => {
        server.closeAllConnections();
      }, patienceMs);
      const idle = setInterval(() => {
        server.closeIdleConnections();
      }, idleCheckMs);
      server.close(() => {
        clearTimeout(patience);
        clearInterval(idle);
        clearInterval(stalled);
        resolve(undefined);
      });
      server.closeIdleConnections();
      return promise;
    },
  };
}
