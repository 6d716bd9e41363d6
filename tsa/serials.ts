// Serial numbers of tokens: unique for each token of the TSA, after a crash as well (RFC 3161 §2.4.2). A block is
// durable before a number from it is used, and a random prefix tells blocks of restored or copied states apart.
import type { RandomSource } from '#shared/ports/runtime.ts';

/** Tokens per block: one write of the block file each. */
const blockSize = 2 ** 24;
const prefixLength = 7;

/** Gives the next serial: 16 octets, unsigned, the first one 1 to 127, so that DER needs no padding. */
export type SerialSource = () => Promise<Uint8Array>;

/**
 * @param reserve hands out a block number never handed out before, durable when it resolves
 */
export function createSerialSource(options: {
  readonly reserve: () => Promise<number>;
  readonly random: RandomSource;
}): SerialSource {
  type Block = { readonly head: Uint8Array; next: number };
  let current: Promise<Block> | undefined;

  const openBlock = async (): Promise<Block> => {
    const head = new Uint8Array(12);
    const number = await options.reserve();
    head.set(options.random(prefixLength));
    // 0x80 would make the INTEGER negative, 0 would shorten it.
    head[0] = (head[0] ?? 0) & 0x7f || 1;
    const view = new DataView(head.buffer);
    view.setUint8(prefixLength, Math.floor(number / 2 ** 32));
    view.setUint32(prefixLength + 1, number % 2 ** 32);
    return { head, next: 0 };
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
        const serial = new Uint8Array(16);
        serial.set(block.head);
        new DataView(serial.buffer).setUint32(12, block.next++);
        return serial;
      }
      if (current === opening) current = undefined;
    }
  };
}
