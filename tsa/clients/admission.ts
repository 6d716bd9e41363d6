// Who may ask, before a body is read: by the door that the request came through, who it says it is, from where, and
// how often. Refusals say nothing to an attacker; the audit log has the reason.
import type { Clock, EventSink } from '#shared/ports/runtime.ts';
import { compareInstants, isBefore } from '#shared/time.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import type { PasswordChecker } from '../adapters/password.ts';
import {
  anonymousClient,
  clientOfCertificate,
  clientOfKey,
  isInNetworks,
  neighbourhoodOf,
  readAuthorization,
  type ClientConfig,
  type Role,
} from './clients.ts';
import { createRates, type Rates } from '../providers/rates.ts';
import { errorFields, plainAnswers, type PlainAnswer } from '../replies.ts';

/** How clients say who they are at a listener. */
export type Door = 'anonymous' | 'certificate' | 'credentials';

export type Knock = {
  readonly door: Door;
  readonly address: string;
  readonly authorization: string | undefined;
  /** That the handshake verified. */
  readonly certificate: Certificate | undefined;
};

export type Admitted = {
  readonly kind: 'admitted';
  readonly client: string;
  /** Profiles that it may use, the one behind `/` first; `undefined`: all, the default one first. */
  readonly profiles: readonly string[] | undefined;
  readonly roles: readonly Role[];
};

export type NotAdmitted = {
  readonly kind: 'refused';
  readonly answer: PlainAnswer;
  /** For the audit log alone. */
  readonly reason: string;
  /** Where it is known. */
  readonly client?: string;
};

export type Admission = {
  readonly admit: (knock: Knock) => Promise<Admitted | NotAdmitted>;
  /** Other clients from now on. */
  readonly replace: (clients: readonly ClientConfig[]) => void;
};

/** Failures from one address, or one /64 of IPv6, in a minute; then it waits for the next. */
const failuresPerMinute = 20;
/** Addresses that are remembered; an attacker with more of them forgets the oldest. */
const maxAddresses = 10_000;

type Failures = { count: number; readonly ends: Temporal.Instant };

function createFailureLimit(clock: Clock, events: EventSink) {
  const byAddress = new Map<string, Failures>();
  const current = (address: string): Failures | undefined => {
    const found = byAddress.get(address);
    return found && compareInstants(clock.now(), found.ends) < 0 ? found : undefined;
  };
  return {
    /** When the address may try again; `undefined`: now. */
    blockedUntil: (address: string): Temporal.Instant | undefined => {
      const failures = current(neighbourhoodOf(address));
      return failures && failures.count >= failuresPerMinute ? failures.ends : undefined;
    },
    count: (address: string): void => {
      const place = neighbourhoodOf(address);
      const failures = current(place) ?? { count: 0, ends: clock.now().add({ minutes: 1 }) };
      failures.count++;
      byAddress.delete(place);
      byAddress.set(place, failures);
      const oldest = byAddress.keys().next();
      if (byAddress.size > maxAddresses && !oldest.done) byAddress.delete(oldest.value);
      if (failures.count === failuresPerMinute)
        events({ level: 'error', name: 'tsa.client.many-failures', address });
    },
  };
}

/** Opens the doors for these clients. */
export function createAdmission(options: {
  readonly clients: readonly ClientConfig[];
  readonly checkPassword: PasswordChecker;
  /** Of this process alone unless given. */
  readonly rates?: Rates;
  readonly clock: Clock;
  readonly events: EventSink;
}): Admission {
  const { clock, checkPassword } = options;
  const failures = createFailureLimit(clock, options.events);
  const rates = options.rates ?? createRates();
  let clients = options.clients;

  const refuse = (answer: PlainAnswer, reason: string, client?: ClientConfig): NotAdmitted => ({
    kind: 'refused',
    answer,
    reason,
    ...(client ? { client: client.name } : {}),
  });

  /** From when on there is room, where there is none now. */
  const takeRate = async ({ name }: ClientConfig, perMinute: number) => {
    try {
      return await rates.takeOfMinute(`client ${name}`, perMinute, clock.now());
    } catch (error) {
      // Replicas that cannot count together cannot buy either: the client is told so by the answer to its query.
      options.events({
        level: 'error',
        name: 'tsa.rate.failed',
        client: name,
        ...errorFields(error),
      });
      return undefined;
    }
  };

  const ofCertificate = (certificate: Certificate | undefined): ClientConfig | string => {
    if (!certificate) return 'no certificate';
    const what = `certificate ${certificate.subject.text} (${certificate.fingerprint})`;
    const { notAfter } = certificate;
    // The handshake has looked as well; a connection may outlive what it was begun with.
    if (isBefore(notAfter, clock.now())) return `${what} ended at ${notAfter.toString()}`;
    return clientOfCertificate(clients, certificate) ?? `${what} belongs to no client`;
  };

  /** The client, why it is none, or `undefined` where too many wait to be told. */
  const identify = async (knock: Knock): Promise<ClientConfig | string | undefined> => {
    if (knock.door === 'certificate') return ofCertificate(knock.certificate);
    const presented = readAuthorization(knock.authorization);
    if (!presented) return 'no key, no password';
    if (presented.kind === 'key') return clientOfKey(clients, presented.key) ?? 'an unknown key';
    const { user, password } = presented;
    const client = clients.find(({ name }) => name === user);
    if (client && clientOfKey(clients, password) === client) return client;
    // Of nobody as well: how long it takes does not say who is a client.
    const verdict = await checkPassword(password, client?.passwords ?? []);
    if (verdict === 'busy') return undefined;
    if (client && verdict === 'right') return client;
    return client ? `a wrong password or key for client ${user}` : 'an unknown user';
  };

  return {
    admit: async (knock) => {
      if (knock.door === 'anonymous')
        return { kind: 'admitted', client: anonymousClient, profiles: undefined, roles: ['stamp'] };
      const { address } = knock;
      const blocked = failures.blockedUntil(address);
      if (blocked) {
        const message = 'Too many failed attempts';
        return refuse(plainAnswers.limited({ message, until: blocked }, clock.now()), message);
      }
      const client = await identify(knock);
      // No failure of the one who asks.
      if (!client) return refuse(plainAnswers.busy(), 'too many passwords wait to be checked');
      if (typeof client === 'string') {
        failures.count(address);
        const byCertificate = knock.door === 'certificate';
        return refuse(
          byCertificate ? plainAnswers.notAllowed() : plainAnswers.unknownClient(),
          client,
        );
      }
      if (!isInNetworks(address, client.networks)) {
        failures.count(address);
        return refuse(plainAnswers.notAllowed(), 'not from its networks', client);
      }
      const { requestsPerMinute: perMinute } = client;
      const until = perMinute === undefined ? undefined : await takeRate(client, perMinute);
      if (until) {
        const message = `More than ${client.requestsPerMinute ?? 0} requests a minute`;
        return refuse(plainAnswers.limited({ message, until }, clock.now()), message, client);
      }
      const { name, profiles, roles = ['stamp'] } = client;
      return { kind: 'admitted', client: name, profiles, roles };
    },
    replace: (others) => {
      clients = others;
    },
  };
}
