// HTTP in front of the stamp service (RFC 3161 §3.4): addresses, methods, media types, limits, health. What a query
// is worth is decided by shared/tsp and stamp.ts; what answers look like, by replies.ts.
import express, { type NextFunction, type Request, type Response } from 'express';
import helmet from 'helmet';
import { concatBytes } from '#shared/bytes.ts';
import type { Clock, EventSink } from '#shared/ports/runtime.ts';
import { admitTimeStampReq } from '#shared/tsp/check-request.ts';
import { queryMediaType, replyMediaType } from '#shared/tsp/http-exchange.ts';
import type { Profile, TsaConfig } from './config.ts';
import type { Provider } from './providers.ts';
import {
  buildRejection,
  endpointText,
  errorFields,
  failureBitOf,
  plainAnswers,
  rejectionOf,
  type PlainAnswer,
} from './replies.ts';
import type { StampService } from './stamp.ts';

export type TsaServerOptions = {
  readonly config: TsaConfig;
  readonly service: StampService;
  readonly providers: ReadonlyMap<string, Provider>;
  readonly clock: Clock;
  readonly events: EventSink;
  /** Whether the journal takes records. */
  readonly journalWritable: () => boolean;
  /** Anchors of the local units as PEM text, empty without one. */
  readonly anchorsPem: () => string;
  /** The newest CRL of the first local unit, in DER. */
  readonly certificateList: () => Promise<Uint8Array | undefined>;
};

/** Until clients authenticate, all of them are one: a repeat may come from another address of the same client. */
const anonymousClient = 'anonymous';

function sendPlain(response: Response, answer: PlainAnswer): void {
  // What was not read of a refused body is not read at all: the connection ends.
  if (answer.status !== 404) response.set('connection', 'close');
  response
    .status(answer.status)
    .set({ 'cache-control': 'no-store', ...answer.headers })
    .type('text/plain')
    .send(`${answer.text}\n`);
}

function sendReply(response: Response, octets: Uint8Array): void {
  // Without a charset, which express would add to text types only.
  response.set({ 'content-type': replyMediaType, 'cache-control': 'no-store' });
  response.status(200).end(octets);
}

function isQuery(request: Request): boolean {
  const mediaType = request.headers['content-type']?.split(';')[0]?.trim().toLowerCase();
  const encoding = request.headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
  return mediaType === queryMediaType && encoding === 'identity';
}

/** The octets of a query to the octets of its answer. */
async function answerQuery(
  octets: Uint8Array,
  profile: Profile,
  options: TsaServerOptions,
): Promise<Uint8Array> {
  try {
    const admission = admitTimeStampReq(octets, {
      digestAlgorithms: profile.hashAlgorithms,
      tsaPolicies: policiesOf(profile, options.providers),
    });
    if (admission.kind === 'rejected') {
      const [{ failInfo, message }] = admission.findings;
      return buildRejection({ failureBit: failureBitOf(failInfo), message });
    }
    const { request } = admission;
    const { algorithm } = request.messageImprint;
    if (!algorithm) throw new TypeError('an admitted query has a known imprint algorithm');
    const stamped = await options.service.stamp({
      client: anonymousClient,
      profile,
      request,
      algorithm,
    });
    return stamped.kind === 'granted' ? stamped.response : buildRejection(stamped);
  } catch (error) {
    options.events({ level: 'error', name: 'tsa.query.failed', ...errorFields(error) });
    return buildRejection(rejectionOf(error));
  }
}

/** The policies that a query to this profile may ask for. */
function policiesOf(profile: Profile, providers: ReadonlyMap<string, Provider>): readonly string[] {
  if (profile.tsaPolicies.length > 0) return profile.tsaPolicies;
  return profile.providers.flatMap((name) => providers.get(name)?.tsaPolicies ?? []);
}

function profileOf(options: TsaServerOptions, name: string): Profile | undefined {
  const { profiles } = options.config;
  return Object.hasOwn(profiles, name) ? profiles[name] : undefined;
}

/**
 * The body, or `undefined` as soon as it is longer than `limit`: the rest is never read, however long.
 * @throws the connection's error where the client went away
 */
async function readBody(request: Request, limit: number): Promise<Uint8Array | undefined> {
  if (Number(request.headers['content-length'] ?? 0) > limit) return undefined;
  const parts: Uint8Array[] = [];
  let length = 0;
  // Leaving the loop must not take the connection along, on which the answer goes out.
  const chunks = request.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>;
  for await (const chunk of chunks) {
    length += chunk.length;
    if (length > limit) return undefined;
    parts.push(chunk);
  }
  return concatBytes(...parts);
}

/** The application; listening and closing are the caller's. */
export function createTsaApp(options: TsaServerOptions): express.Express {
  const { config, events, providers } = options;
  const app = express();
  app.disable('etag');
  // Whether the host is reached by TLS alone is for whoever ends the TLS to say.
  app.use(helmet({ strictTransportSecurity: false }));
  app.use((_: Request, response: Response, next: NextFunction) => {
    // The clock that stamps is the clock that is shown: a client can compare before it buys.
    const now = new Date(options.clock.now().epochMilliseconds);
    response.setHeader('Date', now.toUTCString());
    next();
  });

  const explain = (profile: Profile, response: Response): void => {
    const notAccredited = profile.providers.some((name) => providers.get(name)?.kind === 'local');
    response.type('text/plain').send(endpointText({ ...profile, notAccredited }));
  };

  const serveQuery = async (
    profile: Profile,
    request: Request,
    response: Response,
  ): Promise<void> => {
    if (!isQuery(request)) {
      sendPlain(response, plainAnswers.wrongType());
      return;
    }
    let octets: Uint8Array | undefined;
    try {
      octets = await readBody(request, config.bodyLimitBytes);
    } catch {
      // The client went away in the middle; whatever is said now hardly arrives.
      sendPlain(response, plainAnswers.brokenRequest());
      return;
    }
    if (octets) sendReply(response, await answerQuery(octets, profile, options));
    else sendPlain(response, plainAnswers.tooLarge(config.bodyLimitBytes));
  };

  const endpoint = (address: string, profileName: (request: Request) => string): void => {
    const withProfile =
      (serve: (profile: Profile, request: Request, response: Response) => Promise<void> | void) =>
      (request: Request, response: Response): Promise<void> | void => {
        const name = profileName(request);
        const profile = profileOf(options, name);
        if (profile) return serve(profile, request, response);
        sendPlain(response, plainAnswers.unknownProfile(name));
      };
    app
      .route(address)
      .get(
        withProfile((profile, _, response) => {
          explain(profile, response);
        }),
      )
      .post(withProfile(serveQuery))
      .all((_, response) => {
        sendPlain(response, plainAnswers.wrongMethod());
      });
  };
  endpoint('/', () => config.defaultProfile);
  endpoint('/tsa/:profile', (request) => String(request.params['profile']));

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
  readable('/readyz', (response) => {
    const ready = options.journalWritable();
    response.status(ready ? 200 : 503).json({
      status: ready ? 'ready' : 'the journal cannot be written',
      providers: [...providers.values()].map(({ name, record }) => ({
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
