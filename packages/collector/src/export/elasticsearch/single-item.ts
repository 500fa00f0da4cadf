import type { WireCursor } from "../../otlp/index.ts";
import { collect, type Item } from "./document-encoder.ts";
import type { Range } from "./value-encoder.ts";

/** The request (see document-encoder.ts for its shape) with one item alone, its resource and its scope: what can be replayed. */
export function encodeSingleItem(cursor: WireCursor, item: Item): Buffer {
  const copy = ({ start, end }: Range): Buffer => Buffer.from(cursor.bytes.subarray(start, end));
  const all = (field: number, ranges: readonly Range[]): Buffer[] =>
    ranges.map((range) => encodeField(field, copy(range)));
  const scopeGroup = Buffer.concat([
    ...all(1, item.scope),
    ...all(2, [item]),
    ...all(3, collect(cursor, item.scopeGroup, 3)),
  ]);
  const group = Buffer.concat([
    ...all(1, item.resource),
    encodeField(2, scopeGroup),
    ...all(3, collect(cursor, item.group, 3)),
  ]);
  return encodeField(1, group);
}

/** A length-delimited field of a number below 16. */
function encodeField(field: number, content: Uint8Array): Buffer {
  const head = [(field << 3) | 2];
  let rest = content.length;
  for (; rest >= 0x80; rest = Math.floor(rest / 128)) head.push((rest % 128) | 0x80);
  head.push(rest);
  return Buffer.concat([Buffer.from(head), content]);
}
