// Facts: what the readers found in one document, without judgement: signatures, timestamps,
// evidence records, certificates and algorithms with their times. All of it survives JSON; instants
// serialise themselves. Verdicts stand in shared/validation/verdict.ts.
import type { AtsHashIndexVersion } from '#shared/cades/ats-hash-index.ts';
import type { CadesLevel } from '#shared/cades/named-level.ts';
import type { DigestAlgorithm, RunningDigest } from '#shared/crypto/digest.ts';
import type { ByteRangeCoverage } from '#shared/pades/coverage.ts';
import type { Problem } from '#shared/problem.ts';

/** What a document is, told from its content. `TST` and `TSR` are RFC 3161 tokens and responses. */
export type DocumentFormat =
  | 'PDF'
  | 'PAdES'
  | 'CMS'
  | 'CAdES'
  | 'XML'
  | 'XAdES'
  | 'ASiC-S'
  | 'ASiC-E'
  | 'ZIP'
  | 'TST'
  | 'TSR'
  | 'ER-ASN1'
  | 'ER-XML'
  | 'Certificate'
  | 'CRL'
  | 'OCSP'
  | 'plain'
  | 'empty';

/** Level by what the signature carries, not by whether it verifies. @see EN 319 102-1 §4.3 */
export type SignatureLevel = 'B' | 'T' | 'LT' | 'LTA';

/** A certificate's key. */
export type KeyDescription = {
  readonly kind: string;
  readonly bits: number;
  readonly curve?: string | undefined;
};

/** What a certificate is used for in this document. */
export type CertificateRole = 'signer' | 'tsu' | 'ca' | 'ocsp-responder' | 'attribute' | 'other';

/** A certificate found in the document. `fingerprint` (SHA-256, hexadecimal) is its name elsewhere. */
export type CertificateFacts = {
  readonly fingerprint: string;
  readonly subject: string;
  readonly issuer: string;
  /** Decimal. */
  readonly serialNumber: string;
  readonly notBefore: Temporal.Instant;
  readonly notAfter: Temporal.Instant;
  readonly key: KeyDescription;
  readonly signatureAlgorithm: string;
  readonly roles: readonly CertificateRole[];
};

/** The certificate that made a signature and what of its path the document carries. */
export type SignerFacts = {
  readonly fingerprint: string;
  readonly subject: string;
  /** Decimal. */
  readonly serialNumber: string;
  readonly notAfter: Temporal.Instant;
  /** notAfter of each certificate of the longest path found in the document, signer first. */
  readonly chainNotAfter: readonly Temporal.Instant[];
};

/** One digest of something signed or covered; `found` and `intact` are absent where not computed. */
export type ReferenceFacts = {
  readonly kind:
    'message-digest' | 'xml-reference' | 'manifest-entry' | 'signed-properties' | 'record-leaf';
  readonly uri?: string | undefined;
  readonly algorithm: string;
  /** Lower-case hexadecimal. */
  readonly digest: string;
  readonly found?: boolean | undefined;
  readonly intact?: boolean | undefined;
};

export type SignatureFacts = {
  /** Unique in the document: `signature-1`, in order of appearance. */
  readonly id: string;
  readonly format: 'CMS' | 'CAdES' | 'PDF' | 'PAdES' | 'XML' | 'XAdES';
  readonly level?: SignatureLevel | undefined;
  /** The same by the name that the ETSI standards have for it, of a CMS signature outside of PDF. */
  readonly cadesLevel?: CadesLevel | undefined;
  /** Entry of a container, field of a PDF, Id of an XML signature; absent: the document itself. */
  readonly place?: string | undefined;
  /** The signature that this one countersigns. */
  readonly countersigns?: string | undefined;
  readonly signer?: SignerFacts | undefined;
  readonly digestAlgorithm?: string | undefined;
  readonly signatureAlgorithm?: string | undefined;
  readonly key?: KeyDescription | undefined;
  /** What the signer says, proved by nothing. */
  readonly claimedSigningTime?: Temporal.Instant | undefined;
  /** Whether the signed content is inside the document. */
  readonly detached: boolean;
  readonly references: readonly ReferenceFacts[];
  readonly pdf?:
    | {
        readonly subFilter: string;
        readonly byteRange: readonly number[];
        readonly coverage: ByteRangeCoverage;
        /** Revision that ends with this signature, from 1; absent where the range fits none. */
        readonly revision?: number | undefined;
      }
    | undefined;
};

/** Where a timestamp stands and so what its imprint covers. */
export type TimestampType =
  | 'token'
  | 'signature'
  | 'content'
  | 'archive'
  | 'document'
  | 'container'
  | 'evidence-record'
  | 'validation-data'
  | 'references-only'
  | 'all-data-objects'
  | 'individual-data-objects'
  | 'vri';

