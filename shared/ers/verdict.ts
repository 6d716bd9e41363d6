// What verifying an evidence record answers: per chain, per archive timestamp, per data object.
// Facts and findings only; verify.ts fills them in.
import type { DigestAlgorithm } from '#shared/crypto/digest.ts';
import type { Imprint } from '#shared/ers/evidence-record.ts';
import type { TimeStampToken } from '#shared/tsp/token.ts';
import type { Finding } from '#shared/trust/finding.ts';
import type { SubIndication } from '#shared/trust/sub-indication.ts';

/** What the caller says about one token; a TokenVerdict of shared/tsp/verify-token.ts is one. */
export type ArchiveTokenVerdict = {
  readonly status: 'valid' | 'invalid' | 'indeterminate';
  readonly subIndication?: SubIndication | undefined;
  readonly findings: readonly Finding[];
};

/**
 * Verifies one token in full (profile, signature, path, revocation) as of `at`. `imprint` is what the
 * record's hash tree leads to, under the imprint's algorithm: the token must be over it.
 */
export type ArchiveTokenVerifier<V extends ArchiveTokenVerdict = ArchiveTokenVerdict> = (
  token: TimeStampToken,
  at: Temporal.Instant,
  imprint: Imprint,
) => V;

/** A data object by name; `digest` gives `undefined` where the digest under an algorithm is not known. */
export type EvidenceDataObject = {
  readonly name: string;
  readonly digest: (algorithm: DigestAlgorithm) => Uint8Array | undefined;
  /** Where at hand: a record in XML may be over the canonical form. RFC 6283 §3.1.1 */
  readonly octets?: (() => Uint8Array) | undefined;
};

/** Whether a covered structure was hashed as it is stored or in its DER re-encoding. */
export type HashedForm = 'as-stored' | 'der';

/** How a hash-tree renewal joins document and earlier sequence: §5.2 step 4, or Figure 4's sorted members. */
export type RenewalReading = 'positional' | 'sorted';

/** What the first list of an archive timestamp holds, as far as it could be told. */
export type Coverage =
  | { readonly kind: 'data-objects'; readonly found: readonly string[] }
  | {
      readonly kind: 'previous-token';
      /** Undefined: the token before is not covered. */
      readonly form?: HashedForm | undefined;
      /** Earlier tokens of the chain that the list holds beside the newest. */
      readonly earlierTokens: number;
    }
  | {
      readonly kind: 'data-objects-and-sequence';
      readonly found: readonly string[];
      readonly form?: HashedForm | undefined;
      readonly reading?: RenewalReading | undefined;
    };

export type ArchiveTimeStampVerdict<V extends ArchiveTokenVerdict = ArchiveTokenVerdict> = {
  readonly kind: 'initial' | 'timestamp-renewal' | 'hash-tree-renewal';
  readonly genTime: Temporal.Instant;
  readonly imprint: Imprint;
  /** The reduced hash tree leads to the imprint; without a tree: the imprint is what is to be covered. */
  readonly imprintIntact: boolean;
  /** Number of hash values in each list of the reduced hash tree. */
  readonly listSizes: readonly number[];
  readonly covers: Coverage;
  /** `covers` is complete: the token before, or every data object given. */
  readonly coversPrevious: boolean;
  /** Values of the first list that belong to nothing given. */
  readonly orphanDigests: readonly Uint8Array[];
  /** The instant as of which the token was verified: the next genTime, or the caller's `at`. */
  readonly verifiedAt: Temporal.Instant;
  readonly tokenVerdict: V;
};

/** Outcome of §4.3 and §5.3 over a whole record, as of one instant. */
export type EvidenceRecordVerdict<V extends ArchiveTokenVerdict = ArchiveTokenVerdict> = {
  readonly status: 'valid' | 'invalid' | 'indeterminate';
  readonly subIndication?: SubIndication | undefined;
  readonly findings: readonly Finding[];
  readonly chains: readonly {
    readonly digestAlgorithm: DigestAlgorithm;
    readonly archiveTimeStamps: readonly ArchiveTimeStampVerdict<V>[];
  }[];
  /** `found`: in the first list of the initial archive timestamp; `intact`: in every later chain, too. */
  readonly dataObjects: readonly {
    readonly name: string;
    readonly found: boolean;
    readonly intact: boolean;
  }[];
  /** Values of the initial archive timestamp's first list that belong to no data object given. */
  readonly orphanDigests: readonly Uint8Array[];
  readonly initialTime: Temporal.Instant;
  readonly lastTime: Temporal.Instant;
};
