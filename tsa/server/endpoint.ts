// The addresses that take queries: `POST /` and `POST /tsa/NAME`. Who may ask is settled before a body is read; what
// a query is worth is decided behind it.
import type { Express, Request, Response } from 'express';
import type { Clock } from '#shared/ports/runtime.ts';
import { answerQuery, type AnswerOptions } from '../answer-query.ts';
import type { Asking } from '../audit-line.ts';
import type { Profile, TsaConfig } from '../config.ts';
import type { Provider } from '../providers.ts';
import type { RefusalLog } from '../refusals.ts';
import { endpointText, plainAnswers, type PlainAnswer } from '../replies.ts';
import { isQuery, readBody, sendPlain, sendReply } from './http.ts';

export type EndpointOptions = AnswerOptions & {
  readonly config: TsaConfig;
  readonly providers: ReadonlyMap<string, Provider>;
  readonly clock: Clock;
  readonly refuse: RefusalLog;
  readonly newId: () => string;
};

/** Until clients authenticate, all of them are one: a repeat may come from another address of the same client. */
const anonymousClient = 'anonymous';

function profileOf(options: EndpointOptions, name: string): Profile | undefined {
  const { profiles } = options.config;
  return Object.hasOwn(profiles, name) ? profiles[name] : undefined;
}

function explain(profile: Profile, options: EndpointOptions, response: Response): void {
  const notAccredited = profile.providers.some(
    (name) => options.providers.get(name)?.kind === 'local',
  );
  response.type('text/plain').send(endpointText({ ...profile, notAccredited }));
}

/** Reads and answers one query, or says with which status it is refused. */
async function serveQuery(
  request: Request,
  response: Response,
  asking: Asking,
  profileName: string,
  options: EndpointOptions,
): Promise<PlainAnswer | undefined> {
  const { config } = options;
  const profile = profileOf(options, profileName);
  if (!profile) return plainAnswers.unknownProfile(profileName);
  if (!isQuery(request)) return plainAnswers.wrongType();
  let octets: Uint8Array | undefined;
  try {
    octets = await readBody(request, config.bodyLimitBytes);
  } catch {
    // The client went away in the middle; whatever is said now hardly arrives.
    return plainAnswers.brokenRequest();
  }
  if (!octets) return plainAnswers.tooLarge(config.bodyLimitBytes);
  const answer = await answerQuery(octets, asking, profile, options);
  if (answer.kind === 'reply') sendReply(response, answer.octets);
  // Its line in the audit log is written already.
  else sendPlain(response, plainAnswers.limited(answer, options.clock.now()));
  return undefined;
}

/** Adds one address that takes queries. */
export function addEndpoint(
  app: Express,
  address: string,
  profileName: (request: Request) => string,
  options: EndpointOptions,
): void {
  const post = async (request: Request, response: Response): Promise<void> => {
    const name = profileName(request);
    const asking: Asking = {
      id: options.newId(),
      client: anonymousClient,
      address: request.socket.remoteAddress ?? '',
    };
    response.set('x-request-id', asking.id);
    const refused = await serveQuery(request, response, asking, name, options);
    if (!refused) return;
    const { status, text: reason } = refused;
    await options.refuse({ ...asking, profile: name, status, reason });
    sendPlain(response, refused);
  };
  app
    .route(address)
    .get((request, response) => {
      const name = profileName(request);
      const profile = profileOf(options, name);
      if (profile) explain(profile, options, response);
      else sendPlain(response, plainAnswers.unknownProfile(name));
    })
    .post(post)
    .all((_, response) => {
      sendPlain(response, plainAnswers.wrongMethod());
    });
}
