// CMS and CAdES signatures, tokens and time-stamp responses into facts: level, references, timestamps
// with their imprints recomputed. EN 319 122-1.
import { equalBytes, toHex } from '#shared/bytes.ts';
import {
  type ArchiveTimestampReader,
  createArchiveTimestampReader,
} from '#shared/cades/archive-timestamp.ts';
import {
  type RecordSubjectReader,
  createRecordSubjectReader,
} from '#shared/cades/evidence-record-subject.ts';
import {
  type AttributeEvidenceRecord,
  type AttributeTimestamp,
  type CadesSignature,
  readCades,
} from '#shared/cades/read.ts';
import { nameCadesLevel } from '#shared/cades/named-level.ts';
import type { SignedData } from '#shared/cms/signed-data.ts';
import { type DigestAlgorithm, digest, digestAlgorithmOfOid } from '#shared/crypto/digest.ts';
import { oidName, oids } from '#shared/oid.ts';
import { type Problem, attempt } from '#shared/problem.ts';
import { parseTimeStampResp } from '#shared/tsp/response.ts';
import { type TimeStampToken, parseTimeStampToken } from '#shared/tsp/token.ts';
import type { TimestampDraft } from '#shared/validation/collect.ts';
import {
  type CoveredObjects,
  objectsOfArchive,
  objectsOfSignature,
} from '#shared/validation/covered-objects.ts';
import type {
  DetachedContent,
  DocumentFormat,
  ReferenceFacts,
  SignatureFacts,
  SignatureLevel,
  TimestampFacts,
  TimestampType,
} from '#shared/validation/facts.ts';
import { readEvidenceRecord } from '#shared/validation/read-evidence-record.ts';
import {
  type Reading,
  type SignedContent,
  addUnread,
  attemptEvidence,
  contentOf,
} from '#shared/validation/reading.ts';

type ImprintFacts = Pick<TimestampFacts, 'imprintFound' | 'imprintIntact'>;

/** Compares a token's imprint with the digest of what it should be over. */
export function compareImprint(
  token: TimeStampToken,
  digestOf: (algorithm: DigestAlgorithm) => Uint8Array | undefined,
): ImprintFacts {
  const { algorithm, hashedMessage } = token.tstInfo.messageImprint;
  const expected = algorithm && digestOf(algorithm);
  if (!expected) return { imprintFound: false, imprintIntact: false };
  return { imprintFound: true, imprintIntact: equalBytes(expected, hashedMessage) };
}

/** The same where any of several contents may be meant: the one that fits, else found but not intact. */
export function compareImprintWithAny(
  token: TimeStampToken,
  contents: readonly DetachedContent[],
): ImprintFacts {
  const all = contents.map((content) => compareImprint(token, content.digest));
  return (
    all.find(({ imprintIntact }) => imprintIntact) ??
    all.find(({ imprintFound }) => imprintFound) ?? { imprintFound: false, imprintIntact: false }
  );
}

type CoverageFacts = ImprintFacts & Pick<TimestampDraft, 'atsHashIndex' | 'covers'>;

/** Whether the imprint fits, and what the token is over if so. */
function coverageOf(
  { reading, archive, context }: CmsSource,
  signature: CadesSignature,
  timestamp: AttributeTimestamp,
  content: SignedContent | undefined,
): CoverageFacts {
  const { covered, token } = timestamp;
  switch (covered.kind) {
    case 'octets':
      return {
        ...compareImprint(token, (algorithm) => digest(algorithm, ...covered.parts)),
        covers: coveredBy(timestamp, signature),
      };
    case 'content':
      return compareImprint(token, (algorithm) => content?.digest(algorithm));
    case 'archive': {
      const { signerInfo } = signature;
      const { version } = covered;
      const read = attempt(reading.collector.problems, context.place, () =>
        archive.read(signerInfo, { version, token }, content),
      );
      // Not computed: no claim, which is something else than "not intact".
      if (!read) return {};
      const { imprintFound, imprintIntact, hashIndex, covers } = read;
      return {
        imprintFound,
        imprintIntact,
        atsHashIndex: hashIndex,
        covers: covers && objectsOfArchive(signerInfo, covers),
      };
    }
  }
}

