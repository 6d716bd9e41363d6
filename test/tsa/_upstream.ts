// A provider on the loopback that answers as a test tells it: its own small PKI, correct tokens, and every defect
// that a proxy must not hand on.
import { writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import {
  createServer as createTlsServer,
  type ServerOptions as TlsServerOptions,
} from 'node:https';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { toBase64 } from '#shared/bytes.ts';
import { buildMessageImprint, buildTimeStampToken } from '#shared/tsp/build-token.ts';
import { replyMediaType } from '#shared/tsp/http-exchange.ts';
import { parseTimeStampReq, type TimeStampReq } from '#shared/tsp/request.ts';
import { buildTimeStampResp } from '#shared/tsp/response.ts';
import { defaultHttpProvider, type HttpProviderConfig } from '#tsa/config/config.ts';
import { type Issued, issueCrl, issueRoot, issueTsu } from '../_authority.ts';

export const upstreamPolicy = '1.3.6.1.4.1.99999.1';

export type TokenDefects = {
  readonly tsu?: Issued;
  readonly genTime?: Temporal.Instant;
  readonly policy?: string;
  readonly nonce?: bigint;
  readonly imprint?: Uint8Array;
  readonly accuracy?: boolean;
};

/** What the upstream does with one query. */
export type Answer =
  | {
      readonly status?: number;
      readonly type?: string;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body: Uint8Array | string;
    }
  /** Closes the connection without an answer. */
  | 'cut'
  /** Never answers. */
  | 'hang';

export type Upstream = AsyncDisposable & {
  readonly url: string;
  readonly root: Issued;
  readonly tsu: Issued;
  /** Octets of every query, in order. */
  readonly queries: readonly Uint8Array[];
  /** Authorization headers, in order. */
  readonly authorizations: readonly string[];
  /** A correct answer, or one with the defects given. */
  readonly grant: (request: TimeStampReq, defects?: TokenDefects) => Uint8Array;
  /** The upstream as a provider; `folder` takes its anchor and CRL files. */
  readonly provider: (
    folder: string,
    settings?: Partial<HttpProviderConfig>,
  ) => Promise<HttpProviderConfig>;
};

export type Handler = (
  request: TimeStampReq,
  upstream: Upstream,
  count: number,
  /** Path and query of the URL that was asked. */
  address: string,
) => Answer | Promise<Answer>;

function pem(label: string, octets: Uint8Array): string {
  const lines = toBase64(octets).match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

async function readAll(incoming: IncomingMessage): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const part of incoming as AsyncIterable<Uint8Array>) parts.push(part);
  return new Uint8Array(Buffer.concat(parts));
}

function send(response: ServerResponse, answer: Answer): void {
  if (answer === 'hang') return;
  if (answer === 'cut') {
    response.socket?.destroy();
    return;
  }
  response.writeHead(answer.status ?? 200, {
    'content-type': answer.type ?? replyMediaType,
    ...answer.headers,
  });
  response.end(answer.body);
}

let upstreams = 0;

/** Starts an upstream whose clock is `now`; without a handler it grants. */
export async function startUpstream(options: {
  readonly now: () => Temporal.Instant;
  readonly handler?: Handler;
  /** Makes it speak TLS. */
  readonly tls?: TlsServerOptions;
}): Promise<Upstream> {
  const { now } = options;
  const number = ++upstreams;
  const root = issueRoot({ subject: `CN=Upstream Root ${number}` });
  const tsu = issueTsu(root, { subject: `CN=Upstream TSU ${number}` });
  const queries: Uint8Array[] = [];
  const authorizations: string[] = [];
  let serialNumber = 0n;
  const handler: Handler = options.handler ?? ((request, self) => ({ body: self.grant(request) }));
  const serve = (incoming: IncomingMessage, response: ServerResponse): void => {
    void readAll(incoming).then(async (octets) => {
      queries.push(octets);
      authorizations.push(incoming.headers.authorization ?? '');
      const address = incoming.url ?? '';
      send(response, await handler(parseTimeStampReq(octets), upstream, queries.length, address));
    });
  };
  const server = options.tls ? createTlsServer(options.tls, serve) : createServer(serve);
  const upstream: Upstream = {
    url: '',
    root,
    tsu,
    queries,
    authorizations,
    grant: (request, defects = {}) => {
      const signer = defects.tsu ?? tsu;
      const { algorithm } = request.messageImprint;
      const token = buildTimeStampToken({
        tstInfo: {
          policy: defects.policy ?? request.reqPolicy ?? upstreamPolicy,
          messageImprint:
            defects.imprint && algorithm
              ? buildMessageImprint(algorithm, defects.imprint)
              : request.messageImprint.raw,
          serialNumber: ++serialNumber,
          genTime: defects.genTime ?? now(),
          ...(defects.accuracy === false ? {} : { accuracy: { seconds: 1 } }),
          nonce: defects.nonce ?? request.nonce,
        },
        signer: {
          certificate: signer.certificate,
          chain: [],
          digestAlgorithm: 'SHA-256',
          signatureAlgorithm: signer.key.algorithm.raw,
          sign: signer.key.sign,
        },
        certReq: request.certReq,
      });
      return buildTimeStampResp({ status: 'granted', token });
    },
    provider: async (folder, settings = {}) => {
      const anchors = path.join(folder, `upstream-${number}.pem`);
      const crl = path.join(folder, `upstream-${number}.crl`);
      await writeFile(anchors, pem('CERTIFICATE', root.certificate.raw));
      await writeFile(
        crl,
        issueCrl({ issuer: root, thisUpdate: now(), nextUpdate: '2039-01-01T00:00:00Z' }).raw,
      );
      return {
        ...defaultHttpProvider,
        kind: 'http',
        name: `upstream-${number}`,
        url: listening.url,
        anchors: [anchors],
        crls: [crl],
        tsaPolicies: [upstreamPolicy],
        hashAlgorithms: ['SHA-256', 'SHA-512'],
        timeouts: { connectMs: 60_000, responseMs: 60_000, lateMs: 60_000 },
        ...settings,
      };
    },
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => {
          resolve();
        });
      }),
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const listening: Upstream = {
    ...upstream,
    url: `${options.tls ? 'https' : 'http'}://127.0.0.1:${port}/tsr`,
  };
  return listening;
}
