// Signatures that stand in the file and to which no field of the form leads: one turned octet in the field, or in the
// list of fields, would make a signed file one that is signed less. ISO 32000-2 §12.7.5.5, §12.8.1.
import { type UnreadField, findSignatureFields, looksSigned } from '#shared/pades/fields.ts';
import { type PdfFile, dictionaryOf, introducingRevision, viewOf } from '#shared/pades/file.ts';
import { type PdfReference, isKind } from '#shared/pades/objects.ts';
import { attempt } from '#shared/problem.ts';

const maxPlaces = 2000;

/** Where `/ByteRange` stands: only a signature dictionary has one, and never in an object stream. */
function placesOfRanges(octets: Uint8Array): number[] {
  const buffer = Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength);
  const places: number[] = [];
  for (
    let at = buffer.indexOf('/ByteRange');
    at >= 0 && places.length < maxPlaces;
    at = buffer.indexOf('/ByteRange', at + 1)
  )
    places.push(at);
  return places;
}

/** Objects of the newest view in which these places may lie: of each the one that begins last before it. */
function objectsAt(file: PdfFile, places: readonly number[]): readonly PdfReference[] {
  const objects = [...file.entries]
    .flatMap(([number, entry]) => (entry.kind === 'offset' ? [{ number, ...entry }] : []))
    .toSorted((a, b) => a.offset - b.offset);
  const found = new Map<number, PdfReference>();
  let next = 0;
  for (const place of places) {
    while ((objects[next]?.offset ?? Infinity) <= place) next++;
    const object = objects[next - 1];
    if (!object) continue;
    const { number, generation } = object;
    found.set(number, { kind: 'reference', number, generation });
  }
  return [...found.values()];
}

/** Signatures that grant rights to a viewer stand in no field. ISO 32000-1 §12.8.4 */
function inPermissions(view: PdfFile): readonly number[] {
  const permissions = dictionaryOf(view, view.catalog.entries.get('Perms'));
  return [...(permissions?.entries.values() ?? [])].flatMap((value) =>
    isKind(value, 'reference') ? [value.number] : [],
  );
}

/** What leads to a signature in one revision: the values of fields, and permissions, by their objects. */
function signedIn(file: PdfFile, revision: number): ReadonlySet<number | undefined> {
  const view = attempt([], undefined, () => viewOf(file, revision));
  if (!view) return new Set();
  const fields = attempt([], undefined, () => findSignatureFields(view, []));
  return new Set([
    ...(fields?.holders ?? []).map(({ reference }) => reference?.number),
    ...(attempt([], undefined, () => inPermissions(view)) ?? []),
  ]);
}

/**
 * Signatures that no field leads to, nor did in the revision that brought them: a signature that was taken out of its
 * field later is another matter, of which changes.ts speaks. Cost: one look at the octets, and at the fields of the
 * revisions that have such signatures. Nothing where the objects had to be looked for.
 */
export function findStraySignatures(
  file: PdfFile,
  holders: readonly { readonly reference: PdfReference | undefined }[],
): readonly UnreadField[] {
  if (file.sections.length === 0) return [];
  const known = new Set(holders.map(({ reference }) => reference?.number));
  const signedBy = new Map<number, ReadonlySet<number | undefined>>();
  const stray: UnreadField[] = [];
  for (const reference of objectsAt(file, placesOfRanges(file.octets))) {
    const { number } = reference;
    if (known.has(number)) continue;
    const dictionary = attempt([], undefined, () => dictionaryOf(file, reference));
    const revision = introducingRevision(file, reference);
    if (!looksSigned(dictionary) || revision === undefined) continue;
    const signed = signedBy.get(revision) ?? signedIn(file, revision);
    signedBy.set(revision, signed);
    if (signed.has(number)) continue;
    const place = `object ${number}`;
    const message = 'a signature that no field of the form leads to';
    stray.push({
      field: place,
      problem: { severity: 'error', code: 'pdf-stray-signature', message, place },
    });
  }
  return stray;
}
