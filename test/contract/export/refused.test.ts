import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { until } from "../../support/index.ts";
import type { Answer } from "./backend.ts";
import {
  bodies,
  deadLettersOf,
  isRetryDelay,
  openHarness,
  soon,
  untilDelay,
  untilSettled,
} from "./harness.ts";

test("a batch that is too large is halved until it fits, and later batches are smaller from the start", async () => {
  await using harness = await openHarness();
  harness.backend.answer = ({ body }) => ({ status: body.length > 100_000 ? 413 : 200 });
  for (let index = 0; index < 8; index += 1) await harness.append(String(index).repeat(40_000));
  harness.exporter.start();
  await untilSettled(harness, 8);
  const accepted = bodies(harness).filter(({ length }) => length <= 100_000);
  expect(accepted.join("")).toBe("01234567".replaceAll(/./g, (digit) => digit.repeat(40_000)));
  const before = harness.backend.requests.length;
  for (let index = 0; index < 8; index += 1) await harness.append("x".repeat(40_000));
  await untilSettled(harness, 16);
  expect(
    bodies(harness)
      .slice(before)
      .every(({ length }) => length <= 100_000),
  ).toBe(true);
  expect(await harness.metric("quartet_export_sent_items_total")).toBe(16);
});

test("the one record that the back end refuses is found, put into the dead letters, and the others arrive", async () => {
  await using harness = await openHarness();
  harness.backend.answer = ({ body }) =>
    body.includes("bad")
      ? { status: 400, headers: { "content-type": "text/plain" }, body: "span without id" }
      : { status: 200 };
  for (let index = 0; index < 20; index += 1) await harness.append(index === 13 ? "bad;" : `${index};`, 2);
  harness.exporter.start();
  await untilSettled(harness, 20);
  const accepted = bodies(harness).filter((body) => !body.includes("bad"));
  expect(accepted.join("")).toBe("0;1;2;3;4;5;6;7;8;9;10;11;12;14;15;16;17;18;19;");
  expect(harness.backend.requests.length).toBeLessThan(12);
  expect(deadLettersOf(harness)).toMatchObject([
    {
      note: {
        consumer: "export.jaeger.traces",
        reason: "refused",
        message: "400 span without id",
        offset: 13,
      },
      itemCount: 2,
      text: "bad;",
    },
  ]);
  expect(await harness.metric("quartet_export_dead_letter_items_total", { reason: "refused" })).toBe(2);
  expect(await harness.metric("quartet_export_sent_items_total")).toBe(38);
});

test("a record that is too large by itself becomes a dead letter", async () => {
  await using harness = await openHarness();
  harness.backend.answer = ({ body }) => ({ status: body.length > 1_000 ? 413 : 200 });
  await harness.append("a");
  await harness.append("x".repeat(2_000), 4);
  await harness.append("b");
  harness.exporter.start();
  await untilSettled(harness, 3);
  expect(await harness.metric("quartet_export_dead_letter_items_total", { reason: "too_large" })).toBe(4);
  expect(await harness.metric("quartet_export_sent_items_total")).toBe(2);
});

test("a batch that does not get through in time is halved after three attempts, and one record alone is tried for ever", async () => {
  await using harness = await openHarness();
  const isSlow = (request: { readonly body: Buffer }) => request.body.length > 150_000;
  harness.backend.answer = (request) => (isSlow(request) ? "silence" : { status: 200 });
  for (let index = 0; index < 4; index += 1) await harness.append(String(index).repeat(100_000));
  await harness.append("x".repeat(200_000));
  harness.exporter.start();
  let timedOutCount = 0;
  const goOn = (isDone: () => boolean) => () => {
    const { clock, backend } = harness;
    const silentCount = backend.requests.filter(isSlow).length;
    if (silentCount > timedOutCount) {
      timedOutCount = silentCount;
      clock.advance(7_000);
    } else clock.advance(clock.delaysMs.find(isRetryDelay) ?? 1);
    return isDone();
  };
  await until(
    goOn(() => harness.committedOffset === 4 && timedOutCount > 20),
    { ...soon, what: "the others to be sent, and the last one to be tried often" },
  );
  const sizes = bodies(harness).map(({ length }) => length / 100_000);
  // All five, three of them, two of them; then each alone, and the last one again and again.
  expect(sizes.slice(0, 12)).toEqual([6, 6, 6, 3, 3, 3, 2, 2, 2, 1, 1, 1]);
  expect(sizes.slice(12, 16)).toEqual([3, 3, 3, 1]);
  expect(new Set(sizes.slice(16))).toEqual(new Set([2]));
  harness.backend.answer = () => ({ status: 200 });
  await until(
    goOn(() => harness.committedOffset === 5),
    { ...soon, what: "the last one to be sent" },
  );
  expect(await harness.metric("quartet_export_sent_items_total")).toBe(5);
});

