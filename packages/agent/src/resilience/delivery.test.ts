import { expect, test } from "vitest";
import type { Clock } from "./clock.ts";
import { createDelivery, type Delivery } from "./delivery.ts";
import { createNotice } from "./notice.ts";
import { createOutage } from "./outage.ts";
import { createOutbox, type Outbox } from "./outbox.ts";
import type { SendOutcome } from "./sender.ts";

const accepted: SendOutcome = { kind: "accepted", rejectedCount: 0, message: "" };
const away: SendOutcome = { kind: "retryable", cause: "ECONNREFUSED", retryAfterMs: undefined };
const scope = { name: "s" };

interface Bench {
  readonly clock: TestClock;
  readonly outbox: Outbox<string>;
  readonly delivery: Delivery;
  /** The items of each request, and when it was made. */
  readonly requests: { readonly items: string; readonly atMs: number }[];
  readonly said: string[];
  /** Gives the outcome of each request. */
  answer: (request: number) => SendOutcome | Promise<SendOutcome>;
}

function setUp(): Bench {
  const clock = createTestClock();
  const said: string[] = [];
  const notice = createNotice("info", (line) => said.push(line));
  const requests: Bench["requests"] = [];
  const outbox = createOutbox<string>({
    limits: { itemCountMax: 1_000, sizeBytesMax: 100_000, batchItemCountMax: 100, batchSizeBytesMax: 10_000 },
    resource: Buffer.alloc(0),
    encode: (writer, item) => writer.string(2, item),
    onBatchFull: () => delivery.sendSealed(),
  });
  const startMs = clock.nowMs();
  const delivery = createDelivery({
    signal: "spans",
    outbox,
    send(body) {
      const items = body.toString("latin1").match(/[a-z]\d+/g) ?? [];
      requests.push({ items: items.join(" "), atMs: clock.nowMs() - startMs });
      return Promise.resolve(bench.answer(requests.length));
    },
    outage: createOutage("http://c", { notice, nowMs: clock.nowMs }),
    notice,
    clock,
    random: () => 1,
    scheduleDelayMs: 1_000,
    detach: (callback) => callback(),
  });
  const bench: Bench = { clock, outbox, delivery, requests, said, answer: () => accepted };
  delivery.start();
  return bench;
}

test("items wait for the schedule, and leave together", async () => {
  const { clock, outbox, requests } = setUp();
  outbox.append(scope, "a1");
  await clock.advance(500);
  outbox.append(scope, "a2");
  await clock.advance(499);
  expect(requests).toEqual([]);
  await clock.advance(1);
  expect(requests).toEqual([{ items: "a1 a2", atMs: 1_000 }]);
});

test("an error takes everything along within 100 ms, and several errors make one request", async () => {
  const { clock, outbox, delivery, requests } = setUp();
  outbox.append(scope, "a1");
  outbox.append(scope, "e2");
  delivery.flushSoon();
  await clock.advance(10);
  outbox.append(scope, "e3");
  delivery.flushSoon();
  await clock.advance(90);
  expect(requests).toHaveLength(1);
  expect(requests[0]?.items).toBe("a1 e2 e3");
  expect(requests[0]?.atMs).toBeLessThanOrEqual(100);
});

test("one request at a time: what is recorded meanwhile follows when it is answered, not before", async () => {
  const bench = setUp();
  const { clock, outbox, delivery, requests } = bench;
  let answer = (_outcome: SendOutcome): void => {};
  bench.answer = (request) => (request === 1 ? new Promise((resolve) => (answer = resolve)) : accepted);
  outbox.append(scope, "a1");
  await clock.advance(1_000);
  outbox.append(scope, "e2");
  delivery.flushSoon();
  await clock.advance(5_000);
  expect(requests).toHaveLength(1);
  answer(accepted);
  await clock.advance(0);
  expect(requests.map(({ items }) => items)).toEqual(["a1", "e2"]);
});

test("what failed goes first, before what came later, after growing pauses of at most 5 s", async () => {
  const bench = setUp();
  const { clock, outbox, requests } = bench;
  bench.answer = () => away;
  outbox.append(scope, "a1");
  await clock.advance(30_000);
  const gaps = requests.slice(1).map(({ atMs }, index) => atMs - requests[index]!.atMs);
  expect(gaps).toEqual([250, 500, 1_000, 2_000, 4_000, 5_000, 5_000, 5_000, 5_000].slice(0, gaps.length));
  expect(gaps.length).toBeGreaterThan(6);
  outbox.append(scope, "a2");
  bench.answer = () => accepted;
  await clock.advance(5_000);
  expect(requests.at(-1)?.items).toBe("a1 a2");
  expect(outbox.counts()).toMatchObject({ recorded: 2, sent: 2, queued: 0 });
});

