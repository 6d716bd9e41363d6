// The data descriptor behind an entry's data: what readers that stream go by, where others go by the central directory.
// APPNOTE §4.3.9.

export type DescribedSizes = {
  readonly crc: number;
  readonly compressedSize: number;
  readonly size: number;
};

const signature = 0x0807_4b50;
/** What may follow where there is no descriptor although the flag says so: a local or a central header. */
const headers: readonly number[] = [0x0403_4b50, 0x0201_4b50];

/** One of the two forms, of sizes in 32 or in 64 bits, without its signature. */
function fits(
  view: DataView,
  at: number,
  end: number,
  wide: boolean,
  sizes: DescribedSizes,
): boolean {
  if (at + (wide ? 20 : 12) > end) return false;
  const sizeAt = (index: number): number =>
    wide
      ? Number(view.getBigUint64(at + 4 + index * 8, true))
      : view.getUint32(at + 4 + index * 4, true);
  return (
    view.getUint32(at, true) === sizes.crc &&
    sizeAt(0) === sizes.compressedSize &&
    sizeAt(1) === sizes.size
  );
}

/** Whether what stands between `at` and `end` begins with a descriptor of these sizes, or is none at all. */
export function descriptorFits(
  view: DataView,
  at: number,
  end: number,
  sizes: DescribedSizes,
): boolean {
  if (at + 4 > end || headers.includes(view.getUint32(at, true))) return true;
  // The signature is not obligatory, and a CRC may look like one.
  const starts = view.getUint32(at, true) === signature ? [at + 4, at] : [at];
  return starts.some((start) => [false, true].some((wide) => fits(view, start, end, wide, sizes)));
}
