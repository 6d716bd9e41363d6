// The least that a server of this kind costs in Node.js: an exchange of node:http around what no proxy or unit of ours
// may leave out, and nothing else. It reads no query and gives no token; it shows how far from possible our figures are.
//
//   node bench/_bare-server.ts PORT unit        a signature, its verification, two durable writes one after the other
//   node bench/_bare-server.ts PORT proxy URL   a durable write, the exchange with URL, a verification, two durable writes
import { generateKeyPairSync, sign, verify } from 'node:crypto';
import { constants, write } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { Agent, createServer, request as httpRequest, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';

/** Octets that the journal takes for a token, the audit log for an answer, and an answer is long. */
const journalOctets = Buffer.alloc(2900, 0x41);
const auditOctets = Buffer.alloc(480, 0x41);
const answerOctets = Buffer.alloc(1740, 0x41);
const signedOctets = Buffer.alloc(180, 0x41);

const [port = '', kind = '', upstream = ''] = process.argv.slice(2);
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const folder = await mkdtemp(path.join(tmpdir(), 'tokiwa-bare-'));

/** Writes that come in one turn of the event loop, or while one is under way, share the next. */
async function openLog(name: string): Promise<(octets: Buffer) => Promise<void>> {
  const { O_WRONLY, O_APPEND, O_CREAT, O_DSYNC } = constants;
  const file = await open(path.join(folder, name), O_WRONLY | O_APPEND | O_CREAT | O_DSYNC);
  const waiting: { readonly octets: Buffer; readonly resolve: () => void }[] = [];
  let isWriting = false;
  const writeWaiting = async (): Promise<void> => {
    await nextTurn();
    while (waiting.length > 0) {
      const group = waiting.splice(0);
      const { promise, resolve, reject } = Promise.withResolvers<undefined>();
      write(file.fd, Buffer.concat(group.map((one) => one.octets)), (error) => {
        if (error) reject(error);
        else resolve(undefined);
      });
      await promise;
      for (const one of group) one.resolve();
    }
    isWriting = false;
  };
  return (octets) =>
    new Promise((resolve) => {
      waiting.push({ octets, resolve });
      if (isWriting) return;
      isWriting = true;
      void writeWaiting();
    });
}

const journal = await openLog('journal');
const audit = await openLog('audit');
const agent = new Agent({ keepAlive: true });

function bodyOf(message: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    message.on('data', (part: Buffer) => parts.push(part));
    message.once('error', reject);
    message.once('end', () => {
      resolve(Buffer.concat(parts));
    });
  });
}

function ask(body: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const headers = {
      'content-type': 'application/timestamp-query',
      'content-length': body.length,
    };
    const sent = httpRequest(upstream, { agent, method: 'POST', headers }, (answer) => {
      bodyOf(answer).then(resolve, reject);
    });
    sent.once('error', reject);
    sent.end(body);
  });
}

const signature = sign('sha256', signedOctets, privateKey);

const answers: Readonly<Record<string, (body: Buffer) => Promise<Buffer>>> = {
  unit: async () => {
    verify('sha256', signedOctets, publicKey, sign('sha256', signedOctets, privateKey));
    await journal(journalOctets);
    await audit(auditOctets);
    return answerOctets;
  },
  proxy: async (body) => {
    await journal(auditOctets);
    const octets = await ask(body);
    verify('sha256', signedOctets, publicKey, signature);
    await journal(journalOctets);
    await audit(auditOctets);
    return octets;
  },
};

const answer = answers[kind];
if (!answer) throw new Error(`no such server: ${kind}`);
const server = createServer((request, response) => {
  void (async () => {
    const octets = await answer(await bodyOf(request));
    const headers = {
      'content-type': 'application/timestamp-reply',
      'content-length': octets.length,
    };
    response.writeHead(200, headers).end(octets);
  })();
});
server.listen(Number(port), '127.0.0.1');
process.once('SIGTERM', () => {
  void rm(folder, { recursive: true, force: true }).then(() => {
    process.exit();
  });
});
