import { expect, test } from "vitest";
import { createInterner } from "./interner.ts";

const bytes = (text: string) => new Uint8Array(Buffer.from(text));

test("equal bytes have one number wherever they stand, other bytes another", () => {
  const interner = createInterner({ entriesMax: 10_000 });
  const numbers = new Map<number, string>();
  for (let index = 0; index < 5_000; index += 1) {
    const text = `GET /orders/${index}/ä`;
    const inside = bytes(`..${text}..`);
    const id = interner.intern(inside, 2, inside.length - 2, 1);
    expect(interner.intern(bytes(text), 0, inside.length - 4, 1)).toBe(id);
    numbers.set(id, text);
  }
  expect(numbers.size).toBe(5_000);
  for (const [id, text] of numbers) expect(interner.text(id)).toBe(text);
});

test("beyond its limit new bytes get no number, known ones keep theirs", () => {
  const interner = createInterner({ entriesMax: 2 });
  expect(["a", "b", "c", "a"].map((text) => interner.intern(bytes(text), 0, 1, 1))).toEqual([0, 1, -1, 0]);
});

test("what was not seen for long is forgotten and its number given out again; the rest is still found", () => {
  const interner = createInterner({ entriesMax: 1_000 });
  for (let index = 0; index < 1_000; index += 1) {
    const text = bytes(`name ${index}`);
    interner.intern(text, 0, text.length, index);
  }
  interner.sweep(500);
  expect(interner.size).toBe(500);
  for (let index = 500; index < 1_000; index += 1) {
    const text = bytes(`name ${index}`);
    expect(interner.intern(text, 0, text.length, 1_000)).toBe(index);
  }
  expect(interner.intern(bytes("new"), 0, 3, 1_000)).toBeLessThan(500);
});

test("a snapshot gives every text the number it had", () => {
  const interner = createInterner({ entriesMax: 1_000 });
  for (let index = 0; index < 300; index += 1) {
    const text = bytes(`ä${index}`);
    interner.intern(text, 0, text.length, index);
  }
  interner.sweep(100);
  const restored = createInterner({ entriesMax: 1_000 });
  restored.restore(structuredClone(interner.snapshot()));
  for (let index = 100; index < 300; index += 1) {
    const text = bytes(`ä${index}`);
    expect(restored.intern(text, 0, text.length, 400)).toBe(index);
  }
  expect(restored.size).toBe(200);
  expect(restored.intern(bytes("new"), 0, 3, 1)).toBeLessThan(100);
});

test("an entry outlives the buffer it was read from", () => {
  const interner = createInterner({ entriesMax: 10 });
  const buffer = Buffer.from("checkout");
  const id = interner.intern(buffer, 0, buffer.length, 1);
  buffer.fill("x");
  expect(interner.intern(Buffer.from("checkout"), 0, 8, 2)).toBe(id);
  expect(interner.text(id)).toBe("checkout");
});
