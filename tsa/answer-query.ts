// The octets of a query to what its client is answered, with the line of the audit log that says so: no answer leaves
// before its line is durable.
import { toHex } from '#shared/bytes.ts';
import type { DigestAlgorithm } from '#shared/crypto/digest.ts';
import type { Clock, EventSink } from '#shared/ports/runtime.ts';
import { instantText } from '#shared/time.ts';
import { admitTimeStampReq } from '#shared/tsp/check-request.ts';
import type { TimeStampReq } from '#shared/tsp/request.ts';
import type { Asking, AuditEntry } from './audit/audit-line.ts';
import type { AuditLog } from './audit/audit-log.ts';
import type { Profile } from './config/config.ts';
import type { Settings } from './providers/provider-set.ts';
import type { Provider } from './providers/providers.ts';
import {
  buildRejection,
  errorFields,
  failureBitOf,
  rejectionOf,
  type Rejection,
} from './replies.ts';
import type { Stamped } from './purchase.ts';
import type { StampService } from './stamp.ts';
import type { Tally } from './status/tally.ts';

export type AnswerOptions = {
  readonly service: StampService;
  /** Asked at each request, since a reload may change them. */
  readonly settings: () => Settings;
  readonly audit: AuditLog;
  readonly tally: Tally;
  readonly clock: Clock;
  readonly events: EventSink;
};

export type QueryAnswer =
  /** A TimeStampResp. */
  | {
      readonly kind: 'reply';
      readonly octets: Uint8Array;
      /** A refusal that may be none the next time: when to come again (RFC 9110 §10.2.3). */
      readonly retryAfterSeconds?: number;
    }
  /** Nothing for this client until then. */
  | { readonly kind: 'limited'; readonly message: string; readonly until: Temporal.Instant };

type Judged = {
  readonly stamped: Stamped;
  readonly imprint?: { readonly algorithm: string; readonly digest: string };
};

const auditFailed: Rejection = {
  kind: 'rejected',
  failureBit: 'systemFailure',
  message: 'the audit log cannot be written, and nothing is answered that is not in it',
};

/** The policies that a query to this profile may ask for. */
function policiesOf(profile: Profile, providers: ReadonlyMap<string, Provider>): readonly string[] {
  if (profile.tsaPolicies.length > 0) return profile.tsaPolicies;
  return profile.providers.flatMap((name) => providers.get(name)?.tsaPolicies ?? []);
}

function imprintOf(request: TimeStampReq, algorithm: DigestAlgorithm) {
  return { algorithm, digest: toHex(request.messageImprint.hashedMessage) };
}

async function judge(
  octets: Uint8Array,
  asking: Asking,
  profile: Profile,
  options: AnswerOptions,
): Promise<Judged> {
  const { providers } = options.settings();
  try {
    const admission = admitTimeStampReq(octets, {
      digestAlgorithms: profile.hashAlgorithms,
      tsaPolicies: policiesOf(profile, providers),
    });
    if (admission.kind === 'rejected') {
      const [{ failInfo, message }] = admission.findings;
      return { stamped: { kind: 'rejected', failureBit: failureBitOf(failInfo), message } };
    }
    const { request } = admission;
    const { algorithm } = request.messageImprint;
    if (!algorithm) throw new TypeError('an admitted query has a known imprint algorithm');
    const stamped = await options.service.stamp({
      id: asking.id,
      client: asking.client,
      profile,
      request,
      algorithm,
      providers,
    });
    return { stamped, imprint: imprintOf(request, algorithm) };
  } catch (error) {
    const fault = { name: 'tsa.query.failed', id: asking.id, ...errorFields(error) };
    options.events({ level: 'error', ...fault });
    return { stamped: rejectionOf(error) };
  }
}

function entryOf(asking: Asking, profile: string, { stamped, imprint }: Judged): AuditEntry {
  const head = { ...asking, profile, ...(imprint ? { imprint } : {}) };
  switch (stamped.kind) {
    case 'granted': {
      const { provider, serialNumber, genTime } = stamped.record;
      const verdict = stamped.repeated ? 'repeated' : 'granted';
      const token = { provider, serialNumber, genTime: instantText(genTime) };
      return { event: 'answer', ...head, verdict, ...token };
    }
    case 'rejected': {
      const { failureBit: failInfo, message: reason } = stamped;
      return { event: 'answer', ...head, verdict: 'rejected', failInfo, reason };
    }
    case 'limited':
      return { event: 'refused', ...asking, profile, status: 429, reason: stamped.message };
    default:
      return stamped satisfies never;
  }
}

/** One event an answer, with no word of what was stamped. */
function tell(
  { stamped }: Judged,
  { id, client }: Asking,
  profile: Profile,
  milliseconds: number,
  { events, tally }: AnswerOptions,
): void {
  const verdict =
    stamped.kind !== 'granted' ? stamped.kind : stamped.repeated ? 'repeated' : 'granted';
  tally.answered(profile.name, verdict);
  const provider = stamped.kind === 'granted' ? { provider: stamped.record.provider } : {};
  const failInfo = stamped.kind === 'rejected' ? { failInfo: stamped.failureBit } : {};
  const fields = { id, client, profile: profile.name, verdict, ...provider, ...failInfo };
  events({ level: 'info', name: 'tsa.query.answered', ...fields, milliseconds });
}

/** Refusals that speak of the moment, not of the query. */
const passing: readonly Rejection['failureBit'][] = ['timeNotAvailable', 'systemFailure'];

/** So long a provider that failed too often is passed over, where nothing else is configured. */
const retryAfterSeconds = 30;

/** Answers a query to `profile`. Resolves always. */
export async function answerQuery(
  octets: Uint8Array,
  asking: Asking,
  profile: Profile,
  options: AnswerOptions,
): Promise<QueryAnswer> {
  const began = options.clock.now().epochMilliseconds;
  const judged = await judge(octets, asking, profile, options);
  const { stamped } = judged;
  try {
    await options.audit.append(entryOf(asking, profile.name, judged));
  } catch {
    // The token, if there is one, is in the journal: a repeat gets it.
    return { kind: 'reply', octets: buildRejection(auditFailed), retryAfterSeconds };
  }
  const milliseconds = options.clock.now().epochMilliseconds - began;
  tell(judged, asking, profile, milliseconds, options);
  if (stamped.kind === 'limited') return stamped;
  if (stamped.kind === 'granted') return { kind: 'reply', octets: stamped.record.response };
  const again = passing.includes(stamped.failureBit) ? { retryAfterSeconds } : {};
  return { kind: 'reply', octets: buildRejection(stamped), ...again };
}
