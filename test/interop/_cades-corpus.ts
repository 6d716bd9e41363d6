// The CAdES signatures of the corpus raised to LTA and renewed five times from the time on at which each was good. Their
// authorities are not ours: what tells of them has to be in the file, and they are trusted by what it carries.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { DigestAlgorithm } from '#shared/crypto/digest.ts';
import { applySplice } from '#shared/der/splice.ts';
import { readTlv } from '#shared/der/reader.ts';
import { parseSignedData } from '#shared/cms/signed-data.ts';
import type { ValidationData } from '#shared/ports/status-source.ts';
import { buildMessageImprint, buildTimeStampToken } from '#shared/tsp/build-token.ts';
import { buildEvidenceForm } from '#shared/tsp/evidence-form.ts';
import { readDocument } from '#shared/validation/inspect.ts';
import type { SignedContent } from '#shared/validation/reading.ts';
import type { GivenMaterial } from '#shared/validation/validation-material.ts';
import type { Certificate } from '#shared/x509/certificate.ts';
import { nameKey } from '#shared/x509/name.ts';
import { raise } from '#archiver/augmentation/raise.ts';
import { readBackAugmented } from '#archiver/augmentation/read-back.ts';
import type { AugmentationOutcome, CadesDocument } from '#archiver/augmentation/types.ts';
import { type DssEntry, loadDetached } from '../conformance/_dss-manifest.ts';
import { anchorOf, issueCa, issueCrl, issueRoot, issueTsu, type Issued } from '../_authority.ts';
import { testPolicy, tokenSignerOf } from '../_tsu.ts';

/** An entry of the manifest with the fields that say when it was good. */
export type CorpusEntry = DssEntry & {
  readonly ownTime?: string | null;
  readonly oracleIndicationOwnTime?: string | null;
};

/** Days after the time at which the signature was good; each unit begins before the one before has ended. */
export const corpusSteps: readonly {
  readonly days: number;
  readonly unit: 0 | 1 | 2;
  readonly algorithm: DigestAlgorithm;
}[] = [
  { days: 0, unit: 0, algorithm: 'SHA-256' },
  { days: 700, unit: 1, algorithm: 'SHA-256' },
  { days: 2500, unit: 1, algorithm: 'SHA-512' },
  { days: 4300, unit: 2, algorithm: 'SHA-512' },
  { days: 7000, unit: 2, algorithm: 'SHA3-512' },
  { days: 10_000, unit: 2, algorithm: 'SHA3-512' },
];

const [since, until] = ['2000-01-01T00:00:00Z', '2090-01-01T00:00:00Z'];
export const ourRoot = issueRoot({ subject: 'CN=Root', notBefore: since, notAfter: until });
const ourCa = issueCa(ourRoot, { subject: 'CN=CA', notBefore: since, notAfter: until });
const daysAfter = (at: Temporal.Instant, days: number): Temporal.Instant =>
  at.add({ hours: 24 * days });

function unitsFrom(start: Temporal.Instant): readonly Issued[] {
  return [
    [-400, 1000],
    [500, 5000],
    [4000, 12_000],
  ].map(([from = 0, to = 0], index) =>
    issueTsu(ourCa, {
      subject: `CN=TSU ${index + 1}`,
      notBefore: daysAfter(start, from),
      notAfter: daysAfter(start, to),
    }),
  );
}

/** As the manifest has it. */
export const trustingRoots = 'roots of the file';

/** Which certificates of the file are trusted, and whether every status has to be known. */
type Question = { readonly name: string; readonly material: GivenMaterial };

/** The strictest first: as the manifest trusts them, then with the last of each path, then whatever their status. */
function questionsFor(certificates: readonly Certificate[]): readonly Question[] {
  const subjects = new Set(certificates.map(({ subject }) => nameKey(subject)));
  const roots = certificates.filter(({ subject, issuer }) => nameKey(subject) === nameKey(issuer));
  const ends = certificates.filter(({ issuer }) => !subjects.has(nameKey(issuer)));
  const question = (
    name: string,
    trusted: readonly Certificate[],
    revocationMode: GivenMaterial['revocationMode'],
  ): Question => {
    const anchors = [...trusted.map((certificate) => ({ certificate })), anchorOf(ourRoot)];
    const none = { certificates: [], crls: [], ocspResponses: [] };
    return {
      name,
      material: { signerAnchors: anchors, tsuAnchors: anchors, ...none, revocationMode },
    };
  };
  return [
    question(trustingRoots, roots, 'require'),
    question('ends of its paths', [...roots, ...ends], 'require'),
    question('ends of its paths, whatever their status', [...roots, ...ends], 'none'),
  ];
}

const nothing: ValidationData = { certificates: [], crls: [], ocspResponses: [], missing: [] };

function documentOf(octets: Uint8Array, content: SignedContent | undefined): CadesDocument {
  const signedData = parseSignedData(readTlv(octets).raw);
  return { name: 'document', stored: { signedData, length: octets.length }, content };
}

type Raising = {
  readonly at: Temporal.Instant;
  readonly unit: Issued;
  readonly algorithm: DigestAlgorithm;
  readonly material: GivenMaterial;
};