test("a Retry-After delays the next attempt by that time, errors or not", async () => {
  const bench = setUp();
  const { clock, outbox, delivery, requests } = bench;
  bench.answer = (request) => (request === 1 ? { ...away, retryAfterMs: 7_000 } : accepted);
  outbox.append(scope, "a1");
  await clock.advance(1_000);
  outbox.append(scope, "e2");
  delivery.flushSoon();
  await clock.advance(6_999);
  expect(requests).toHaveLength(1);
  await clock.advance(1);
  expect(requests[1]).toEqual({ items: "a1 e2", atMs: 8_000 });
});

test("an outage is said once, and its end once", async () => {
  const bench = setUp();
  const { clock, outbox, said } = bench;
  bench.answer = () => away;
  outbox.append(scope, "a1");
  await clock.advance(20_000);
  expect(said).toHaveLength(1);
  expect(said[0]).toMatch(/^quartet-agent: QUARTET_AGENT_COLLECTOR_AWAY: http:\/\/c .*ECONNREFUSED/);
  bench.answer = () => accepted;
  await clock.advance(5_000);
  expect(said).toHaveLength(2);
  expect(said[1]).toContain("QUARTET_AGENT_COLLECTOR_BACK");
});

test("what is refused is dropped, and does not hold up what follows", async () => {
  const bench = setUp();
  const { clock, outbox, requests } = bench;
  bench.answer = (request) => (request === 1 ? { kind: "refused", cause: "HTTP 400" } : accepted);
  outbox.append(scope, "a1");
  await clock.advance(1_000);
  outbox.append(scope, "a2");
  await clock.advance(1_000);
  expect(requests.map(({ items }) => items)).toEqual(["a1", "a2"]);
  expect(outbox.counts()).toMatchObject({ sent: 1, queued: 0 });
  expect(outbox.counts().dropped.get("refused")).toBe(1);
});

test("a flush sends at once, even while the next attempt is waited for, and ends with the queue", async () => {
  const bench = setUp();
  const { clock, outbox, delivery, requests } = bench;
  bench.answer = (request) => (request === 1 ? { ...away, retryAfterMs: 60_000 } : accepted);
  outbox.append(scope, "a1");
  await clock.advance(1_000);
  let isFlushed = false;
  void delivery.flush(2_000).then(() => (isFlushed = true));
  await clock.advance(0);
  expect(requests).toHaveLength(2);
  expect(isFlushed).toBe(true);
});

test("a flush ends after a failed attempt, at its deadline, and at once when there is nothing", async () => {
  const bench = setUp();
  const { clock, outbox, delivery } = bench;
  const ends: string[] = [];
  void delivery.flush(2_000).then(() => ends.push("empty"));
  await clock.advance(0);
  outbox.append(scope, "a1");
  bench.answer = () => away;
  void delivery.flush(2_000).then(() => ends.push("failed"));
  await clock.advance(0);
  bench.answer = () => new Promise(() => undefined);
  void delivery.flush(2_000).then(() => ends.push("deadline"));
  await clock.advance(1_999);
  expect(ends).toEqual(["empty", "failed"]);
  await clock.advance(1);
  expect(ends).toEqual(["empty", "failed", "deadline"]);
});

test("a full batch leaves without the schedule", async () => {
  const { clock, outbox, requests } = setUp();
  for (let index = 0; index < 250; index += 1) outbox.append(scope, `a${index}`);
  await clock.advance(1);
  expect(requests[0]?.items.split(" ")).toHaveLength(200);
  expect(outbox.counts().queued).toBe(50);
});

test("after stop nothing is sent any more", async () => {
  const { clock, outbox, delivery, requests } = setUp();
  outbox.append(scope, "a1");
  delivery.flushSoon();
  delivery.stop();
  await delivery.flush(2_000);
  await clock.advance(10_000);
  expect(requests).toEqual([]);
  expect(outbox.counts().queued).toBe(1);
});

/** A clock for tests: time stands still until `advance` turns it. */
interface TestClock extends Clock {
  /** Moves on and fires what is due, in order, letting promises settle in between. */
  advance(ms: number): Promise<void>;
}

function createTestClock(startMs = 1_000_000): TestClock {
  let nowMs = startMs;
  let timers: { readonly atMs: number; readonly callback: () => void }[] = [];
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
  };
  return {
    nowMs: () => nowMs,
    setTimer(callback, delayMs) {
      const timer = { atMs: nowMs + delayMs, callback };
      timers.push(timer);
      return () => {
        timers = timers.filter((candidate) => candidate !== timer);
      };
    },
    async advance(ms) {
      const endMs = nowMs + ms;
      for (;;) {
        await settle();
        const due = timers.filter(({ atMs }) => atMs <= endMs).toSorted((a, b) => a.atMs - b.atMs)[0];
        if (due === undefined) break;
        nowMs = Math.max(nowMs, due.atMs);
        timers = timers.filter((timer) => timer !== due);
        due.callback();
      }
      nowMs = endMs;
      await settle();
    },
  };
}
