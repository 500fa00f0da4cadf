import { expect, test } from "vitest";
import { createOtlpHttpBackEnd, signalUrl } from "../../../packages/collector/src/export/index.ts";
import { until } from "../../support/index.ts";
import type { Answer } from "./backend.ts";
import {
  commitIntervalMs,
  isRetryDelay,
  openHarness,
  soon,
  untilDelay,
  untilRequests,
  untilSettled,
  type Harness,
} from "./harness.ts";

/** Up to four requests at once, of one record each. */
function openWide(): Promise<Harness> {
  return openHarness({
    batchItemCountMax: 1,
    openBackEnd: ({ endpoint, transport, clock }) =>
      createOtlpHttpBackEnd({
        url: signalUrl("jaeger", endpoint, "traces"),
        compression: "none",
        transport,
        clock,
        requestCountMax: 4,
      }),
  });
}

/** Answers of which each waits for the test. */
function holdAnswers({ backend }: Harness): Map<string, (answer: Answer) => void> {
  const held = new Map<string, (answer: Answer) => void>();
  backend.answer = ({ body }) => new Promise((resolve) => held.set(body.toString(), resolve));
  return held;
}

test("four requests are under way at once, and the cursor moves only over what is settled in front", async () => {
  await using harness = await openWide();
  const held = holdAnswers(harness);
  for (const text of ["0", "1", "2", "3", "4", "5"]) await harness.append(text);
  harness.exporter.start();
  await untilRequests(harness, 4);
  expect([...held.keys()].sort()).toEqual(["0", "1", "2", "3"]);
  held.get("1")!({ status: 200 });
  held.get("3")!({ status: 200 });
  await untilRequests(harness, 6);
  harness.clock.advance(commitIntervalMs);
  expect(harness.committedOffset).toBe(0);
  expect(await harness.metric("quartet_export_sent_items_total")).toBe(2);
  expect(await harness.metric("quartet_export_queued_items")).toBe(4);
  held.get("0")!({ status: 200 });
  await untilSettled(harness, 2);
  for (const text of ["2", "4", "5"]) held.get(text)!({ status: 200 });
  await untilSettled(harness, 6);
});

test("while the back end is away one request tries, and all go on when it got through", async () => {
  await using harness = await openWide();
  harness.backend.answer = () => ({ status: 503 });
  for (const text of ["0", "1", "2", "3", "4", "5"]) await harness.append(text);
  harness.exporter.start();
  for (const expectedMs of [250, 500, 1_000, 2_000]) {
    expect(await untilDelay(harness)).toBe(expectedMs);
    await until(() => !harness.clock.delaysMs.includes(7_000), {
      ...soon,
      what: "the others to have failed",
    });
    expect(harness.clock.delaysMs.filter(isRetryDelay)).toEqual([expectedMs]);
    harness.clock.advance(expectedMs);
  }
  const delayMs = await untilDelay(harness);
  // Four at first, then one at a time.
  expect(harness.backend.requests).toHaveLength(4 + 4);
  harness.backend.answer = () => ({ status: 200 });
  harness.clock.advance(delayMs);
  await untilSettled(harness, 6);
  expect(await harness.metric("quartet_export_sent_items_total")).toBe(6);
  expect(harness.logLines.map(({ level }) => level)).toEqual(["warn", "info"]);
});

test("what is stopped with requests under way is sent again from the first that was not settled", async () => {
  await using harness = await openWide();
  const held = holdAnswers(harness);
  for (const text of ["0", "1", "2", "3"]) await harness.append(text);
  harness.exporter.start();
  await untilRequests(harness, 4);
  for (const text of ["0", "2"]) held.get(text)!({ status: 200 });
  await until(async () => (await harness.metric("quartet_export_sent_items_total")) === 2, {
    ...soon,
    what: "two to be accepted",
  });
  const stopped = harness.exporter.stop({ deadlineMs: 3_000 });
  await until(() => harness.clock.delaysMs.includes(3_000), { ...soon, what: "the deadline" });
  harness.clock.advance(3_000);
  await stopped;
  expect(harness.committedOffset).toBe(1);
});

test("lag counts what is in hand: records, bytes, and the age of the oldest that is not settled", async () => {
  await using harness = await openWide();
  const held = holdAnswers(harness);
  for (const text of ["0000", "1"]) await harness.append(text);
  harness.exporter.start();
  await untilRequests(harness, 2);
  await harness.append("2");
  harness.clock.advance(3_000);
  const lag = (unit: string) => harness.metric(`quartet_export_lag_${unit}`);
  expect([await lag("records"), await lag("bytes"), await lag("seconds")]).toEqual([3, 6, 3]);
  held.get("0000")!({ status: 200 });
  held.get("1")!({ status: 200 });
  await untilRequests(harness, 3);
  held.get("2")!({ status: 200 });
  await untilSettled(harness, 3);
  expect([await lag("records"), await lag("bytes"), await lag("seconds")]).toEqual([0, 0, 0]);
});
