import { expect, test } from "vitest";
import { createSpanPairs, type Half } from "./span-pairs.ts";

const half = (isServer: boolean, service: number): Half => ({
  isServer,
  service,
  durationMs: service * 2,
  isFailed: isServer,
  count: 1,
});

function key(number: number) {
  const bytes = new Uint8Array(40);
  new DataView(bytes.buffer).setUint32(12, number % 7);
  new DataView(bytes.buffer).setUint32(20, number);
  return { bytes, traceIdStart: 0, spanIdStart: 16 };
}

function setup(slotsMax: number) {
  const dropped: string[] = [];
  return { dropped, pairs: createSpanPairs({ slotsMax, dropped: (reason) => dropped.push(reason) }) };
}

test("client and server of one span are matched in either order, once", () => {
  const { pairs } = setup(100);
  expect(pairs.match(key(1), half(false, 3), 1)).toBeUndefined();
  expect(pairs.match(key(2), half(true, 4), 1)).toBeUndefined();
  expect(pairs.match(key(1), half(false, 9), 1)).toBeUndefined();
  expect(pairs.match(key(1), half(true, 5), 2)).toEqual(half(false, 9));
  expect(pairs.match(key(1), half(true, 5), 2)).toEqual(half(false, 3));
  expect(pairs.match(key(2), half(false, 6), 2)).toEqual(half(true, 4));
  expect(pairs.match(key(2), half(false, 6), 2)).toBeUndefined();
});

test("the oldest goes when there is no room, or when its time is up", () => {
  const { pairs, dropped } = setup(10);
  for (let number = 0; number < 15; number += 1) pairs.match(key(number), half(false, number), number);
  expect(dropped).toEqual(Array.from({ length: 5 }, () => "evicted"));
  expect(pairs.match(key(4), half(true, 1), 15)).toBeUndefined();
  expect(pairs.match(key(14), half(true, 1), 15)?.service).toBe(14);
  pairs.expire(10);
  expect(dropped.filter((reason) => reason === "expired")).toHaveLength(4);
  expect(pairs.match(key(9), half(true, 1), 15)).toBeUndefined();
  expect(pairs.match(key(10), half(true, 1), 15)?.service).toBe(10);
});

test("any sequence finds the partners that a plain search would find, also after a restart", () => {
  let seed = 3;
  const random = (below: number) => (seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0) % below;
  let { pairs } = setup(1_000);
  let waiting: { readonly number: number; readonly half: Half }[] = [];
  for (let step = 0; step < 5_000; step += 1) {
    const number = random(200);
    const each = half(random(2) === 0, step);
    const at = waiting.findLastIndex(
      (other) => other.number === number && other.half.isServer !== each.isServer,
    );
    expect(pairs.match(key(number), each, step)).toEqual(waiting[at]?.half);
    if (at >= 0) waiting.splice(at, 1);
    else waiting.push({ number, half: each });
    if (step % 500 === 0) {
      pairs.expire(step - 700);
      waiting = waiting.filter((other) => other.half.service >= step - 700);
      const restored = setup(1_000).pairs;
      restored.restore(structuredClone(pairs.snapshot()));
      pairs = restored;
    }
  }
});
