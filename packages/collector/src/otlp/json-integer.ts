import { minus } from "./json-cursor.ts";

/** More have no 64-bit integer. */
const digitsMax = 20;
const zero = 0x30;
const nanoDigits = 9;

/** A 64-bit integer of a text of digits, in halves of 32 bits: a float64 cannot hold it, a BigInt costs an allocation. */
export class JsonInteger {
  isNegative = false;
  /** Without the sign. */
  low = 0;
  high = 0;

  /** Reads `-?[0-9]{1,20}`; false when it is anything else, or takes more than 64 bits. */
  read(bytes: Uint8Array, start: number, end: number): boolean {
    this.isNegative = bytes[start] === minus;
    const first = this.isNegative ? start + 1 : start;
    const count = end - first;
    if (count < 1 || count > digitsMax) return false;
    const middle = Math.max(first, end - nanoDigits);
    let upper = 0;
    for (let at = first; at < middle; at += 1) {
      const digit = bytes[at]! - zero;
      if (digit < 0 || digit > 9) return false;
      upper = upper * 10 + digit;
    }
    let lower = 0;
    for (let at = middle; at < end; at += 1) {
      const digit = bytes[at]! - zero;
      if (digit < 0 || digit > 9) return false;
      lower = lower * 10 + digit;
    }
    // upper · 10^9 + lower in two steps, each below 2^53: upper has eleven digits at most.
    const small = (upper % 0x1_0000) * 1e9 + lower;
    const large = Math.floor(upper / 0x1_0000) * 1e9;
    const sum = small + (large % 0x1_0000) * 0x1_0000;
    this.low = sum % 2 ** 32;
    this.high = Math.floor(large / 0x1_0000) + Math.floor(sum / 2 ** 32);
    return this.high < 2 ** 32;
  }

  get isZero(): boolean {
    return this.low === 0 && this.high === 0;
  }

  /** Makes the halves those of two's complement; false when it takes more than 63 bits and the sign. */
  sign(): boolean {
    if (!this.isNegative) return this.high < 2 ** 31;
    if (this.high > 2 ** 31 || (this.high === 2 ** 31 && this.low > 0)) return false;
    const low = -this.low >>> 0;
    this.high = (~this.high + (low === 0 ? 1 : 0)) >>> 0;
    this.low = low;
    return true;
  }
}
