// What judging one document stands on while it goes on: the question, what was read, the material with the
// document's own added, and what has been judged so far.
import type { DigestAlgorithm } from '#shared/crypto/digest.ts';
import { embeddedValidationData } from '#shared/cms/revocation-values.ts';
import type { TimeStampToken } from '#shared/tsp/token.ts';
import type { DetachedContent } from '#shared/validation/facts.ts';
import { type DocumentReading, readDocument } from '#shared/validation/inspect.ts';
import type { SignatureJudgement } from '#shared/validation/judge-signature.ts';
import type { TokenJudgement } from '#shared/validation/judge-token.ts';
import { createProofStore } from '#shared/validation/proof-of-existence.ts';
import type { GivenMaterial, ValidationMaterial } from '#shared/validation/validation-material.ts';

/** Evidence that stands beside the document: a file's name and its octets, parsed as it is judged. */
export type EvidenceBeside = { readonly name: string; readonly octets: Uint8Array };

export type LongTermInput = {
  readonly name: string;
  /** The document or, where it is too large to inspect, its head. Borrowed. */
  readonly bytes: Uint8Array;
  readonly size: number;
  /** Given by a caller who has read the same octets with the same detached contents; else they are read. */
  readonly reading?: DocumentReading | undefined;
  /** Digest of the whole document; `undefined` where it was not computed. */
  readonly digest: (algorithm: DigestAlgorithm) => Uint8Array | undefined;
  /** What detached signatures, tokens and records in the document are over. */
  readonly detached?: readonly DetachedContent[] | undefined;
  /** Validation data that may be in one group with the document: proved with it by records that are over both. */
  readonly validationData?: readonly EvidenceBeside[] | undefined;
  readonly evidenceRecords?: readonly EvidenceBeside[] | undefined;
  readonly tokens?: readonly EvidenceBeside[] | undefined;
  readonly at: Temporal.Instant;
  /** Trust, policy and validation data from outside; the document's own is added. */
  readonly material: GivenMaterial;
};

/** A token as it was judged: what tables and horizons are made from. */
export type JudgedToken = {
  readonly name: string;
  readonly token: TimeStampToken;
  readonly judgement: TokenJudgement;
  /** Tree hash of the chain that it ends; absent for a token that is no archive timestamp. */
  readonly treeHash?: DigestAlgorithm | undefined;
  /** Whether it holds by itself and covers what is older: the evidence ends when it does. */
  readonly outermost: boolean;
};

/** Grows while evidence is judged. */
export type Scope = {
  readonly input: LongTermInput;
  readonly reading: DocumentReading;
  readonly material: ValidationMaterial;
  readonly judged: JudgedToken[];
  readonly signatures: Map<string, SignatureJudgement>;
};

/** Each once: every renewal brings the same certificates and CRLs again. */
function distinct<T extends { readonly fingerprint: string }>(members: readonly T[]): readonly T[] {
  const seen = new Map<string, T>();
  for (const member of members)
    if (!seen.has(member.fingerprint)) seen.set(member.fingerprint, member);
  return [...seen.values()];
}

/** The document read, and its own validation data and that of the tokens beside it added. */
export function scopeOf(input: LongTermInput, tokensBeside: readonly TimeStampToken[]): Scope {
  const { bytes, size, detached } = input;
  const reading = input.reading ?? readDocument({ bytes, size, detached });
  const inTokens = [...reading.timestamps.map(({ token }) => token), ...tokensBeside].map(
    ({ signedData }) => embeddedValidationData(signedData),
  );
  const { material } = input;
  return {
    input,
    reading,
    judged: [],
    signatures: new Map(),
    material: {
      ...material,
      certificates: distinct([
        ...material.certificates,
        ...reading.certificates,
        ...inTokens.flatMap(({ certificates }) => certificates),
      ]),
      crls: distinct([...material.crls, ...reading.crls, ...inTokens.flatMap(({ crls }) => crls)]),
      ocspResponses: [
        ...new Set([
          ...material.ocspResponses,
          ...reading.ocspResponses,
          ...inTokens.flatMap(({ ocspResponses }) => ocspResponses),
        ]),
      ],
      proofs: createProofStore(),
    },
  };
}
