import { expect, test } from "vitest";
import { createBytesCache } from "./bytes-cache.ts";

function open(settings: { entriesMax: number; lengthMax: number }) {
  const found: string[] = [];
  const cache = createBytesCache({
    ...settings,
    find(bytes, start, end) {
      const text = Buffer.from(bytes.subarray(start, end)).toString();
      found.push(text);
      return text.toUpperCase();
    },
  });
  const get = (text: string) => {
    const bytes = Buffer.from(`<${text}>`);
    return cache.get(bytes, 1, bytes.length - 1);
  };
  return { found, get };
}

test("what comes again is not looked for again", () => {
  const { found, get } = open({ entriesMax: 1_000, lengthMax: 10 });
  const texts = Array.from({ length: 500 }, (_, index) => `t${index}`);
  for (let round = 0; round < 2; round += 1)
    expect(texts.map(get)).toEqual(texts.map((text) => text.toUpperCase()));
  // Some find no place near where they belong.
  expect(found.length).toBeLessThan(550);
});

test("long texts are never kept, and ever new ones push out the old at the bound", () => {
  const { found, get } = open({ entriesMax: 8, lengthMax: 10 });
  for (let round = 0; round < 2; round += 1) expect(get("a long text")).toBe("A LONG TEXT");
  expect(found).toHaveLength(2);
  for (let index = 0; index < 100; index += 1) expect(get(`t${index}`)).toBe(`T${index}`);
  expect(get("t0")).toBe("T0");
  expect(found).toHaveLength(103);
});
