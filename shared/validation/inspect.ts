// From octets to Facts: tells the format from the content and asks the reader of that format.
// Never throws for what the octets are: what cannot be read is a problem in the facts.
import { readTlv } from '#shared/der/reader.ts';
import { FormatError } from '#shared/errors.ts';
import { attempt } from '#shared/problem.ts';
import { type TimestampReading, createCollector } from '#shared/validation/collect.ts';
import { type OuterFormat, detectFormat } from '#shared/validation/detect.ts';
import type { DetachedContent, DocumentFormat, Facts } from '#shared/validation/facts.ts';
import { readContainer } from '#shared/validation/read-container.ts';
import { readCmsDocument, readTimestampResponse } from '#shared/validation/read-cms.ts';
import { readEvidenceRecord } from '#shared/validation/read-evidence-record.ts';
import { readPdfDocument } from '#shared/validation/read-pdf.ts';
import { readXmlDocument } from '#shared/validation/read-xml.ts';
import type {
  CmsSignatureReading,
  EvidenceRecordReading,
  JudgeableSignature,
  Reading,
  UnreadEvidence,
} from '#shared/validation/reading.ts';
import { type Certificate, decodePem } from '#shared/x509/certificate.ts';
import type { CertificateList } from '#shared/x509/crl.ts';
import type { OcspResponse } from '#shared/x509/ocsp.ts';

/** Documents above this size are looked at by their head only, unless the caller says otherwise. */
export const defaultInspectLimit = 64 * 1024 * 1024;

export type InspectInput = {
  /** The whole document, or its first octets where it is larger than the limit. Borrowed. */
  readonly bytes: Uint8Array;
  /** Size of the whole document in octets. */
  readonly size: number;
  /** What detached signatures and evidence records may be about. */
  readonly detached?: readonly DetachedContent[] | undefined;
};

/** Facts, and what of the document can be judged: judge-signatures.ts and long-term.ts go on with it. */
export type DocumentReading = {
  readonly facts: Facts;
  readonly cmsSignatures: readonly CmsSignatureReading[];
  readonly xmlSignatures: readonly JudgeableSignature[];
  /** Every certificate of the document. */
  readonly certificates: readonly Certificate[];
  readonly crls: readonly CertificateList[];
  readonly ocspResponses: readonly OcspResponse[];
  readonly timestamps: readonly TimestampReading[];
  readonly evidenceRecords: readonly EvidenceRecordReading[];
  readonly unread: readonly UnreadEvidence[];
};

type Outcome = Pick<Facts, 'format' | 'pdf' | 'container'>;

/** The format that is reported where reading fails: what the first octets claim. */
const claimed: Readonly<Record<OuterFormat, DocumentFormat>> = {
  empty: 'empty',
  pdf: 'PDF',
  zip: 'ZIP',
  xml: 'XML',
  pem: 'plain',
  cms: 'CMS',
  'timestamp-response': 'TSR',
  'evidence-record': 'ER-ASN1',
  certificate: 'Certificate',
  crl: 'CRL',
  ocsp: 'OCSP',
  plain: 'plain',
};

const readers: Readonly<Record<OuterFormat, (reading: Reading, octets: Uint8Array) => Outcome>> = {
  empty: () => ({ format: 'empty' }),
  plain: () => ({ format: 'plain' }),
  pdf: readPdfDocument,
  zip: readContainer,
  xml: readXmlDocument,
  pem: readPem,
  cms: (reading, octets) => {
    const { raw } = readTlv(octets);
    // Files padded or joined by careless tools: the signature is read, the rest is said.
    if (raw.length < octets.length)
      reading.collector.problems.push({
        severity: 'error',
        code: 'octets-after-the-end',
        message: `${octets.length - raw.length} octets after the signature`,
        offset: raw.length,
      });
    return { format: readCmsDocument(reading, raw, { contents: reading.detached }) };
  },
  'timestamp-response': (reading, octets) => {
    readTimestampResponse(reading, octets);
    return { format: 'TSR' };
  },
  'evidence-record': (reading, octets) => {
    readEvidenceRecord(reading, octets, { dataObjects: reading.detached });
    return { format: 'ER-ASN1' };
  },
  certificate: (reading, octets) => {
    reading.collector.addCertificateOctets(octets);
    return { format: 'Certificate' };
  },
  crl: (reading, octets) => {
    reading.collector.addCrlOctets(octets);
    return { format: 'CRL' };
  },
  ocsp: (reading, octets) => {
    reading.collector.addOcspOctets(octets);
    return { format: 'OCSP' };
  },
};

/** RFC 7468: what the first label says; other labels are plain data. */
function readPem(reading: Reading, octets: Uint8Array): Outcome {
  const text = new TextDecoder('latin1').decode(octets);
  const label = /-----BEGIN ([A-Z0-9 ]{1,40})-----/.exec(text)?.[1] ?? '';
  const inner = ['CERTIFICATE', 'X509 CRL', 'CMS', 'PKCS7'].includes(label)
    ? decodePem(text, label)
    : [];
  const [first] = inner;
  if (!first) return { format: 'plain' };
  const format = detectFormat(first);
  if (format !== 'certificate')
    return format === 'pem' ? { format: 'plain' } : readers[format](reading, first);
  for (const certificate of inner) reading.collector.addCertificateOctets(certificate);
  return { format: 'Certificate' };
}

/** Facts and what of the document can be judged. @see inspect */
export function readDocument(input: InspectInput): DocumentReading {
  const collector = createCollector();
  const cmsSignatures: CmsSignatureReading[] = [];
  const xmlSignatures: JudgeableSignature[] = [];
  const evidenceRecords: EvidenceRecordReading[] = [];
  const unread: UnreadEvidence[] = [];
  const outer = input.size === 0 ? 'empty' : detectFormat(input.bytes);
  let outcome: Outcome = { format: claimed[outer] };
  if (input.bytes.length < input.size) {
    // A part of a signed document would give facts that the whole may contradict.
    if (outer !== 'plain')
      collector.problems.push({
        severity: 'error',
        code: 'too-large-to-inspect',
        message: `document of ${input.size} octets is larger than what is inspected`,
      });
  } else {
    const reading: Reading = {
      collector,
      detached: input.detached ?? [],
      cmsSignatures,
      xmlSignatures,
      evidenceRecords,
      unread,
    };
    outcome =
      attempt(collector.problems, undefined, () =>
        withoutOverflow(() => readers[outer](reading, input.bytes)),
      ) ?? outcome;
  }
  const facts = collector.finish(outcome);
  return {
    facts,
    cmsSignatures,
    xmlSignatures,
    evidenceRecords,
    unread,
    certificates: collector.certificates(),
    crls: collector.crls(),
    ocspResponses: collector.ocspResponses(),
    timestamps: collector.timestamps(),
  };
}

/**
 * Every reader bounds its depth, and some hand octets to libraries: if one of those still overflows
 * the stack, that is the document's fault, not the run's.
 */
function withoutOverflow<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new FormatError('ERR_FORMAT_LIMIT', 'structure is too large or too deep to be read', {
      cause: error,
    });
  }
}

/**
 * What the document says about itself. Pure: reads no clock and no file, `input.bytes` is borrowed.
 * Never throws for hostile octets; time and memory are bounded by the limits of the readers.
 */
export function inspect(input: InspectInput): Facts {
  return readDocument(input).facts;
}
