// In which typeface a text is printed. A PDF/A carries its fonts and may not miss a single glyph, so every
// text gets the first typeface that has all of its characters; what none has is written as its number.
import type { Font } from 'fontkit';

export type Weight = 'regular' | 'bold';

/** One file of a typeface. Its tables are read when they are needed, once a process. */
export type Typeface = { readonly name: string; readonly font: Font };

/** In the order in which they are tried. */
export type TypefaceList = readonly [Typeface, ...Typeface[]];

export type Typefaces = Readonly<Record<Weight, TypefaceList>>;

const variationSelector = /\p{Variation_Selector}/gu;

/**
 * A text as it can be printed, and in which typeface. Variation selectors go, since no typeface here has the
 * variants; a character that no typeface has becomes `[U+1F600]`.
 */
export function fitText(
  text: string,
  typefaces: TypefaceList,
): { readonly text: string; readonly typeface: Typeface } {
  const plain = text.replace(variationSelector, '');
  const codePoints = Array.from(plain, (character) => character.codePointAt(0) ?? 0);
  const has = ({ font }: Typeface, codePoint: number): boolean =>
    font.hasGlyphForCodePoint(codePoint);
  const whole = typefaces.find((each) => codePoints.every((codePoint) => has(each, codePoint)));
  if (whole) return { text: plain, typeface: whole };
  const [first] = typefaces;
  const shown = codePoints.map((codePoint) =>
    has(first, codePoint)
      ? String.fromCodePoint(codePoint)
      : `[U+${codePoint.toString(16).toUpperCase().padStart(4, '0')}]`,
  );
  return { text: shown.join(''), typeface: first };
}
