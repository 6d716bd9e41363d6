// The report as data: what a line says of a document, a class of documents, a certificate, a run.
// Types only, so that stages, builders and renderers agree; values come from document-line.ts and
// summary.ts, text from render-html.ts.
import type { AccreditationAnswer, AccreditationRules } from '#shared/policy/accreditation.ts';
import type { AlgorithmProfile } from '#shared/policy/algorithm-policy.ts';
import type {
  BatchRow,
  BatchState,
  DocumentRow,
  DocumentState,
  IntakeStatus,
  MissingStatus,
  RetentionFacts,
} from '#shared/ports/catalogue.ts';
import type { Licence } from '#shared/policy/licences.ts';
import type { AnchorClass } from '#shared/trust/anchors.ts';
import type { TimestampType } from '#shared/validation/facts.ts';
import type { HorizonElement } from '#shared/validation/proof-horizon.ts';
import type { SignerTrust } from '#shared/validation/signer-trust.ts';
import type { RetentionRule } from '../config.ts';
import type { ContactLine } from '../contacts.ts';
import type {
  AssessmentStatus,
  LicenceStanding,
  ProviderAssessment,
  SignerProofs,
} from '../signers.ts';

/**
 * Whether a document stays provable through its retention.
 * covered: its horizon lies behind the last day · by-renewal: renewals carry it there · open-ended:
 * the end is unknown or on hold, renewed without end · not-yet: no token yet · ended: the last day
 * is past · no: broken, missing, changed or overdue.
 */
export type RetentionOutlook = 'covered' | 'by-renewal' | 'open-ended' | 'not-yet' | 'ended' | 'no';

/**
 * The one thing to know of a document today. due: inside the lead time · overdue: the horizon
 * is past, or it waits longer than its rule allows · unknown: revocation behind its token could not
 * be had · the others as in DocumentState.
 */
export type Standing =
  | 'protected'
  | 'due'
  | 'overdue'
  | 'waiting'
  | 'unknown'
  | 'broken'
  | 'missing'
  | 'changed'
  | 'superseded';

/**
 * Whether the newest token counts as an accredited provider's for this document: accredited when it
 * stamped, and today; transitional: tolerated for the time being.
 */
export type Accreditation =
  | {
      readonly status: 'accredited';
      readonly provider: string;
      readonly scheme: string;
      readonly transitional: boolean;
      readonly today: boolean;
    }
  | {
      readonly status: 'timestamped, accreditation not shown';
      readonly reason: Extract<AccreditationAnswer, { readonly kind: 'not-shown' }>['reason'];
    };

export type SignatureLine = {
  readonly id: string;
  readonly status: string;
  readonly subIndication?: string | undefined;
  readonly signer?: string | undefined;
  readonly signerNotAfter?: string | undefined;
  /** Key of the attached object that holds it; absent: the document itself. */
  readonly heldBy?: string | undefined;
  /** The kind of service that the signer's path ends at; absent without a path. */
  readonly signerClass?: AnchorClass | undefined;
  /** Licences that the certificate names, with their Japanese names. */
  readonly licences: readonly Licence[];
  /** Under `other` and `witness-provider`, how the provider's assessment stands. */
  readonly assessment?: AssessmentStatus | undefined;
  /**
   * Of a witness: the certificate is its provider's, which holds the key; who instructed it is not shown by
   * the signature, unless evidence for it is kept beside the document.
   */
  readonly witness?: {
    readonly keyHolder: string;
    readonly instructedBy: 'not shown by the signature' | 'evidence attached';
    /** Keys of that evidence: who it names is for whoever reads it. */
    readonly evidence: readonly string[];
  };
};

/** What a timestamp inside the document covers; `whole` alone meets R-08. */
export type TimestampCoverage = 'whole' | 'signature' | 'content' | 'part' | 'references';

/** A timestamp that the document brought along. */
export type TimestampLine = {
  readonly id: string;
  readonly type: TimestampType;
  readonly covers: TimestampCoverage;
  readonly genTime: string;
  readonly tsu?: string | undefined;
  readonly tsuNotAfter?: string | undefined;
};

