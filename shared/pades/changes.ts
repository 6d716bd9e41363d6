// What later revisions changed of what a signature covers. An incremental update leaves the signed
// octets alone and can still replace what is shown; only additions that signing itself needs are let
// through: validation data, further signatures, filled form fields. ISO 32000-2 §12.8.2.2.2 (P = 2).
import { type PdfFile, resolve, viewOf } from '#shared/pades/file.ts';
import { type PdfDictionary, type PdfObject, isKind, nameOf } from '#shared/pades/objects.ts';

/** An object that is other than it was, or gone, in a way that is not let through. */
export type RevisionChange = { readonly number: number; readonly what: string };

/** Keys that may differ, by the kind of the dictionary. */
const freeKeys = {
  catalog: new Set(['DSS', 'AcroForm', 'Extensions', 'Version', 'Metadata', 'StructTreeRoot']),
  form: new Set(['Fields', 'SigFlags', 'DR', 'DA', 'NeedAppearances']),
  page: new Set(['Annots', 'StructParents', 'Tabs']),
  // Filled in, not moved: a field that goes elsewhere on the page says another thing there.
  field: new Set(['V', 'AP', 'AS', 'M', 'F', 'Ff', 'Q', 'MK', 'DA', 'Kids', 'StructParent']),
} as const;

type Kind = keyof typeof freeKeys | 'other';

const maxDepth = 50;
const maxCompared = 200_000;

/** A budget for one comparison of two files: shared structures could be walked again and again. */
type Work = { left: number };

/** Same value; references by number, since both views number alike. */
function same(a: PdfObject | undefined, b: PdfObject | undefined, work: Work, depth = 0): boolean {
  if (--work.left < 0 || depth > maxDepth) return false;
  if (isKind(a, 'array'))
    return (
      isKind(b, 'array') &&
      a.items.length === b.items.length &&
      a.items.every((item, index) => same(item, b.items[index], work, depth + 1))
    );
  if (isKind(a, 'dictionary'))
    return isKind(b, 'dictionary') && differingKeys(a, b, work, depth).length === 0;
  if (isKind(a, 'string')) return isKind(b, 'string') && Buffer.compare(a.octets, b.octets) === 0;
  if (isKind(a, 'reference')) return isKind(b, 'reference') && a.number === b.number;
  if (isKind(a, 'name')) return nameOf(b) === a.value;
  return a === b;
}

function differingKeys(a: PdfDictionary, b: PdfDictionary, work: Work, depth = 0): string[] {
  const keys = new Set([...a.entries.keys(), ...b.entries.keys()]);
  return [...keys].filter((key) => !same(a.entries.get(key), b.entries.get(key), work, depth + 1));
}

function kindOf(dictionary: PdfDictionary, isCatalog: boolean, isForm: boolean): Kind {
  if (isCatalog) return 'catalog';
  if (isForm) return 'form';
  if (nameOf(dictionary.entries.get('Type')) === 'Page') return 'page';
  const isField =
    dictionary.entries.has('FT') || nameOf(dictionary.entries.get('Subtype')) === 'Widget';
  return isField ? 'field' : 'other';
}

/** Numbers of objects to which these lead, everything below included but what stands under `without`. */
function reachable(
  file: PdfFile,
  roots: readonly (PdfObject | undefined)[],
  work: Work,
  without: ReadonlySet<string> = new Set(),
): Set<number> {
  const found = new Set<number>();
  const pending: (PdfObject | undefined)[] = [...roots];
  while (pending.length > 0 && --work.left >= 0) {
    const object = pending.pop();
    if (isKind(object, 'reference')) {
      if (found.has(object.number)) continue;
      found.add(object.number);
      pending.push(resolve(file, object));
      continue;
    }
    if (isKind(object, 'array')) pending.push(...object.items);
    const dictionary = isKind(object, 'stream') ? object.dictionary : object;
    if (!isKind(dictionary, 'dictionary')) continue;
    for (const [key, value] of dictionary.entries) if (!without.has(key)) pending.push(value);
  }
  return found;
}

/** Keys of a trailer that lead to no content, or to content that is asked about by itself. */
const ownTrailerKeys: ReadonlySet<string> = new Set(['Root', 'Info', 'Encrypt', 'Prev', 'XRefStm']);

/**
 * Objects of the signed revision that may become others: validation data, metadata, the structure to
 * which a signature's widget is added, appearances of fields. Only as that revision knew them, and none
 * that it shows in another way: else an update could name a page's content as validation data.
 */
