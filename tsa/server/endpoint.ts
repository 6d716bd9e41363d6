// The addresses that take queries: `POST /` and `POST /tsa/NAME`. Who may ask is settled before a body is read; what
// a query is worth is decided behind it.
import type { Express, Request, Response } from 'express';
import { answerQuery, type AnswerOptions } from '../answer-query.ts';
import type { Asking } from '../audit-line.ts';
import type { Profile } from '../config.ts';
import { endpointText, plainAnswers, type PlainAnswer } from '../replies.ts';
import { createAdmit, type AdmitOptions } from './admit.ts';
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
  request: Request,
  response: Response,
  asking: Asking,
  profile: Profile | undefined,
  profileName: string,
  options: EndpointOptions,
): Promise<PlainAnswer | undefined> {
  const { bodyLimitBytes } = options.settings().config;
  if (!profile) return plainAnswers.unknownProfile(profileName);
  if (!isQuery(request)) return plainAnswers.wrongType();
  let octets: Uint8Array | undefined;
  try {
    octets = await readBody(request, bodyLimitBytes);
  } catch {
    // The client went away in the middle; whatever is said now hardly arrives.
    return plainAnswers.brokenRequest();
  }
  if (!octets) return plainAnswers.tooLarge(bodyLimitBytes);
  const answer = await answerQuery(octets, asking, profile, options);
  if (answer.kind === 'reply') sendReply(response, answer.octets, answer.retryAfterSeconds);
  // Its line in the audit log is written already.
  else sendPlain(response, plainAnswers.limited(answer, options.clock.now()));
  return undefined;
}

/** Adds one address that takes queries; without a name in it, it is that of the client's first profile. */
export function addEndpoint(
  app: Express,
  address: string,
  profileName: (request: Request) => string | undefined,
  options: EndpointOptions,
): void {
  const admit = createAdmit(options);

  const get = async (request: Request, response: Response): Promise<void> => {
    const admitted = await admit(request, response, profileName(request));
    if (!admitted) return;
    if (admitted.profile) explain(admitted.profile, options, response);
    else sendPlain(response, plainAnswers.unknownProfile(admitted.name));
  };

  const post = async (request: Request, response: Response): Promise<void> => {
    const admitted = await admit(request, response, profileName(request));
    if (!admitted) return;
    const { asking, name, profile } = admitted;
    const refused = await serveQuery(request, response, asking, profile, name, options);
    if (!refused) return;
    const { status, text: reason } = refused;
    await options.refuse({ ...asking, profile: name, status, reason });
    sendPlain(response, refused);
  };

  app
    .route(address)
    .get(get)
    .post(post)
    .all((_, response) => {
      sendPlain(response, plainAnswers.wrongMethod());
    });
}
