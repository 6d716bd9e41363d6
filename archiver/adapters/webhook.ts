// Tells an operator's own service by one JSON POST what needs a person: broken, overdue, waiting,
// ceiling. Names of documents go out, nothing from inside them. That it could not be told is itself a
// finding, never an error: the run is done.
import { SourceError } from '#shared/errors.ts';
import type { HttpSender } from '#shared/io/http-sender.ts';
import type { ContactLine } from '../contacts.ts';
import { countFindings, countOf } from '../reports/finding-list.ts';
import type { FindingLine, RunSummary } from '../reports/report.ts';

/** What an alarm is about. */
export type AlarmKind = 'broken' | 'overdue' | 'waiting' | 'ceiling';

const alarmOf: Readonly<Record<string, AlarmKind>> = {
  broken: 'broken',
  missing: 'broken',
  changed: 'broken',
  'broken-batch': 'broken',
  'broken-evidence': 'broken',
  'evidence-damage': 'broken',
  overdue: 'overdue',
  waiting: 'waiting',
  'above-ceiling': 'ceiling',
  ceiling: 'ceiling',
};

export type WebhookBody = {
  readonly format: 'tokiwa-webhook';
  readonly version: 1;
  readonly archiveId: string;
  readonly runId: string;
  readonly finishedAt: string;
  readonly outcome: RunSummary['outcome'];
  readonly alarms: Readonly<Record<AlarmKind, number>>;
  readonly findings: readonly (FindingLine & { readonly alarm: AlarmKind })[];
  /** Whom to call. */
  readonly contacts: readonly ContactLine[];
  /** Findings beyond those listed. */
  readonly leftOut: number;
};

/** Findings in one message: enough to act on, small enough for any receiver. */
const maxFindings = 100;

/** The message for these findings; absent: nothing of them is an alarm. */
export function buildWebhookBody(
  archiveId: string,
  run: RunSummary,
  findings: readonly FindingLine[],
  contacts: readonly ContactLine[],
): WebhookBody | undefined {
  const found = findings.flatMap((finding) => {
    const alarm = Object.hasOwn(alarmOf, finding.kind) ? alarmOf[finding.kind] : undefined;
    return alarm === undefined ? [] : [{ alarm, ...finding }];
  });
  if (found.length === 0) return undefined;
  const alarms: Record<AlarmKind, number> = { broken: 0, overdue: 0, waiting: 0, ceiling: 0 };
  for (const finding of found) alarms[finding.alarm] += countOf(finding);
  const { runId, finishedAt, outcome } = run;
  return {
    format: 'tokiwa-webhook',
    version: 1,
    archiveId,
    runId,
    finishedAt,
    outcome,
    alarms,
    findings: found.slice(0, maxFindings),
    contacts,
    leftOut: countFindings(found.slice(maxFindings)),
  };
}

/** A receiver says that it has the message; what it does then is its own time. */
const limits = { connectMs: 5000, firstByteMs: 10_000, totalMs: 15_000, maxAnswerBytes: 64 * 1024 };

/**
 * Sends one message.
 * @returns what went wrong, as a finding; absent: the receiver took it
 * @throws the signal's reason
 */
export async function sendWebhook(
  body: WebhookBody,
  options: { readonly url: string; readonly sender: HttpSender; readonly signal: AbortSignal },
): Promise<FindingLine | undefined> {
  const failure = (message: string): FindingLine => ({
    kind: 'webhook',
    level: 'warning',
    message,
  });
  try {
    const answer = await options.sender.send({
      url: options.url,
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: new TextEncoder().encode(JSON.stringify(body)),
      // The operator's own address, which may well be inside the house.
      addresses: 'any',
      limits,
      signal: options.signal,
    });
    if (answer.status >= 200 && answer.status < 300) return undefined;
    return failure(`the webhook answered with status ${answer.status}`);
  } catch (error) {
    if (!(error instanceof SourceError)) throw error;
    return failure(error.message);
  }
}
