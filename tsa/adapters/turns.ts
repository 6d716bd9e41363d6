// Requests of one connection take turns: HTTP answers them in their order anyway (RFC 9112 §9.3.2), and who sends
// thousands without reading an answer would have all of them served at once. A client that does not take its answers
// is let go.
import type { RequestListener } from 'node:http';
import type { Socket } from 'node:net';

/** Requests that may wait for their turn on all connections of a listener together. */
const maxWaiting = 10_000;
/** So long an answer may lie where the client takes none of it. */
const stalledMs = 15_000;
const lookEveryMs = 5000;

/** Requests that wait behind another one of their connection. */
type Line = { waiting: number };

/**
 * Serves a request when those before it on its connection are answered. Meanwhile nothing more is read there: what is
 * waiting is what came in one piece.
 */
export function inTurn(serve: RequestListener, limit = maxWaiting): RequestListener {
  const lines = new WeakMap<Socket, Line>();
  let waiting = 0;

  const lineOf = (socket: Socket): Line => {
    const known = lines.get(socket);
    if (known) return known;
    const line = { waiting: 0 };
    lines.set(socket, line);
    // Node reads on for the body of each request; while others wait, that of the one in turn is complete.
    socket.on('resume', () => {
      if (line.waiting > 0) socket.pause();
    });
    socket.once('close', () => {
      waiting -= line.waiting;
      line.waiting = 0;
    });
    return line;
  };

  return (request, response) => {
    // Node gives a response its socket when those before it are sent.
    if (response.socket !== null) {
      serve(request, response);
      return;
    }
    const { socket } = request;
    const line = lineOf(socket);
    if (socket.destroyed) return;
    if (waiting >= limit) {
      socket.destroy();
      return;
    }
    line.waiting++;
    waiting++;
    socket.pause();
    response.once('socket', () => {
      line.waiting--;
      waiting--;
      if (line.waiting === 0) socket.resume();
      serve(request, response);
    });
  };
}

/** Ends connections whose answers lie there for too long without a part of them being taken. */
export function endStalled(
  sockets: ReadonlySet<Socket>,
  { stalledAfterMs = stalledMs, everyMs = lookEveryMs } = {},
): NodeJS.Timeout {
  return setInterval(() => {
    for (const socket of sockets) {
      const isBehind = socket.writableLength > 0;
      // The socket's own timer knows of what is taken in the middle of a write. When all is taken, Node gives it the
      // time of an idle connection, or it is taken back here.
      if (isBehind && socket.timeout !== stalledAfterMs) socket.setTimeout(stalledAfterMs);
      if (!isBehind && socket.timeout === stalledAfterMs) socket.setTimeout(0);
    }
  }, everyMs).unref();
}
