// Shapes of records and kinds of damage, shared by the unit tests and the interop run: one list, so
// that what we refuse is also shown to other judges.
import type { DigestAlgorithm } from '#shared/crypto/digest.ts';
import { parseEvidenceRecord } from '#shared/ers/evidence-record.ts';
import {
  createArchive,
  makeGroups,
  recordOf,
  renewHashTree,
  renewTimestamps,
  type Stamping,
  type TestArchive,
} from './_archive.ts';

export const firstTime = Temporal.Instant.from('2001-02-03T04:05:06Z');

/** Tree hashes in the order in which successive hash-tree renewals take them. */
const algorithms: readonly DigestAlgorithm[] = ['SHA-256', 'SHA-384', 'SHA-512', 'SHA3-512'];

export type RenewalStep = 'timestamp' | 'hash-tree';

export type RenewalPlan = {
  readonly name: string;
  readonly groupCount: number;
  readonly run: (stamping: Stamping) => TestArchive;
};

/** An archive of `groupCount` groups after the given renewals. */
export function archiveAfter(
  groupCount: number,
  groupSize: number,
  steps: readonly RenewalStep[],
  stamping: Stamping,
): TestArchive {
  let archive = createArchive('SHA-256', makeGroups(groupCount, groupSize), firstTime, stamping);
  let chain = 0;
  for (const step of steps) {
    archive =
      step === 'timestamp'
        ? renewTimestamps(archive, stamping)
        : renewHashTree(archive, algorithms[++chain] ?? 'SHA3-512', stamping);
  }
  return archive;
}

/** Minimal standard generator (Park and Miller): the same seed gives the same plans. */
function numbers(seed: number): (below: number) => number {
  let state = (seed % 2147483646) + 1;
  return (below) => {
    state = (state * 48271) % 2147483647;
    return state % below;
  };
}

/** For each tree size, `perShape` plans: groups of 1 to 5, 0 to 5 timestamp and 0 to 3 hash-tree renewals in any order. */
export function renewalPlans(
  seed: number,
  perShape: number,
  sizes: readonly number[] = [1, 2, 3, 7, 1000],
): RenewalPlan[] {
  const draw = numbers(seed);
  return sizes.flatMap((groupCount) =>
    Array.from({ length: perShape }, () => {
      const groupSize = draw(5) + 1;
      const steps: RenewalStep[] = [
        ...Array.from({ length: draw(6) }, () => 'timestamp' as const),
        ...Array.from({ length: draw(4) }, () => 'hash-tree' as const),
      ];
      for (let last = steps.length - 1; last > 0; last--) {
        const other = draw(last + 1);
        const [a, b] = [steps[last] ?? 'timestamp', steps[other] ?? 'timestamp'];
        [steps[last], steps[other]] = [b, a];
      }
      return {
        name: `${groupCount} leaves, groups of ${groupSize}, ${steps.join(' ') || 'no renewal'}`,
        groupCount,
        run: (stamping) => archiveAfter(groupCount, groupSize, steps, stamping),
      };
    }),
  );
}

export type Damage = {
  readonly name: string;
  readonly record: Uint8Array;
  readonly documents: readonly Uint8Array[];
  /** The check that has to refuse it. */
  readonly check: string;
  /** EU DSS, asked about digests and signatures alone, refuses it as well. */
  readonly dssSees: boolean;
};

/** A copy with the last bit of `part`, a view of `record`, turned over. */
function flip(record: Uint8Array, part: Uint8Array | undefined): Uint8Array {
  if (!part || part.buffer !== record.buffer) throw new Error('not a part of the record');
  const changed = Uint8Array.from(record);
  const last = part.byteOffset - record.byteOffset + part.length - 1;
  changed[last] = (changed[last] ?? 0) ^ 1;
  return changed;
}

type Rearrange = NonNullable<Parameters<typeof recordOf>[2]>;

