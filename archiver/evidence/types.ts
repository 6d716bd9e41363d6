// What the evidence room hands to others: batches, their groups and manifests, and the outcomes of
// stamping and renewing (RFC 4998; layouts in docs/formats.md). Types only, so that the read-back
// verifier may import them without importing the code that it judges.
import type { DigestAlgorithm } from '#shared/crypto/digest.ts';
import type { RecordForm } from '#shared/ers/record-form.ts';
import type { DigestedObject, ObjectStore } from '#shared/ports/object-store.ts';
import type { Clock, EventSink, RandomSource } from '#shared/ports/runtime.ts';
import type { StatusSource } from '#shared/ports/status-source.ts';
import type { TimestampSource } from '#shared/ports/timestamp-source.ts';
import type { AlgorithmProfile } from '#shared/policy/algorithm-policy.ts';
import type { TrustAnchor } from '#shared/trust/anchors.ts';
import type { Finding } from '#shared/trust/finding.ts';
import type { HorizonToken } from '#shared/validation/proof-horizon.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import type { RunSecond } from './batch-objects.ts';
import type { ChainIndex } from './chains.ts';

/** `<runAt in basic ISO form>-<8 hex digits>`: sorts by time. */
export type BatchId = string;

/**
 * What the groups of a batch are: documents; documents with their earlier archive timestamp
 * sequences (RFC 4998 §5.3); batches, each by all tokens of its current chain (RFC 4998 §5.2); or the
 * one group of another product's evidence record, which stands in the place of leaf table and answer.
 */
export type BatchKind = 'initial' | 'hash-tree-renewal' | 'timestamp-renewal' | 'taken-over';

/**
 * By which of the configured TSAs a chain is kept: dual anchoring gives each document one record by
 * either. A chain stays with its number for good, whoever stands behind it.
 */
export type AnchorNumber = 1 | 2;

/** Why an object stands in a group: the document itself or what belongs to it. */
export type MemberRole = 'document' | 'detached-signature' | 'validation-data';

/** Where a data object is and what it was: one object of a group, as the object list keeps it. */
export type GroupMember = {
  readonly store: string;
  readonly key: string;
  readonly versionId?: string | undefined;
  readonly size: number;
  readonly role: MemberRole;
  /** Hexadecimal digests by algorithm: SHA-256 (part of the identity) and the tree's. */
  readonly digests: Readonly<Partial<Record<DigestAlgorithm, string>>> & {
    readonly 'SHA-256': string;
  };
};

/** RFC 4998 §4.2: the objects that are proved together, the document first. Never edited once in a batch. */
export type DocumentGroup = { readonly members: readonly GroupMember[] };

/** A group's place: which batch, and which of its groups, from 0. */
export type GroupPosition = { readonly batchId: BatchId; readonly index: number };

/** A group's place, and how many renewals of its batch belong to the chain in question. */
export type ChainPlace = GroupPosition & { readonly renewals: number };

/** One line of the object list. A deletion removes the line; the digest stays in the leaf table. */
export type ObjectListLine = DocumentGroup & {
  readonly index: number;
  /** Hash-tree renewal: where the group's record stood before. */
  readonly previous?: GroupPosition | undefined;
};

/** What the manifest says of its token: all that a proof horizon asks for, without reading the token. */
export type TokenFacts = HorizonToken;

/**
 * An earlier batch that this one covers, with how many timestamp renewals it had by then: the chain
 * that was hashed is its token and the first `renewals` of those.
 */
export type PreviousBatch = { readonly batchId: BatchId; readonly renewals: number };

