import { expect, test } from "vitest";
import { Gatherer } from "./gather.ts";

test("whatever the pieces and whatever was announced, the whole comes out", () => {
  for (const expectedBytes of [undefined, 0, 1, 100_000, 300_000, 10_000_000]) {
    for (const sizes of [[], [0], [0, 5, 0], [1, 1, 1], [70_000, 1, 70_000], [1, 200_000, 65_536, 300_000]]) {
      const pieces = sizes.map((size, index) => Buffer.alloc(size, index + 1));
      const gatherer = new Gatherer();
      const whole = Buffer.concat(pieces);
      for (const piece of pieces) gatherer.push(piece, expectedBytes);
      expect(gatherer.sizeBytes).toBe(whole.length);
      expect(gatherer.take().equals(whole)).toBe(true);
      expect([gatherer.sizeBytes, gatherer.take().length]).toEqual([0, 0]);
    }
  }
});

test("a piece that is all there is stays as it is, and what was announced is put together in one block", () => {
  const gatherer = new Gatherer();
  const piece = Buffer.from("all");
  gatherer.push(piece, 3);
  expect(gatherer.take()).toBe(piece);
  gatherer.push(piece, 6);
  gatherer.push(piece, 6);
  const whole = gatherer.take();
  expect([whole.toString(), whole.buffer.byteLength]).toEqual(["allall", 6]);
});

test("the memory of a piece is given back when it was copied, and that of others around it is left alone", () => {
  const gatherer = new Gatherer({ ownsPieces: true });
  const around = Buffer.alloc(30, 7);
  const pieces = [Buffer.alloc(100_000, 1), around.subarray(10, 20), Buffer.alloc(100_000, 2)];
  const whole = Buffer.concat(pieces);
  for (const piece of pieces) gatherer.push(piece, 200_010);
  expect(pieces.map(({ length }) => length)).toEqual([0, 10, 0]);
  expect(around.equals(Buffer.alloc(30, 7))).toBe(true);
  expect(gatherer.take().equals(whole)).toBe(true);
});

test("pieces of one byte take about as much as they are, not a hundred times that", () => {
  const gatherer = new Gatherer();
  const before = process.memoryUsage();
  for (let count = 0; count < 100_000; count += 1) gatherer.push(Buffer.from([count & 0xff]), undefined);
  const after = process.memoryUsage();
  expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(1_000_000);
  expect(gatherer.take()).toHaveLength(100_000);
});