test("when the dead letters are full the record is dropped and counted, and the rest goes on", async () => {
  await using harness = await openHarness({ deadLetterSizeBytesMax: 100_000 });
  harness.backend.answer = () => ({ status: 400 });
  await harness.append("x".repeat(100), 1);
  await harness.append("x".repeat(200_000), 7);
  harness.exporter.start();
  await untilSettled(harness, 2);
  expect(await harness.metric("quartet_export_dead_letter_items_total")).toBe(1);
  expect(await harness.metric("quartet_export_dropped_items_total", { reason: "dead_letter_full" })).toBe(7);
});

test("while a dead letter cannot be written nothing is given up", async () => {
  await using harness = await openHarness();
  harness.backend.answer = () => ({ status: 400 });
  // A file where the folder should be.
  const path = join(harness.dir, "dead-letter");
  writeFileSync(path, "");
  await harness.append("a", 3);
  harness.exporter.start();
  const delayMs = await untilDelay(harness);
  expect(await harness.metric("quartet_export_failures_total", { operation: "export" })).toBe(1);
  expect(await harness.metric("quartet_export_queued_items")).toBe(3);
  rmSync(path);
  harness.clock.advance(delayMs);
  await untilSettled(harness, 1);
  expect(await harness.metric("quartet_export_dead_letter_items_total")).toBe(3);
});

test("what a partial success rejects is counted apart and not sent again", async () => {
  await using harness = await openHarness();
  const message = Buffer.from("no name");
  const partial = Buffer.concat([Buffer.from([0x08, 4, 0x12, message.length]), message]);
  harness.backend.answer = () => ({
    status: 200,
    body: Buffer.concat([Buffer.from([0x0a, partial.length]), partial]),
  });
  await harness.append("a", 10);
  harness.exporter.start();
  await untilSettled(harness, 1);
  expect(await harness.metric("quartet_export_rejected_items_total")).toBe(4);
  expect(await harness.metric("quartet_export_sent_items_total")).toBe(6);
  expect(harness.backend.requests).toHaveLength(1);
  expect(harness.logLines).toMatchObject([{ level: "warn", fields: { rejected: 4, cause: "no name" } }]);
});

test("a 200 with a body that is no OTLP counts as accepted", async () => {
  await using harness = await openHarness();
  harness.backend.answer = () => ({
    status: 200,
    headers: { "content-type": "text/html" },
    body: "<h1>fine</h1>",
  });
  await harness.append("a", 2);
  harness.exporter.start();
  await untilSettled(harness, 1);
  expect(await harness.metric("quartet_export_sent_items_total")).toBe(2);
});

test("recovered + appended = sent + rejected + dead letters + dropped + queued, whatever the back end answers", async () => {
  await using harness = await openHarness({ sizeBytesMax: 6_000, batchSizeBytesMax: 1_000 });
  const appendOne = async (index: number): Promise<number> => {
    const items = 1 + (index % 7);
    await harness.append(`${index}${index % 11 === 0 ? "bad" : ""}${"x".repeat(200)}`, items);
    return items;
  };
  let accepted = 0;
  for (let index = 0; index < 5; index += 1) accepted += await appendOne(index);
  let attempt = 0;
  harness.backend.answer = ({ body }): Answer => {
    attempt += 1;
    if (attempt % 5 === 0) return { status: 503 };
    if (attempt % 7 === 0) return "hang_up";
    if (body.includes("bad")) return { status: 400 };
    return attempt % 3 === 0 ? { status: 200, body: Buffer.from([0x0a, 2, 0x08, 1]) } : { status: 200 };
  };
  const sum = async (): Promise<number> => {
    const parts = ["sent", "rejected", "dead_letter", "dropped"].map((part) =>
      harness.metric(`quartet_export_${part}_items_total`),
    );
    const queued = harness.metric("quartet_export_queued_items");
    return (await Promise.all([...parts, queued])).reduce((total, value) => total + value, 0);
  };
  harness.exporter.start();
  expect(await harness.metric("quartet_export_recovered_items_total")).toBe(accepted);
  for (let index = 5; index < 200; index += 1) {
    accepted += await appendOne(index);
    if (index % 20 === 0) harness.clock.advance(20_000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await until(
    async () => {
      harness.clock.advance(20_000);
      return (
        harness.reader.lag().records === 0 && (await harness.metric("quartet_export_queued_items")) === 0
      );
    },
    { ...soon, what: "the queue to be empty" },
  );
  expect(await sum()).toBe(accepted);
  expect(await harness.metric("quartet_export_dropped_items_total", { reason: "journal" })).toBeGreaterThan(
    0,
  );
  expect(await harness.metric("quartet_export_dead_letter_items_total")).toBeGreaterThan(0);
});