/** One record for each kind of damage that the standard's steps must notice. */
export function damages(stamping: Stamping): Damage[] {
  const archive = archiveAfter(7, 2, ['timestamp', 'hash-tree', 'timestamp'], stamping);
  const strangers = archiveAfter(7, 2, ['timestamp', 'hash-tree', 'timestamp'], stamping);
  const documents = archive.groups[3] ?? [];
  const record = recordOf(archive, 3);
  const [first, second] = parseEvidenceRecord(record).sequence.chains;
  const [initial, renewal, newChain] = [
    ...(first?.archiveTimeStamps ?? []),
    ...(second?.archiveTimeStamps ?? []),
  ];
  const lists = initial?.reducedHashtree ?? [];
  const newLists = newChain?.reducedHashtree ?? [];
  const otherChain = strangers.chains[3]?.[0]?.archiveTimeStamps.map(({ raw }) => raw) ?? [];

  const damage = (name: string, check: string, changed: Uint8Array, dssSees = true): Damage => ({
    name,
    record: changed,
    documents,
    check,
    dssSees,
  });
  const rearranged = (name: string, check: string, change: Rearrange, dssSees = true): Damage =>
    damage(name, check, recordOf(archive, 3, change), dssSees);
  const onlyMember = documents.slice(0, 1);

  const base = archiveAfter(3, 1, [], stamping);
  const renewed = renewTimestamps(base, stamping);
  const renewedWrongly = (
    name: string,
    check: string,
    wrong: TestArchive,
    dssSees: boolean,
  ): Damage => ({
    name,
    record: recordOf(wrong, 1),
    documents: wrong.groups[1] ?? [],
    check,
    dssSees,
  });

  return [
    damage('a changed leaf', 'initial-covers-data-objects', flip(record, lists[0]?.[0])),
    damage('a changed sibling', 'root-is-imprint', flip(record, lists[1]?.[0])),
    damage(
      'a changed leaf of the second chain',
      'renewal-covers-data-objects-and-sequence',
      flip(record, newLists[0]?.[0]),
    ),
    damage(
      'a changed sibling of the second chain',
      'root-is-imprint',
      flip(record, newLists[1]?.[0]),
    ),
    damage('a changed signature', 'token-valid-until-renewal', flip(record, record)),
    damage(
      'a changed token in the middle',
      'renewal-covers-data-objects-and-sequence',
      flip(record, renewal?.timeStamp),
    ),
    {
      ...damage('another document', 'initial-covers-data-objects', record),
      documents: [...onlyMember, Buffer.from('another document')],
    },
    { ...damage('a group with a member too few', 'group-complete', record), documents: onlyMember },
    rearranged(
      'archive timestamps in the wrong order',
      'initial-covers-data-objects',
      ([one = [], two = []]) => [one.toReversed(), two],
    ),
    rearranged(
      'a missing archive timestamp at the end of the first chain',
      'renewal-covers-data-objects-and-sequence',
      ([one = [], two = []]) => [one.slice(0, 1), two],
    ),
    rearranged(
      'a missing initial archive timestamp',
      'initial-covers-data-objects',
      ([one = [], two = []]) => [one.slice(1), two],
    ),
    rearranged('a missing first chain', 'initial-covers-data-objects', ([, two = []]) => [two]),
    rearranged(
      'a first chain of other tokens',
      'renewal-covers-data-objects-and-sequence',
      ([, two = []]) => [otherChain, two],
    ),
    rearranged('swapped chains', 'initial-covers-data-objects', (chains) => chains.toReversed()),
    renewedWrongly(
      'a renewal under another hash algorithm in the same chain',
      'one-digest-algorithm-per-chain',
      renewTimestamps(base, { ...stamping, algorithm: 'SHA-512' }),
      false,
    ),
    renewedWrongly(
      'a renewal older than what it renews',
      'times-in-order',
      renewTimestamps(base, { ...stamping, genTime: firstTime.subtract({ hours: 1 }) }),
      false,
    ),
    renewedWrongly(
      'a renewal of the first token, not of the newest',
      'renewal-covers-previous-token',
      renewTimestamps(renewed, { ...stamping, cover: (tokens) => tokens.slice(0, 1) }),
      true,
    ),
  ];
}