export type EvidenceLine = {
  /** A record beside the document, or archive timestamps in it. */
  readonly kind: 'RFC 4998' | 'EN 319 122-1';
  readonly batchId: string;
  /** Number of the TSA that keeps it: 1, or 2 where documents are anchored twice. */
  readonly anchor: number;
  /** Subject of the TSU certificate behind the newest token. */
  readonly tsu: string | undefined;
  readonly state: BatchState;
  readonly provableUntil: string | undefined;
  readonly digestAlgorithm: string;
  /** Tokens of the current chain. */
  readonly archiveTimeStamps: number;
  readonly firstTime: string;
  readonly newestTime: string;
  readonly accreditation: Accreditation;
  /** The whole file: content, signatures, and what validation data and timestamps it carries. */
  readonly covers: 'whole';
};

/**
 * What verifies the document's signatures when every certificate has expired. complete: kept in
 * the evidence store and stamped with the document or with the next batch · missing: asked for, by
 * certificate · waiting: not asked for yet.
 */
export type ValidationDataLine = {
  readonly status: 'complete' | 'missing' | 'waiting';
  /** Key of the object in the evidence store. */
  readonly object?: string | undefined;
  readonly missing: readonly MissingStatus[];
  /** Why signers’ certificates did not hold when the document was first protected. */
  readonly offences: readonly string[];
};

export type DocumentLine = {
  readonly store: string;
  readonly key: string;
  readonly versionId: string;
  readonly sha256: string;
  readonly size: number;
  readonly format: string;
  readonly level: string | undefined;
  readonly problems: readonly string[];
  readonly attachedTo: string | undefined;
  readonly state: DocumentState;
  readonly stateSince: string;
  readonly stateReason: string | undefined;
  readonly standing: Standing;
  /** Of its own signatures and those in attached objects together. */
  readonly intake: IntakeStatus;
  readonly signatures: readonly SignatureLine[];
  /** Where the document's class demands a licence: which ones, and whether a signer shows one. */
  readonly licence?:
    { readonly required: readonly string[]; readonly standing: LicenceStanding } | undefined;
  /** Keys of proofs of the licence that are kept beside the document; a person has to read them. */
  readonly licenceProofs: readonly string[];
  readonly timestamps: readonly TimestampLine[];
  /** Absent where nothing is signed, or no signature is worth it. */
  readonly validationData?: ValidationDataLine | undefined;
  readonly evidence: readonly EvidenceLine[];
  /** Independent TSAs behind the records that hold now: two tokens of one count once. */
  readonly witnesses: number;
  readonly verifiableNow: boolean;
  readonly provableUntil: string | undefined;
  readonly element: HorizonElement | undefined;
  readonly nextRenewal: string | undefined;
  readonly retention: RetentionFacts;
  readonly outlook: RetentionOutlook;
  /** Renewals until the last day at the pace of the present horizon; absent where the end is unknown. */
  readonly renewalsLeft: number | undefined;
  readonly lastRead: string;
  /** Requirement numbers that this line answers. */
  readonly requirements: readonly string[];
  /** Of these, the ones that the document does not meet. */
  readonly notMet: readonly string[];
  /** Of these, the ones that cannot be shown yet: neither met nor broken. */
  readonly notShown: readonly string[];
};

export type Price = { readonly amount: number; readonly currency: string };

export type ReportRules = {
  readonly leadTime: Temporal.Duration;
  readonly timeZone: string;
  readonly profile: AlgorithmProfile;
  readonly accreditation: AccreditationRules;
  readonly assessments: readonly ProviderAssessment[];
  readonly proofs: SignerProofs;
  /** Trust data of signers; absent: signatures are as they were judged at intake. */
  readonly signerTrust?: SignerTrust | undefined;
  /** Retention rules by name, with the licences that they demand. */
  readonly rules: readonly Pick<RetentionRule, 'name' | 'requires'>[];
  /** Of one token. */
  readonly price?: Price | undefined;
  /** Whom to call. */
  readonly contacts: readonly ContactLine[];
  /** What these rules make of a row that was written under others; absent: rows are taken as they are. */
  readonly reread?: RowReading | undefined;
};

/** Rows under other rules than those that they were written by. */
export type RowReading = {
  readonly batch: (batch: BatchRow) => BatchRow;
  readonly document: (document: DocumentRow) => DocumentRow;
};

/** A certificate or algorithm and the documents that hang on it, by end date. */
export type DependencyLine = {
  readonly kind: 'certificate' | 'algorithm';
  readonly name: string;
  /**
   * Of a certificate found in documents: its CertificateRole; of the evidence: evidence-tsu,
   * evidence-ca, evidence-anchor. Of an algorithm: who uses it, or evidence-token, evidence-tree.
   */
  readonly role: string;
  readonly end: string | undefined;
  /** not-listed: the algorithm profile does not allow it at all. */
  readonly status: 'in-force' | 'no-end' | 'ended' | 'not-listed';
  readonly documents: number;
};

