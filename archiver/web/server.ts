// The report page and what it needs, over HTTP: page, JSON, progress, the button that runs a night,
// evidence records. Methods, headers and bodies are bounded; errors are plain sentences.
import { createServer } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import express, { type NextFunction, type Request, type Response } from 'express';
import helmet from 'helmet';
import { toHex } from '#shared/bytes.ts';
import { SourceError, TokiwaError } from '#shared/errors.ts';
import type { Catalogue } from '#shared/ports/catalogue.ts';
import { buildReport, reportHead } from '../reports/build.ts';
import { loadPage, pageDocuments } from '../reports/load-page.ts';
import { contentSources, pageIcon, renderPage } from '../reports/render-html.ts';
import { addDigests, maxDigestsBytes } from './digests.ts';
import { addDocuments } from './documents.ts';
import { hasToken, isLoopback, isSameOrigin, namesThisServer } from './guards.ts';
import type { WebOptions, WebServer } from './options.ts';
import { filterOf, languageOf, pageNumberOf, parameter } from './query.ts';

/** A token and a language; nothing else is ever sent here. */
const maxBodyBytes = 4096;

const maxHeaderBytes = 16 * 1024;

/** From its first octet to its last: a request that brings a document may take long, as long as it moves. */
const requestMs = { form: 20_000, document: 6 * 3_600_000 };

function sendPlain(response: Response, status: number, text: string): void {
  response.status(status).set('cache-control', 'no-store').type('text/plain').send(`${text}\n`);
}

async function sendPieces(response: Response, pieces: AsyncIterable<string>): Promise<void> {
  response.set('cache-control', 'no-store');
  try {
    await pipeline(Readable.from(pieces), response);
  } catch (error) {
    // The reader went away: nothing is wrong with the page.
    if (!(error instanceof Error && 'code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE'))
      throw error;
  }
}

/** Everything inline is named by its digest; nothing is loaded from elsewhere. */
const secureHeaders = helmet({
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      defaultSrc: ["'none'"],
      styleSrc: [contentSources.style],
      scriptSrc: [contentSources.script],
      connectSrc: ["'self'"],
      imgSrc: ["'self'"],
      formAction: ["'self'"],
      baseUri: ["'none'"],
      frameAncestors: ["'none'"],
    },
  },
  // Plain HTTP on the loopback address: a browser must not be told to insist on TLS.
  strictTransportSecurity: false,
  // `no-referrer` would make the Origin of our own form `null`.
  referrerPolicy: { policy: 'same-origin' },
});

class Pages {
  readonly #options: WebOptions;
  readonly #token: string;

  constructor(options: WebOptions) {
    this.#options = options;
    this.#token = toHex(options.random(32));
  }

  async read<T>(work: (catalogue: Catalogue) => Promise<T>): Promise<T> {
    await using catalogue = await this.#options.openCatalogue();
    return await work(catalogue);
  }

  readonly page = async (request: Request, response: Response): Promise<void> => {
    const { archiveId, status, evidenceOf, timeline, lastSuccess, clock } = this.#options;
    const at = clock.now();
    const rules = await this.#options.rules();
    const svg = await timeline?.();
    await this.read(async (catalogue) => {
      const page = await loadPage(catalogue, {
        at,
        rules,
        archiveId,
        lastSuccess: await lastSuccess?.(),
        language: languageOf(request),
        filter: filterOf(request),
        pageNumber: pageNumberOf(request),
        live: {
          status: status(),
          runToken: isLoopback(request.socket.remoteAddress) ? this.#token : undefined,
          evidence: evidenceOf !== undefined,
          timeline: svg !== undefined,
        },
      });
      response.type('text/html').set('content-language', page.language);
      response.vary('accept-language');
      await sendPieces(response, renderPage(page, pageDocuments(catalogue, page, at, rules)));
    });
  };

  readonly json = async (_request: Request, response: Response): Promise<void> => {
    const { archiveId, clock, lastSuccess } = this.#options;
    const at = clock.now();
    const rules = await this.#options.rules();
    await this.read(async (catalogue) => {
      const head = await reportHead(catalogue, {
        archiveId,
        at,
        rules,
        lastSuccess: await lastSuccess?.(),
      });
      response.type('application/json');
      await sendPieces(response, buildReport(catalogue, { at, rules, head }));
    });
  };

