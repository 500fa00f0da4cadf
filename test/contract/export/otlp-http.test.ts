import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  createOtlpHttpExporter,
  type OtlpHttpExporterOptions,
} from "../../../packages/collector/src/export/index.ts";
import { until } from "../../support/index.ts";
import type { Answer } from "./backend.ts";
import { commitIntervalMs, openHarness, startMs, type Harness } from "./harness.ts";

const soon = { deadlineMs: 10_000, intervalMs: 2 };

function bodies({ backend }: Harness): string[] {
  return backend.requests.map(({ body }) => body.toString());
}

function untilRequests(harness: Harness, count: number): Promise<unknown> {
  return until(() => harness.backend.requests.length >= count, { ...soon, what: `${count} requests` });
}

/** Waits until the exporter waits, and returns how long it means to wait. */
function untilDelay(harness: Harness): Promise<number> {
  const own = (delayMs: number) => delayMs !== commitIntervalMs && delayMs !== 7_000;
  return until(() => harness.clock.delaysMs.find(own), { ...soon, what: "a wait" });
}

/** Resolves when nothing is queued and the cursor is at the end. */
function untilSettled(harness: Harness, offset: number): Promise<unknown> {
  return until(
    () => {
      harness.clock.advance(commitIntervalMs);
      return harness.committedOffset === offset;
    },
    { ...soon, what: `the cursor to reach ${offset}` },
  );
}

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
        message: `${status} who are you?`,
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
  const transport = { post: () => Promise.reject(unknownName), close: () => undefined };
  const check = async (options: Partial<OtlpHttpExporterOptions>, reason: string): Promise<void> => {
    await using harness = await openHarness(options);
    await harness.append("a");
    harness.exporter.start();
    expect(await untilDelay(harness)).toBe(15_000);
    expect(harness.exporter.status()).toMatchObject([{ state: { kind: "paused", reason } }]);
  };
  await check({ endpoint: "http://nowhere.invalid:4318", transport }, "dns");
  await check({ endpoint: plain.backend.endpoint.replace("http:", "https:") }, "tls");
});

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

test("the one record that the back end refuses is found, put into the dead-letter file, and the others arrive", async () => {
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
  const lines = readFileSync(join(harness.dir, "dead-letter", "jaeger.traces.jsonl"), "utf8")
    .trim()
    .split("\n");
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0]!)).toEqual({
    version: 1,
    time: expect.stringMatching(/^2027-\d\d-\d\dT/) as unknown,
    exporter: "jaeger",
    signal: "traces",
    reason: "refused",
    message: "400 span without id",
    stream: "spans",
    offset: 13,
    received_at: new Date(startMs).toISOString(),
    item_count: 2,
    payload_base64: Buffer.from("bad;").toString("base64"),
  });
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

test("when the dead-letter file is full the record is dropped and counted, and the rest goes on", async () => {
  await using harness = await openHarness({ deadLetterSizeBytesMax: 1_000 });
  harness.backend.answer = () => ({ status: 400 });
  await harness.append("x".repeat(100), 1);
  await harness.append("x".repeat(600), 7);
  harness.exporter.start();
  await untilSettled(harness, 2);
  expect(await harness.metric("quartet_export_dead_letter_items_total")).toBe(1);
  expect(await harness.metric("quartet_export_dropped_items_total", { reason: "dead_letter_full" })).toBe(7);
});

test("while a dead letter cannot be written nothing is given up", async () => {
  await using harness = await openHarness();
  harness.backend.answer = () => ({ status: 400 });
  // A folder where the file should be.
  const path = join(harness.dir, "dead-letter", "jaeger.traces.jsonl");
  mkdirSync(path, { recursive: true });
  await harness.append("a", 3);
  harness.exporter.start();
  const delayMs = await untilDelay(harness);
  expect(await harness.metric("quartet_export_failures_total", { operation: "export" })).toBe(1);
  expect(await harness.metric("quartet_export_queued_items")).toBe(3);
  rmdirSync(path);
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
  expect(harness.logLines).toMatchObject([{ level: "warn", fields: { rejected: 4, message: "no name" } }]);
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

test("stop ends at once while waiting to try again; what was not accepted stays queued", async () => {
  await using harness = await openHarness();
  const answers: Answer[] = [{ status: 200 }, { status: 503 }];
  harness.backend.answer = () => answers.shift()!;
  await harness.append("a");
  harness.exporter.start();
  await untilRequests(harness, 1);
  await harness.append("b");
  await untilDelay(harness);
  await harness.exporter.stop({ deadlineMs: 60_000 });
  await harness.exporter.stop({ deadlineMs: 60_000 });
  expect(harness.committedOffset).toBe(1);
});

test("stop waits for the answer under way, but no longer than its deadline", async () => {
  await using harness = await openHarness();
  harness.backend.answer = () => "silence";
  await harness.append("a");
  harness.exporter.start();
  await untilRequests(harness, 1);
  const stopped = harness.exporter.stop({ deadlineMs: 3_000 });
  await until(() => harness.clock.delaysMs.includes(3_000), { ...soon, what: "the deadline" });
  harness.clock.advance(3_000);
  await stopped;
  expect(harness.committedOffset).toBe(0);
});

test("stop before start does no harm", async () => {
  await using harness = await openHarness();
  await harness.exporter.stop({ deadlineMs: 1_000 });
  expect(harness.backend.requests).toHaveLength(0);
});

test.each([
  ["localhost", /"localhost" is no address; write it like http:\/\/127\.0\.0\.1:4318/],
  ["localhost:4318", /begins with localhost: instead of http: or https:/],
  ["grpc://host:4317", /begins with grpc:/],
  ["http://user:secret@host", /put them into export\.jaeger\.headers/],
  ["http://host:4318/v1/traces", /leave \/v1\/traces off/],
  ["http://host:4318/?a=b", /behind "\?"; leave it off/],
])("the endpoint %s is refused at creation with the key and the mend", async (endpoint, message) => {
  await expect(openHarness({ endpoint })).rejects.toMatchObject({
    code: "QUARTET_CONFIG_INVALID",
    message: expect.stringMatching(message) as unknown,
  });
  await expect(openHarness({ endpoint })).rejects.toThrow(/^export\.jaeger\.endpoint: /);
});

test("the path of an endpoint stays in front of the signal's", async () => {
  await using harness = await openHarness();
  await using prefixed = await openHarness({ endpoint: `${harness.backend.endpoint}/otlp/` });
  await prefixed.append("a");
  prefixed.exporter.start();
  await untilRequests(harness, 1);
  expect(harness.backend.requests[0]!.path).toBe("/otlp/v1/traces");
});

test("a signal without a reader is a mistake of the wiring, said at creation", async () => {
  await using harness = await openHarness();
  writeFileSync(join(harness.dir, "marker"), "");
  const { telemetry, dir, clock } = harness;
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const create = () =>
    createOtlpHttpExporter({
      name: "jaeger",
      endpoint: harness.backend.endpoint,
      signals: ["logs"],
      readers: {},
      telemetry,
      dir,
      clock,
      log,
    });
  expect(create).toThrow(/open consumer export\.jaeger\.logs/);
});
