import { expect, test } from "vitest";
import { freePort } from "../../support/index.ts";
import { oracleEncode, root } from "../otlp/schema.ts";
import { startReceiver, type Answer, type Receiver } from "./receiver.ts";
import { eventually, readSample, startService, type Service } from "./service.ts";

interface Account {
  readonly recorded: number;
  readonly sent: number;
  readonly dropped: number;
  readonly queued: number;
}

/** One reading of /metrics: the four numbers of a signal, taken at one moment. */
async function accountOf(service: Service, signal: "spans" | "logs" | "metrics"): Promise<Account> {
  const text = await (await fetch(`${service.adminUrl}/metrics`)).text();
  const read = (name: string, labels = {}) =>
    readSample(text, `quartet_agent_${name}`, { signal, ...labels }) ?? Number.NaN;
  const reasons = ["queue_full", "too_large", "encoding", "rejected", "refused"];
  return {
    recorded: read("recorded_total"),
    sent: read("sent_total"),
    dropped: reasons.map((reason) => read("dropped_total", { reason })).reduce((a, b) => a + b),
    queued: read("queued"),
  };
}

const isBalanced = ({ recorded, sent, dropped, queued }: Account): boolean =>
  recorded === sent + dropped + queued;

async function ask(service: Service, path: string, count = 1): Promise<void> {
  for (let index = 0; index < count; index += 1) await (await fetch(service.url + path)).text();
}

test("an error takes everything before it along, in order, long before the batch is due", async () => {
  await using receiver = await startReceiver();
  await using service = await startService({
    script: "shop.mjs",
    endpoint: receiver.url,
    // Only an error can send anything within this test.
    env: { OTEL_BSP_SCHEDULE_DELAY: "600000", OTEL_BLRP_SCHEDULE_DELAY: "600000" },
  });
  for (let round = 1; round <= 3; round += 1) {
    for (let index = 0; index < 20; index += 1) await ask(service, `/items/${round}-${index}`);
    await ask(service, "/fails");
    await eventually("the error", () => receiver.spans.length >= round * 21);
    const ofRound = receiver.spans.slice(-21);
    expect(ofRound.map(({ status }) => status)).toEqual([...Array<number>(20).fill(0), 2]);
    // In the order in which they ended: requests were made one after another.
    expect(ofRound.slice(0, 20).map(({ attributes }) => attributes["url.path"])).toEqual(
      Array.from({ length: 20 }, (_, index) => `/items/${round}-${index}`),
    );
    // A fact of the design is 100 ms; the bound is that of a busy test machine.
    const error = ofRound.at(-1)!;
    expect(error.receivedMs - Number(error.endNano / 1_000_000n)).toBeLessThan(1_000);
  }
  // The error's log record took the logs along as well.
  expect(
    receiver.logs.some(({ severityNumber, body }) => severityNumber === 17 && body === "out of stock"),
  ).toBe(true);
  expect(receiver.requests.filter(({ path }) => path === "/v1/traces").length).toBeLessThanOrEqual(6);
});

test("an error log flushes too", async () => {
  await using receiver = await startReceiver();
  await using service = await startService({
    script: "plain.mjs",
    endpoint: receiver.url,
    args: ["--survives"],
    env: { OTEL_BSP_SCHEDULE_DELAY: "600000", OTEL_BLRP_SCHEDULE_DELAY: "600000" },
  });
  await ask(service, "/quiet", 3);
  const leave = new AbortController();
  const unanswered = fetch(`${service.url}/reject`, { signal: leave.signal });
  await eventually("the error's record", () => receiver.logs.some(({ body }) => body === "survived"));
  leave.abort();
  await expect(unanswered).rejects.toThrow(/fetch failed|aborted/);
  expect(receiver.spans.length).toBeGreaterThanOrEqual(3);
});

const refusals: { name: string; answer: Answer; recovers: boolean }[] = [
  { name: "503", answer: () => ({ status: 503 }), recovers: true },
  {
    name: "429 with Retry-After",
    answer: () => ({ status: 429, headers: { "retry-after": "1" } }),
    recovers: true,
  },
  { name: "a connection cut in the middle", answer: () => Promise.reject(new Error("cut")), recovers: true },
];

for (const { name, answer } of refusals) {
  test(`${name} loses nothing and sends nothing twice; the account balances all the way`, async () => {
    await using receiver = await startReceiver();
    await using service = await startService({ script: "shop.mjs", endpoint: receiver.url });
    await ask(service, "/items/1", 3);
    await eventually("three spans", () => receiver.spans.length === 3);
    receiver.answer = answer;
    await ask(service, "/items/2", 7);
    await ask(service, "/fails", 2);
    await eventually("a failed attempt", () => service.process.stderr().includes("COLLECTOR_AWAY"));
    const during = await accountOf(service, "spans");
    expect(during).toEqual({ recorded: 12, sent: 3, dropped: 0, queued: 9 });
    receiver.answer = () => undefined;
    await eventually("all spans", () => receiver.spans.length >= 12);
    await eventually("the account", async () => (await accountOf(service, "spans")).queued === 0);
    expect(await accountOf(service, "spans")).toEqual({ recorded: 12, sent: 12, dropped: 0, queued: 0 });
    expect(new Set(receiver.spans.map(({ spanId }) => spanId)).size).toBe(12);
    expect(receiver.spans).toHaveLength(12);
    expect(receiver.spans.map(({ status }) => status).lastIndexOf(0)).toBe(9);
    for (const signal of ["logs", "metrics"] as const)
      expect(await accountOf(service, signal)).toSatisfy(isBalanced);
    // One line for the outage, however many batches and signals it met.
    expect(service.process.stderr().match(/QUARTET_AGENT_COLLECTOR_AWAY/g)).toHaveLength(1);
  });
}

