// What signers state, and the references to validation data that signatures of the older levels carry, as
// `tokiwa verify --explain` and `--json` list them. Read only: no verdict depends on it.
import {
  type ReferencesFound,
  type ReferenceKind,
  readReferences,
} from '#shared/cades/references.ts';
import { readSignerStatements, type SignerStatement } from '#shared/cades/signer-statements.ts';
import { basicOcspResponseOctets } from '#shared/cms/revocation-values.ts';
import type { Problem } from '#shared/problem.ts';
import type { DocumentReading } from '#shared/validation/inspect.ts';
import { carriedBy } from '../augmentation/judge.ts';

export type SignatureStatements = {
  /** Id of the signature in the facts. */
  readonly signature: string;
  readonly statements: readonly SignerStatement[];
  readonly references: readonly ReferencesFound[];
  /** Attributes that do not parse. */
  readonly problems: readonly Problem[];
};

/** Of every CMS signature that states or refers to anything. */
export function statementsOf(reading: DocumentReading): readonly SignatureStatements[] {
  const { certificates, crls, ocspResponses } = carriedBy(reading);
  const atHand = {
    certificate: certificates.map(({ raw }) => raw),
    crl: crls.map(({ raw }) => raw),
    // Signers take the digest of the response or of the basic response in it.
    'ocsp-response': ocspResponses.flatMap((response) => [
      response.raw,
      basicOcspResponseOctets(response) ?? response.raw,
    ]),
  };
  return reading.cmsSignatures
    .map(({ id, signerInfo }): SignatureStatements => {
      const { statements, problems } = readSignerStatements(signerInfo);
      const references = readReferences(signerInfo, atHand);
      return {
        signature: id,
        statements,
        references: references.found,
        problems: [...problems, ...references.problems],
      };
    })
    .filter(
      ({ statements, references, problems }) =>
        statements.length + references.length + problems.length > 0,
    );
}

const words = {
  en: {
    states: 'states',
    found: (found: number, all: number) => `${found} of ${all} here`,
    kinds: { certificate: 'certificates', crl: 'CRLs', 'ocsp-response': 'OCSP responses' },
    unread: 'does not parse',
  },
  ja: {
    states: 'の記載',
    found: (found: number, all: number) => `${all}件中${found}件が文書内にあります`,
    kinds: { certificate: '証明書', crl: 'CRL', 'ocsp-response': 'OCSPレスポンス' },
    unread: '読み取れません',
  },
} as const satisfies Record<
  string,
  {
    readonly states: string;
    readonly found: (found: number, all: number) => string;
    readonly kinds: Readonly<Record<ReferenceKind, string>>;
    readonly unread: string;
  }
>;

/** Lines for people. */
export function statementLines(
  { signature, statements, references, problems }: SignatureStatements,
  language: keyof typeof words,
): readonly string[] {
  const { states, found, kinds, unread } = words[language];
  return [
    ...statements.map(({ attribute, says }) => `  ${signature} ${states} ${attribute}: ${says}`),
    ...references.map(
      (one) =>
        `  ${signature} ${one.attribute}: ${kinds[one.kind]}, ${found(one.found, one.references)}`,
    ),
    ...problems.map(({ place = '', message }) => `  ${signature} ${place} ${unread}: ${message}`),
  ];
}
