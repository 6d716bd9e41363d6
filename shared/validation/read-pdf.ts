// PDF signatures and document timestamps into facts. ISO 32000-2 §12.8, EN 319 142-1. The file is read
// by shared/pades, the CMS in it by read-cms.ts.
import {
  type PdfSignature,
  type UnreadPdfPart,
  readPdf,
  timestampSubFilter,
} from '#shared/pades/read.ts';
import type { DocumentSecurityStore } from '#shared/pades/security-store.ts';
import { parseTimeStampToken } from '#shared/tsp/token.ts';
import type { CoveredObjects } from '#shared/validation/covered-objects.ts';
import type { DocumentFormat, PdfFacts } from '#shared/validation/facts.ts';
import { readCmsDocument, readToken } from '#shared/validation/read-cms.ts';
import {
  type EvidencePlace,
  type Reading,
  addUnread,
  attemptEvidence,
  contentOf,
} from '#shared/validation/reading.ts';

const cmsSubFilters = new Set(['adbe.pkcs7.detached', 'adbe.pkcs7.sha1', 'ETSI.CAdES.detached']);

/** Whether a later document timestamp covers this signature: its range goes beyond and fits a revision. */
function isCoveredByTimestamp(
  signature: PdfSignature,
  signatures: readonly PdfSignature[],
): boolean {
  const endOf = ({ byteRange }: PdfSignature): number => (byteRange[2] ?? 0) + (byteRange[3] ?? 0);
  return signatures.some(
    (other) =>
      other.subFilter === timestampSubFilter &&
      other.coverage.coverage !== 'unclear' &&
      endOf(other) > endOf(signature),
  );
}

/**
 * The file as it was before the revision that a document timestamp closes, and that revision with its
 * security store: the file up to the end of the range, the timestamp's own token aside.
 */
function coveredRevision(
  octets: Uint8Array,
  { byteRange, coverage }: PdfSignature,
): CoveredObjects | undefined {
  const [, , start = 0, length = 0] = byteRange;
  return coverage.coverage === 'entire-file' || coverage.coverage === 'entire-revision'
    ? { documents: [octets.subarray(0, start + length)] }
    : undefined;
}

const unreadTypes: Readonly<Record<UnreadPdfPart['kind'], string>> = {
  signature: 'pdf',
  timestamp: 'document',
  'validation-data': 'dss',
};

/** Certificates and revocation data of the store, and which of them are none. EN 319 142-1 §5.4.2 */
function addValidationData(reading: Reading, store: DocumentSecurityStore | undefined): void {
  const { collector } = reading;
  const add = (
    type: string,
    values: readonly Uint8Array[],
    one: (octets: Uint8Array) => void,
  ): void => {
    const before = collector.problems.length;
    for (const octets of values) one(octets);
    const problems = collector.problems
      .slice(before)
      .filter(({ severity }) => severity === 'error');
    addUnread(reading, { subject: 'validation-data', type, place: 'DSS' }, problems);
  };
  add('certificate', store?.certificates ?? [], (octets) =>
    collector.addCertificateOctets(octets, 'DSS'),
  );
  add('crl', store?.crls ?? [], (octets) => {
    collector.addCrlOctets(octets, 'DSS');
  });
  add('ocsp', store?.ocspResponses ?? [], (octets) => {
    collector.addOcspOctets(octets, 'DSS');
  });
}

/**
 * Adds everything that the file's newest revision shows.
 * @throws FormatError ERR_FORMAT_PDF, ERR_FORMAT_LIMIT: the file cannot be followed
 */
export function readPdfDocument(
  reading: Reading,
  octets: Uint8Array,
): { readonly format: Extract<DocumentFormat, 'PDF' | 'PAdES'>; readonly pdf: PdfFacts } {
  const { collector } = reading;
  const file = readPdf(octets);
  collector.addProblems(file.problems);
  const store = file.securityStore;
  for (const { kind, place, problem } of file.unread)
    addUnread(reading, { subject: kind, type: unreadTypes[kind], place }, [problem]);
  addValidationData(reading, store);
  for (const value of store?.vriTimestamps ?? [])
    attemptEvidence(reading, { subject: 'timestamp', type: 'vri', place: 'DSS' }, () => {
      // What it covers is the contents of the signature that the VRI is named after: not compared.
      collector.addTimestamp({ type: 'vri', token: parseTimeStampToken(value), place: 'DSS' });
    });
  const hasRevocation = (store?.crls.length ?? 0) + (store?.ocspResponses.length ?? 0) > 0;
  let isPades = false;
  for (const signature of file.signatures) {
    const { field, subFilter, signedOctets, coverage } = signature;
    const contents = signedOctets ? [contentOf(signedOctets)] : [];
    const contentProblem = signedOctets
      ? file.damaged
        ? 'the file is damaged and its objects had to be looked for'
        : undefined
      : 'the ByteRange does not leave out exactly this signature';
    const laterChanges = signature.laterChanges.map(
      ({ number, what }) => `object ${number}: ${what}`,
    );
    if (subFilter === timestampSubFilter) {
      isPades = true;
      const evidence: EvidencePlace = { subject: 'timestamp', type: 'document', place: field };
      if (contentProblem !== undefined)
        addUnread(reading, evidence, [{ code: 'pdf-byte-range', message: contentProblem }]);
      attemptEvidence(reading, evidence, () => {
        readToken(reading, signature.contents, {
          type: 'document',
          contents,
          place: field,
          covers: coveredRevision(octets, signature),
          laterChanges,
        });
      });
      continue;
    }
    // National profiles have names of their own for a CMS; anything else fails to parse as one.
    if (!cmsSubFilters.has(subFilter))
      collector.problems.push({
        severity: 'warning',
        code: 'pdf-unknown-sub-filter',
        message: `SubFilter ${JSON.stringify(subFilter)} is read as a CMS signature`,
        place: field,
      });
    const isEtsi = subFilter === 'ETSI.CAdES.detached';
    isPades ||= isEtsi;
    attemptEvidence(reading, { subject: 'signature', type: 'pdf', place: field }, () =>
      readCmsDocument(reading, signature.contents, {
        contents,
        place: field,
        hasRevocation,
        hasArchiveTimestamp: isCoveredByTimestamp(signature, file.signatures),
        contentProblem,
        laterChanges,
        detachedOnly: subFilter !== 'adbe.pkcs7.sha1',
        singleSigner: true,
        outer: {
          format: isEtsi ? 'PAdES' : 'PDF',
          claimedSigningTime: signature.claimedSigningTime,
          pdf: {
            subFilter,
            byteRange: signature.byteRange,
            coverage: coverage.coverage,
            revision: coverage.revision,
          },
        },
      }),
    );
  }
  return {
    format: isPades ? 'PAdES' : 'PDF',
    pdf: {
      revisions: file.revisions,
      encrypted: file.encrypted,
      documentSecurityStore: store && {
        certificates: store.certificates.length,
        crls: store.crls.length,
        ocspResponses: store.ocspResponses.length,
        vri: store.vri,
      },
    },
  };
}
