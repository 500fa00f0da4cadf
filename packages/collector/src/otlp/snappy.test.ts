import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { hasCode } from "../model/index.ts";
import { compressSnappy, uncompressSnappy } from "./index.ts";

function codeOf(bytes: Uint8Array, sizeBytesMax = 1_000): string {
  try {
    return `content of ${uncompressSnappy(bytes, sizeBytesMax).length}`;
  } catch (error) {
    if (hasCode(error, "QUARTET_SNAPPY_INVALID")) return "invalid";
    if (hasCode(error, "QUARTET_OTLP_TOO_LARGE")) return "too large";
    throw error;
  }
}

test("what was compressed comes back, up to exactly the limit", () => {
  for (const content of [
    Buffer.alloc(0),
    Buffer.from("a"),
    Buffer.from("abc".repeat(300)),
    randomBytes(1_000),
  ]) {
    expect(uncompressSnappy(compressSnappy(content), content.length)).toEqual(content);
  }
  expect(codeOf(compressSnappy(Buffer.alloc(1_001)))).toBe("too large");
});

test("a block written by hand after the format description is read", () => {
  // 8 bytes: the literal "ab" (tag 1 << 2), then a copy of 6 bytes from 2 back (tag 01, length 6 - 4, offset 2).
  expect(uncompressSnappy(Buffer.from([8, 0x04, 0x61, 0x62, 0x09, 0x02]), 8).toString()).toBe("abababab");
});

test("a block that claims four gigabytes is refused before they are taken", () => {
  const before = process.memoryUsage().rss;
  for (let round = 0; round < 100; round += 1) {
    expect(codeOf(Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0]))).toBe("too large");
  }
  expect(process.memoryUsage().rss - before).toBeLessThan(100e6);
});

test("broken blocks are refused with our own error", () => {
  for (const broken of [
    [],
    [0x80],
    [0xff, 0xff, 0xff, 0xff, 0xff, 0x0f],
    [1],
    [2, 0x04, 0x61],
    [0, 0x04, 0x61],
    [4, 0x01, 0x01],
  ]) {
    expect(codeOf(Buffer.from(broken))).toBe("invalid");
  }
});

test("a block with any bytes changed or cut off gives content within the limit or our own error", () => {
  const block = compressSnappy(Buffer.from("service.name=shop, ".repeat(40)));
  const caseCount = process.env["QUARTET_TEST_LENGTH"] === "long" ? 10_000_000 : 100_000;
  const counts = new Map<string, number>();
  let state = 11;
  const random = (bound: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
  for (let round = 0; round < caseCount; round += 1) {
    const mutant = Buffer.from(block.subarray(0, random(4) === 0 ? random(block.length) : block.length));
    for (let change = random(4); change > 0 && mutant.length > 0; change -= 1)
      mutant[random(mutant.length)] = random(256);
    // It throws what is none of our own errors.
    const code = codeOf(mutant);
    counts.set(code.split(" ")[0]!, (counts.get(code.split(" ")[0]!) ?? 0) + 1);
  }
  for (const kind of ["content", "invalid", "too"]) expect(counts.get(kind)).toBeGreaterThan(1_000);
});
