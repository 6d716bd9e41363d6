// A whole archive in miniature: groups of documents under one tree, renewed in any order the way the
// archiver does it, with a record for each group at every step.
import { concatBytes } from '#shared/bytes.ts';
import { digest, digestLength, type DigestAlgorithm } from '#shared/crypto/digest.ts';
import {
  buildArchiveTimeStamp,
  buildArchiveTimeStampChain,
  buildArchiveTimeStampSequence,
  buildEvidenceRecord,
} from '#shared/ers/build.ts';
import {
  buildHashTree,
  leafDigest,
  reducedHashtreeFor,
  siblingPath,
  type HashTree,
} from '#shared/ers/hash-tree.ts';
import { hashTreeRenewalDigests, timestampRenewalGroup } from '#shared/ers/renewal.ts';
import type { TestTsu, TokenForm } from './_tokens.ts';

/** A group's chain: its archive timestamps and, beside each, the token inside. */
type Chain = {
  readonly algorithm: DigestAlgorithm;
  readonly archiveTimeStamps: readonly { readonly raw: Uint8Array; readonly token: Uint8Array }[];
};

export type TestArchive = {
  readonly groups: readonly (readonly Uint8Array[])[];
  /** Chains by group, oldest first. */
  readonly chains: readonly (readonly Chain[])[];
  readonly genTime: Temporal.Instant;
};

export type Stamping = {
  readonly tsu: TestTsu;
  readonly form?: TokenForm | undefined;
  /** Leaves of each tree over documents: the groups stand among strangers, spread over all of it. */
  readonly leaves?: number | undefined;
};

/** Groups of documents whose contents say where they stand. */
export function makeGroups(groupCount: number, groupSize: number): Uint8Array[][] {
  return Array.from({ length: groupCount }, (_, group) =>
    Array.from({ length: groupSize }, (__, member) => Buffer.from(`document ${group}.${member}`)),
  );
}

function stampTree(tree: HashTree, genTime: Temporal.Instant, { tsu, form }: Stamping): Uint8Array {
  const { algorithm, root } = tree;
  return tsu.stamp({ algorithm, imprint: root, genTime, form });
}

/** One tree over one digest list a group; a new chain for each group. */
function newChains(
  algorithm: DigestAlgorithm,
  groupDigests: readonly (readonly Uint8Array[])[],
  genTime: Temporal.Instant,
  stamping: Stamping,
): Chain[] {
  const count = stamping.leaves ?? groupDigests.length;
  const length = digestLength(algorithm);
  // Any octets are the digest of something that nobody has to show.
  const leaves = Buffer.alloc(count * length, digest(algorithm, Buffer.from('strangers')));
  for (let at = 0; at < count; at++) leaves.writeUInt32BE(at, at * length);
  const placeOf = (group: number): number => Math.floor((group * count) / groupDigests.length);
  for (const [group, digests] of groupDigests.entries())
    leaves.set(leafDigest(algorithm, digests), placeOf(group) * length);
  const tree = buildHashTree(algorithm, leaves);
  const token = stampTree(tree, genTime, stamping);
  return groupDigests.map((digests, index) => {
    const reducedHashtree = reducedHashtreeFor(digests, siblingPath(tree, placeOf(index)));
    const raw = buildArchiveTimeStamp({
      digestAlgorithm: algorithm,
      reducedHashtree,
      timeStamp: token,
    });
    return { algorithm, archiveTimeStamps: [{ raw, token }] };
  });
}

export function createArchive(
  algorithm: DigestAlgorithm,
  groups: readonly (readonly Uint8Array[])[],
  genTime: Temporal.Instant,
  stamping: Stamping,
): TestArchive {
  const digests = groups.map((group) => group.map((document) => digest(algorithm, document)));
  const chains = newChains(algorithm, digests, genTime, stamping).map((chain) => [chain]);
  return { groups, chains, genTime };
}

/** A later time: two years on. */
function later(archive: TestArchive): Temporal.Instant {
  return archive.genTime.add({ hours: 2 * 365 * 24 });
}

/**
 * Timestamp renewal of all groups by one token, in one small tree with `otherBatches` strangers.
 * `cover` decides which of the chain's tokens stand in the first list; all of them by default.
 */
export function renewTimestamps(
  archive: TestArchive,
  stamping: Stamping & {
    readonly otherBatches?: number;
    readonly cover?: (tokens: readonly Uint8Array[]) => readonly Uint8Array[];
    readonly algorithm?: DigestAlgorithm;
    readonly genTime?: Temporal.Instant;
  },
): TestArchive {
  const { otherBatches = 2, cover } = stamping;
  const genTime = stamping.genTime ?? later(archive);
  const chains = archive.chains.map((own) => {
    const current = own.at(-1);
    if (!current) throw new Error('a group without a chain');
    return { older: own.slice(0, -1), current };
  });
  const first = chains[0]?.current;
  if (!first) throw new Error('an archive without groups');
  const algorithm = stamping.algorithm ?? first.algorithm;
  const tokens = first.archiveTimeStamps.map(({ token }) => token);
  const group = timestampRenewalGroup(algorithm, cover ? cover(tokens) : tokens);
  const strangers = Array.from({ length: otherBatches }, (_, index) =>
    digest(algorithm, Buffer.from(`other batch ${index}`)),
  );
  const tree = buildHashTree(algorithm, concatBytes(leafDigest(algorithm, group), ...strangers));
  const token = stampTree(tree, genTime, stamping);
  const raw = buildArchiveTimeStamp({
    digestAlgorithm: algorithm,
    reducedHashtree: reducedHashtreeFor(group, siblingPath(tree, 0)),
    timeStamp: token,
  });
  return {
    ...archive,
    genTime,
    chains: chains.map(({ older, current }) => [
      ...older,
      { ...current, archiveTimeStamps: [...current.archiveTimeStamps, { raw, token }] },
    ]),
  };
}

function sequenceOf(chains: readonly Chain[]): Uint8Array {
  return buildArchiveTimeStampSequence(
    chains.map((chain) =>
      buildArchiveTimeStampChain(chain.archiveTimeStamps.map(({ raw }) => raw)),
    ),
  );
}

/** Hash-tree renewal of all groups under `algorithm`, by one token. `join` may put another reading. */
export function renewHashTree(
  archive: TestArchive,
  algorithm: DigestAlgorithm,
  stamping: Stamping & { readonly join?: typeof hashTreeRenewalDigests },
): TestArchive {
  const { join = hashTreeRenewalDigests } = stamping;
  const genTime = later(archive);
  const digests = archive.groups.map((group, index) =>
    join(
      algorithm,
      group.map((document) => digest(algorithm, document)),
      sequenceOf(archive.chains[index] ?? []),
    ),
  );
  const renewed = newChains(algorithm, digests, genTime, stamping);
  return {
    ...archive,
    genTime,
    chains: archive.chains.map((own, index) => [...own, ...renewed.slice(index, index + 1)]),
  };
}

/** The record of one group; `change` may rearrange its chains (lists of whole archive timestamps) first. */
export function recordOf(
  archive: TestArchive,
  index: number,
  change: (chains: readonly (readonly Uint8Array[])[]) => readonly (readonly Uint8Array[])[] = (
    chains,
  ) => chains,
): Uint8Array {
  const chains = archive.chains[index] ?? [];
  const raw = chains.map((chain) => chain.archiveTimeStamps.map((ats) => ats.raw));
  return buildEvidenceRecord({
    digestAlgorithms: chains.map(({ algorithm }) => algorithm),
    sequence: buildArchiveTimeStampSequence(change(raw).map(buildArchiveTimeStampChain)),
  });
}
