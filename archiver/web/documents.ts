// `POST /documents?key=KEY`: a document in, its evidence record out, at once or later (RFC 7240). For programs of this
// machine: the page has no users, so that the loopback address and the sender's origin are what guards it.
import type { Express, Request, RequestHandler, Response } from 'express';
import { toBase64 } from '#shared/bytes.ts';
import { FormatError, SourceError } from '#shared/errors.ts';
import { preferenceOf } from '#shared/intake/preference.ts';
import type { Catalogue, DocumentRow } from '#shared/ports/catalogue.ts';
import type { ObjectStore } from '#shared/ports/object-store.ts';
import type { RecordReader } from '../intake/answer.ts';
import type { IntakePlace, IntakeService } from '../intake/service.ts';
import { sha256OfContentDigest, storeDocument, type Upload } from '../intake/upload.ts';
import { roleOfKey } from '../stages/group-names.ts';
import { parameter } from './query.ts';

/** What comes in over HTTP, and where it goes. */
export type WebIntake = {
  readonly service: IntakeService;
  readonly store: ObjectStore;
  /** Under which the store is scanned: other keys would never be found again. */
  readonly prefix: string;
  readonly detachedSuffixes: readonly string[];
  readonly maxBytes: number;
  readonly maxUploads: number;
  /** How long a run may take before who waits is told to come again. */
  readonly runMs: number;
  readonly recordsOf: RecordReader;
};

export type DocumentRoutes = {
  readonly intake: WebIntake;
  readonly guard: RequestHandler;
  readonly read: <T>(work: (catalogue: Catalogue) => Promise<T>) => Promise<T>;
  readonly sendPlain: (response: Response, status: number, text: string) => void;
};

/** A sender that sends nothing for so long has gone. */
const stalledMs = 30_000;

const recordMediaType = 'application/octet-stream';

/** What is wrong with a key, for whoever chose it. */
function keyOffence(key: string, { prefix, detachedSuffixes }: WebIntake): string | undefined {
  if (Buffer.byteLength(key) > 1024) return 'A key has at most 1024 octets.';
  if (!key.startsWith(prefix)) return `Keys here begin with ${JSON.stringify(prefix)}.`;
  const { kind } = roleOfKey(key, detachedSuffixes);
  if (kind === 'retention-sidecar' || kind === 'metadata-sidecar')
    return 'What is said of a document is no document: put it beside the document in its store.';
  return undefined;
}

/** The body, piece by piece, from where it was left: what a store does not read is there for whoever compares. */
function bodyOf(request: Request): AsyncIterable<Uint8Array> {
  return request.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>;
}

const refusals = {
  conflict: [409, 'Another document stands under this key. Nothing was stored.'],
  'too-large': [413, 'This document is larger than is taken here. Nothing was stored.'],
  damaged: [400, 'The octets are not those of the Content-Digest. Nothing was stored.'],
} as const;

