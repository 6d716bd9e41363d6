// What the journal of the evidence store holds: facts that no document and no token says. Appended
// before the catalogue moves, replayed by `rebuild` (design §1.4).
import type {
  DocumentIdentity,
  DocumentState,
  IntakeVerdict,
  RetentionStatement,
  ValidationObject,
} from '#shared/ports/catalogue.ts';

export type JournalEntry =
  /** A document was taken in; what its own signatures were worth then. */
  | {
      readonly kind: 'intake';
      readonly document: DocumentIdentity;
      readonly size: number;
      readonly at: string;
      readonly verdict: IntakeVerdict;
      /** Statements found beside the document then. */
      readonly sidecar?: RetentionStatement | undefined;
      readonly tag?: RetentionStatement | undefined;
    }
  /** `tokiwa retention set|import`. Without a version it is about every version of the key. */
  | {
      readonly kind: 'retention-set';
      readonly store: string;
      readonly key: string;
      readonly statement: RetentionStatement;
      readonly by: string;
    }
  | {
      readonly kind: 'hold';
      readonly store: string;
      readonly key: string;
      readonly on: boolean;
      readonly by: string;
    }
  /** A sidecar or tag that appeared or changed after intake. */
  | {
      readonly kind: 'statement';
      readonly document: DocumentIdentity;
      readonly source: 'sidecar' | 'tag';
      readonly statement: RetentionStatement | undefined;
    }
  /** broken, missing, changed, or found again: the state and why. */
  | {
      readonly kind: 'state';
      readonly document: DocumentIdentity;
      readonly state: DocumentState;
      readonly reason: string;
      readonly at: string;
    }
  /** An operator took changed octets in as a new document. */
  | {
      readonly kind: 'accepted-as-new';
      readonly previous: DocumentIdentity;
      readonly document: DocumentIdentity;
      readonly by: string;
      readonly at: string;
    }
  /**
   * A new version in which the earlier one stands whole, with archive timestamps over it. The entry before it
   * is the version's intake.
   */
  | {
      readonly kind: 'augmented';
      readonly previous: DocumentIdentity;
      readonly document: DocumentIdentity;
      /** Whether the version needs a token of a batch besides, as its rule says. */
      readonly protectedBy: 'augmentation' | 'evidence-record';
      readonly at: string;
    }
  | {
      readonly kind: 'acknowledged';
      readonly document: DocumentIdentity;
      readonly by: string;
      readonly at: string;
    }
  | {
      readonly kind: 'deleted';
      readonly document: DocumentIdentity;
      readonly by: string;
      readonly at: string;
    }
  /**
   * What was collected for the signatures of a document: it is stamped with them as one group.
   * Without an object: what was collected is lost, and it is collected again.
   */
  | {
      readonly kind: 'validation-data';
      readonly document: DocumentIdentity;
      /** The document or its detached signatures: what holds the signatures. */
      readonly holders: readonly DocumentIdentity[];
      readonly object?: ValidationObject | undefined;
      readonly at: string;
    }
  /** Damage found in stored evidence, and that it was mended. */
  | {
      readonly kind: 'evidence-damage';
      readonly batchId: string;
      readonly part: string;
      readonly message: string;
      readonly at: string;
    }
  | {
      readonly kind: 'evidence-healed';
      readonly batchId: string;
      readonly part: string;
      readonly at: string;
    }
  | {
      readonly kind: 'run-finished';
      readonly runId: string;
      readonly startedAt: string;
      readonly finishedAt: string;
      readonly outcome: string;
      readonly tokensBought: number;
    };
