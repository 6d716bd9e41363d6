// Entries of one fixed length in pages: growing copies nothing, and n entries take n times their length.

export type Pages = {
  /** The next entry, zeroed, for the caller to fill. */
  readonly entry: () => Uint8Array;
  /** All entries in order, back to back, in chunks. Borrowed views. */
  readonly octets: () => readonly Uint8Array[];
};

const entriesPerPage = 4096;

export function createPages(entryLength: number): Pages {
  const pageLength = entryLength * entriesPerPage;
  const pages: Uint8Array[] = [];
  let page = new Uint8Array(0);
  let used = 0;
  return {
    entry: () => {
      if (used === page.length) {
        page = new Uint8Array(pageLength);
        pages.push(page);
        used = 0;
      }
      used += entryLength;
      return page.subarray(used - entryLength, used);
    },
    octets: () => pages.map((each) => (each === page ? each.subarray(0, used) : each)),
  };
}
