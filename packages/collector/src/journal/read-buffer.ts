import { blockSizeFor, freeMemory } from "../model/index.ts";

/** A smaller one is not worth giving back, however little is read from now on. */
const keptSizeBytesMax = 2 * 1024 * 1024;

/** One block of memory that is read into again and again, whatever the file: what was read before is gone with the next read. */
export class ReadBuffer {
  #bytes: Buffer = Buffer.alloc(0);

  /** Doubles rather than grows a little each time; what it was is given back at once. */
  ofSize(sizeBytes: number): Buffer {
    const { length } = this.#bytes;
    if (length < sizeBytes || length > Math.max(2 * sizeBytes, keptSizeBytesMax)) {
      freeMemory(this.#bytes);
      this.#bytes = Buffer.allocUnsafeSlow(blockSizeFor(sizeBytes));
    }
    return this.#bytes.subarray(0, sizeBytes);
  }
}