/** The link that makes a batch count: written last, read by everyone. */
export type BatchManifest = {
  readonly format: 'tokiwa-batch';
  /** 2 where a release that knows version 1 alone would read it wrong. */
  readonly version: 1 | 2;
  readonly id: BatchId;
  readonly kind: BatchKind;
  /** Absent: 1. */
  readonly anchor?: AnchorNumber | undefined;
  /** Groups that the other TSA had stamped before: it need not stamp them again for these. */
  readonly madeUp?: boolean | undefined;
  /** Of a record that was taken over; absent: `asn1`. */
  readonly recordForm?: RecordForm | undefined;
  /** Hash-tree renewal: behind each group stands the same as records in XML have it (RFC 6283 §4.2.2). */
  readonly xmlGroups?: boolean | undefined;
  /** The batch of the other TSA whose tree this one has, too: the two tokens are to be independent. */
  readonly sameTreeAs?: BatchId | undefined;
  readonly runAt: Temporal.Instant;
  readonly digestAlgorithm: DigestAlgorithm;
  readonly groupCount: number;
  /** Member digests in the leaf table: of groups with more than one. */
  readonly memberCount: number;
  readonly blind: boolean;
  /** Hexadecimal root of the tree: the token's imprint. */
  readonly root: string;
  readonly genTime: Temporal.Instant;
  readonly token: TokenFacts;
  /** SHA-256 of the answer as received or of the record that was taken over, hexadecimal. */
  readonly receivedSha256: string;
  readonly tsa: { readonly name: string };
  /** What the token cost, as configured; absent where no price is known. */
  readonly price?: { readonly amount: number; readonly currency: string } | undefined;
  /** Timestamp renewal: one per group, in order. Hash-tree renewal: the batches that groups came from. */
  readonly previous: readonly PreviousBatch[];
  /** What the checks on token and earlier evidence said without refusing it. */
  readonly findings: readonly Finding[];
};

/** A batch whose leaf table and object list are durable and whose token is still to be asked for. */
export type PreparedBatch = Pick<
  BatchManifest,
  | 'id'
  | 'kind'
  | 'anchor'
  | 'madeUp'
  | 'sameTreeAs'
  | 'xmlGroups'
  | 'runAt'
  | 'digestAlgorithm'
  | 'groupCount'
  | 'memberCount'
  | 'blind'
  | 'root'
  | 'previous'
  | 'findings'
>;

/** How a batch that has no manifest stands. */
export type PendingBatch = {
  readonly id: BatchId;
  readonly kind: BatchKind;
  /** Not asked for yet, asked with no certain outcome, or answered and not yet found valid. */
  readonly state: 'unasked' | 'asked' | 'answered';
  readonly reason: string;
};

/** Trust and tolerance for every token that the room accepts or renews from. */
export type TokenVerification = {
  readonly anchors: readonly TrustAnchor[];
  /** Candidates for path building beside those inside the token. */
  readonly certificates: readonly Certificate[];
  readonly statusSource: StatusSource;
  readonly revocationMode: 'require' | 'soft' | 'none';
  readonly algorithmPolicy?: AlgorithmProfile | undefined;
  /** Greatest distance between a fresh token's genTime and our clock. */
  readonly clockToleranceSeconds: number;
  /** For tokens that came with records of other products, whose TSUs are those of documents. */
  readonly takenOver?: TokenVerification | undefined;
};

/** Ceiling of a run (design, invariant 9): false where these tokens would pass it. */
export type TokenBudget = { readonly take: (tokens: number) => boolean };

/** One TSA as a batch is stamped by it. */
export type StampingTsa = {
  readonly source: TimestampSource;
  readonly verification: TokenVerification;
  readonly tsaPolicy?: string | undefined;
  readonly price?: { readonly amount: number; readonly currency: string } | undefined;
};

/** What every call of the room takes from outside. */
export type EvidenceRun = {
  /** The run's one instant. */
  readonly runAt: Temporal.Instant;
  /** Only for the distance between a fresh genTime and now. */
  readonly clock: Clock;
  readonly random: RandomSource;
  readonly budget: TokenBudget;
  readonly events: EventSink;
  /**
   * Set between nights: every batch of an earlier run is settled, and `chains` does not hold it. Absent: all
   * batches are looked at.
   */
  readonly since?: RunSecond | undefined;
  readonly signal: AbortSignal;
};

