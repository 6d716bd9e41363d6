// The catalogue: an index over the stores, with horizons as columns. Everything in it but `cache`
// can be rebuilt from the object stores and the evidence store (design §1.4).
import type { DigestAlgorithm } from '#shared/crypto/digest.ts';
import type { Facts } from '#shared/validation/facts.ts';
import type { Finding } from '#shared/trust/finding.ts';
import type { SignerPath, SignerQualification } from '#shared/validation/signer-qualification.ts';
import type { HorizonElement, HorizonToken } from '#shared/validation/proof-horizon.ts';

/** What a document is named by. `versionId` is empty where the store has no versions. */
export type DocumentIdentity = {
  readonly store: string;
  readonly key: string;
  readonly versionId: string;
  /** SHA-256 at intake, lower-case hexadecimal. */
  readonly sha256: string;
};

/**
 * waiting: no token yet · protected: covered and verified · broken: does not fit its leaf and no
 * later write explains it · missing: gone · changed: a later write, other bytes at the same key ·
 * superseded: its content stands whole in a newer version that was augmented.
 */
export type DocumentState =
  'waiting' | 'protected' | 'broken' | 'missing' | 'changed' | 'superseded';

/** What intake found of the document's own signatures. */
export type IntakeStatus = 'valid' | 'not-valid' | 'indeterminate' | 'not-judged' | 'unsigned';

/** One signature as judged at intake; instants are texts, so that the journal's line is the row. */
export type IntakeSignature = {
  readonly id: string;
  readonly status: 'valid' | 'invalid' | 'indeterminate' | 'not-judged';
  readonly subIndication?: string | undefined;
  readonly signer?: string | undefined;
  readonly signerNotAfter?: string | undefined;
  readonly findings: readonly Finding[];
  /** Whose service stands behind the signer, and which licences it names; absent without a path. */
  readonly qualification?: SignerQualification | undefined;
  /** What other trust data can be asked about; rows from before it was kept have none. */
  readonly signerPath?: SignerPath | undefined;
};

/** One evidence record inside of a document as judged at intake: another product made it. */
export type IntakeEvidenceRecord = Pick<IntakeSignature, 'id' | 'subIndication'> & {
  readonly status: 'valid' | 'invalid' | 'indeterminate';
  /** Why not valid, in a sentence or two. */
  readonly reason?: string | undefined;
};

export type IntakeVerdict = {
  readonly status: IntakeStatus;
  readonly at: string;
  readonly signatures: readonly IntakeSignature[];
  /** Absent: there are none. Records by themselves are taken over instead. */
  readonly records?: readonly IntakeEvidenceRecord[] | undefined;
};

/** Where the retention start came from, in the order of the design's §4. */
export type RetentionSource =
  'journal' | 'sidecar' | 'tag' | 'key' | 'signing-time' | 'modified-time';

/** What was said about a document's retention, by who said it; kept to be resolved again when rules change. */
export type RetentionStatement = {
  /** Preset ids; the latest end wins. Absent: the rule that matches the key. */
  readonly presets?: readonly string[] | undefined;
  /** Calendar dates by event; `start` is the preset's own start event. */
  readonly events?: Readonly<Record<string, string>> | undefined;
};

export type RetentionFacts = {
  readonly journal?: RetentionStatement | undefined;
  readonly sidecar?: RetentionStatement | undefined;
  readonly tag?: RetentionStatement | undefined;
  readonly rule: string | undefined;
  readonly presets: readonly string[];
  readonly start: string | undefined;
  readonly source: RetentionSource | undefined;
  readonly estimated: boolean;
  /** Last day, as a calendar date; absent: unknown, keep and renew. */
  readonly lastDay: string | undefined;
  readonly hold: boolean;
  readonly protectWithinHours: number;
};

/** The object in the evidence store that keeps the validation data of a document's signatures. */
export type ValidationObject = {
  readonly key: string;
  readonly size: number;
  readonly digests: Readonly<Partial<Record<DigestAlgorithm, string>>> & {
    readonly 'SHA-256': string;
  };
  /** Why signers’ certificates did not hold when the document was first protected. */
  readonly offences?: readonly string[] | undefined;
};

/** A certificate whose revocation data issued after the proof of existence could not be had yet. */
export type MissingStatus = {
  /** Empty where not even the certificate is at hand. */
  readonly fingerprint: string;
  readonly subject: string;
  readonly reason: string;
};

export type DocumentRow = DocumentIdentity & {
  readonly id: number;
  readonly size: number;
  /** Digests at intake beside SHA-256, hexadecimal: what trees of other hashes need. */
  readonly digests: Readonly<Partial<Record<DigestAlgorithm, string>>>;
  readonly etag: string;
  readonly lastModified: Temporal.Instant;
  readonly firstSeen: Temporal.Instant;
  readonly facts: Facts;
  readonly intake: IntakeVerdict;
  readonly retention: RetentionFacts;
  readonly state: DocumentState;
  readonly stateSince: Temporal.Instant;
  readonly stateReason: string | undefined;
  /** The document whose detached signature or companion this is. */
  readonly attachedTo: number | undefined;
  /** A member joined after the newest stamp: stamp again as one group. */
  readonly regroup: boolean;
  /** Validation data of this object's own signatures is still to be collected. */
  readonly validationPending?: boolean | undefined;
  /** Of a document: what was collected for its signatures and those attached to it. */
  readonly validationData?: ValidationObject | undefined;
  /** What was not to be had when it was last asked for; not part of a comparison after `rebuild`. */
  readonly validationMissing?: readonly MissingStatus[] | undefined;
  /** When its octets were last read whole and found as they should be. */
  readonly lastRead: Temporal.Instant;
};

