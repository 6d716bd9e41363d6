// The document security store: certificates, CRLs and OCSP responses that a PDF carries for its
// signatures. EN 319 142-1 §5.4. Each stream is read once, however often it is named.
import { type PdfFile, dictionaryOf, entryOf, resolve, streamData } from '#shared/pades/file.ts';
import { type PdfObject, isKind, nameOf, pdfError, pdfLimit } from '#shared/pades/objects.ts';
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

/** What of the store cannot be read. */
export type UnreadStorePart = {
  readonly kind: 'validation-data' | 'timestamp';
  readonly problem: Problem;
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

/** Timestamps of the VRI dictionaries; one that is none is as a timestamp that cannot be read. */
function readVri(
  file: PdfFile,
  vri: PdfObject,
  unread: UnreadStorePart[],
): Pick<DocumentSecurityStore, 'vri' | 'vriTimestamps'> {
  if (vri === null) return { vri: 0, vriTimestamps: [] };
  if (!isKind(vri, 'dictionary')) throw pdfError('the VRI of the security store is no dictionary');
  if (vri.entries.size > maxStreams) throw pdfLimit(`more than ${maxStreams} VRI dictionaries`);
  const timestamps = [...vri.entries].flatMap(([name, entry]) => {
    // Some producers say of the dictionary as a whole what it is.
    if (name === 'Type' && nameOf(entry) !== undefined) return [];
    const failed: Problem[] = [];
    const timestamp = attempt(failed, 'DSS', () => {
      const dictionary = dictionaryOf(file, entry);
      if (!dictionary) throw pdfError(`VRI ${JSON.stringify(name.slice(0, 80))} is no dictionary`);
      return dictionary.entries.get('TS');
    });
    unread.push(...failed.map((problem) => ({ kind: 'validation-data', problem }) as const));
    return timestamp === undefined ? [] : [timestamp];
  });
  const failed: Problem[] = [];
  const vriTimestamps = readStreams(file, { kind: 'array', items: timestamps }, failed);
  unread.push(...failed.map((problem) => ({ kind: 'timestamp', problem }) as const));
  return { vri: vri.entries.size, vriTimestamps };
}

/**
 * The store that the newest revision's catalogue names, `undefined` where there is none. What of it cannot be read is
 * left out and given with the reason.
 */
export function readSecurityStore(file: PdfFile): {
  readonly store: DocumentSecurityStore | undefined;
  readonly unread: readonly UnreadStorePart[];
} {
  const unread: UnreadStorePart[] = [];
  const part = <T>(read: (failed: Problem[]) => T): T | undefined => {
    const failed: Problem[] = [];
    const result = attempt(failed, 'DSS', () => read(failed));
    unread.push(...failed.map((problem) => ({ kind: 'validation-data', problem }) as const));
    return result;
  };
  const store = part(() => {
    const named = file.catalog.entries.get('DSS');
    const dictionary = dictionaryOf(file, named);
    if (!dictionary && resolve(file, named) !== null)
      throw pdfError('the security store is no dictionary');
    return dictionary;
  });
  if (!store) return { store: undefined, unread };
  const streamsOf = (key: string): readonly Uint8Array[] =>
    part((failed) => readStreams(file, store.entries.get(key) ?? null, failed)) ?? [];
  return {
    store: {
      certificates: streamsOf('Certs'),
      crls: streamsOf('CRLs'),
      ocspResponses: streamsOf('OCSPs'),
      ...(part(() => readVri(file, entryOf(file, store, 'VRI'), unread)) ?? {
        vri: 0,
        vriTimestamps: [],
      }),
    },
    unread,
  };
}
