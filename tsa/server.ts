// HTTP in front of the stamp service (RFC 3161 §3.4): addresses, methods, media types, limits, health. What a query
// is worth is decided by shared/tsp and stamp.ts; what answers look like, by replies.ts.
import express, { type NextFunction, type Request, type Response } from 'express';
import helmet from 'helmet';
import { errorFields, plainAnswers } from './replies.ts';
import type { Administration } from './administration.ts';
import { addAdministration } from './server/administration.ts';
import { createAdmit } from './server/admit.ts';
import { addEndpoint, type EndpointOptions } from './server/endpoint.ts';
import { addEvidence, type EvidenceEndpointOptions } from './server/evidence.ts';
import { sendPlain } from './server/http.ts';
import { addStatus } from './server/status.ts';
import type { Snapshot } from './snapshot.ts';

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

/** The application; listening and closing are the caller's. */
export function createTsaApp(options: TsaServerOptions): express.Express {
  const { events } = options;
  const app = express();
  app.disable('etag');
  app.disable('x-powered-by');
  // Whether the host is reached by TLS alone is for whoever ends the TLS to say.
  const pageHeaders = helmet({ strictTransportSecurity: false });
  app.use((request: Request, response: Response, next: NextFunction) => {
    // What browsers do with a page is said with pages; a reply to a query is none, and says so.
    if (request.method !== 'POST') {
      pageHeaders(request, response, next);
      return;
    }
    response.setHeader('x-content-type-options', 'nosniff');
    next();
  });
  app.use((_: Request, response: Response, next: NextFunction) => {
    // The clock that stamps is the clock that is shown: a client can compare before it buys.
    const now = new Date(options.clock.now().epochMilliseconds);
    response.setHeader('Date', now.toUTCString());
    next();
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
  addEndpoint(app, '/', () => undefined, options);
  addEndpoint(app, '/tsa/:profile', (request) => String(request.params['profile']), options);
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
    events({ level: 'error', name: 'tsa.http.failed', ...errorFields(error) });
    sendPlain(response, plainAnswers.ourFault());
  });
  return app;
}