async function raiseOnce(
  document: CadesDocument,
  { at, unit, algorithm, material }: Raising,
): Promise<{ readonly outcome: AugmentationOutcome; readonly asked: number }> {
  let asked = 0;
  const outcome = await raise({
    document,
    level: 'LTA',
    digestAlgorithm: algorithm,
    at,
    material,
    statusSource: { certificatesAndCrlsFor: () => Promise.resolve(nothing) },
    obtainToken: (imprintAlgorithm, imprint) => {
      asked += 1;
      const token = buildTimeStampToken({
        tstInfo: {
          policy: testPolicy,
          messageImprint: buildMessageImprint(imprintAlgorithm, imprint),
          serialNumber: BigInt(asked),
          genTime: at,
        },
        signer: tokenSignerOf(unit, [ourCa.certificate]),
        certReq: true,
      });
      const { crls } = material;
      const certificates = [ourCa.certificate, ourRoot.certificate];
      return Promise.resolve(buildEvidenceForm(token, { certificates, crls, ocspResponses: [] }));
    },
    signal: new AbortController().signal,
  });
  return { outcome, asked };
}

export type CorpusState = { readonly octets: Uint8Array; readonly offences: readonly string[] };

export type CorpusHistory = {
  readonly entry: CorpusEntry;
  /** Octets of detached content, where the corpus has them. */
  readonly content: Uint8Array | undefined;
  readonly original: Uint8Array;
  readonly result:
    | {
        readonly kind: 'raised';
        readonly trusting: string;
        /** After each step. */
        readonly states: readonly CorpusState[];
      }
    | {
        readonly kind: 'refused';
        /** As the question that asks for least has it. */
        readonly why: string;
        /** Tokens that were asked for all the same. */
        readonly asked: number;
      };
};

/** Our own lists of the day, beside what the question says. */
function onDay({ material }: Question, at: Temporal.Instant): GivenMaterial {
  const nextUpdate = daysAfter(at, 30);
  const crls = [ourRoot, ourCa].map((issuer) => issueCrl({ issuer, thisUpdate: at, nextUpdate }));
  return { ...material, crls };
}

async function renewed(
  first: Uint8Array,
  question: Question,
  content: SignedContent | undefined,
  start: Temporal.Instant,
): Promise<readonly CorpusState[] | { readonly why: string; readonly asked: number }> {
  const units = unitsFrom(start);
  const states: CorpusState[] = [];
  let octets = first;
  for (const { days, unit, algorithm } of corpusSteps) {
    const at = daysAfter(start, days);
    const material = onDay(question, at);
    const document = documentOf(octets, content);
    const by = units[unit];
    if (!by) throw new Error('no unit');
    const { outcome, asked } = await raiseOnce(document, { at, unit: by, algorithm, material });
    if (outcome.kind !== 'raised') {
      const message = outcome.kind === 'refused' ? outcome.message : outcome.kind;
      const subIndication = outcome.kind === 'refused' ? outcome.subIndication : undefined;
      return {
        why: [`step ${states.length + 1}`, subIndication, message].filter(Boolean).join(': '),
        asked,
      };
    }
    const after = applySplice(octets, outcome.splice);
    const state = ({ stored }: CadesDocument) => ({
      name: 'document',
      signedData: stored.signedData.raw,
      content,
    });
    const { offences } = readBackAugmented(state(document), state(documentOf(after, content)), {
      level: 'LTA',
      digestAlgorithm: algorithm,
      material,
      at,
    });
    states.push({ octets: after, offences });
    octets = after;
  }
  return states;
}

/** One entry by the strictest question under which it is good. */
async function historyOf(folder: string, entry: CorpusEntry): Promise<CorpusHistory> {
  const original = new Uint8Array(await readFile(path.join(folder, entry.file)));
  const [content] = await loadDetached(folder, entry);
  const octets = content?.octets?.();
  const common = { entry, original, content: octets && new Uint8Array(octets) };
  const start = Temporal.Instant.from(entry.ownTime ?? '2026-06-01T00:00:00Z');
  const { certificates } = readDocument({ bytes: original, size: original.length });
  let refused: { readonly why: string; readonly asked: number } | undefined;
  for (const question of questionsFor(certificates)) {
    const came = await renewed(original, question, content, start);
    if (!('why' in came))
      return { ...common, result: { kind: 'raised', trusting: question.name, states: came } };
    refused = came;
    if (came.asked > 0) break;
  }
  return { ...common, result: { kind: 'refused', why: '', asked: 0, ...refused } };
}

/** Every CMS file of the manifest with its content, once each, in its order. */
export async function* corpusHistories(folder: string): AsyncGenerator<CorpusHistory> {
  const manifest = JSON.parse(
    await readFile(path.join(folder, 'manifest.json'), 'utf8'),
  ) as readonly CorpusEntry[];
  const seen = new Set<string>();
  for (const entry of manifest) {
    if (entry.format !== 'CAdES' || entry.oracleError !== null) continue;
    // Evidence records beside the file are another judge's matter.
    const key = JSON.stringify([entry.file, entry.detached]);
    if (!seen.has(key)) yield await historyOf(folder, entry);
    seen.add(key);
  }
}
