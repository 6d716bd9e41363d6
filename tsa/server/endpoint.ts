// The addresses that take queries: `POST /` and `POST /tsa/NAME`. Who may ask is settled before a body is read; what
// a query is worth is decided behind it.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Express, Request, Response } from 'express';
import { answerQuery, type AnswerOptions } from '../answer-query.ts';
import type { Profile } from '../config/config.ts';
import { endpointText, plainAnswers, type PlainAnswer } from '../replies.ts';
import { createAdmit, type AdmitOptions, type LetIn } from './admit.ts';
import { isQuery, readBody, sendPlain, sendReply } from './http.ts';

export type EndpointOptions = AnswerOptions & AdmitOptions;

function explain(profile: Profile, options: EndpointOptions, response: Response): void {
  const notAccredited = profile.providers.some(
    (name) => options.settings().providers.get(name)?.kind === 'local',
  );
  response.type('text/plain').send(endpointText({ ...profile, notAccredited }));
}

/** Reads and answers one query, or says with which status it is refused. */
async function serveQuery(
  request: IncomingMessage,
  response: ServerResponse,
  { asking, name, profile, settings }: LetIn,
  options: EndpointOptions,
): Promise<PlainAnswer | undefined> {
  const { bodyLimitBytes } = settings.config;
  if (!profile) return plainAnswers.unknownProfile(name);
  if (!isQuery(request)) return plainAnswers.wrongType();
  let octets: Uint8Array | undefined;
  try {
    octets = await readBody(request, response, bodyLimitBytes);
  } catch {
    // The client went away in the middle; whatever is said now hardly arrives.
    return plainAnswers.brokenRequest();
  }
  if (!octets) return plainAnswers.tooLarge(bodyLimitBytes);
  // A reload may have come before the body's end.
  const asAdmitted = { ...options, settings: () => settings };
  const answer = await answerQuery(octets, asking, profile, asAdmitted);
  if (answer.kind === 'reply') sendReply(response, answer.octets, answer.retryAfterSeconds);
  // Its line in the audit log is written already.
  else sendPlain(response, plainAnswers.limited(answer, options.clock.now()));
  return undefined;
}

/** What answers at these addresses; without a name in them, it is the first profile of the client. */
export type Endpoint = {
  readonly get: (request: Request, response: Response, name: string | undefined) => Promise<void>;
  readonly post: (
    request: IncomingMessage,
    response: ServerResponse,
    name: string | undefined,
  ) => Promise<void>;
};

export function createEndpoint(options: EndpointOptions): Endpoint {
  const admit = createAdmit(options);
  return {
    get: async (request, response, profileName) => {
      const admitted = await admit(request, response, profileName);
      if (!admitted) return;
      if (admitted.profile) explain(admitted.profile, options, response);
      else sendPlain(response, plainAnswers.unknownProfile(admitted.name));
    },
    post: async (request, response, profileName) => {
      const admitted = await admit(request, response, profileName);
      if (!admitted) return;
      const refused = await serveQuery(request, response, admitted, options);
      if (!refused) return;
      const { status, text: reason } = refused;
      const { asking, name } = admitted;
      await options.refuse({ ...asking, profile: name, status, reason });
      sendPlain(response, refused);
    },
  };
}

const addresses: readonly (readonly [string, (request: Request) => string | undefined])[] = [
  ['/', () => undefined],
  ['/tsa/:profile', (request) => String(request.params['profile'])],
];

/** Adds the addresses that take queries. */
export function addEndpoint(app: Express, { get, post }: Endpoint): void {
  for (const [address, nameOf] of addresses)
    app
      .route(address)
      .get((request, response) => get(request, response, nameOf(request)))
      .post((request, response) => post(request, response, nameOf(request)))
      .all((_, response) => {
        sendPlain(response, plainAnswers.wrongMethod());
      });
}

/** The same addresses as they are mostly written: nothing to decode, nothing behind them. */
const plainAddress = /^\/(?:tsa\/([\w-]+))?$/;

/**
 * The profile named by a request that is a query at such an address: it can be answered at once. What express does to
 * a request before it finds the same handler costs more than the handler.
 */
export function queryAddress({ method, url }: IncomingMessage): { name?: string } | undefined {
  const found = method === 'POST' ? plainAddress.exec(url ?? '') : null;
  if (!found) return undefined;
  const [, name] = found;
  return name === undefined ? {} : { name };
}