/** What the timestamp proves of the signature that carries it. */
function coveredBy(
  { type }: AttributeTimestamp,
  { signerInfo, timestamps }: CadesSignature,
): CoveredObjects | undefined {
  if (type !== 'signature' && type !== 'validation-data') return undefined;
  const { objects, tokens = [] } = objectsOfSignature(signerInfo);
  if (type === 'signature') return { objects, tokens };
  const signatureTimestamps = timestamps.filter((one) => one.type === 'signature');
  return { objects, tokens: [...tokens, ...signatureTimestamps.map(({ token }) => token)] };
}

const notAtHand: SignedContent = { name: 'content', digest: () => undefined };

/**
 * What a record in an attribute has to cover: the signature as it was before, in the first reading that
 * the record holds; an external record the detached content, too. RFC 4998 Appendix A
 */
function coveredByRecord(
  { signedData, subjects }: CmsSource,
  { signerInfo }: CadesSignature,
  { attribute, kind }: AttributeEvidenceRecord,
  content: SignedContent | undefined,
  isHeld: (content: SignedContent) => boolean,
): readonly SignedContent[] {
  const readings = subjects
    .of(signerInfo, attribute)
    .map((one): SignedContent => ({ name: 'signature', digest: one.digest, octets: one.octets }));
  const subject = readings.find(isHeld) ?? readings[0];
  const isOverContent = kind === 'external' && signedData.eContent === undefined;
  // Content that is not at hand is covered all the same: nothing can be said of it then.
  const given = isOverContent ? (content ?? notAtHand) : undefined;
  return [subject, given].filter((one) => one !== undefined);
}

/** Level by what is carried. EN 319 122-1 §6.1; `hasRevocation`: CRLs or OCSP in SignedData or the store. */
function levelOf(signature: CadesSignature, hasRevocation: boolean): SignatureLevel {
  const types = new Set(signature.timestamps.map(({ type }) => type));
  if (types.has('archive')) return 'LTA';
  const { crls, ocspResponses } = signature.values;
  const withValues = hasRevocation || crls.length + ocspResponses.length > 0;
  if (types.has('signature')) return withValues ? 'LT' : 'T';
  return 'B';
}

function messageDigestReference(
  signature: CadesSignature,
  content: SignedContent | undefined,
): ReferenceFacts[] {
  const { messageDigest, signerInfo } = signature;
  if (!messageDigest) return [];
  const algorithm = digestAlgorithmOfOid(signerInfo.digestAlgorithm.oid);
  const actual = algorithm && content?.digest(algorithm);
  return [
    {
      kind: 'message-digest',
      uri: content?.name,
      algorithm: algorithm ?? oidName(signerInfo.digestAlgorithm.oid),
      digest: toHex(messageDigest),
      // Content whose digest algorithm is unknown is there, and proves nothing.
      found: actual !== undefined || content?.octets !== undefined,
      intact: actual !== undefined && equalBytes(actual, messageDigest),
    },
  ];
}

/** Of several detached contents, the one that the message digest fits; else the first. */
function chooseContent(
  signature: CadesSignature,
  contents: readonly SignedContent[],
): SignedContent | undefined {
  const algorithm = digestAlgorithmOfOid(signature.signerInfo.digestAlgorithm.oid);
  const { messageDigest } = signature;
  const fits = contents.find((content) => {
    const actual = algorithm && content.digest(algorithm);
    return actual && messageDigest && equalBytes(actual, messageDigest);
  });
  return fits ?? contents[0];
}