/** What a listing is compared with: all that most objects of a night need. */
export type DocumentStanding = Pick<DocumentRow, 'id' | 'etag' | 'state'>;

export type NewDocument = Omit<DocumentRow, 'id'>;

export type BatchKind = 'initial' | 'timestamp-renewal' | 'hash-tree-renewal' | 'taken-over';

/**
 * valid: its newest evidence verified · broken: token, link or leaf table does not verify ·
 * unknown: revocation could not be had · retired: every document moved on or is gone.
 */
export type BatchState = 'valid' | 'broken' | 'unknown' | 'retired';

export type BatchRow = {
  readonly batchId: string;
  readonly kind: BatchKind;
  /** Which of the configured TSAs keeps its chain: 1, or 2 where documents are anchored twice. */
  readonly anchor: number;
  /** The other TSA had stamped its groups before. */
  readonly madeUp: boolean;
  readonly digestAlgorithm: DigestAlgorithm;
  readonly groupCount: number;
  readonly genTime: Temporal.Instant;
  /** The newest token over this batch: its own, or that of the newest timestamp renewal. */
  readonly newestBatchId: string;
  readonly newestToken: HorizonToken;
  readonly tokenCount: number;
  readonly horizon: Temporal.Instant | undefined;
  readonly horizonElement: HorizonElement;
  readonly state: BatchState;
  readonly stateReason: string | undefined;
  /** The last renewal that moved nothing: not repeated at once. */
  readonly fruitlessSince: Temporal.Instant | undefined;
  readonly leafTableRead: Temporal.Instant;
};

/** A document's place in a batch. `active`: not moved on by a hash-tree renewal. */
export type MembershipRow = {
  readonly documentId: number;
  readonly batchId: string;
  readonly groupIndex: number;
  readonly active: boolean;
};

/** What a document stands in and with. */
export type DocumentRelations = {
  readonly memberships: readonly MembershipRow[];
  /** Its detached signatures and companions. */
  readonly attached: readonly DocumentRow[];
  /** Key of the document that it is attached to. */
  readonly attachedToKey?: string | undefined;
};

/** A signature with the key of the attached object that holds it; without: the document itself. */
export type HeldSignature = IntakeSignature & {
  readonly heldBy?: string | undefined;
  /** When its holder was taken in. */
  readonly judgedAt: string;
};

/**
 * What decides a document's retention, outlook and compliance, and no more: for a question about all of
 * them. What takes reading is read when it is asked for.
 */
export type DocumentOutline = {
  readonly id: number;
  readonly store: string;
  readonly key: string;
  readonly state: DocumentState;
  readonly retention: RetentionFacts;
  readonly lastModified: Temporal.Instant;
  /** Absent unless they were wanted. */
  readonly facts: Facts | undefined;
  readonly intakeStatus: IntakeStatus;
  readonly intake: IntakeVerdict;
  readonly validation: ValidationStatus | undefined;
  /** Of its active memberships. */
  readonly batchIds: readonly string[];
  /** Verdicts of its detached signatures and companions. */
  readonly attachedIntake: readonly IntakeStatus[];
  /** Of its own and of those attached to it. */
  readonly signatures: readonly HeldSignature[];
};

/** Whether all that verifies a document's signatures was collected. */
export type ValidationStatus = 'complete' | 'waiting' | 'missing';

export type RunRow = {
  readonly runId: string;
  readonly startedAt: Temporal.Instant;
  readonly finishedAt: Temporal.Instant | undefined;
  readonly outcome: 'running' | 'ok' | 'findings' | 'failed' | 'stopped';
  readonly tokensBought: number;
  readonly report: string | undefined;
};

/** A certificate or algorithm and how many documents hang on it. */
export type DependencyRow = {
  readonly kind: 'certificate' | 'algorithm';
  readonly name: string;
  readonly role: string;
  readonly end: Temporal.Instant | undefined;
  readonly documents: number;
};

export type DocumentFilter = {
  readonly states?: readonly DocumentState[] | undefined;
  readonly attached?: boolean | undefined;
  readonly regroup?: boolean | undefined;
  readonly validationPending?: boolean | undefined;
  readonly store?: string | undefined;
  readonly key?: string | undefined;
  readonly lastReadBefore?: Temporal.Instant | undefined;
  readonly batchId?: string | undefined;
  /**
   * Stamped by another TSA and not, or only longer ago, by this one. What is broken does not count.
   */
  readonly lackingAnchor?: number | undefined;
  /** The worst verdict of the document and of what is attached to it. */
  readonly intake?: IntakeStatus | undefined;
  /** Part of the key, ASCII letters in either case. */
  readonly search?: string | undefined;
  readonly limit?: number | undefined;
  /** How many to leave out before the first. */
  readonly offset?: number | undefined;
};