export type TimestampFacts = {
  /** Unique in the document: `timestamp-1`, in order of appearance. */
  readonly id: string;
  readonly type: TimestampType;
  /** The id of the signature or evidence record that carries it. */
  readonly of?: string | undefined;
  readonly place?: string | undefined;
  readonly genTime: Temporal.Instant;
  /** Decimal. */
  readonly serialNumber: string;
  readonly tsaPolicy: string;
  /** Name, or dotted identifier where we have none. */
  readonly imprintAlgorithm: string;
  /** Lower-case hexadecimal. */
  readonly imprint: string;
  /** Whether the data it covers is at hand; absent: not computed for this type. */
  readonly imprintFound?: boolean | undefined;
  readonly imprintIntact?: boolean | undefined;
  /**
   * Of an archive timestamp of CAdES, version 3: whether every hash that its index lists is of something
   * that is there. It can be wrong while the imprint is intact. EN 319 122-1 §5.5.2
   */
  readonly atsHashIndex?:
    | {
        readonly version: AtsHashIndexVersion;
        readonly valid: boolean;
        readonly problem?: string | undefined;
      }
    | undefined;
  readonly digestAlgorithm?: string | undefined;
  readonly signatureAlgorithm?: string | undefined;
  readonly key?: KeyDescription | undefined;
  readonly tsu?: SignerFacts | undefined;
};

/** One chain of an evidence record: its tree hash and its archive timestamps, oldest first. */
export type ArchiveTimeStampChainFacts = {
  readonly digestAlgorithm: string;
  readonly archiveTimeStamps: readonly {
    /** The timestamp's id; absent where its token could not be read. */
    readonly timestamp?: string | undefined;
    /** Number of hashes in each list of the reduced hash tree; empty where there is none. */
    readonly reducedHashtree: readonly number[];
  }[];
};

export type EvidenceRecordFacts = {
  /** Unique in the document: `evidence-record-1`, in order of appearance. */
  readonly id: string;
  readonly kind: 'RFC 4998' | 'RFC 6283';
  readonly place?: string | undefined;
  /** The signature that carries it. */
  readonly of?: string | undefined;
  readonly chains: readonly ArchiveTimeStampChainFacts[];
  readonly initialTime?: Temporal.Instant | undefined;
  readonly lastTime?: Temporal.Instant | undefined;
  /** The hash values that the initial archive timestamp is directly about. */
  readonly references: readonly ReferenceFacts[];
  /** What was given as covered, and whether it is. */
  readonly dataObjects: readonly { readonly name: string; readonly found: boolean }[];
};

/** An algorithm and who uses it; the catalogue keeps one row for each. */
export type AlgorithmUse = {
  readonly kind: 'digest' | 'signature';
  readonly name: string;
  readonly key?: KeyDescription | undefined;
  readonly usedBy: 'signature' | 'timestamp' | 'evidence-record' | 'certificate';
};

export type PdfFacts = {
  readonly encrypted: boolean;
  readonly revisions: number;
  readonly documentSecurityStore?:
    | {
        readonly certificates: number;
        readonly crls: number;
        readonly ocspResponses: number;
        readonly vri: number;
      }
    | undefined;
};

export type ContainerFacts = {
  readonly mimetype?: string | undefined;
  readonly entries: readonly string[];
  readonly manifests: readonly {
    readonly name: string;
    readonly kind: 'signature' | 'archive' | 'evidence-record';
    /** Entry of the signature, timestamp or record over it. */
    readonly sigReference?: string | undefined;
    readonly references: readonly ReferenceFacts[];
  }[];
};

/** What one document says about itself. */
export type Facts = {
  readonly format: DocumentFormat;
  /** Lowest level among the document's own signatures. */
  readonly level?: SignatureLevel | undefined;
  readonly signatures: readonly SignatureFacts[];
  readonly timestamps: readonly TimestampFacts[];
  readonly evidenceRecords: readonly EvidenceRecordFacts[];
  readonly certificates: readonly CertificateFacts[];
  /** Revocation data that the document carries, the same object counted once. */
  readonly crls: number;
  readonly ocspResponses: number;
  readonly algorithms: readonly AlgorithmUse[];
  readonly pdf?: PdfFacts | undefined;
  readonly container?: ContainerFacts | undefined;
  /** Empty: everything was read. */
  readonly problems: readonly Problem[];
};

/** Facts of a document in which nothing was found. */
export function noFacts(format: DocumentFormat, problems: readonly Problem[] = []): Facts {
  return {
    format,
    signatures: [],
    timestamps: [],
    evidenceRecords: [],
    certificates: [],
    crls: 0,
    ocspResponses: 0,
    algorithms: [],
    problems,
  };
}

/** Content that a detached signature or an evidence record is about: digests by algorithm on demand. */
export type DetachedContent = {
  readonly name?: string | undefined;
  /** `undefined` where the digest of this algorithm cannot be had. */
  readonly digest: (algorithm: DigestAlgorithm) => Uint8Array | undefined;
  /** Missing where only digests are known: what is hashed together with other octets is not found then. */
  readonly octets?: () => Uint8Array;
  /**
   * Of content that was left out of a SignedData: a digest that goes on after `encapContentInfo` as it is stored, the
   * content in its place. `undefined` where this algorithm was not asked for.
   */
  readonly encapsulated?: (algorithm: DigestAlgorithm) => RunningDigest | undefined;
};
