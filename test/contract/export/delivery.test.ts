import { expect, test } from "vitest";
import type { Answer } from "./backend.ts";
import {
  bodies,
  openHarness,
  startMs,
  untilDelay,
  untilRequests,
  untilSettled,
  type HarnessOptions,
} from "./harness.ts";

test("records that wait together are posted as one body of the original bytes, and then committed", async () => {
  await using harness = await openHarness({ headers: { "X-Scope": "team", "Content-Type": "text/plain" } });
  for (const text of ["one ", "two ", "three"]) await harness.append(text);
  harness.exporter.start();
  await untilSettled(harness, 3);
  expect(bodies(harness)).toEqual(["one two three"]);
  const [request] = harness.backend.requests;
  expect(request).toMatchObject({
    path: "/v1/traces",
    headers: { "content-type": "application/x-protobuf", "x-scope": "team", "content-length": "13" },
  });
  await harness.append("four");
  await untilSettled(harness, 4);
  expect(bodies(harness).at(-1)).toBe("four");
});

test.each(["gzip", "zstd"] as const)(
  "bodies are compressed with %s when that is configured",
  async (compression) => {
    await using harness = await openHarness({ compression });
    await harness.append("x".repeat(10_000));
    harness.exporter.start();
    await untilRequests(harness, 1);
    const [request] = harness.backend.requests;
    expect(request!.headers["content-encoding"]).toBe(compression);
    expect(Number(request!.headers["content-length"])).toBeLessThan(1_000);
    expect(request!.body.toString()).toBe("x".repeat(10_000));
  },
);

test("a batch keeps to its bounds of bytes and items, and a record beyond them goes alone", async () => {
  await using harness = await openHarness({ batchSizeBytesMax: 1_000, batchItemCountMax: 10 });
  for (const [size, items] of [
    [400, 1],
    [400, 1],
    [400, 1],
    [3_000, 1],
    [10, 9],
    [10, 2],
  ]) {
    await harness.append("x".repeat(size!), items);
  }
  harness.exporter.start();
  await untilSettled(harness, 6);
  expect(bodies(harness).map(({ length }) => length)).toEqual([800, 400, 3_000, 10, 10]);
});

test.each([
  ["seconds", () => "17"],
  ["an HTTP date", () => new Date(startMs + 17_000 - 500).toUTCString()],
])("a 429 with Retry-After in %s delays the next attempt by that time", async (_, retryAfter) => {
  await using harness = await openHarness();
  harness.backend.answer = () => ({ status: 429, headers: { "retry-after": retryAfter() } });
  await harness.append("a");
  harness.exporter.start();
  const delayMs = await untilDelay(harness);
  expect(delayMs).toBeGreaterThanOrEqual(16_500);
  expect(delayMs).toBeLessThanOrEqual(17_000);
  harness.backend.answer = () => ({ status: 200 });
  harness.clock.advance(delayMs - 1);
  await new Promise((resolve) => setImmediate(resolve));
  expect(harness.backend.requests).toHaveLength(1);
  harness.clock.advance(1);
  await untilSettled(harness, 1);
  expect(bodies(harness)).toEqual(["a", "a"]);
});

test("without Retry-After the waits double up to 15 s and never end, less a fifth by chance", async () => {
  for (const [chance, factor] of [
    [0, 1],
    [0.999, 0.8],
  ] as const) {
    await using harness = await openHarness({ random: () => chance });
    harness.backend.answer = () => ({ status: 503 });
    await harness.append("a");
    harness.exporter.start();
    for (const expectedMs of [250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000]) {
      const delayMs = await untilDelay(harness);
      expect(Math.abs(delayMs - expectedMs * factor)).toBeLessThan(20);
      harness.clock.advance(delayMs);
    }
    expect(harness.exporter.status()).toMatchObject([{ state: { kind: "retrying" }, queuedItems: 1 }]);
    // One line when it begins, not one an attempt.
    expect(harness.logLines).toHaveLength(1);
  }
});

