import { expect, test } from "vitest";
import { createBlocks } from "./blocks.ts";

test("a block that was given back is lent again, and only once", () => {
  const blocks = createBlocks({ keptBytesMax: 1_000_000 });
  const first = blocks.take(100_000);
  expect([first.length, first.buffer.byteLength]).toEqual([100_000, 131_072]);
  blocks.give(first.subarray(10));
  blocks.give(first);
  const [second, third] = [blocks.take(131_072), blocks.take(131_072)];
  expect(second.buffer).toBe(first.buffer);
  expect(third.buffer).not.toBe(first.buffer);
});

test("no more is kept than was allowed, and nothing that was not lent", () => {
  const blocks = createBlocks({ keptBytesMax: 100_000 });
  const taken = [blocks.take(65_536), blocks.take(65_536)];
  for (const block of taken) blocks.give(block);
  blocks.give(Buffer.allocUnsafeSlow(65_536));
  const again = [blocks.take(1), blocks.take(1)];
  expect(again.filter(({ buffer }) => taken.some((block) => block.buffer === buffer))).toHaveLength(1);
});

test("a body beyond the largest block is as large as it is", () => {
  const blocks = createBlocks({ keptBytesMax: 100_000_000 });
  const large = blocks.take(5_000_000);
  expect(large.buffer.byteLength).toBe(5_000_000);
  blocks.give(large);
  expect(blocks.take(5_000_000).buffer).not.toBe(large.buffer);
});

test("the memory of what is not kept is given back at once, of a small one or a part of one when nobody refers to it", () => {
  const blocks = createBlocks({ keptBytesMax: 65_536 });
  const taken = [blocks.take(65_536), blocks.take(65_536), blocks.take(5_000_000)];
  const [large, small] = [Buffer.allocUnsafeSlow(65_536), Buffer.allocUnsafeSlow(65_535)];
  const part = Buffer.allocUnsafeSlow(131_072).subarray(0, 65_536);
  const given = [...taken, large, small, part];
  for (const bytes of given) blocks.give(bytes);
  expect(given.map(({ length }) => length)).toEqual([65_536, 0, 0, 0, 65_535, 65_536]);
});