function freeObjects(before: PdfFile, work: Work): Set<number> {
  const { catalog, trailer } = before;
  const free = reachable(
    before,
    [
      ...['DSS', 'Metadata', 'Extensions', 'StructTreeRoot'].map((key) => catalog.entries.get(key)),
      trailer.entries.get('Info'),
      ...fieldsOf(before, work).flatMap(({ entries }) => [entries.get('AP'), entries.get('V')]),
    ],
    work,
  );
  const others = [...trailer.entries].filter(([key]) => !ownTrailerKeys.has(key));
  const shown = reachable(
    before,
    [catalog, ...others.map(([, value]) => value)],
    work,
    new Set(['DSS', 'Metadata', 'Extensions', 'AcroForm', 'Annots', 'StructTreeRoot']),
  );
  for (const number of shown) free.delete(number);
  return free;
}

/** Validation data may be added, never taken away. EN 319 142-1 §5.4.2.2 */
function shrunkStore(before: PdfFile, after: PdfFile): RevisionChange[] {
  const countsOf = (file: PdfFile): number[] => {
    const store = resolve(file, file.catalog.entries.get('DSS'));
    return ['Certs', 'CRLs', 'OCSPs', 'VRI'].map((key) => {
      const list = isKind(store, 'dictionary') ? resolve(file, store.entries.get(key)) : null;
      if (isKind(list, 'array')) return list.items.length;
      return isKind(list, 'dictionary') ? list.entries.size : 0;
    });
  };
  const now = countsOf(after);
  const shrunk = countsOf(before).some((count, index) => count > (now[index] ?? 0));
  return shrunk ? [{ number: 0, what: 'validation data was removed' }] : [];
}

type FormField = {
  /** Missing where the field stands in its list itself, which no two views can be compared by. */
  readonly number: number | undefined;
  /** Own or inherited. */
  readonly type: string | undefined;
  readonly entries: PdfDictionary['entries'];
};

/** Widgets and fields of a view, from the form down; annotations that are no widgets are not among them. */
function fieldsOf(file: PdfFile, work: Work): FormField[] {
  const form = resolve(file, file.catalog.entries.get('AcroForm'));
  const list = isKind(form, 'dictionary') ? resolve(file, form.entries.get('Fields')) : null;
  const itemsOf = (object: PdfObject, type: string | undefined) =>
    isKind(object, 'array') ? object.items.map((item) => ({ item, type })) : [];
  const pending = itemsOf(list, undefined);
  const seen = new Set<number>();
  const fields: FormField[] = [];
  for (let next = pending.pop(); next && --work.left >= 0; next = pending.pop()) {
    const { item } = next;
    const number = isKind(item, 'reference') ? item.number : undefined;
    if (number !== undefined) {
      if (seen.has(number)) continue;
      seen.add(number);
    }
    const field = resolve(file, item);
    if (!isKind(field, 'dictionary')) continue;
    const { entries } = field;
    const type = nameOf(entries.get('FT')) ?? next.type;
    fields.push({ number, type, entries });
    pending.push(...itemsOf(resolve(file, entries.get('Kids')), type));
  }
  return fields;
}

function numbersOf(fields: readonly FormField[]): ReadonlySet<number | undefined> {
  return new Set(fields.map(({ number }) => number));
}

/** Signature fields may be added, and no field may go: a new text field can cover what was signed. */
function changedForm(before: PdfFile, after: PdfFile, work: Work): RevisionChange[] {
  const had = fieldsOf(before, work);
  const has = fieldsOf(after, work);
  const known = numbersOf(had);
  const left = numbersOf(has);
  const direct = ({ number }: FormField): boolean => number === undefined;
  const foreign = has.find(({ number, type }) => !known.has(number) && type !== 'Sig');
  const gone = had.find(({ number }) => !left.has(number));
  return [
    ...(foreign || has.filter(direct).length > had.filter(direct).length
      ? [{ number: foreign?.number ?? 0, what: 'a form field was added' }]
      : []),
    ...(gone ? [{ number: gone.number ?? 0, what: 'a form field was removed' }] : []),
  ];
}