test("Retry-After is obeyed", async () => {
  await using receiver = await startReceiver();
  receiver.answer = () => ({ status: 503, headers: { "retry-after": "2" } });
  await using service = await startService({
    script: "plain.mjs",
    endpoint: receiver.url,
    env: { OTEL_LOGS_EXPORTER: "none", OTEL_METRICS_EXPORTER: "none" },
  });
  await ask(service, "/echo");
  await eventually("the first attempt", () => receiver.requests.length === 1);
  const refusedMs = performance.now();
  receiver.answer = () => undefined;
  await eventually("the second attempt", () => receiver.requests.length === 2);
  expect(performance.now() - refusedMs).toBeGreaterThan(1_900);
  expect(receiver.spans).toHaveLength(1);
});

test("what the collector refuses for good is dropped and counted, and said once", async () => {
  await using receiver = await startReceiver();
  receiver.answer = ({ path }) => (path === "/v1/traces" ? { status: 400 } : undefined);
  await using service = await startService({ script: "plain.mjs", endpoint: receiver.url });
  for (let round = 1; round <= 3; round += 1) {
    await ask(service, "/echo");
    await eventually("the drop", async () => (await accountOf(service, "spans")).dropped === round);
  }
  expect(await service.metric("quartet_agent_dropped_total", { signal: "spans", reason: "refused" })).toBe(3);
  expect(await accountOf(service, "spans")).toEqual({ recorded: 3, sent: 0, dropped: 3, queued: 0 });
  expect(service.process.stderr().match(/QUARTET_AGENT_REFUSED/g)).toHaveLength(1);
});

test("spans that a partial success rejects are not counted as sent", async () => {
  await using receiver = await startReceiver();
  receiver.answer = ({ path }) =>
    path === "/v1/traces"
      ? {
          status: 200,
          takes: true,
          body: oracleEncode(root.lookupType("ExportResponse"), {
            partialSuccess: { rejected: 2, errorMessage: "too old" },
          }),
        }
      : undefined;
  await using service = await startService({
    script: "plain.mjs",
    endpoint: receiver.url,
    env: { OTEL_BSP_SCHEDULE_DELAY: "600000" },
  });
  await ask(service, "/echo", 4);
  await ask(service, "/status?code=500");
  await eventually("five spans", async () => (await accountOf(service, "spans")).queued === 0);
  expect(await accountOf(service, "spans")).toEqual({ recorded: 5, sent: 3, dropped: 2, queued: 0 });
  expect(service.process.stderr()).toContain("too old");
});

test("a collector that is away costs bounded memory, a counter and one line; when it returns, the most recent arrive", async () => {
  const port = await freePort();
  await using service = await startService({
    script: "plain.mjs",
    endpoint: `http://127.0.0.1:${port}`,
    env: { OTEL_BSP_MAX_QUEUE_SIZE: "50", OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "10" },
  });
  await ask(service, "/echo", 130);
  const away = await accountOf(service, "spans");
  expect(away.recorded).toBe(130);
  expect(away.queued).toBeLessThanOrEqual(50);
  expect(away.queued).toBeGreaterThan(30);
  expect(away).toSatisfy(isBalanced);
  expect(await service.metric("quartet_agent_dropped_total", { signal: "spans", reason: "queue_full" })).toBe(
    away.dropped,
  );
  await using receiver: Receiver = await startReceiver({ port });
  await eventually("what was kept", () => receiver.spans.length >= away.queued);
  await eventually("the account", async () => (await accountOf(service, "spans")).queued === 0);
  const back = await accountOf(service, "spans");
  expect(back).toSatisfy(isBalanced);
  expect(back.sent).toBe(receiver.spans.length);
  expect(service.process.stderr().trim().split("\n")).toHaveLength(1);
  expect(service.process.stderr()).toContain(`http://127.0.0.1:${port}`);
  expect(service.process.exit()).toBeUndefined();
});

test("many spans at once all arrive, exactly once, in order", async () => {
  await using receiver = await startReceiver();
  await using service = await startService({ script: "plain.mjs", endpoint: receiver.url });
  const count = 3_000;
  await Promise.all(Array.from({ length: 20 }, () => ask(service, "/echo", count / 20)));
  await eventually("all spans", () => receiver.spans.length >= count);
  expect(await accountOf(service, "spans")).toEqual({ recorded: count, sent: count, dropped: 0, queued: 0 });
  expect(new Set(receiver.spans.map(({ spanId }) => spanId)).size).toBe(count);
  // The SDK takes the start of a span from a clock of whole milliseconds: closer than that two spans' times say nothing.
  const ends = receiver.spans.map(({ endNano }) => Number(endNano / 1_000n) / 1_000);
  expect(ends.every((end, index) => index === 0 || end > ends[index - 1]! - 2)).toBe(true);
});
