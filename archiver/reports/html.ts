// HTML in which every inserted text is escaped by construction: the `markup` tag takes strings as text
// and only its own results as markup. Control, bidirectional and invisible characters are shown, not
// obeyed: a file name from a stranger must not reorder or hide what a reader sees.

/** Finished markup; only the functions of this file make it. */
export type Html = { readonly html: string };

export type HtmlPart = Html | string | number | undefined | readonly HtmlPart[];

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/**
 * Characters that say nothing or act on their neighbours: controls, format characters (bidirectional
 * ones, UAX #9, and zero-width ones), default-ignorable ones, lone surrogates, noncharacters. Variation
 * selectors are kept: names of persons are written with them.
 */
const unseen =
  /[[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}]--\p{Variation_Selector}]/gv;

/** A control as its picture (␊, U+2400 and on), anything else unseen as `\u{202E}`. */
function picture(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x20) return String.fromCodePoint(0x2400 + code);
  if (code === 0x7f) return '␡';
  return `\\u{${code.toString(16).toUpperCase().padStart(4, '0')}}`;
}

/** Longest text that is shown in full: names in certificates may be of any length. */
const maxShown = 2000;

function shorten(text: string): string {
  if (text.length <= maxShown) return text;
  return `${text.slice(0, maxShown)}… (+${text.length - maxShown})`;
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? '');
}

/** Text of bounded length in which nothing is unseen, for paper and the like. */
export function shownText(text: string): string {
  return shorten(text).replace(unseen, picture);
}

/** Text for an attribute or a place where no markup may stand. */
export function escapeText(text: string): string {
  return escape(shownText(text));
}

function toMarkup(part: HtmlPart): string {
  if (part === undefined) return '';
  if (typeof part === 'string') return escapeText(part);
  if (typeof part === 'number') return String(part);
  if ('html' in part) return part.html;
  return part.map(toMarkup).join('');
}

/** Markup with escaped insertions; lists are joined, `undefined` is nothing. */
export function markup(strings: TemplateStringsArray, ...parts: readonly HtmlPart[]): Html {
  let text = strings[0] ?? '';
  parts.forEach((part, index) => {
    text += toMarkup(part) + (strings[index + 1] ?? '');
  });
  return { html: text };
}

/** Text from outside in a direction of its own, with its unseen characters marked as such. */
export function foreign(text: string): Html {
  const pieces = escape(shorten(text)).replace(
    unseen,
    (character) => `<span class="unseen">${picture(character)}</span>`,
  );
  return { html: `<bdi>${pieces}</bdi>` };
}

/** Markup that is this program's own constant: the text of a style sheet or script. */
export function trusted(constant: string): Html {
  return { html: constant };
}
