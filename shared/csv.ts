// Lines of a table for spreadsheets (RFC 4180 §2).

/**
 * A cell that a spreadsheet would compute is led by an apostrophe: names from outside stand in it. Where Japanese is
 * written, it computes what begins with the signs of full width as well.
 */
function cell(text: string): string {
  const safe = /^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** One line with its line break. */
export function csvLine(cells: readonly string[]): string {
  return `${cells.map(cell).join(',')}\r\n`;
}
