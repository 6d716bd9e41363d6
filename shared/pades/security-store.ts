// The document security store: certificates, CRLs and OCSP responses that a PDF carries for its
// signatures. EN 319 142-1 §5.4. Each stream is read once, however often it is named.
import { type PdfFile, dictionaryOf, entryOf, resolve, streamData } from '#shared/pades/file.ts';
import { type PdfObject, isKind, pdfError, pdfLimit } from '#shared/pades/objects.ts';
import { type Problem, attempt } from '#shared/problem.ts';

export type DocumentSecurityStore = {
  readonly certificates: readonly Uint8Array[];
  readonly crls: readonly Uint8Array[];
  readonly ocspResponses: readonly Uint8Array[];
  /** Number of VRI dictionaries: one for each signature that has validation data of its own. */
  readonly vri: number;
  /** Tokens in VRI dictionaries, /TS: when that validation data was there. EN 319 142-1 §5.4.2.3 */
  readonly vriTimestamps: readonly Uint8Array[];
};

const maxStreams = 20_000;

function itemsOf(file: PdfFile, object: PdfObject): readonly PdfObject[] {
  const value = resolve(file, object);
  if (value === null) return [];
  if (!isKind(value, 'array')) throw pdfError('array of streams expected in the security store');
  return value.items;
}

function readStreams(file: PdfFile, object: PdfObject, problems: Problem[]): Uint8Array[] {
  const seen = new Set<number>();
  const octets: Uint8Array[] = [];
  for (const item of itemsOf(file, object)) {
    // Encoders share one stream among entries; a hostile file shares it thousands of times.
    if (isKind(item, 'reference')) {
      if (seen.has(item.number)) continue;
      seen.add(item.number);
    }
    if (octets.length >= maxStreams) throw pdfLimit(`more than ${maxStreams} streams in the store`);
    const data = attempt(problems, 'DSS', () => {
      const stream = resolve(file, item);
      if (!isKind(stream, 'stream')) throw pdfError('stream expected in the security store');
      return streamData(file, stream);
    });
    if (data) octets.push(data);
  }
  return octets;
}

function readVri(
  file: PdfFile,
  vri: PdfObject,
  problems: Problem[],
): Pick<DocumentSecurityStore, 'vri' | 'vriTimestamps'> {
  if (!isKind(vri, 'dictionary')) return { vri: 0, vriTimestamps: [] };
  if (vri.entries.size > maxStreams) throw pdfLimit(`more than ${maxStreams} VRI dictionaries`);
  const streams = [...vri.entries.values()].map((entry) =>
    attempt(problems, 'DSS', () => dictionaryOf(file, entry)?.entries.get('TS')),
  );
  const timestamps: PdfObject = {
    kind: 'array',
    items: streams.filter((stream) => stream !== undefined),
  };
  return { vri: vri.entries.size, vriTimestamps: readStreams(file, timestamps, problems) };
}

/**
 * The store that the newest revision's catalogue names, `undefined` where there is none.
 * @throws FormatError ERR_FORMAT_PDF: a store that is none; single streams become problems
 */
export function readSecurityStore(
  file: PdfFile,
  problems: Problem[],
): DocumentSecurityStore | undefined {
  const store = dictionaryOf(file, file.catalog.entries.get('DSS'));
  if (!store) return undefined;
  return {
    certificates: readStreams(file, store.entries.get('Certs') ?? null, problems),
    crls: readStreams(file, store.entries.get('CRLs') ?? null, problems),
    ocspResponses: readStreams(file, store.entries.get('OCSPs') ?? null, problems),
    ...readVri(file, entryOf(file, store, 'VRI'), problems),
  };
}
