// Who may ask, settled before a body is read: every address that takes something from clients lets them in here.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Certificate } from '#shared/x509/certificate.ts';
import type { Admission, Admitted, Door } from '../clients/admission.ts';
import type { Asking } from '../audit/audit-line.ts';
import { addressOf, type Role } from '../clients/clients.ts';
import type { Profile } from '../config/config.ts';
import type { Settings } from '../providers/provider-set.ts';
import { printableText } from '#shared/tsp/response.ts';
import type { RefusalLog } from '../audit/refusals.ts';
import { plainAnswers } from '../replies.ts';
import { sendPlain } from './http.ts';

export type AdmitOptions = {
  readonly settings: () => Settings;
  readonly refuse: RefusalLog;
  readonly admission: Admission;
  /** How clients say who they are at this listener. */
  readonly door: Door;
  /** The certificate that the handshake of a request's connection verified. */
  readonly certificateOf: (socket: unknown) => Certificate | undefined;
  readonly newId: () => string;
};

/** A client that is let in, and the profile it asked for: `undefined` where there is none of that name for it. */
export type LetIn = {
  readonly asking: Asking;
  readonly name: string;
  readonly profile: Profile | undefined;
  /** What the request is served by to its end, be there others by then. */
  readonly settings: Settings;
};

/** A profile that a client may use: another one is to it as if it were not there. */
function profileOf(
  { config: { profiles } }: Settings,
  { profiles: allowed }: Admitted,
  name: string,
): Profile | undefined {
  if (allowed && !allowed.includes(name)) return undefined;
  return Object.hasOwn(profiles, name) ? profiles[name] : undefined;
}

/** Longer than any name of a person or a function. */
const maxUserLength = 128;

/** The `Tokiwa-User` field: whom a document system asks for, where it tells. */
function userOf(request: IncomingMessage): Pick<Asking, 'user'> {
  const field = request.headers['tokiwa-user'];
  if (typeof field !== 'string' || field === '') return {};
  return { user: printableText(field, maxUserLength) };
}

/** Lets a request of a client with this role in, or answers it; without a name, the profile is the first of the client's. */
export function createAdmit(options: AdmitOptions, role: Role = 'stamp') {
  const { door } = options;
  return async (
    request: IncomingMessage,
    response: ServerResponse,
    profileName: string | undefined,
  ): Promise<LetIn | undefined> => {
    const id = options.newId();
    response.setHeader('x-request-id', id);
    const { trustedProxies } = options.settings().config;
    const forwardedFor = request.headers['x-forwarded-for'];
    const remote = addressOf(
      request.socket.remoteAddress ?? '',
      typeof forwardedFor === 'string' ? forwardedFor : forwardedFor?.join(','),
      trustedProxies,
    );
    const knock = {
      door,
      address: remote,
      authorization: request.headers.authorization,
      certificate: door === 'certificate' ? options.certificateOf(request.socket) : undefined,
    };
    const admitted = await options.admission.admit(knock);
    if (admitted.kind === 'refused') {
      const { answer, reason, client } = admitted;
      const who = client === undefined ? {} : { client };
      await options.refuse({ id, ...who, address: remote, status: answer.status, reason });
      sendPlain(response, answer);
      return undefined;
    }
    if (!admitted.roles.includes(role)) {
      const answer = plainAnswers.notAllowed();
      const { client } = admitted;
      const reason = `has not the role ${role}`;
      await options.refuse({ id, client, address: remote, status: answer.status, reason });
      sendPlain(response, answer);
      return undefined;
    }
    const settings = options.settings();
    const name = profileName ?? admitted.profiles?.[0] ?? settings.config.defaultProfile;
    const asking: Asking = { id, client: admitted.client, address: remote, ...userOf(request) };
    return { asking, name, profile: profileOf(settings, admitted, name), settings };
  };
}
