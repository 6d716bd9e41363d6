// Serial numbers of tokens: unique for each token of the TSA, after a crash as well (RFC 3161 §2.4.2). A block is
// durable before a number from it is used, and a random prefix tells blocks of restored or copied states apart.
import { toHex } from '#shared/bytes.ts';
import type { RandomSource } from '#shared/ports/runtime.ts';

/** Tokens per block: one write of the block file each. */
const blockSize = 2 ** 24;
const prefixLength = 7;

/** Gives the next serial: 16 octets as a positive number, the first octet 1 to 127. */
export type SerialSource = () => Promise<bigint>;

/**
 * @param reserve hands out a block number never handed out before, durable when it resolves
 */
export function createSerialSource(options: {
  readonly reserve: () => Promise<number>;
  readonly random: RandomSource;
}): SerialSource {
  type Block = { readonly head: bigint; next: number };
  let current: Promise<Block> | undefined;

  const openBlock = async (): Promise<Block> => {
    const number = await options.reserve();
    const prefix = Uint8Array.from(options.random(prefixLength));
    // A first octet of 0x80 or more would need padding in DER, 0 would shorten the number.
    prefix[0] = (prefix[0] ?? 0) & 0x7f || 1;
    return { head: (BigInt(`0x${toHex(prefix)}`) << 40n) | BigInt(number), next: 0 };
  };

  return async () => {
    for (;;) {
      const opening = (current ??= openBlock());
      let block: Block;
      try {
        block = await opening;
      } catch (error) {
        if (current === opening) current = undefined;
        throw error;
      }
      if (block.next < blockSize) {
        return (block.head << 32n) | BigInt(block.next++);
      }
      if (current === opening) current = undefined;
    }
  };
}