  readonly status = (_request: Request, response: Response): void => {
    response.set('cache-control', 'no-store').json(this.#options.status());
  };

  readonly run = (request: Request, response: Response): void => {
    const { runNow, events } = this.#options;
    if (!isLoopback(request.socket.remoteAddress)) {
      sendPlain(response, 403, 'A run can be started from this machine only: use `tokiwa run`.');
      return;
    }
    if (!isSameOrigin(request) || !hasToken(request.body, this.#token)) {
      sendPlain(
        response,
        403,
        'This form is not of the page as it stands: reload it and try again.',
      );
      return;
    }
    // The page shows how far it is; how it ends is shown by the run's own report.
    runNow().catch((error: unknown) => {
      const message = error instanceof Error ? error.message : String(error);
      events({ level: 'error', name: 'archiver.web.run-failed', message });
    });
    const { lang } = request.body as { readonly lang?: unknown };
    response.redirect(303, `/?lang=${lang === 'en' ? 'en' : 'ja'}`);
  };

  readonly evidence = async (request: Request, response: Response): Promise<void> => {
    const { evidenceOf } = this.#options;
    const [store, key, sha256] = ['store', 'key', 'sha256'].map((name) => parameter(request, name));
    const versionId = parameter(request, 'version') ?? '';
    if (!evidenceOf || store === undefined || key === undefined) {
      sendPlain(response, 400, 'An evidence record is asked for by store, key and version.');
      return;
    }
    const row = await this.read((catalogue) =>
      sha256 === undefined
        ? catalogue.findDocument({ store, key, versionId })
        : catalogue.findContent(store, key, versionId, sha256),
    );
    if (!row) {
      sendPlain(response, 404, 'There is no such document.');
      return;
    }
    const record = await evidenceOf(row);
    response.attachment(`${key.split('/').at(-1) ?? 'document'}.ers`);
    response.set({ 'content-type': 'application/octet-stream', 'cache-control': 'no-store' });
    response.end(record);
  };

  readonly timeline = async (_request: Request, response: Response): Promise<void> => {
    const svg = await this.#options.timeline?.();
    if (svg === undefined) {
      sendPlain(response, 404, 'There is no timeline.');
      return;
    }
    response.set({
      'content-type': 'image/svg+xml; charset=utf-8',
      'cache-control': 'no-store',
      'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
    });
    response.end(svg);
  };
}

/** What a reader is told of an error; what went wrong inside goes to the log. */
function answerError(events: WebOptions['events']) {
  return (error: unknown, request: Request, response: Response, next: NextFunction): void => {
    if (response.headersSent) {
      next(error);
      return;
    }
    if (error instanceof SourceError && error.code === 'ERR_SOURCE_NOT_FOUND') {
      sendPlain(response, 404, 'There is no evidence for this document yet.');
      return;
    }
    // Of the body parser and of express itself: too large, malformed.
    if (error instanceof Error && 'status' in error && typeof error.status === 'number') {
      sendPlain(response, error.status, error.status === 413 ? 'Too long.' : 'Not understood.');
      return;
    }
    const code = error instanceof TokiwaError ? error.code : 'internal';
    const message = error instanceof Error ? error.message : String(error);
    events({ level: 'error', name: 'archiver.web.failed', path: request.path, code, message });
    sendPlain(response, 500, 'This could not be answered; the log says why.');
  };
}

/** Only programs of this machine, and no form of another site. */
function programsHere(request: Request, response: Response, next: NextFunction): void {
  if (!isLoopback(request.socket.remoteAddress))
    sendPlain(response, 403, 'This is taken from this machine only.');
  else if (!isSameOrigin(request))
    sendPlain(response, 403, 'This is not taken from the page of another site.');
  else next();
}

function buildApp(options: WebOptions): express.Express {
  const pages = new Pages(options);
  const app = express();
  app.disable('x-powered-by').disable('etag').set('query parser', 'simple');
  app.use(secureHeaders);
  app.use((request, response, next) => {
    if (namesThisServer(request, options.config.host)) next();
    else sendPlain(response, 421, 'This server is not known by that name.');
  });
  const gets: Readonly<Record<string, (request: Request, response: Response) => unknown>> = {
    '/': pages.page,
    '/report.json': pages.json,
    '/status': pages.status,
    '/healthz': (_request, response) => {
      sendPlain(response, 200, 'ok');
    },
    '/icon.svg': (_request, response) => {
      response.type('image/svg+xml').set('cache-control', 'max-age=86400').send(pageIcon);
    },
    '/evidence': pages.evidence,
    '/timeline.svg': pages.timeline,
  };
  for (const [path, answer] of Object.entries(gets)) app.get(path, answer);
  const form = express.urlencoded({ extended: false, limit: maxBodyBytes, parameterLimit: 8 });
  app.post('/run', form, pages.run);
  const allowed = new Map<string, string>(Object.keys(gets).map((path) => [path, 'GET, HEAD']));
  allowed.set('/run', 'POST');
  const { intake, digests } = options;
  const read: Pages['read'] = (work) => pages.read(work);
  if (intake) {
    addDocuments(app, { intake, guard: programsHere, read, sendPlain });
    allowed.set('/documents', 'GET, HEAD, POST');
  }
  if (digests) {
    const parse = express.json({ limit: maxDigestsBytes, strict: true });
    addDigests(app, { digests, guard: programsHere, parse, read, sendPlain });
    allowed.set('/digests', 'GET, HEAD, POST');
  }
  app.use((request, response) => {
    const allow = allowed.get(request.path);
    if (allow === undefined) sendPlain(response, 404, 'There is nothing here.');
    else sendPlain(response.set('allow', allow), 405, `Only ${allow}.`);
  });
  app.use(answerError(options.events));
  return app;
}

/**
 * Listens until the result is disposed of.
 * @throws SourceError ERR_SOURCE_REFUSED: the address or port cannot be had
 */
export async function serveReport(options: WebOptions): Promise<WebServer> {
  const { host, port } = options.config;
  const server = createServer(
    {
      maxHeaderSize: maxHeaderBytes,
      headersTimeout: 10_000,
      requestTimeout: requestMs[options.intake ? 'document' : 'form'],
    },
    buildApp(options),
  );
  const { promise, resolve, reject } = Promise.withResolvers<undefined>();
  server.once('error', reject);
  server.listen(port, host, () => {
    resolve(undefined);
  });
  try {
    await promise;
  } catch (error) {
    throw new SourceError(
      'ERR_SOURCE_REFUSED',
      `the report page cannot listen on ${host}:${port}: ${error instanceof Error ? error.message : String(error)}; another one is given by web.port, or by --port of start`,
      { retryable: false, cause: error },
    );
  }
  const address = server.address();
  const bound = typeof address === 'object' && address ? address.port : port;
  const shown = host.includes(':') ? `[${host}]` : host;
  return {
    url: `http://${shown}:${bound}/`,
    [Symbol.asyncDispose]: async () => {
      const closed = Promise.withResolvers<undefined>();
      server.close(() => {
        closed.resolve(undefined);
      });
      server.closeAllConnections();
      await closed.promise;
    },
  };
}
