// What raising a signature's level works on and comes to (EN 319 102-1 §4.3, EN 319 122-1 §6). Types only, so
// that what reads a result back may import them without the code that it judges.
import type {
  SignedDataAdditions,
  StoredSignedData,
} from '#shared/cades/augment/splice-signed-data.ts';
import type { DigestAlgorithm } from '#shared/crypto/digest.ts';
import type { Splice } from '#shared/der/splice.ts';
import type { StatusSource } from '#shared/ports/status-source.ts';
import type { Finding } from '#shared/trust/finding.ts';
import type { SubIndication } from '#shared/trust/sub-indication.ts';
import type { DetachedContent } from '#shared/validation/facts.ts';
import type { GivenMaterial } from '#shared/validation/validation-material.ts';
import type { Indication } from '#shared/validation/verdict.ts';

/** T: a signature timestamp; LT: validation data of all that is there; LTA: an archive timestamp over it. */
export type AugmentationLevel = 'T' | 'LT' | 'LTA';

/** A CMS document whose signatures are to be raised. */
export type CadesDocument = {
  readonly name: string;
  readonly stored: StoredSignedData;
  /** What detached signatures are over, or what was left out of `stored`. */
  readonly content?: DetachedContent | undefined;
};

/** Has an imprint stamped. Gives a token that was verified, in evidence form. */
export type ObtainToken = (algorithm: DigestAlgorithm, imprint: Uint8Array) => Promise<Uint8Array>;

export type AugmentationQuestion = {
  readonly document: CadesDocument;
  readonly level: AugmentationLevel;
  /** Of the new timestamps and of the hash index. */
  readonly digestAlgorithm: DigestAlgorithm;
  readonly at: Temporal.Instant;
  readonly material: GivenMaterial;
  /** Asked for what is not at hand. */
  readonly statusSource: StatusSource;
  readonly obtainToken: ObtainToken;
  /** What an interrupted raising to LTA had decided before it asked for archive timestamps: they are over it. */
  readonly resume?: SignedDataAdditions | undefined;
  /** Told what was decided, before archive timestamps over it are asked for; durable when it fulfils. */
  readonly checkpoint?: ((additions: SignedDataAdditions) => Promise<void>) | undefined;
  readonly signal: AbortSignal;
};

/** A certificate whose validation data could not be had. */
export type MissingValidationData = { readonly subject: string; readonly reason: string };

/** Why a document was not touched. */
export type Refusal = {
  readonly kind: 'refused';
  readonly reason:
    | 'unsupported'
    | 'not-valid'
    | 'validation-data-missing'
    /** An earlier timestamp would no longer be over what it was over. */
    | 'imprint-changed'
    /** Judged before it was written: the result would not be what it has to be. */
    | 'does-not-hold';
  readonly message: string;
  readonly indication?: Indication | undefined;
  readonly subIndication?: SubIndication | undefined;
  readonly findings: readonly Finding[];
  readonly missing: readonly MissingValidationData[];
};

/** What has to be done to the document, and what it then is. */
export type Raised = {
  readonly kind: 'raised';
  readonly splice: Splice;
  /** The result as `stored` was: without what is left out. */
  readonly signedData: Uint8Array;
  readonly tokens: number;
  readonly findings: readonly Finding[];
};

export type AugmentationOutcome =
  | Raised
  | Refusal
  /** The level asked for is there, and complete. */
  | { readonly kind: 'nothing-to-do' };
