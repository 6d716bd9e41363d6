// Clients of a proxy as they are in its ordinary days: most want a token, some ask for what they have, some for what
// nobody gives, some send rubbish, some go away in the middle. Each is told what is due to it, or the load says so.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { Agent, request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { buildTimeStampReq } from '#shared/tsp/request.ts';
import { parseTimeStampResp } from '#shared/tsp/response.ts';

/** What came back. */
type Reply = { readonly status: number; readonly octets: Buffer };

export type MixedLoad = AsyncDisposable & {
  /** One request of a kind that chance chooses. */
  readonly send: () => Promise<void>;
  /** How many of each kind there were. */
  readonly sent: ReadonlyMap<string, number>;
  /** Answers that were not what was due. */
  readonly wrong: readonly string[];
};

/** So many queries are remembered, to be asked again. */
const mostRemembered = 100;

const queryType = 'application/timestamp-query';

function query(fields: Partial<Parameters<typeof buildTimeStampReq>[0]> = {}): Buffer {
  const octets = buildTimeStampReq({
    algorithm: 'SHA-256',
    digest: randomBytes(32),
    nonce: BigInt(`0x${randomBytes(8).toString('hex')}`) >> 1n,
    certReq: true,
    ...fields,
  });
  return Buffer.from(octets);
}

/** One exchange, a GET where there is no body; a connection that the server closed for want of use just when it was used again is taken for none. */
export async function exchange(
  agent: Agent,
  url: string,
  body: Buffer | undefined,
  headers: Readonly<Record<string, string>>,
): Promise<Reply> {
  const method = body ? 'POST' : 'GET';
  const sent = httpRequest(url, { agent, method, headers });
  const { promise, resolve, reject } = Promise.withResolvers<Reply>();
  sent.on('response', (answer) => {
    const parts: Buffer[] = [];
    answer.on('data', (part: Buffer) => parts.push(part));
    answer.on('error', reject);
    answer.on('end', () => {
      resolve({ status: answer.statusCode ?? 0, octets: Buffer.concat(parts) });
    });
  });
  sent.on('error', reject);
  sent.end(body);
  try {
    return await promise;
  } catch (error) {
    if (!sent.reusedSocket) throw error;
    return exchange(agent, url, body, headers);
  }
}

/** Writes a request, or the beginning of one, and is gone. */
async function breakOff(url: string, body: Buffer, length: number): Promise<void> {
  const { hostname, port, pathname } = new URL(url);
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  const head = [
    `POST ${pathname} HTTP/1.1`,
    `Host: ${hostname}`,
    `Content-Type: ${queryType}`,
    `Content-Length: ${body.length}`,
  ];
  const octets = Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body]);
  const { promise, resolve } = Promise.withResolvers<undefined>();
  socket.write(octets.subarray(0, octets.length - body.length + length), () => {
    resolve(undefined);
  });
  socket.on('error', () => {
    resolve(undefined);
  });
  await promise;
  socket.destroy();
}

/** @param connections so many are kept open at most */
export function createMixedLoad(url: string, chance: () => number, connections: number): MixedLoad {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const sent = new Map<string, number>();
  const wrong: string[] = [];
  const remembered: { readonly asked: Buffer; readonly answered: Buffer }[] = [];
  const post = (body: Buffer, type = queryType): Promise<Reply> =>
    exchange(agent, url, body, { 'content-type': type, 'content-length': String(body.length) });
  const get = (place: string, accept: string): Promise<Reply> =>
    exchange(agent, new URL(place, url).href, undefined, { accept });

  const granted = async (asked: Buffer): Promise<Buffer> => {
    const { status, octets } = await post(asked);
    const name = status === 200 ? parseTimeStampResp(octets).statusName : `HTTP ${status}`;
    if (name !== 'granted') wrong.push(`${name} instead of a token`);
    return octets;
  };
  const rejected = async (asked: Buffer, bit: string): Promise<void> => {
    const { status, octets } = await post(asked);
    const failInfo = status === 200 ? parseTimeStampResp(octets).failInfo : [`HTTP ${status}`];
    if (failInfo.join() !== bit) wrong.push(`${failInfo.join()} instead of ${bit}`);
  };
  const answered = async (reply: Promise<Reply>, due: number): Promise<void> => {
    // One that comes before all of the request was read can be lost with its connection.
    const { status } = await reply.catch(() => ({ status: due }));
    if (status !== due) wrong.push(`HTTP ${status} instead of ${due}`);
  };

  /** Of a hundred requests so many are of this kind. */
  const kinds: readonly (readonly [name: string, share: number, send: () => Promise<void>])[] = [
    [
      'with a nonce',
      50,
      async () => {
        const asked = query();
        remembered.push({ asked, answered: await granted(asked) });
        if (remembered.length > mostRemembered) remembered.shift();
      },
    ],
    [
      'without a nonce',
      12,
      async () => {
        await granted(query({ nonce: undefined }));
      },
    ],
    [
      'without certificates',
      8,
      async () => {
        await granted(query({ certReq: false }));
      },
    ],
    [
      'a repeat',
      8,
      async () => {
        const old = remembered[Math.floor(chance() * remembered.length)];
        if (old && !(await granted(old.asked)).equals(old.answered))
          wrong.push('a repeat with another answer');
      },
    ],
    ['an unknown policy', 3, () => rejected(query({ reqPolicy: '1.2.3' }), 'unacceptedPolicy')],
    [
      'a digest of another length',
      2,
      () => rejected(query({ digest: randomBytes(20) }), 'badDataFormat'),
    ],
    ['no query', 3, () => rejected(randomBytes(60), 'badDataFormat')],
    ['cut short', 2, () => rejected(query().subarray(0, 20), 'badDataFormat')],
    ['of another media type', 2, () => answered(post(query(), 'text/plain'), 415)],
    ['too long', 2, () => answered(post(randomBytes(16_384)), 413)],
    ['broken off in the body', 3, () => breakOff(url, query(), 20)],
    [
      'broken off before the answer',
      2,
      () => {
        const asked = query();
        return breakOff(url, asked, asked.length);
      },
    ],
    ['nothing there', 1, () => answered(get('/nowhere', '*/*'), 404)],
    ['metrics', 1, () => answered(get('/metrics', '*/*'), 200)],
    ['status page', 1, () => answered(get('/', 'text/html'), 200)],
  ];

  return {
    send: async () => {
      let left = chance() * kinds.reduce((sum, [, share]) => sum + share, 0);
      const [name, , sendOne] = kinds.find(([, share]) => (left -= share) < 0) ?? kinds[0] ?? [];
      if (name === undefined || !sendOne) return;
      sent.set(name, (sent.get(name) ?? 0) + 1);
      await sendOne();
    },
    sent,
    wrong,
    [Symbol.asyncDispose]: () => {
      agent.destroy();
      return Promise.resolve();
    },
  };
}
