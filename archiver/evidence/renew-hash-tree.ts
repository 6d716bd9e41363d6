// Hash-tree renewal (RFC 4998 §5.2, §5.3): each document is read once for its old and new digest, and a
// new tree over documents and earlier sequences starts their next chain. One token for all of them.
// A document that does not fit its leaf is left out and holds up nobody.
import { fromHex, memberOf } from '#shared/bytes.ts';
import { digest, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import {
  ConflictError,
  FormatError,
  InvariantError,
  SourceError,
  UnsupportedError,
} from '#shared/errors.ts';
import type { DigestedObject } from '#shared/ports/object-store.ts';
import type { Finding } from '#shared/trust/finding.ts';
import { createAssembler, type Assembler } from './assemble.ts';
import { newBatchId } from './batch-objects.ts';
import { inOrder } from './in-order.ts';
import { inFlightFinding, loadInFlight } from './in-flight.ts';
import { createLeafTableBuilder, type LeafTableBuilder } from './leaf-table-builder.ts';
import { buildObjectListHead, buildObjectListLine } from './object-list.ts';
import { storePrepared } from './prepare.ts';
import { groupsOf, groupStride } from './manifest.ts';
import { refreshNewest } from './renew-timestamps.ts';
import { hashTreeRenewalOf } from './renewed-groups.ts';
import { stamp } from './stamp.ts';
import type {
  BatchId,
  EvidenceContext,
  GroupMember,
  HashTreeRenewalOutcome,
  LeftOutGroup,
  PreviousBatch,
  RenewalGroup,
} from './types.ts';
import { createChainVerifier, type ChainVerifier } from './verify-chain.ts';

export type HashTreeRenewal = {
  /** In the order of their batches, so that each batch's blocks are read once. */
  readonly groups: AsyncIterable<RenewalGroup>;
  readonly toAlgorithm: DigestAlgorithm;
  /** Each group a second time, for records in XML (RFC 6283 §4.2.2): twice the leaves. */
  readonly xmlGroups?: boolean;
  /** Told of each group that is left out, as it happens. */
  readonly onLeftOut: (left: LeftOutGroup) => Promise<void>;
  /** Whether a batch's lead time has passed, so that it is renewed although revocation is unknown. */
  readonly renewUnknown?: (id: BatchId) => boolean;
};

/** Groups whose documents are read at once: enough to keep a few threads, or a store far away, at work. */
const groupsAtOnce = 128;

/** Whether the groups of a batch may be covered, judged once a batch. */
type Source =
  | { readonly kind: 'sound'; readonly ordinal: number }
  | { readonly kind: 'batch-broken' | 'batch-retry'; readonly findings: readonly Finding[] };

type Renewing = {
  readonly context: EvidenceContext;
  readonly renewal: HashTreeRenewal;
  readonly verifier: ChainVerifier;
  readonly assembler: Assembler;
  readonly inFlight: ReadonlyMap<BatchId, BatchId>;
  /** Tokens whose evidence form was looked at in this run: hashed from then on. */
  readonly refreshed: Set<BatchId>;
  readonly sources: Map<BatchId, Source>;
  readonly previous: PreviousBatch[];
  readonly findings: Finding[];
};

/**
 * Reads the documents of `groups` and covers those that fit, with one token.
 * @throws InvariantError ERR_INVARIANT_STATE: a position that no batch has; what the evidence store throws
 */
export async function renewHashTree(
  context: EvidenceContext,
  renewal: HashTreeRenewal,
): Promise<HashTreeRenewalOutcome> {
  const { store, chains, tsa, run } = context;
  const { signal } = run;
  const renewing: Renewing = {
    context,
    renewal,
    verifier: createChainVerifier(store, chains, {
      verification: tsa.verification,
      at: run.runAt,
      signal,
    }),
    assembler: createAssembler(store, chains, { signal, readAhead: true }),
    inFlight: await loadInFlight(store, signal),
    refreshed: new Set(),
    sources: new Map(),
    previous: [],
    findings: [],
  };
  const blind = [...chains.manifests.values()].some((manifest) => manifest.blind);
  const builder = createLeafTableBuilder({
    digestAlgorithm: renewal.toAlgorithm,
    previous: true,
    blind,
  });
  const id = newBatchId(run.runAt, run.random);
  let leftOutCount = 0;
  const lines = async function* (): AsyncIterable<Uint8Array> {
    yield buildObjectListHead(id);
    for await (const reading of inOrder(renewal.groups, groupsAtOnce, (group) =>
      beginGroup(renewing, group),
    )) {
      signal.throwIfAborted();
      const renewed = await renewGroup(renewing, reading, builder);
      if ('kind' in renewed) {
        leftOutCount += 1;
        await renewal.onLeftOut(renewed);
        continue;
      }
      const index = builder.count() - groupStride(renewal);
      const { position } = reading.group;
      yield buildObjectListLine({ index, members: renewed.members, previous: position });
    }
  };
  const prepared = await storePrepared(
    store,
    {
      id,
      kind: 'hash-tree-renewal',
      builder,
      lines: lines(),
      previous: () => renewing.previous,
      findings: () => renewing.findings,
    },
    run,
  );
  if (!prepared) return { stamped: { kind: 'empty' }, renewedCount: 0, leftOutCount };
  const { xmlGroups } = renewal;
  const stamped = await stamp(context, xmlGroups ? { ...prepared, xmlGroups } : prepared);
  return {
    stamped,
    renewedCount: stamped.kind === 'committed' ? groupsOf(stamped.manifest) : 0,
    leftOutCount,
  };
}

/** Verifies a batch and brings its newest token up to date before the first of its groups. */
async function sourceOf(renewing: Renewing, batchId: BatchId): Promise<Source> {
  const known = renewing.sources.get(batchId);
  if (known) return known;
  const source = await judgeSource(renewing, batchId);
  renewing.sources.set(batchId, source);
  return source;
}

async function judgeSource(renewing: Renewing, batchId: BatchId): Promise<Source> {
  const { context, renewal, verifier, inFlight, previous } = renewing;
  const by = inFlight.get(batchId);
  if (by !== undefined) return { kind: 'batch-retry', findings: [inFlightFinding(batchId, by)] };
  const verdict = await verifier.verify(batchId);
  if (verdict.kind === 'broken')
    return { kind: 'batch-broken', findings: verdict.damage.flatMap(({ findings }) => findings) };
  if (verdict.kind === 'unknown') {
    if (!renewal.renewUnknown?.(batchId))
      return { kind: 'batch-retry', findings: verdict.findings };
    renewing.findings.push(...verdict.findings);
  }
  await refreshNewest(context, verifier, [batchId], renewing);
  previous.push({ batchId, renewals: context.chains.renewalsOf(batchId).length });
  return { kind: 'sound', ordinal: previous.length - 1 };
}

type Renewed = { readonly members: readonly GroupMember[] };

/** A group whose batch was judged, and whose documents are on their way where it may be covered. */
type GroupReading = {
  readonly group: RenewalGroup;
  readonly begun:
    | Exclude<Source, { readonly kind: 'sound' }>
    | { readonly kind: 'reading'; readonly ordinal: number; readonly read: Promise<ReadMembers> };
};

async function beginGroup(renewing: Renewing, group: RenewalGroup): Promise<GroupReading> {
  const { context, renewal } = renewing;
  const { batchId } = group.position;
  const source = await sourceOf(renewing, batchId);
  if (source.kind !== 'sound') return { group, begun: source };
  const fromAlgorithm = context.chains.manifest(batchId).digestAlgorithm;
  const algorithms = new Set([fromAlgorithm, renewal.toAlgorithm, 'SHA-256'] as const);
  const read = readMembers(context, group, [...algorithms]);
  // An error is met where the group's turn comes, or by nobody, where the run ends before it.
  read.catch(() => undefined);
  return { group, begun: { kind: 'reading', ordinal: source.ordinal, read } };
}

async function renewGroup(
  renewing: Renewing,
  { group, begun }: GroupReading,
  builder: LeafTableBuilder,
): Promise<Renewed | LeftOutGroup> {
  const { context, renewal, assembler } = renewing;
  const { position } = group;
  if (begun.kind !== 'reading') return { ...begun, position };
  const { digestAlgorithm: fromAlgorithm, kind } = context.chains.manifest(position.batchId);
  const { toAlgorithm } = renewal;
  const read = await begun.read;
  if (read.kind === 'unreadable') return { kind: 'unreadable', position, findings: read.findings };
  const blindValue = await assembler.blindValue(position);
  const digestsUnder = (algorithm: DigestAlgorithm): Uint8Array[] => [
    ...read.members.map((member) => fromHex(member.digests[algorithm] ?? '') ?? new Uint8Array(0)),
    ...(blindValue ? [digest(algorithm, blindValue)] : []),
  ];
  const expected = await assembler.leafMembersOf(position, digestsUnder(fromAlgorithm));
  const { members: stored } = await assembler.group(position);
  const unfit = missingFrom(stored, expected);
  // Another product may have written neighbours, or objects that are not here, into the same list.
  const whole = kind === 'taken-over' || missingFrom(expected, stored).length === 0;
  if (unfit.length > 0 || !whole)
    return { kind: 'broken', position, findings: [brokenFinding(group, unfit)] };
  const renewals = context.chains.renewalsOf(position.batchId).length;
  const digests = digestsUnder(toAlgorithm);
  const made = await hashTreeRenewalOf(
    assembler,
    { ...position, renewals },
    { algorithm: toAlgorithm, digests, xmlGroup: renewal.xmlGroups },
  ).catch((error: unknown) => {
    // A record that another product began may be past the bounds of what is read; the document is as it should be.
    if (kind !== 'initial' && (error instanceof FormatError || error instanceof UnsupportedError))
      return error;
    throw error;
  });
  if (made instanceof Error)
    return { kind: 'unreadable', position, findings: [unmadeFinding(group, made.message)] };
  const { members, inXml } = made;
  const more = { previous: { ordinal: begun.ordinal, index: position.index }, blindValue };
  builder.add(members, more);
  if (inXml) builder.add(inXml, more);
  return { members: read.members };
}

function unmadeFinding({ position }: RenewalGroup, why: string): Finding {
  const { batchId, index } = position;
  return {
    check: 'record-renewed',
    clause: 'RFC 4998 §5.2',
    level: 'error',
    message: `Its record cannot be taken to another hash: ${why}`,
    facts: { batchId, index: `${index}` },
  };
}

/** Which of `values` are not among `stored`, by their place in `values`. */
function missingFrom(stored: readonly Uint8Array[], values: readonly Uint8Array[]): number[] {
  const isStored = memberOf(stored);
  return values.flatMap((value, i) => (isStored(value) ? [] : [i]));
}

function brokenFinding(group: RenewalGroup, unfit: readonly number[]): Finding {
  const names = unfit.flatMap((i) => group.members[i]?.key ?? []);
  return {
    check: 'document-fits-leaf',
    clause: 'RFC 4998 §5.3',
    level: 'error',
    message:
      names.length > 0
        ? `${names.join(', ')} no longer has the digest that its evidence covers.`
        : 'The group is not complete: its evidence covers more objects than are there.',
    facts: { batchId: group.position.batchId, index: `${group.position.index}` },
  };
}

type ReadMembers =
  | { readonly kind: 'read'; readonly members: readonly GroupMember[] }
  | { readonly kind: 'unreadable'; readonly findings: readonly Finding[] };

/** Reads each member once. What its store cannot give is a finding. */
async function readMembers(
  { run }: EvidenceContext,
  group: RenewalGroup,
  algorithms: readonly DigestAlgorithm[],
): Promise<ReadMembers> {
  const members: GroupMember[] = [];
  for (const { read, ...member } of group.members) {
    try {
      const { size, digests } = await read(algorithms, { signal: run.signal });
      members.push({ ...member, size, digests: withSha256(digests) });
    } catch (error) {
      const unreadable =
        error instanceof SourceError ||
        error instanceof FormatError ||
        error instanceof ConflictError;
      if (!unreadable) throw error;
      const { code, message } = error;
      const finding: Finding = {
        check: 'document-readable',
        clause: 'RFC 4998 §5.3',
        level: 'unknown',
        message: `${member.key} could not be read: ${message}`,
        facts: { store: member.store, key: member.key, code },
      };
      return { kind: 'unreadable', findings: [finding] };
    }
  }
  return { kind: 'read', members };
}

function withSha256(digests: DigestedObject['digests']): GroupMember['digests'] {
  const sha256 = digests['SHA-256'];
  if (sha256 === undefined)
    throw new InvariantError('ERR_INVARIANT_STATE', 'SHA-256 was not among the digests');
  return { ...digests, 'SHA-256': sha256 };
}