test.each<Answer>([{ status: 502 }, { status: 503 }, { status: 504 }, "hang_up"])(
  "after %o the same bytes are sent again and nothing is lost",
  async (answer) => {
    await using harness = await openHarness();
    const answers: Answer[] = [answer, answer, { status: 200 }];
    harness.backend.answer = () => answers.shift() ?? { status: 200 };
    for (const text of ["a", "b"]) await harness.append(text, 5);
    harness.exporter.start();
    harness.clock.advance(await untilDelay(harness));
    harness.clock.advance(await untilDelay(harness));
    await untilSettled(harness, 2);
    expect(bodies(harness)).toEqual(["ab", "ab", "ab"]);
    expect(await harness.metric("quartet_export_sent_items_total")).toBe(10);
    expect(await harness.metric("quartet_export_requests_total", { outcome: "retryable" })).toBe(2);
  },
);

test("a back end that is not there yet gets everything in order once it is", async () => {
  await using other = await openHarness();
  const endpoint = other.backend.endpoint;
  await other.backend[Symbol.asyncDispose]();
  await using harness = await openHarness({ endpoint });
  await harness.append("a");
  harness.exporter.start();
  expect(await untilDelay(harness)).toBe(250);
  const [status] = harness.exporter.status();
  expect(status!.state).toMatchObject({
    kind: "retrying",
    message: expect.stringContaining("ECONNREFUSED") as unknown,
  });
});

test("a request without an answer is given up after the timeout and sent again", async () => {
  await using harness = await openHarness();
  const answers: Answer[] = ["silence", { status: 200 }];
  harness.backend.answer = () => answers.shift()!;
  await harness.append("a");
  harness.exporter.start();
  await untilRequests(harness, 1);
  harness.clock.advance(7_000);
  harness.clock.advance(await untilDelay(harness));
  await untilSettled(harness, 1);
  expect(bodies(harness)).toEqual(["a", "a"]);
});

test.each([
  [401, "unauthorized"],
  [403, "unauthorized"],
  [404, "not_found"],
  [301, "unexpected_status"],
  [500, "unexpected_status"],
])(
  "a %i pauses the consumer: everything is kept, said once, shown by a gauge, and goes on when mended",
  async (status, reason) => {
    await using harness = await openHarness();
    harness.backend.answer = () => ({ status, body: "who are you?" });
    await harness.append("a", 3);
    harness.exporter.start();
    for (const expectedMs of [15_000, 30_000, 60_000, 120_000, 240_000, 300_000, 300_000]) {
      const delayMs = await untilDelay(harness);
      expect(delayMs).toBe(expectedMs);
      expect(
        await harness.metric("quartet_export_paused", { exporter: "jaeger", signal: "traces", reason }),
      ).toBe(1);
      harness.clock.advance(delayMs);
    }
    await untilDelay(harness);
    expect(harness.logLines).toHaveLength(1);
    expect(harness.logLines[0]).toMatchObject({
      level: "error",
      fields: {
        reason,
        cause: `${status} who are you?`,
        endpoint: `${harness.backend.endpoint}/v1/traces`,
      },
    });
    expect(await harness.metric("quartet_export_queued_items")).toBe(3);
    harness.backend.answer = () => ({ status: 200 });
    harness.clock.advance(300_000);
    await untilSettled(harness, 1);
    expect(await harness.metric("quartet_export_paused")).toBe(0);
    expect(await harness.metric("quartet_export_sent_items_total")).toBe(3);
    expect(harness.logLines).toHaveLength(2);
  },
);

test("a name that does not exist and a server that speaks no TLS pause the consumer", async () => {
  await using plain = await openHarness();
  const unknownName = Object.assign(new Error("getaddrinfo ENOTFOUND nowhere.invalid"), {
    code: "ENOTFOUND",
  });
  const transport = { send: () => Promise.reject(unknownName), close: () => undefined };
  const check = async (options: HarnessOptions, reason: string): Promise<void> => {
    await using harness = await openHarness(options);
    await harness.append("a");
    harness.exporter.start();
    expect(await untilDelay(harness)).toBe(15_000);
    expect(harness.exporter.status()).toMatchObject([{ state: { kind: "paused", reason } }]);
  };
  await check({ endpoint: "http://nowhere.invalid:4318", transport }, "dns");
  await check({ endpoint: plain.backend.endpoint.replace("http:", "https:") }, "tls");
});