/** Something an operator has to know or do; `key` names the document where one is meant. */
export type FindingLine = {
  readonly kind: string;
  readonly level: 'error' | 'warning' | 'info';
  readonly message: string;
  readonly key?: string | undefined;
  readonly batchId?: string | undefined;
  /** Code of what was in the way, where there is one. */
  readonly cause?: string | undefined;
  /** How many this line stands for, where they are not named one by one. */
  readonly count?: number | undefined;
};

/** What one nightly run did. */
export type RunSummary = {
  readonly runId: string;
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly outcome: 'ok' | 'findings' | 'failed' | 'stopped';
  readonly scanned: number;
  readonly added: number;
  readonly protectedGroups: number;
  readonly timestampRenewals: number;
  readonly hashTreeRenewals: number;
  readonly tokensBought: number;
  readonly cost: Price | undefined;
  readonly reread: number;
  readonly findings: readonly FindingLine[];
  /** The first instant at which a batch falls due. */
  readonly nextDue: string | undefined;
};

export type RenewalCauses = { readonly certificates: number; readonly algorithms: number };

export type ReportTotals = {
  readonly documents: number;
  /** Documents of which only digests are here, and whose owner has to send one under the next hash. */
  readonly digestsOverdue: number;
  readonly verifiableNow: number;
  readonly byState: Readonly<Record<DocumentState, number>>;
  readonly byStanding: Readonly<Record<Standing, number>>;
  readonly byOutlook: Readonly<Record<RetentionOutlook, number>>;
  readonly byIntake: Readonly<Record<IntakeStatus, number>>;
  /** Documents by the calendar year of their proof horizon; `none`: no evidence or no end. */
  readonly byHorizonYear: Readonly<Record<string, number>>;
  /**
   * Documents by the calendar year of their next renewal, and what asks for it under the algorithm profile in
   * force: a certificate that ends, or an algorithm.
   */
  readonly renewalsByYear: Readonly<Record<string, RenewalCauses>>;
};

/** One line per document class, which is a retention rule. */
export type ClassLine = {
  /** The rule's name; absent: no rule fits. */
  readonly rule: string | undefined;
  readonly presets: readonly string[];
  readonly documents: number;
  readonly byStanding: Readonly<Record<Standing, number>>;
  /** Documents by requirement number that they do not meet. */
  readonly notMet: Readonly<Record<string, number>>;
  readonly notShown: Readonly<Record<string, number>>;
  readonly endUnknown: number;
  readonly estimatedStart: number;
  readonly nextRenewal: string | undefined;
  readonly latestLastDay: string | undefined;
  /**
   * Tokens until the last of its retention periods ends. Classes share their tokens, so the figures
   * do not add up: the archive needs the largest of them. Open-ended documents come on top.
   */
  readonly tokensLeft: number;
  readonly cost: Price | undefined;
};

/** What is counted over all documents in one pass. */
export type ReportSummary = {
  readonly at: string;
  /** The newest run when it was counted: another one makes it out of date. */
  readonly runId: string | undefined;
  readonly totals: ReportTotals;
  readonly classes: readonly ClassLine[];
  readonly nextRenewal: string | undefined;
  readonly tokensLeft: number;
  readonly cost: Price | undefined;
  /** What documents and evidence hang on, signers' certificates aside: those stream from the catalogue. */
  readonly dependencies: readonly DependencyLine[];
  /** What stands wrong now, errors first; at most `maxFindings` of them. */
  readonly findings: readonly FindingLine[];
  readonly findingsLeftOut: number;
};

/** The editions that the figures stand on. */
export type ReportEditions = {
  readonly algorithmProfile: string;
  readonly algorithmPolicies: readonly string[];
  readonly retentionPresets: string;
  readonly guideline: string;
  /** Edition whose acceptance table counts, date of the schemes, and how many providers are confirmed. */
  readonly accreditation: string;
  /** Trust anchors of signers by class, and a digest of what is said of them. */
  readonly signerTrust: string;
};

/** Everything but what is counted, which stands beside it. */
export type ReportHead = {
  readonly format: 'tokiwa-report';
  readonly version: 1;
  readonly archiveId: string;
  readonly at: string;
  readonly editions: ReportEditions;
  readonly run: RunSummary | undefined;
  readonly lastSuccess: string | undefined;
  /** Whom to call, by party; a line without a contact: nobody is named. */
  readonly contacts: readonly ContactLine[];
};