/** Adds what takes documents in and tells of them. */
export function addDocuments(app: Express, routes: DocumentRoutes): void {
  const { intake, guard, read, sendPlain } = routes;
  const { service, store } = intake;
  let uploads = 0;

  const rowOf = (catalogue: Catalogue, { key }: IntakePlace): Promise<DocumentRow | undefined> =>
    newest(catalogue, store.name, key);

  /** What is known of the document under a key, with the records that it has. */
  const answer = async (
    request: Request,
    response: Response,
    place: IntakePlace,
    status: { readonly done: number; readonly stored?: Upload & { readonly sha256: string } },
  ): Promise<void> => {
    const location = `/documents?key=${encodeURIComponent(place.key)}`;
    const found = await read(async (catalogue) => {
      const row = await rowOf(catalogue, place);
      return row && { row, records: await intake.recordsOf(catalogue, row) };
    });
    // Of an earlier content, while the new one waits.
    const current = status.stored && found?.row.sha256 !== status.stored.sha256 ? undefined : found;
    if (!current && !status.stored) {
      sendPlain(response, 404, 'There is no such document, or it is not taken in yet.');
      return;
    }
    const records = current?.records ?? [];
    response.set({ location, 'cache-control': 'no-store' });
    const [record] = records;
    if (record && request.accepts(['application/json', recordMediaType]) === recordMediaType) {
      response.set('content-type', recordMediaType).status(status.done).end(record.octets);
      return;
    }
    if (!record) response.set('retry-after', String(Math.ceil(service.intervalMs / 1000) || 1));
    response.status(record ? status.done : 202).json({
      status: record ? 'done' : 'waiting',
      store: store.name,
      key: place.key,
      sha256: current?.row.sha256 ?? status.stored?.sha256,
      size: current?.row.size,
      state: current?.row.state ?? 'waiting',
      location,
      records: records.map(({ octets, ...rest }) => ({ ...rest, record: toBase64(octets) })),
    });
  };

  const upload = async (request: Request, key: string): Promise<Upload> => {
    const gone = new AbortController();
    request.once('aborted', () => {
      const message = 'the sender went away';
      gone.abort(new SourceError('ERR_SOURCE_UNREACHABLE', message, { retryable: true }));
    });
    request.setTimeout(stalledMs, () => request.destroy());
    const digest = request.headers['content-digest'];
    try {
      return await storeDocument(store, key, () => bodyOf(request), {
        maxBytes: intake.maxBytes,
        expected: typeof digest === 'string' ? sha256OfContentDigest(digest) : undefined,
        contentType: request.headers['content-type'],
        signal: gone.signal,
      });
    } finally {
      // From here on it is the sender who waits.
      request.setTimeout(0);
    }
  };

  /** Refused before the body is read; the connection ends, since what was not read is not read at all. */
  const refuse = (response: Response, status: number, text: string, retry = false): void => {
    response.set('connection', 'close');
    if (retry) response.set('retry-after', String(Math.ceil(service.intervalMs / 1000) || 1));
    sendPlain(response, status, text);
  };

  const post = async (request: Request, response: Response): Promise<void> => {
    const key = parameter(request, 'key');
    const offence =
      key === undefined || key === '' ? 'The key is missing.' : keyOffence(key, intake);
    if (key === undefined || offence !== undefined) {
      refuse(response, 400, `${offence ?? ''} A document is sent to /documents?key=KEY.`);
      return;
    }
    if ((request.headers['content-encoding'] ?? 'identity') !== 'identity') {
      refuse(response, 415, 'Documents are taken as they are, with no content encoding.');
      return;
    }
    if (Number(request.headers['content-length'] ?? 0) > intake.maxBytes) {
      const [status, text] = refusals['too-large'];
      refuse(response, status, text);
      return;
    }
    if (uploads >= intake.maxUploads || !service.hasRoom(1)) {
      refuse(response, 503, 'As much as may come in is coming in. Nothing was stored.', true);
      return;
    }
    uploads++;
    let stored: Upload;
    try {
      stored = await upload(request, key);
    } catch (error) {
      if (error instanceof FormatError && error.code === 'ERR_FORMAT_KEY') {
        refuse(response, 400, `The store cannot hold this key: ${error.message}`);
        return;
      }
      throw error;
    } finally {
      uploads--;
    }
    if (stored.kind !== 'stored' && stored.kind !== 'there') {
      const [status, text] = refusals[stored.kind];
      refuse(response, status, text);
      return;
    }
    const place = { store: store.name, key };
    const { waitMs, applied } = preferenceOf(request.headers['prefer']);
    if (applied !== undefined) response.set('preference-applied', applied);
    const known = await read((catalogue) => rowOf(catalogue, place));
    if (known?.sha256 !== stored.sha256 || known.state === 'waiting') {
      service.collect(place);
      const gone = new AbortController();
      response.once('close', () => {
        gone.abort();
      });
      const longest = service.intervalMs + intake.runMs;
      await service.settled(place, Math.min(waitMs ?? longest, longest), gone.signal);
      if (gone.signal.aborted) return;
    }
    await answer(request, response, place, { done: stored.kind === 'stored' ? 201 : 200, stored });
  };

  const get = async (request: Request, response: Response): Promise<void> => {
    const key = parameter(request, 'key');
    if (key === undefined) sendPlain(response, 400, 'A document is asked for by its key.');
    else await answer(request, response, { store: store.name, key }, { done: 200 });
  };

  app.route('/documents').get(guard, get).post(guard, post);
}

/** The newest content that was taken in under a key. */
async function newest(
  catalogue: Catalogue,
  store: string,
  key: string,
): Promise<DocumentRow | undefined> {
  let found: DocumentRow | undefined;
  for await (const row of catalogue.documents({ store, key })) found = row;
  return found;
}