/** What every call that makes batches works on. */
export type EvidenceContext = {
  /** The evidence store, its prefix taken off. */
  readonly store: ObjectStore;
  /** What counts in the store; batches that are committed are added to it. */
  readonly chains: ChainIndex;
  /** Which TSA `tsa` is: batches that are made belong to it. Absent: 1. */
  readonly anchor?: AnchorNumber | undefined;
  readonly tsa: StampingTsa;
  readonly run: EvidenceRun;
};

/** Which part of stored evidence a check found damaged. */
export type DamagedPart =
  | 'document'
  | 'leaf-table'
  | 'token'
  | 'link'
  | 'manifest'
  | 'object-list'
  | 'answer'
  | 'record'
  | 'validation-data';

/** Evidence that does not hold; reported first, never covered by a new timestamp. */
export type Damage = {
  readonly part: DamagedPart;
  readonly batchId: BatchId;
  readonly index?: number | undefined;
  readonly findings: readonly Finding[];
};

/**
 * How asking for a token ended. Only `committed` counts. `refused` and `ceiling`: nothing was bought,
 * the groups go into the next batch. `pending`: asked, and what became of it is not certain or not
 * yet judged valid; `recoverPending` goes on from there and buys nothing twice.
 */
export type StampOutcome =
  | { readonly kind: 'committed'; readonly manifest: BatchManifest }
  | { readonly kind: 'empty' }
  | { readonly kind: 'ceiling'; readonly batchId: BatchId }
  | { readonly kind: 'refused'; readonly batchId: BatchId; readonly error: Error }
  | {
      readonly kind: 'refused-token';
      readonly batchId: BatchId;
      readonly findings: readonly Finding[];
    }
  | { readonly kind: 'pending'; readonly pending: PendingBatch };

/** A due batch that was left out of a timestamp renewal, and why. */
export type LeftOutBatch =
  | {
      readonly kind: 'broken';
      readonly batchId: BatchId;
      readonly damage: readonly Damage[];
    }
  | {
      /** Revocation not known now, or a renewal over it is already asked for and not yet certain. */
      readonly kind: 'retry';
      readonly batchId: BatchId;
      readonly findings: readonly Finding[];
    };

export type TimestampRenewalOutcome = {
  readonly stamped: StampOutcome;
  readonly covered: readonly BatchId[];
  readonly leftOut: readonly LeftOutBatch[];
};

/** A group to be taken to a new digest algorithm: its objects can each be read once. */
export type RenewalGroup = {
  readonly position: GroupPosition;
  readonly members: readonly (Omit<GroupMember, 'digests'> & {
    /**
     * Size and digests of what is in the store now.
     * @throws SourceError, FormatError, ConflictError as the store does
     */
    readonly read: (
      algorithms: readonly DigestAlgorithm[],
      options: { readonly signal: AbortSignal },
    ) => Promise<Pick<DigestedObject, 'size' | 'digests'>>;
  })[];
};

/** A group that a hash-tree renewal left out, and why. */
export type LeftOutGroup = {
  readonly kind: 'broken' | 'unreadable' | 'batch-broken' | 'batch-retry';
  readonly position: GroupPosition;
  readonly findings: readonly Finding[];
};

export type HashTreeRenewalOutcome = {
  readonly stamped: StampOutcome;
  readonly renewedCount: number;
  readonly leftOutCount: number;
};

/** What finishing the batches of an interrupted run came to. */
export type RecoveryOutcome = {
  readonly committed: readonly BatchManifest[];
  readonly pending: readonly PendingBatch[];
  /** Nothing was bought for these; their groups wait for the next batch. */
  readonly superseded: readonly { readonly batchId: BatchId; readonly reason: string }[];
};