export type CmsContext = {
  /** What detached signatures are over, best guess first. */
  readonly contents: readonly SignedContent[];
  readonly place?: string | undefined;
  /** Facts that only the outer format knows. */
  readonly outer?: Partial<
    Pick<SignatureFacts, 'format' | 'pdf' | 'claimedSigningTime' | 'references'>
  >;
  /** Validation data outside of the CMS that counts for its level, such as a PDF's store. */
  readonly hasRevocation?: boolean;
  readonly contentProblem?: string | undefined;
  readonly laterChanges?: readonly string[] | undefined;
  /** The signature is over the context's content, whatever is encapsulated (PDF, EN 319 142-1 §5.2). */
  readonly detachedOnly?: boolean;
  /** A PDF signature has one signer (EN 319 142-1 §4.1 a). */
  readonly singleSigner?: boolean;
  /** Document or container timestamps lift the level to LTA. */
  readonly hasArchiveTimestamp?: boolean;
};

/** What the signatures of one SignedData share. */
type CmsSource = {
  readonly reading: Reading;
  readonly signedData: SignedData;
  readonly archive: ArchiveTimestampReader;
  readonly subjects: RecordSubjectReader;
  /** What is encapsulated, where that is what the signatures are over. */
  readonly encapsulated: SignedContent | undefined;
  readonly context: CmsContext;
  readonly tooManySigners: number | undefined;
};

function addSignature(
  source: CmsSource,
  signature: CadesSignature,
  countersigned: { readonly id: string; readonly octets: Uint8Array } | undefined,
): void {
  const { reading, signedData, context } = source;
  const { collector } = reading;
  const content = countersigned
    ? contentOf([countersigned.octets])
    : (source.encapsulated ?? chooseContent(signature, context.contents));
  const own = levelOf(
    signature,
    (context.hasRevocation ?? false) ||
      signedData.crls.length + signedData.ocspResponses.length > 0,
  );
  const id = collector.addSignature({
    by: { kind: 'cms', signerInfo: signature.signerInfo },
    format: signature.isCades ? 'CAdES' : 'CMS',
    level: context.hasArchiveTimestamp && own !== 'B' ? 'LTA' : own,
    ...(context.outer?.pdf === undefined && {
      cadesLevel: nameCadesLevel({
        signedData,
        signature,
        countersigns: countersigned !== undefined,
        archivedOutside: context.hasArchiveTimestamp && !countersigned,
      }),
    }),
    place: context.place,
    countersigns: countersigned?.id,
    claimedSigningTime: signature.claimedSigningTime,
    detached: !countersigned && signedData.eContent === undefined,
    ...context.outer,
    references: [
      ...messageDigestReference(signature, content),
      ...(countersigned ? [] : (context.outer?.references ?? [])),
    ],
  });
  reading.cmsSignatures.push({
    id,
    signedData,
    signerInfo: signature.signerInfo,
    countersigns: countersigned !== undefined,
    content,
    contentProblem: countersigned ? undefined : context.contentProblem,
    tooManySigners: countersigned ? undefined : source.tooManySigners,
    laterChanges: countersigned ? [] : (context.laterChanges ?? []),
    entries: countersigned ? [] : (context.outer?.references ?? []),
  });
  for (const octets of signature.values.certificates)
    collector.addCertificateOctets(octets, context.place);
  for (const octets of signature.values.crls) collector.addCrlOctets(octets, context.place);
  for (const octets of signature.values.ocspResponses)
    collector.addOcspOctets(octets, context.place);
  for (const timestamp of signature.timestamps) {
    collector.addTimestamp({
      type: timestamp.type,
      token: timestamp.token,
      of: id,
      place: context.place,
      ...coverageOf(source, signature, timestamp, content),
    });
  }
  const { place } = context;
  for (const { type, message } of signature.unreadTimestamps)
    reading.unread.push({ subject: 'timestamp', of: id, type, place, message });
  for (const record of signature.evidenceRecords)
    attemptEvidence(
      reading,
      { subject: 'evidence-record', of: id, type: record.kind, place },
      () => {
        readEvidenceRecord(reading, record.octets, {
          of: id,
          place,
          dataObjects: (isHeld) => coveredByRecord(source, signature, record, content, isHeld),
        });
      },
    );
  for (const counter of signature.countersignatures)
    addSignature(source, counter, { id, octets: signature.signerInfo.signature });
}

