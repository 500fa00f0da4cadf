import { blockSizeFor, freeMemory, isBlockSize } from "../model/index.ts";

/** Blocks that large bodies are put together in. One that is given back serves the next body; one that is not is garbage as any other. */
export interface Blocks {
  /** At least 64 KiB; what is in it is anybody's. */
  take(sizeBytes: number): Buffer;
  /** Takes over a buffer of another origin that has its memory to itself, as a block to be given back; a small one is left alone. */
  adopt(bytes: Buffer): void;
  /** Gives back what `take` gave, or a part of it, or another buffer, which is freed if it is large; nobody may look at it any more. */
  give(bytes: Buffer): void;
}

/** Of what is taken over or freed: a smaller one is not worth it, and may lie in the pool that Node shares. */
export const ownedSizeBytesMin: number = 64 * 1024;

/**
 * Blocks of sizes that double. The engine would collect garbage at every hundredth body if each were allocated anew: bodies lie
 * outside its heap, and it counts them.
 * Bounds: at most `keptBytesMax` are kept for later.
 */
export function createBlocks({ keptBytesMax }: { readonly keptBytesMax: number }): Blocks {
  const free = new Map<number, ArrayBuffer[]>();
  const lent = new WeakSet<ArrayBufferLike>();
  let keptBytes = 0;
  return {
    take(sizeBytes) {
      const blockSizeBytes = blockSizeFor(sizeBytes);
      const kept = free.get(blockSizeBytes)?.pop();
      if (kept !== undefined) keptBytes -= blockSizeBytes;
      // Not `new ArrayBuffer`, which would be filled with zeros.
      const block = kept ?? Buffer.allocUnsafeSlow(blockSizeBytes).buffer;
      lent.add(block);
      return Buffer.from(block, 0, sizeBytes);
    },
    adopt({ buffer }) {
      if (buffer.byteLength >= ownedSizeBytesMin) lent.add(buffer);
    },
    give(bytes) {
      const { buffer } = bytes;
      if (!lent.delete(buffer)) {
        if (bytes.length >= ownedSizeBytesMin) freeMemory(bytes);
        return;
      }
      if (!isBlockSize(buffer.byteLength) || keptBytes + buffer.byteLength > keptBytesMax) {
        freeMemory(new Uint8Array(buffer));
        return;
      }
      const kept = free.get(buffer.byteLength) ?? [];
      free.set(buffer.byteLength, kept);
      kept.push(buffer as ArrayBuffer);
      keptBytes += buffer.byteLength;
    },
  };
}
