import { encodeVarint } from "./wire.ts";

/** Where a list of patches stood; what came later can be closed over or taken back. */
export interface PatchMark {
  readonly count: number;
  readonly growthBytes: number;
}

const nothing = new Uint8Array(0);

/**
 * Changes to a message, collected from front to back: everything between them stays as it is.
 * Whoever changes the content of a nested message calls `close` behind it, so that its length is rewritten.
 */
export class PatchList {
  #starts: number[] = [];
  #ends: number[] = [];
  #contents: Uint8Array[] = [];
  #growthBytes = 0;

  get count(): number {
    return this.#starts.length;
  }

  mark(): PatchMark {
    return { count: this.#starts.length, growthBytes: this.#growthBytes };
  }

  /** Puts `content` in the place of a range behind all that came before; an empty range inserts. */
  replace(start: number, end: number, content: Uint8Array): void {
    this.#starts.push(start);
    this.#ends.push(end);
    this.#contents.push(content);
    this.#growthBytes += content.length - (end - start);
  }

  remove(start: number, end: number): void {
    this.replace(start, end, nothing);
  }

  /** Takes back what came since `mark`. */
  rewind({ count, growthBytes }: PatchMark): void {
    this.#starts.length = count;
    this.#ends.length = count;
    this.#contents.length = count;
    this.#growthBytes = growthBytes;
  }

  /**
   * Rewrites the length of a message whose content was changed since `mark`. The length stands between `lengthStart` and `start`,
   * the content between `start` and `end`.
   */
  close(
    { count, growthBytes }: PatchMark,
    { lengthStart, start, end }: { lengthStart: number; start: number; end: number },
  ): void {
    const grownBytes = this.#growthBytes - growthBytes;
    if (grownBytes === 0) return;
    const length = encodeVarint(end - start + grownBytes);
    // The children came first, but the length stands before them.
    this.#starts.splice(count, 0, lengthStart);
    this.#ends.splice(count, 0, start);
    this.#contents.splice(count, 0, length);
    this.#growthBytes += length.length - (start - lengthStart);
  }

  /** The message with all changes: the same bytes when there are none. */
  apply(bytes: Uint8Array): Uint8Array {
    if (this.count === 0) return bytes;
    const patched = Buffer.allocUnsafeSlow(bytes.length + this.#growthBytes);
    let from = 0;
    let to = 0;
    for (let index = 0; index < this.count; index += 1) {
      const start = this.#starts[index]!;
      const content = this.#contents[index]!;
      patched.set(bytes.subarray(from, start), to);
      to += start - from;
      patched.set(content, to);
      to += content.length;
      from = this.#ends[index]!;
    }
    patched.set(bytes.subarray(from), to);
    return patched;
  }
}