/** Per batch: how many live documents depend on it, and the latest last day among them. */
export type BatchDemand = {
  readonly batchId: string;
  readonly documents: number;
  /** Some document's end is unknown or on hold: renew without end. */
  readonly openEnded: boolean;
  readonly latestLastDay: string | undefined;
};

export type Catalogue = {
  readonly getMeta: (name: string) => Promise<string | undefined>;
  readonly setMeta: (name: string, value: string) => Promise<void>;

  readonly findDocument: (
    place: Omit<DocumentIdentity, 'sha256'>,
  ) => Promise<DocumentRow | undefined>;
  /** The same row's change marker and state, without its facts: for each object of a listing. */
  readonly findStanding: (
    place: Omit<DocumentIdentity, 'sha256'>,
  ) => Promise<DocumentStanding | undefined>;
  /** The document with exactly this content, whatever stands under its key now. */
  readonly findContent: (
    store: string,
    key: string,
    versionId: string,
    sha256: string,
  ) => Promise<DocumentRow | undefined>;
  readonly attachedDocuments: (id: number) => AsyncIterable<DocumentRow>;
  /** By id; one entry for each of the documents, asked for many at once. */
  readonly relationsOf: (
    documents: readonly DocumentRow[],
  ) => Promise<ReadonlyMap<number, DocumentRelations>>;
  readonly getDocument: (id: number) => Promise<DocumentRow | undefined>;
  readonly addDocument: (document: NewDocument) => Promise<number>;
  readonly updateDocument: (id: number, change: Partial<NewDocument>) => Promise<void>;
  /** With its places and what hangs on it alone; what is attached to it stands alone from then on. */
  readonly removeDocument: (id: number) => Promise<void>;
  /** Ascending by id; pages inside, so that rows may be changed while iterating. */
  readonly documents: (filter?: DocumentFilter) => AsyncIterable<DocumentRow>;
  /** All of them, ascending by id, in pages. */
  readonly documentOutlines: (wanted: {
    readonly facts: boolean;
  }) => AsyncIterable<readonly DocumentOutline[]>;
  /** `limit` and `offset` do not count. */
  readonly countDocuments: (filter?: DocumentFilter) => Promise<number>;
  readonly countByState: () => Promise<Readonly<Record<DocumentState, number>>>;
  /** The oldest reading of a live document or leaf table. */
  readonly oldestRead: () => Promise<Temporal.Instant | undefined>;
  /** Their octets were read whole and found as they should be. */
  readonly markRead: (ids: readonly number[], at: Temporal.Instant) => Promise<void>;
  /** Marks everything listed in this scan; what is not marked afterwards is missing. */
  readonly markSeen: (ids: readonly number[], scan: number) => Promise<void>;
  readonly unseenDocuments: (store: string, scan: number) => AsyncIterable<DocumentRow>;

  readonly putBatch: (batch: BatchRow) => Promise<void>;
  readonly getBatch: (batchId: string) => Promise<BatchRow | undefined>;
  /** Ascending by id; `from`: those that sort behind it. */
  readonly batches: (from?: string) => AsyncIterable<BatchRow>;
  /** Ids of the timestamp renewals of that TSA since then, ascending. */
  readonly timestampRenewals: (
    anchor: number,
    since: Temporal.Instant,
  ) => Promise<readonly string[]>;
  readonly addMemberships: (rows: readonly MembershipRow[]) => Promise<void>;
  /** After a hash-tree renewal: the earlier places of these documents in these batches are no longer active. */
  readonly retireMemberships: (
    documentIds: readonly number[],
    batchIds: readonly string[],
  ) => Promise<void>;
  readonly hasActiveMembers: (batchId: string) => Promise<boolean>;
  /** Documents of one group, ascending by id. */
  readonly groupMembers: (batchId: string, groupIndex: number) => Promise<readonly DocumentRow[]>;
  readonly memberships: (documentId: number) => Promise<readonly MembershipRow[]>;
  readonly batchDemand: () => AsyncIterable<BatchDemand>;
  readonly newestGenTime: () => Promise<Temporal.Instant | undefined>;

  readonly putCertificates: (documentId: number, facts: Facts) => Promise<void>;
  readonly dependencies: () => AsyncIterable<DependencyRow>;

  readonly putRun: (run: RunRow) => Promise<void>;
  readonly runs: (limit: number) => Promise<readonly RunRow[]>;

  /** What may be lost: cursor, back-off, timings. Never part of a comparison after `rebuild`. */
  readonly getCache: (name: string) => Promise<string | undefined>;
  readonly setCache: (name: string, value: string) => Promise<void>;

  /** All changes inside are there together or not at all. */
  readonly transaction: <T>(work: () => Promise<T>) => Promise<T>;
  /** Every derived row in a stable text form, for comparing two catalogues. */
  readonly dump: () => AsyncIterable<string>;
  readonly [Symbol.asyncDispose]: () => Promise<void>;
};
