// Octets put into BER or DER that stays as it is: the lengths of what stands around are mended, nothing else
// moves. A splice is a plan of stretches to be copied and octets to be put between them, so that a
// document of any size can be streamed through it. X.690 §8.1.3.
import { concatBytes } from '#shared/bytes.ts';
import { FormatError, InvariantError } from '#shared/errors.ts';
import type { Tlv } from './reader.ts';

/** A constructed element whose contents may be edited; offsets count from the start of the document. */
export type SpliceElement = {
  readonly start: number;
  /** Identifier and length octets as stored. */
  readonly header: Uint8Array;
  readonly contentLength: number;
  readonly indefinite: boolean;
  readonly parent: SpliceElement | undefined;
};

/** `remove` octets at `at` give way to `octets`; `within` is the innermost element whose contents they are. */
export type SpliceEdit = {
  readonly at: number;
  readonly remove: number;
  readonly octets: Uint8Array;
  readonly within: SpliceElement;
};

export type SplicePart =
  /** Octets of the document from `start` up to `end`. */
  | { readonly kind: 'copy'; readonly start: number; readonly end: number }
  | { readonly kind: 'insert'; readonly octets: Uint8Array };

/** Copied stretches come in the order of the document, so that it can be read once. */
export type Splice = {
  /** Length of the document that it was planned for. */
  readonly sourceLength: number;
  /** Length of the result. */
  readonly length: number;
  readonly parts: readonly SplicePart[];
};

/** An element that was read; `place` says where it stands in the document and how long it is there. */
export function spliceElement(
  { raw, headerLength, indefinite }: Tlv,
  parent: SpliceElement | undefined,
  place: { readonly start: number; readonly contentLength: number },
): SpliceElement {
  return { ...place, header: raw.subarray(0, headerLength), indefinite, parent };
}

/** Where the contents begin. */
export function contentStart({ start, header }: SpliceElement): number {
  return start + header.length;
}

/** Where the contents end; end-of-contents octets come after. */
export function contentEnd(element: SpliceElement): number {
  return contentStart(element) + element.contentLength;
}

function depthOf({ parent }: SpliceElement): number {
  return parent ? depthOf(parent) + 1 : 0;
}

/** Octets of the identifier: several from tag number 31 on. */
function identifierLength(header: Uint8Array): number {
  let end = 1;
  if (((header[0] ?? 0) & 0x1f) === 0x1f) while ((header[end++] ?? 0) & 0x80);
  return end;
}

/** Octets of the shortest length field for so many octets of contents. */
function shortestLength(length: number): number {
  if (length < 0x80) return 1;
  let octets = 1;
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets++;
  return octets;
}

/** The length in that many octets: the short form for one, else the long form with leading zeros. */
function lengthField(length: number, octets: number): Uint8Array {
  const field = new Uint8Array(octets);
  if (octets === 1) {
    field[0] = length;
    return field;
  }
  field[0] = 0x80 | (octets - 1);
  for (let rest = length, at = octets - 1; at > 0; rest = Math.floor(rest / 256), at--)
    field[at] = rest % 256;
  return field;
}

/** The header with another length: in as many octets where those were more than needed, else the shortest. */
function withLength({ header, contentLength }: SpliceElement, length: number): Uint8Array {
  const identifier = identifierLength(header);
  const stored = header.length - identifier;
  const needed = shortestLength(length);
  const wasPadded = stored > shortestLength(contentLength);
  const octets = wasPadded ? Math.max(stored, needed) : needed;
  return concatBytes(header.subarray(0, identifier), lengthField(length, octets));
}

/** Edits of the lengths around, innermost first: a length that needs more octets makes the next one longer. */
function lengthEdits(edits: readonly SpliceEdit[]): readonly SpliceEdit[] {
  const growth = new Map<SpliceElement, number>();
  const grow = (element: SpliceElement | undefined, by: number): void => {
    if (element) growth.set(element, (growth.get(element) ?? 0) + by);
  };
  for (const { within, octets, remove } of edits) {
    grow(within, octets.length - remove);
    for (let outer = within.parent; outer; outer = outer.parent) grow(outer, 0);
  }
  const made: SpliceEdit[] = [];
  for (const element of [...growth.keys()].toSorted((a, b) => depthOf(b) - depthOf(a))) {
    const by = growth.get(element) ?? 0;
    const { parent, start, header } = element;
    if (element.indefinite || by === 0) {
      grow(parent, by);
      continue;
    }
    const octets = withLength(element, element.contentLength + by);
    grow(parent, by + octets.length - header.length);
    made.push({ at: start, remove: header.length, octets, within: parent ?? element });
  }
  return made;
}

/** At one place: what is put at the end of an inner element, then what comes after that element, then what is replaced. */
function inOrder(a: SpliceEdit, b: SpliceEdit): number {
  return (
    a.at - b.at ||
    Number(a.remove > 0) - Number(b.remove > 0) ||
    depthOf(b.within) - depthOf(a.within)
  );
}

/**
 * The plan that carries out `edits` on a document of `sourceLength` octets. Edits at one place of one
 * element keep their order.
 * @throws InvariantError ERR_INVARIANT_STATE: edits that overlap or lie outside
 */
export function planSplice(sourceLength: number, edits: readonly SpliceEdit[]): Splice {
  const parts: SplicePart[] = [];
  let position = 0;
  let length = 0;
  const copyTo = (end: number): void => {
    if (end > position) parts.push({ kind: 'copy', start: position, end });
    length += end - position;
    position = end;
  };
  for (const { at, remove, octets } of [...edits, ...lengthEdits(edits)].toSorted(inOrder)) {
    if (at < position || at + remove > sourceLength)
      throw new InvariantError('ERR_INVARIANT_STATE', `edits that do not fit at octet ${at}`);
    copyTo(at);
    position += remove;
    if (octets.length === 0) continue;
    parts.push({ kind: 'insert', octets });
    length += octets.length;
  }
  copyTo(sourceLength);
  return { sourceLength, length, parts };
}

/** The result of a splice of a document that is at hand. */
export function applySplice(source: Uint8Array, { parts }: Splice): Uint8Array {
  return concatBytes(
    ...parts.map((part) =>
      part.kind === 'copy' ? source.subarray(part.start, part.end) : part.octets,
    ),
  );
}

/**
 * The same for a document that is read once from its beginning; holds no more than one chunk.
 * @throws FormatError ERR_FORMAT_STORED: the document is not as long as it was
 */
export async function* streamSplice(
  source: AsyncIterable<Uint8Array>,
  { parts, sourceLength }: Splice,
): AsyncGenerator<Uint8Array> {
  const open = [...parts];
  let offset = 0;
  const insertUpTo = function* (): Generator<Uint8Array> {
    for (let [next] = open; next?.kind === 'insert'; [next] = open) {
      open.shift();
      yield next.octets;
    }
  };
  for await (const chunk of source) {
    const end = offset + chunk.length;
    for (;;) {
      yield* insertUpTo();
      const [next] = open;
      if (next?.kind !== 'copy' || next.start >= end) break;
      const from = Math.max(next.start, offset);
      if (from < next.end) yield chunk.subarray(from - offset, Math.min(next.end, end) - offset);
      if (next.end > end) break;
      open.shift();
    }
    offset = end;
  }
  if (offset !== sourceLength)
    throw new FormatError(
      'ERR_FORMAT_STORED',
      `a document of ${sourceLength} octets has ${offset} now`,
    );
  yield* insertUpTo();
}
