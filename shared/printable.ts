// Text of others made fit for a terminal: names of files, of certificates, of what stands in a configuration.

/** Control and format characters as `\u{1b}`: none of a hostile name reaches a terminal. */
export function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
}

/** The same for a message of several lines. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n');
}