/**
 * All signatures of a ContentInfo. Tells CMS from CAdES, and gives a bare token as one.
 * @throws FormatError ERR_FORMAT_CMS, ERR_FORMAT_DER, ERR_FORMAT_LIMIT
 */
export function readCmsDocument(
  reading: Reading,
  octets: Uint8Array,
  context: CmsContext,
): Extract<DocumentFormat, 'CMS' | 'CAdES' | 'TST'> {
  const cades = readCades(octets);
  if (cades.signedData.eContentType === oids.idCtTSTInfo) {
    readToken(reading, octets, { type: 'token', contents: context.contents });
    return 'TST';
  }
  const { collector } = reading;
  collector.addProblems(cades.problems, context.place);
  collector.addSignedData(cades.signedData);
  if (cades.signatures.length === 0) {
    const problem: Problem = {
      severity: 'warning',
      code: 'cms-without-signer',
      message: 'SignedData without a signer',
      ...(context.place !== undefined && { place: context.place }),
    };
    collector.problems.push(problem);
    // By itself it is a bag of certificates; in a place for a signature it is one that is missing.
    if (context.place !== undefined)
      addUnread(reading, { subject: 'signature', type: 'cms', place: context.place }, [problem]);
  }
  // EN 319 142-1 §5.2: else the signature would be over what it carries, not over the document.
  const carries = context.detachedOnly && (cades.signedData.eContent?.length ?? 0) > 0;
  const contentProblem = carries
    ? 'a signature that has to be detached carries content'
    : context.contentProblem;
  if (carries)
    collector.problems.push({
      severity: 'error',
      code: 'cms-content-not-detached',
      message: 'a signature that has to be detached carries content',
      ...(context.place !== undefined && { place: context.place }),
    });
  const tooManySigners =
    context.singleSigner && cades.signatures.length > 1 ? cades.signatures.length : undefined;
  if (tooManySigners !== undefined)
    collector.problems.push({
      severity: 'error',
      code: 'pdf-several-signers',
      message: `a PDF signature with ${tooManySigners} signers, where it has one`,
      ...(context.place !== undefined && { place: context.place }),
    });
  const { signedData } = cades;
  const source: CmsSource = {
    reading,
    signedData,
    archive: createArchiveTimestampReader(signedData),
    subjects: createRecordSubjectReader(signedData),
    encapsulated:
      signedData.eContent && !context.detachedOnly ? contentOf([signedData.eContent]) : undefined,
    context: { ...context, contentProblem },
    tooManySigners,
  };
  for (const signature of cades.signatures) addSignature(source, signature, undefined);
  return cades.signatures.some(({ isCades }) => isCades) ? 'CAdES' : 'CMS';
}

/** A bare token. @throws FormatError ERR_FORMAT_TSP_TOKEN and what reading its CMS throws */
export function readToken(
  reading: Reading,
  octets: Uint8Array,
  context: {
    readonly type: TimestampType;
    readonly contents: readonly DetachedContent[];
    readonly place?: string | undefined;
    readonly of?: string | undefined;
    /** Documents that are covered where the imprint fits one of `contents`. */
    readonly covers?: CoveredObjects | undefined;
    /** What the manifest lists that it is over. */
    readonly entries?: readonly ReferenceFacts[] | undefined;
    readonly laterChanges?: readonly string[] | undefined;
  },
): void {
  const token = parseTimeStampToken(octets);
  reading.collector.addTimestamp({
    type: context.type,
    token,
    of: context.of,
    place: context.place,
    ...compareImprintWithAny(token, context.contents),
    covers: context.covers,
    entries: context.entries,
    laterChanges: context.laterChanges,
  });
}

/** A time-stamp response: its token, or why there is none. @throws FormatError */
export function readTimestampResponse(reading: Reading, octets: Uint8Array): void {
  const response = parseTimeStampResp(octets);
  if (response.token) {
    readToken(reading, response.token, { type: 'token', contents: reading.detached });
    return;
  }
  reading.collector.problems.push({
    severity: 'warning',
    code: 'tsp-no-token',
    message: `response without a token: ${response.statusName ?? response.status}`,
  });
}
