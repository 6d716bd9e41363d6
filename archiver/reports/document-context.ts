// Documents with what belongs to them, from the catalogue: batches are few and held by id, documents are
// many and come in pages.
import type {
  BatchRow,
  Catalogue,
  DocumentFilter,
  DocumentRelations,
  DocumentRow,
} from '#shared/ports/catalogue.ts';
import type { RowReading } from './report.ts';

export type BatchIndex = ReadonlyMap<string, BatchRow>;

/** Every batch, loaded once. */
export async function loadBatchIndex(
  catalogue: Catalogue,
  reread?: Pick<RowReading, 'batch'>,
): Promise<BatchIndex> {
  const index = new Map<string, BatchRow>();
  for await (const batch of catalogue.batches())
    index.set(batch.batchId, reread ? reread.batch(batch) : batch);
  return index;
}

/** What belongs to a document beside its own row. */
export type DocumentContext = {
  /** Batches of its active memberships. */
  readonly batches: readonly BatchRow[];
  /** Key of the document that it is attached to. */
  readonly attachedTo?: string | undefined;
  /** Rows of its detached signatures and companions. */
  readonly attached: readonly DocumentRow[];
};

export type DocumentInContext = {
  readonly document: DocumentRow;
  readonly context: DocumentContext;
};

const pageSize = 500;

function contextOf(relations: DocumentRelations | undefined, batches: BatchIndex): DocumentContext {
  const { memberships = [], attached = [], attachedToKey } = relations ?? {};
  return {
    batches: memberships.flatMap((membership) => {
      const batch = membership.active ? batches.get(membership.batchId) : undefined;
      return batch ? [batch] : [];
    }),
    attachedTo: attachedToKey,
    attached,
  };
}

/** Of one document. */
export async function loadContext(
  catalogue: Catalogue,
  document: DocumentRow,
  batches: BatchIndex,
): Promise<DocumentContext> {
  const relations = await catalogue.relationsOf([document]);
  return contextOf(relations.get(document.id), batches);
}

/** All that the filter lets through, in the catalogue's order; relations are asked for by the page. */
export async function* documentsInContext(
  catalogue: Catalogue,
  batches: BatchIndex,
  filter: DocumentFilter = {},
  reread?: Pick<RowReading, 'document'>,
): AsyncIterable<DocumentInContext> {
  let page: DocumentRow[] = [];
  const withContext = async (): Promise<readonly DocumentInContext[]> => {
    const relations = await catalogue.relationsOf(page);
    const documents = page;
    page = [];
    return documents.map((document) => ({
      document,
      context: contextOf(relations.get(document.id), batches),
    }));
  };
  for await (const document of catalogue.documents(filter)) {
    page.push(reread ? reread.document(document) : document);
    if (page.length >= pageSize) yield* await withContext();
  }
  if (page.length > 0) yield* await withContext();
}
