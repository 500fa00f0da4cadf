import { expect, test } from "vitest";
import { createOutbox, type Outbox, type Scope } from "./outbox.ts";

const scope: Scope = { name: "s", version: "1" };
const all = { itemCountMax: 1_000_000, sizeBytesMax: 1_000_000 };

/** Items are texts; the encoder throws on "throws". Bytes per item: its length and 2. */
function open(limits: Partial<Parameters<typeof createOutbox>[0]["limits"]> = {}): {
  outbox: Outbox<string>;
  full: () => number;
} {
  let fullCount = 0;
  const outbox = createOutbox<string>({
    limits: {
      itemCountMax: 100,
      sizeBytesMax: 10_000,
      batchItemCountMax: 10,
      batchSizeBytesMax: 1_000,
      ...limits,
    },
    resource: Buffer.from("0a00", "hex"),
    encode(writer, item) {
      if (item === "throws") throw new Error("a getter threw");
      writer.string(2, item);
    },
    onBatchFull: () => (fullCount += 1),
  });
  return { outbox, full: () => fullCount };
}

function fill(outbox: Outbox<string>, count: number): void {
  for (let index = 0; index < count; index += 1) outbox.append(scope, `i${index}`);
}

function expectBalance(outbox: Outbox<string>): void {
  const { recorded, sent, dropped, queued } = outbox.counts();
  expect(sent + [...dropped.values()].reduce((a, b) => a + b, 0) + queued).toBe(recorded);
}

test("a batch is one request: resource, then the items under their scope, in order", () => {
  const { outbox } = open();
  const other: Scope = { name: "t" };
  outbox.append(scope, "a");
  outbox.append(scope, "b");
  outbox.append(other, "c");
  outbox.append(scope, "d");
  outbox.seal();
  const [batch] = outbox.take(all)!;
  expect(batch?.itemCount).toBe(4);
  // 0a: resource_…, and 0a02 in it: the resource; then scope_… (12) three times, as the scope changes twice.
  const parts = [
    "0a2b0a020a00",
    "120e0a060a0173120131120161120162",
    "12080a030a0174120163",
    "120b0a060a0173120131120164",
  ];
  expect(batch?.body.toString("hex")).toBe(parts.join(""));
});

test("items stay queued until they are settled; put back they are taken again, in the same order", () => {
  const { outbox } = open();
  fill(outbox, 25);
  outbox.seal();
  const first = outbox.take({ itemCountMax: 20, sizeBytesMax: 1_000_000 })!;
  expect(first.map(({ itemCount }) => itemCount)).toEqual([10, 10]);
  expect(outbox.take(all)).toBeUndefined();
  expect(outbox.counts().queued).toBe(25);
  outbox.putBack();
  expect(outbox.take({ itemCountMax: 20, sizeBytesMax: 1_000_000 })).toEqual(first);
  outbox.settleSent(3);
  expect(outbox.counts()).toMatchObject({ recorded: 25, sent: 17, queued: 5 });
  expect(outbox.counts().dropped.get("rejected")).toBe(3);
  outbox.take(all);
  outbox.settleDropped("refused");
  expect(outbox.counts()).toMatchObject({ sent: 17, queued: 0 });
  expectBalance(outbox);
});

test("a batch larger than a request's bounds is still taken, alone", () => {
  const { outbox } = open();
  fill(outbox, 20);
  expect(outbox.take({ itemCountMax: 1, sizeBytesMax: 1 })).toHaveLength(1);
});

test("a full batch is sealed and announced", () => {
  const { outbox, full } = open();
  fill(outbox, 10);
  expect(full()).toBe(1);
  outbox.append(scope, "x".repeat(995));
  expect(full()).toBe(1);
  outbox.append(scope, "y");
  expect(full()).toBe(2);
});

test("over the limit of items the oldest batch goes, but never one that is on its way", () => {
  const { outbox } = open({ itemCountMax: 30 });
  fill(outbox, 30);
  const [onItsWay] = outbox.take({ itemCountMax: 10, sizeBytesMax: 1_000_000 })!;
  fill(outbox, 10);
  expect(outbox.counts()).toMatchObject({ recorded: 40, queued: 30 });
  expect(outbox.counts().dropped.get("queue_full")).toBe(10);
  outbox.settleSent(0);
  expect(outbox.counts().sent).toBe(10);
  expect(outbox.take(all)?.[0]).not.toBe(onItsWay);
  expectBalance(outbox);
});

test("when everything is on its way the new item goes", () => {
  const { outbox } = open({ itemCountMax: 10 });
  fill(outbox, 10);
  outbox.take(all);
  fill(outbox, 3);
  expect(outbox.counts()).toMatchObject({ recorded: 13, queued: 10 });
  expectBalance(outbox);
});

test("bytes are bounded as well", () => {
  const { outbox } = open({ sizeBytesMax: 3_000, itemCountMax: 1_000_000 });
  for (let index = 0; index < 100; index += 1) outbox.append(scope, "x".repeat(100));
  outbox.seal();
  const size = outbox.take(all)!.reduce((sum, { body }) => sum + body.length, 0);
  // The frame of a batch (resource, scope, lengths) is not foreseen while it is open.
  expect(size).toBeLessThan(3_100);
  expect(size).toBeGreaterThan(1_500);
  expectBalance(outbox);
});

test("an item that cannot be encoded, or is too large, is counted and leaves the others whole", () => {
  const { outbox } = open();
  outbox.append(scope, "a");
  outbox.append(scope, "throws", 2);
  outbox.append(scope, "x".repeat(1_001), 3);
  outbox.append(scope, "b");
  const { dropped, queued } = outbox.counts();
  expect([dropped.get("encoding"), dropped.get("too_large"), queued]).toEqual([2, 3, 2]);
  outbox.seal();
  expect(outbox.take(all)?.[0]?.body.toString("hex")).toMatch(/120161120162$/);
  expectBalance(outbox);
});

test("a collector that rejects more than it got cannot make the account wrong", () => {
  const { outbox } = open();
  fill(outbox, 10);
  outbox.take(all);
  outbox.settleSent(99);
  expect(outbox.counts()).toMatchObject({ recorded: 10, sent: 0, queued: 0 });
  expectBalance(outbox);
});

test("what remains at the end leaves out what is on its way, unless that may be lost", () => {
  const { outbox } = open();
  fill(outbox, 20);
  outbox.take({ itemCountMax: 10, sizeBytesMax: 1_000_000 });
  expect(outbox.remaining({ withThoseOnTheWay: false })).toHaveLength(1);
  expect(outbox.remaining({ withThoseOnTheWay: true })).toHaveLength(2);
});