/** Annotations that a page gained; only widgets of signature fields of the form may be gained. */
function gainedAnnotations(
  before: PdfFile,
  after: PdfFile,
  a: PdfObject | undefined,
  b: PdfObject | undefined,
  signatureFields: ReadonlySet<number | undefined>,
): string | undefined {
  const itemsOf = (file: PdfFile, object: PdfObject | undefined): readonly PdfObject[] => {
    const list = resolve(file, object);
    return isKind(list, 'array') ? list.items : [];
  };
  const key = (item: PdfObject): string =>
    isKind(item, 'reference') ? `${item.number}` : JSON.stringify(item, null, 0);
  const had = new Set(itemsOf(before, a).map(key));
  const has = new Set(itemsOf(after, b).map(key));
  if ([...had].some((item) => !has.has(item))) return 'an annotation was removed';
  const gained = itemsOf(after, b).filter((item) => !had.has(key(item)));
  const foreign = gained.find((item) => {
    const annotation = resolve(after, item);
    return (
      !isKind(annotation, 'dictionary') ||
      nameOf(annotation.entries.get('Subtype')) !== 'Widget' ||
      !(isKind(item, 'reference') && signatureFields.has(item.number))
    );
  });
  return foreign === undefined ? undefined : 'an annotation was added';
}

/**
 * Changes after a revision (1: oldest) that are more than signing needs. Objects that are only new do
 * not count: what leads to them does. Cost: linear in what changed.
 * @throws FormatError where an object of either view cannot be read
 */
export function changesAfter(file: PdfFile, revision: number): RevisionChange[] {
  const newer = file.sections.slice(0, file.sections.length - revision);
  if (newer.length === 0) return [];
  const before = viewOf(file, revision);
  const work: Work = { left: maxCompared };
  const free = freeObjects(before, work);
  const signatureFields = numbersOf(fieldsOf(file, work).filter(({ type }) => type === 'Sig'));
  const rootNumber = (view: PdfFile, key: string): number | undefined => {
    const entry = (key === 'Root' ? view.trailer : view.catalog).entries.get(key);
    return isKind(entry, 'reference') ? entry.number : undefined;
  };
  const catalog = rootNumber(file, 'Root');
  const changes = [...shrunkStore(before, file), ...changedForm(before, file, work)];
  if (catalog !== rootNumber(before, 'Root'))
    changes.push({ number: catalog ?? 0, what: 'another object is the catalogue' });
  const numbers = new Set(newer.flatMap((section) => [...section.entries.keys()]));
  for (const number of numbers) {
    if (free.has(number) || !before.entries.has(number)) continue;
    const reference = {
      kind: 'reference',
      number,
      generation: generationOf(file, number),
    } as const;
    const old = { ...reference, generation: generationOf(before, number) };
    const what = compare(before, file, resolve(before, old), resolve(file, reference), {
      isCatalog: number === catalog,
      isForm: number === rootNumber(before, 'AcroForm'),
      free,
      signatureFields,
      work,
    });
    if (what !== undefined) changes.push({ number, what });
  }
  return changes;
}

function generationOf(file: PdfFile, number: number): number {
  const entry = file.entries.get(number);
  return entry?.kind === 'offset' ? entry.generation : 0;
}

function compare(
  before: PdfFile,
  after: PdfFile,
  a: PdfObject,
  b: PdfObject,
  place: {
    readonly isCatalog: boolean;
    readonly isForm: boolean;
    readonly free: ReadonlySet<number>;
    readonly signatureFields: ReadonlySet<number | undefined>;
    readonly work: Work;
  },
): string | undefined {
  if (a === null) return undefined;
  // Lists of fields and annotations may stand in objects of their own.
  if (isKind(a, 'array') && isKind(b, 'array')) {
    return same(a, b, place.work)
      ? undefined
      : gainedAnnotations(before, after, a, b, place.signatureFields);
  }
  if (!isKind(a, 'dictionary') || !isKind(b, 'dictionary')) {
    if (isKind(a, 'stream') && isKind(b, 'stream') && a.start === b.start) return undefined;
    return same(a, b, place.work) ? undefined : 'its content is another one';
  }
  const kind = kindOf(a, place.isCatalog, place.isForm);
  const differing = differingKeys(a, b, place.work);
  const allowed: ReadonlySet<string> = kind === 'other' ? new Set() : freeKeys[kind];
  const foreign = differing.find((key) => !allowed.has(key));
  if (foreign !== undefined) return `/${foreign} is another one`;
  const appearance = a.entries.get('AP');
  if (kind === 'field' && differing.includes('AP') && isKind(appearance, 'reference'))
    return place.free.has(appearance.number)
      ? undefined
      : '/AP leaves an object that stands elsewhere too';
  if (kind === 'page' && differing.includes('Annots'))
    return gainedAnnotations(
      before,
      after,
      a.entries.get('Annots'),
      b.entries.get('Annots'),
      place.signatureFields,
    );
  return undefined;
}
