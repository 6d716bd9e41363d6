// Batches of the evidence log, from digests to the token that proves them (RFC 4998 §4.2): tree and query durable,
// token through the journal like any client's, brought to evidence form, judged, noted. Every step can be done again.
import { toHex } from '#shared/bytes.ts';
import {
  leavesOfGroups,
  recordsOfLeaves,
  rootOfLeaves,
  type GroupRecords,
} from '#shared/intake/group-tree.ts';
import type { Clock, EventSink, RandomSource } from '#shared/ports/runtime.ts';
import { buildTimeStampReq, parseTimeStampReq } from '#shared/tsp/request.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { TokenRecord } from '../journal/journal-line.ts';
import type { Settings } from '../providers/provider-set.ts';
import type { StampService } from '../stamp.ts';
import { evidenceTokenOf, requireProof, type EvidenceTokenOptions } from './evidence-token.ts';
import type { SubmissionLine, TokenLine } from './lines.ts';
import type { Batch, Register, Submission } from './register.ts';
import { readLine, type EvidenceSegments } from './segments.ts';

/** A submission with its digests. */
export type Item = { readonly submission: Submission; readonly groups: SubmissionLine['groups'] };

/** What the records of a finished batch are made of. */
export type Proof = { readonly records: GroupRecords; readonly token: TokenLine };

export type BatchOptions = {
  readonly service: StampService;
  readonly settings: () => Settings;
  readonly audit: AuditLog;
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly events: EventSink;
  readonly segments: EvidenceSegments;
  readonly register: Register;
};

/**
 * Makes a batch of submissions that may share a tree; the token is not asked for yet.
 * @throws the system's error: nothing was made
 */
export async function makeBatch(items: readonly Item[], options: BatchOptions): Promise<Batch> {
  const { segments, register, random, clock } = options;
  const [first] = items;
  if (!first) throw new TypeError('a batch has submissions');
  const { client, profile, algorithm } = first.submission;
  const leaves = leavesOfGroups(
    algorithm,
    items.flatMap(({ groups }) => groups),
  );
  const request = buildTimeStampReq({
    algorithm,
    digest: rootOfLeaves(algorithm, leaves),
    // 63 bits: positive in eight octets, which every TSA takes.
    nonce: BigInt(`0x${toHex(random(8))}`) >> 1n,
    certReq: true,
  });
  let leaf = 0;
  const submissions = items.map(({ submission, groups }): [string, number] => {
    const place: [string, number] = [submission.id, leaf];
    leaf += groups.length;
    return place;
  });
  const id = toHex(random(16));
  const lane = { client, profile, algorithm };
  const line = {
    kind: 'batch',
    id,
    at: clock.now(),
    ...lane,
    request,
    leaves,
    submissions,
  } as const;
  return register.addBatch(line, await segments.append(line));
}

/** What the journal's token is judged with; without its provider, nothing is added to it. */
async function judgedWith(
  batch: Batch,
  { provider: name }: TokenRecord,
  { settings, clock }: BatchOptions,
): Promise<EvidenceTokenOptions | undefined> {
  const { config, providers } = settings();
  const provider = providers.get(name);
  const profile = config.profiles[batch.profile];
  if (!provider || !profile) return undefined;
  const at = clock.now();
  const trust = await provider.trust(at);
  const { algorithmPolicy } = config;
  return { trust, revocation: profile.revocation, algorithmPolicy, at };
}

/** Whom a batch is to be judged by before it counts: the first, the last, and one between. */
function samples({ submissions }: Batch): readonly Submission[] {
  const places = new Set([0, submissions.length >> 1, submissions.length - 1]);
  return [...places].flatMap((place) => submissions[place] ?? []);
}

/**
 * The batch's proof, or why it is not there yet. A repeat of the query gets the token of the first try.
 * @throws TokiwaError, the system's error: it can be tried again
 */
export async function finishBatch(batch: Batch, options: BatchOptions): Promise<Proof | string> {
  const { segments, register, service, settings, audit, clock } = options;
  const line = await readLine(segments, 'batch', batch.place);
  const { client, algorithm, id } = batch;
  const profile = settings().config.profiles[batch.profile];
  if (!profile) return `there is no profile ${batch.profile} any more`;
  const request = parseTimeStampReq(line.request);
  const stamped = await service.stamp({ id, client, profile, request, algorithm });
  if (stamped.kind !== 'granted') return stamped.message;
  const { record } = stamped;
  const judging = await judgedWith(batch, record, options);
  if (!judging) return `provider ${record.provider}, which gave the token, is not there any more`;
  const imprint = { algorithm, digest: request.messageImprint.hashedMessage };
  const { octets, genTime, provableUntil } = evidenceTokenOf(record.response, imprint, judging);
  const records = recordsOfLeaves(algorithm, line.leaves, octets);
  for (const one of samples(batch)) {
    const { groups } = await readLine(segments, 'submission', one.place);
    const [digests = []] = groups;
    requireProof(records(one.firstLeaf ?? 0, digests), algorithm, digests, judging);
  }
  const { provider, serialNumber } = record;
  await audit.append({
    event: 'evidence',
    id,
    client,
    profile: profile.name,
    imprint: { algorithm, digest: toHex(imprint.digest) },
    submissions: batch.submissions.length,
    groups: batch.submissions.reduce((sum, { groups }) => sum + groups, 0),
    provider,
    serialNumber,
    genTime: genTime.toString(),
  });
  const token: TokenLine = {
    kind: 'token',
    batch: id,
    at: clock.now(),
    token: octets,
    provider,
    genTime,
    provableUntil,
  };
  register.addToken(token, await segments.append(token));
  return { records, token };
}

/** The proof of a batch that was finished earlier, from the log. */
export async function loadProof(
  batch: Batch,
  segments: EvidenceSegments,
): Promise<Proof | undefined> {
  if (!batch.token) return undefined;
  const { leaves } = await readLine(segments, 'batch', batch.place);
  const token = await readLine(segments, 'token', batch.token);
  return { records: recordsOfLeaves(batch.algorithm, leaves, token.token), token };
}
