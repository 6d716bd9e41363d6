// Who may ask, before a body is read: by the door that the request came through, who it says it is, from where, and
// how often. Refusals say nothing to an attacker; the audit log has the reason.
import type { Clock, EventSink } from '#shared/ports/runtime.ts';
import { compareInstants } from '#shared/time.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import type { PasswordChecker } from './adapters/password.ts';
import {
  anonymousClient,
  clientOfCertificate,
  isInNetworks,
  readAuthorization,
  sha256OfKey,
  type ClientConfig,
  type Role,
} from './clients.ts';
import { createRates, type Rates } from './rates.ts';
import { errorFields, plainAnswers, type PlainAnswer } from './replies.ts';

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

/** Failures from one address in a minute; then it waits for the next. */
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
      const failures = current(address);
      return failures && failures.count >= failuresPerMinute ? failures.ends : undefined;
    },
    count: (address: string): void => {
      const failures = current(address) ?? { count: 0, ends: clock.now().add({ minutes: 1 }) };
      failures.count++;
      byAddress.delete(address);
      byAddress.set(address, failures);
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

  const byKey = (key: string): ClientConfig | undefined => {
    const hash = sha256OfKey(key);
    return clients.find(({ keys }) => keys.includes(hash));
  };

  /** The client, or why it is none. */
  const identify = async (knock: Knock): Promise<ClientConfig | string> => {
    if (knock.door === 'certificate') {
      const { certificate } = knock;
      if (!certificate) return 'no certificate';
      return (
        clientOfCertificate(clients, certificate) ??
        `certificate ${certificate.subject.text} (${certificate.fingerprint}) belongs to no client`
      );
    }
    const presented = readAuthorization(knock.authorization);
    if (!presented) return 'no key, no password';
    if (presented.kind === 'key') return byKey(presented.key) ?? 'an unknown key';
    const { user, password } = presented;
    const client = clients.find(({ name }) => name === user);
    if (!client) return 'an unknown user';
    if (byKey(password) === client) return client;
    return (await checkPassword(password, client.passwords))
      ? client
      : `a wrong password or key for client ${user}`;
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
