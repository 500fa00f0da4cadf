/**
 * Begins a record of the `series` stream whose samples are not derive's: their times say nothing of how far derive has come.
 * It is field 1000 of `io.prometheus.write.v2.Request`, which nobody has, as a varint of 1; readers skip it, and a request as a
 * client sent it can follow as it is. Derived records begin with a symbol.
 */
export const foreignMark: Uint8Array = Uint8Array.of(0xc0, 0x3e, 0x01);

/** Whether a record of the `series` stream begins with `foreignMark`. */
export function isForeign(record: Uint8Array): boolean {
  return record.length >= foreignMark.length && foreignMark.every((byte, index) => record[index] === byte);
}
