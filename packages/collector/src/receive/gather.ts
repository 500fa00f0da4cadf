import { freeMemory } from "../model/index.ts";
import type { Blocks } from "./blocks.ts";

/** The first block, where nobody said how much comes. */
const blockBytesMin = 64 * 1024;
const blockBytesMax = 4 * 1024 * 1024;

/**
 * Pieces of a body, copied into few blocks: kept as they come, a body of one-byte pieces would take a hundred times its size.
 * One piece that is all there is stays as it is.
 */
export class Gatherer {
  /** Full ones. */
  readonly #full: Buffer[] = [];
  readonly #blocks: Blocks | undefined;
  readonly #ownsPieces: boolean;
  #block: Buffer | undefined;
  #usedBytes = 0;
  #first: Buffer | undefined;
  #sizeBytes = 0;

  /** Blocks for bodies whose size was said. `ownsPieces`: nobody else looks at a piece, so that its memory is free when it was copied. */
  constructor({
    blocks,
    ownsPieces = false,
  }: { readonly blocks?: Blocks; readonly ownsPieces?: boolean } = {}) {
    this.#blocks = blocks;
    this.#ownsPieces = ownsPieces;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** `expectedBytes`: how much there will be together, when somebody said so. */
  push(piece: Buffer, expectedBytes: number | undefined): void {
    const sizeBefore = this.#sizeBytes;
    this.#sizeBytes += piece.length;
    if (sizeBefore === 0) {
      this.#first = piece;
      return;
    }
    if (this.#first !== undefined) {
      const first = this.#first;
      this.#first = undefined;
      this.#copy(first, expectedBytes);
    }
    this.#copy(piece, expectedBytes);
  }

  /** Everything in one; the gatherer is empty then. */
  take(): Buffer {
    const first = this.#first;
    const blocks = this.#full.splice(0);
    if (this.#block !== undefined) blocks.push(this.#block.subarray(0, this.#usedBytes));
    this.#first = this.#block = undefined;
    this.#sizeBytes = 0;
    if (first !== undefined) return first;
    return blocks.length === 1 ? blocks[0]! : Buffer.concat(blocks);
  }

  #copy(piece: Buffer, expectedBytes: number | undefined): void {
    let rest = piece;
    while (rest.length > 0) {
      const block = (this.#block ??= this.#open(expectedBytes));
      const taken = rest.copy(block, this.#usedBytes);
      this.#usedBytes += taken;
      rest = rest.subarray(taken);
      if (this.#usedBytes < block.length) continue;
      this.#full.push(block);
      this.#block = undefined;
    }
    if (this.#ownsPieces) freeMemory(piece);
  }

  #open(expectedBytes: number | undefined): Buffer {
    this.#usedBytes = 0;
    const gathered = this.#full.reduce((sum, { length }) => sum + length, 0);
    const missing = expectedBytes === undefined ? 0 : expectedBytes - gathered;
    if (missing >= blockBytesMin && this.#blocks !== undefined) return this.#blocks.take(missing);
    // Not from Node's pool, which a large piece would keep alive as a whole.
    return Buffer.allocUnsafeSlow(
      missing > 0 ? missing : Math.min(blockBytesMax, Math.max(blockBytesMin, gathered)),
    );
  }
}
