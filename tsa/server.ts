// HTTP in front of the stamp service (RFC 3161 §3.4): addresses, methods, media types, limits, health. What a query
// is worth is decided by shared/tsp and stamp.ts; what answers look like, by replies.ts.
import type { RequestListener, ServerResponse } from 'node:http';
import express, { type NextFunction, type Request, type Response } from 'express';
import helmet from 'helmet';
import { errorFields, plainAnswers } from './replies.ts';
import type { Administration } from './clients/administration.ts';
import { addAdministration } from './server/administration.ts';
import { createAdmit } from './server/admit.ts';
import {
  addEndpoint,
  createEndpoint,
  queryAddress,
  type EndpointOptions,
} from './server/endpoint.ts';
import { addEvidence, type EvidenceEndpointOptions } from './server/evidence.ts';
import { ambiguityOf, sendPlain } from './server/http.ts';
import { addStatus } from './server/status.ts';
import type { Snapshot } from './status/snapshot.ts';

export type TsaServerOptions = EndpointOptions &
  EvidenceEndpointOptions & {
    /**
     * Who sees figures of the whole proxy here: `local`, whoever comes, on the plain listener, which clients do not reach;
     * `roles`, clients with a role for it, who also operate and administer.
     */
    readonly administrative: 'local' | 'roles' | 'nobody';
    readonly administration: Administration;
    /** Whether the journal and the audit log take records. */
    readonly writable: () => Promise<{ readonly journal: boolean; readonly audit: boolean }>;
    /** How the proxy is just now. */
    readonly snapshot: () => Promise<Snapshot>;
    /** Anchors of the local units as PEM text, empty without one. */
    readonly anchorsPem: () => string;
    /** The newest CRL of the first local unit, in DER. */
    readonly certificateList: () => Promise<Uint8Array | undefined>;
  };

/** IMF-fixdate (RFC 9110 §5.6.7), written once a second. */
function createHttpDate(): (instant: Temporal.Instant) => string {
  let second = NaN;
  let text = '';
  return ({ epochMilliseconds }) => {
    const current = Math.floor(epochMilliseconds / 1000);
    if (current !== second) {
      second = current;
      text = new Date(epochMilliseconds).toUTCString();
    }
    return text;
  };
}

/** What answers requests; listening and closing are the caller's. */
export function createTsaApp(options: TsaServerOptions): RequestListener {
  const { events } = options;
  const httpDate = createHttpDate();
  const app = express();
  app.disable('etag');
  app.disable('x-powered-by');
  // Whether the host is reached by TLS alone is for whoever ends the TLS to say.
  const pageHeaders = helmet({ strictTransportSecurity: false });
  const endpoint = createEndpoint(options);
  const prepare = (response: ServerResponse): void => {
    response.setHeader('x-content-type-options', 'nosniff');
    // The clock that stamps is the clock that is shown: a client can compare before it buys.
    response.setHeader('Date', httpDate(options.clock.now()));
  };
  const fail = (error: unknown, response: ServerResponse): void => {
    events({ level: 'error', name: 'tsa.http.failed', ...errorFields(error) });
    sendPlain(response, plainAnswers.ourFault());
  };
  app.use((request: Request, response: Response, next: NextFunction) => {
    prepare(response);
    // What browsers do with a page is said with pages; a reply to a query is none.
    if (request.method === 'POST') next();
    else pageHeaders(request, response, next);
  });

  if (options.administrative === 'local')
    addStatus(app, options.snapshot, () => Promise.resolve(true));
  if (options.administrative === 'roles') {
    const admit = createAdmit(options, 'read');
    const mayRead = async (request: Request, response: Response): Promise<boolean> =>
      (await admit(request, response, undefined)) !== undefined;
    addStatus(app, options.snapshot, mayRead);
    addAdministration(app, options, options.administration);
  }
  addEndpoint(app, endpoint);
  // Digests wait in a folder: where replicas share a database, another one would not find them.
  if (!options.settings().config.database) addEvidence(app, options);

  const readable = (address: string, serve: (response: Response) => Promise<void> | void): void => {
    app
      .route(address)
      .get((_, response) => {
        response.set('cache-control', 'no-store');
        return serve(response);
      })
      .all((_, response) => {
        sendPlain(response, plainAnswers.readOnly());
      });
  };
  readable('/healthz', (response) => {
    response.json({ status: 'ok' });
  });
  readable('/readyz', async (response) => {
    const { journal, audit } = await options.writable();
    response.status(journal && audit ? 200 : 503);
    const status = !journal
      ? 'the journal cannot be written'
      : audit
        ? 'ready'
        : 'the audit log cannot be written';
    // Clients see what is theirs alone.
    if (options.administrative !== 'local') {
      response.json({ status });
      return;
    }
    const head = options.audit.head();
    response.json({
      status,
      // Kept elsewhere, it shows whether the end of the log was cut off.
      audit: { line: head.seq, sha256: head.hash },
      providers: [...options.settings().providers.values()].map(({ name, record }) => ({
        name,
        ...record.figures(),
      })),
    });
  });
  readable('/ca.pem', (response) => {
    const pem = options.anchorsPem();
    if (pem === '') sendPlain(response, plainAnswers.unknownAddress());
    else response.type('application/x-pem-file').send(pem);
  });
  readable('/ca.crl', async (response) => {
    const octets = await options.certificateList();
    if (octets) response.type('application/pkix-crl').send(Buffer.from(octets));
    else sendPlain(response, plainAnswers.unknownAddress());
  });

  app.use((_: Request, response: Response) => {
    sendPlain(response, plainAnswers.unknownAddress());
  });
  // express tells an error handler by its four parameters.
  app.use((error: unknown, _: Request, response: Response, next: NextFunction) => {
    if (response.headersSent) {
      next(error);
      return;
    }
    // A broken percent-encoding in the address.
    if (error instanceof URIError) {
      sendPlain(response, plainAnswers.unknownAddress());
      return;
    }
    fail(error, response);
  });

  return (request, response) => {
    const ambiguity = ambiguityOf(request);
    if (ambiguity) {
      prepare(response);
      sendPlain(response, ambiguity);
      return;
    }
    const query = queryAddress(request);
    if (!query) {
      // express answers every error itself; what it returns is not a promise to wait for.
      app(request, response);
      return;
    }
    prepare(response);
    endpoint.post(request, response, query.name).catch((error: unknown) => {
      if (response.headersSent) response.destroy();
      else fail(error, response);
    });
  };
}
