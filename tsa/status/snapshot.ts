// How the proxy is just now, as one value: what the status page shows and what metrics are made of.
import { editionsOf } from '#shared/policy/algorithm-policy.ts';
import { accreditationEnds } from '../providers/accreditation.ts';
import type { AuditHead } from '../audit/audit-line.ts';
import type { BreakerState } from '../providers/breaker.ts';
import type { BudgetState } from '../metering/budget-rules.ts';
import type { Books } from '../books.ts';
import type { Approval } from '../config/config-approvals.ts';
import type { TsaConfig } from '../config/config.ts';
import { contactOf, partiesOf } from '../contacts.ts';
import { monthOf } from '../days.ts';
import type { ProviderFigures } from '../providers/provider-record.ts';
import type { Settings } from '../providers/provider-set.ts';
import type { Tally } from './tally.ts';

export type ProviderStatus = ProviderFigures & {
  readonly name: string;
  /** `local`: accredited by nobody. */
  readonly kind: 'http' | 'local';
  readonly breaker: BreakerState;
  readonly tokensToday: number;
  /** What its tokens of this month cost: millionths, by currency. */
  readonly costsThisMonth: ReadonlyMap<string, bigint>;
  /** Whom to call, and who approved it when; one line each. */
  readonly contact: string | undefined;
  readonly approved: string | undefined;
};

/** A certificate of ours. */
export type OwnCertificate = {
  /** Where it is used, such as `listener 0.0.0.0:3443` or `provider accredited`. */
  readonly use: string;
  readonly notAfter: Temporal.Instant;
};

/** A profile and what it consists of, edition by edition. */
export type AlgorithmEditions = { readonly profile: string; readonly editions: readonly string[] };

/** The editions in force, for the log and the status page. */
export function algorithmEditions({
  algorithmPolicy,
}: Pick<TsaConfig, 'algorithmPolicy'>): AlgorithmEditions | undefined {
  return algorithmPolicy && { profile: algorithmPolicy.id, editions: editionsOf(algorithmPolicy) };
}

export type Snapshot = {
  readonly at: Temporal.Instant;
  readonly timeZone: string;
  readonly month: string;
  readonly journalWritable: boolean;
  readonly auditWritable: boolean;
  readonly auditHead: AuditHead;
  readonly providers: readonly ProviderStatus[];
  readonly tokensToday: number;
  readonly tokensThisMonth: number;
  /** Millionths, by currency. */
  readonly costsThisMonth: ReadonlyMap<string, bigint>;
  readonly budgets: readonly BudgetState[];
  readonly certificates: readonly OwnCertificate[];
  /** Whom to call, by party of the responsibility matrix; `undefined`: nobody is named. */
  readonly contacts: readonly { readonly party: string; readonly contact: string | undefined }[];
  /** Groups of digests that were promised a record and have none. */
  readonly evidenceWaiting: number;
  /** What tokens are judged by; `undefined`: by no policy. */
  readonly algorithmPolicy: AlgorithmEditions | undefined;
  readonly answers: ReturnType<Tally['answers']>;
  readonly refusals: ReturnType<Tally['refusals']>;
};

/** So long before its end a certificate is spoken of. */
export const endingWithinDays = 60;

/** Days from now to an end, rounded down; negative afterwards. */
export function daysUntil(end: Temporal.Instant, now: Temporal.Instant): number {
  return Math.floor((end.epochMilliseconds - now.epochMilliseconds) / 86_400_000);
}

/** Certificates that end soon, and chains of providers' TSUs: what and when, the first to end first. */
export function endingSoon(snapshot: Snapshot): readonly OwnCertificate[] {
  const chains = snapshot.providers.flatMap(({ name, chainEnds }) =>
    chainEnds ? [{ use: `TSU chain of ${name}`, notAfter: chainEnds }] : [],
  );
  return [...snapshot.certificates, ...chains]
    .filter(({ notAfter }) => daysUntil(notAfter, snapshot.at) < endingWithinDays)
    .toSorted((a, b) => Temporal.Instant.compare(a.notAfter, b.notAfter));
}

function approvalText(approval: Approval | undefined): string | undefined {
  return approval && `${approval.by}, ${approval.on}`;
}

/** Puts the parts together. */
export function takeSnapshot(
  now: Temporal.Instant,
  parts: {
    readonly books: Pick<Books, 'journal' | 'audit' | 'ledger' | 'budgets'>;
    readonly settings: Settings;
    readonly evidence: { readonly waiting: () => number };
    readonly tally: Tally;
    readonly listenerCertificates: readonly OwnCertificate[];
  },
): Snapshot {
  const { books, settings, tally } = parts;
  const { journal, audit, ledger, budgets } = books;
  const { timeZone, oversight } = settings.config;
  const today = now.toZonedDateTimeISO(timeZone).toPlainDate().toString();
  const month = monthOf(now, timeZone);
  const monthSum = ledger.sum({ within: month });
  const providers = [...settings.providers.values()];
  return {
    at: now,
    timeZone,
    month,
    journalWritable: journal.writable(),
    auditWritable: audit.writable(),
    auditHead: audit.head(),
    providers: providers.map(({ name, kind, record }) => ({
      ...record.figures(),
      name,
      kind,
      breaker: record.breaker.state(now),
      tokensToday: ledger.sum({ provider: name, within: today }).tokens,
      costsThisMonth: ledger.sum({ provider: name, within: month }).costs,
      contact: contactOf(`provider ${name}`, oversight),
      approved: approvalText(oversight.approvals.providers[name]),
    })),
    tokensToday: ledger.sum({ within: today }).tokens,
    tokensThisMonth: monthSum.tokens,
    costsThisMonth: monthSum.costs,
    budgets: budgets.states(),
    contacts: partiesOf(settings.config)
      .filter((party) => !party.startsWith('provider '))
      .map((party) => ({ party, contact: contactOf(party, oversight) })),
    certificates: [
      ...parts.listenerCertificates,
      ...providers.flatMap(({ name, identityEnds }) =>
        identityEnds ? [{ use: `provider ${name}`, notAfter: identityEnds }] : [],
      ),
      ...providers.flatMap(({ name, accreditations }) =>
        accreditationEnds(accreditations).map(({ scheme, until }) => ({
          use: `accreditation of ${name} (${scheme})`,
          notAfter: until,
        })),
      ),
    ],
    evidenceWaiting: parts.evidence.waiting(),
    algorithmPolicy: algorithmEditions(settings.config),
    answers: tally.answers(),
    refusals: tally.refusals(),
  };
}
