import { expect, test } from "vitest";
import { createRemoteWriteBackEnd } from "../../../packages/collector/src/export/index.ts";
import type { Labels } from "../../../packages/collector/src/model/index.ts";
import { encodeSeriesBatch } from "../../../packages/collector/src/otlp/index.ts";
import { readWithOracle, readWithOracleV1 } from "../otlp/series-schema.ts";
import { until } from "../../support/index.ts";
import type { Answer, ReceivedRequest } from "./backend.ts";
import { openHarness, soon, startMs, untilDelay, untilSettled, type Harness } from "./harness.ts";

const isV2 = ({ headers }: ReceivedRequest) =>
  headers["content-type"] === "application/x-protobuf;proto=io.prometheus.write.v2.Request";

/** What the samples of a request are called and when they were, in order. */
function samplesOf(request: ReceivedRequest): string[] {
  const { series } = isV2(request) ? readWithOracle(request.body) : readWithOracleV1(request.body);
  return series.flatMap(({ labels, samples }) =>
    samples.map(([timestampMs]) => `${labels[1]}@${timestampMs! - startMs}`),
  );
}

/** A receiver of 2.0 that takes everything. */
function takeAll(request: ReceivedRequest): Answer {
  const count = samplesOf(request).length;
  return {
    status: 204,
    headers: {
      "x-prometheus-remote-write-samples-written": String(count),
      "x-prometheus-remote-write-histograms-written": "0",
      "x-prometheus-remote-write-exemplars-written": "0",
    },
  };
}

function open(externalLabels: Labels = []): Promise<Harness> {
  return openHarness({
    openBackEnd: ({ endpoint, ...given }) =>
      createRemoteWriteBackEnd({ url: new URL(`${endpoint}/api/v1/write`), externalLabels, ...given }),
  });
}

/** Appends a record with one sample of each series. */
async function append({ writer, clock }: Harness, timestampMs: number, ...names: string[]): Promise<void> {
  const writes = names.map((name) => ({
    labels: ["__name__", name],
    type: "counter" as const,
    help: `The ${name}.`,
    unit: "",
    startTimestampMs: startMs,
    samples: [{ timestampMs: startMs + timestampMs, value: timestampMs }],
    exemplars: [],
  }));
  const payload = [encodeSeriesBatch(writes)];
  await writer.append({ payload, itemCount: names.length, receivedAtMs: clock.nowMs() });
}

function sent({ backend }: Harness, which: (request: ReceivedRequest) => boolean): string[][] {
  return backend.requests.filter(which).map(samplesOf);
}

test("records that wait together are one 2.0 request, in their order, with external labels", async () => {
  await using harness = await open(["cluster", "here"]);
  harness.backend.answer = takeAll;
  await append(harness, 1, "a", "b");
  await append(harness, 2, "a");
  harness.exporter.start();
  await untilSettled(harness, 2);
  const [request, ...others] = harness.backend.requests;
  expect(others).toEqual([]);
  expect(request).toMatchObject({
    path: "/api/v1/write",
    headers: { "content-encoding": "snappy", "x-prometheus-remote-write-version": "2.0.0" },
  });
  expect(samplesOf(request!)).toEqual(["a@1", "b@1", "a@2"]);
  expect(readWithOracle(request!.body).series[0]).toMatchObject({
    labels: ["__name__", "a", "cluster", "here"],
    type: "counter",
    help: "The a.",
    samples: [[startMs + 1, 1, startMs]],
  });
  expect(await harness.metric("quartet_export_sent_items_total")).toBe(3);
});

test.each<[string, Answer]>([
  ["answers 415", { status: 415, body: "unsupported" }],
  ["cannot decode 2.0 and answers 400", { status: 400, body: "proto: wrong wireType" }],
  ["takes 2.0 for an empty 1.0 request and answers 204", { status: 204 }],
])("a receiver of 1.0 that %s gets the same samples in 1.0, and is asked again later", async (_, answer) => {
  await using harness = await open();
  harness.backend.answer = (request) => (isV2(request) ? answer : { status: 204 });
  await append(harness, 1, "a");
  harness.exporter.start();
  await untilSettled(harness, 1);
  await append(harness, 2, "a");
  await untilSettled(harness, 2);
  expect(sent(harness, isV2)).toEqual([["a@1"]]);
  const isData = (request: ReceivedRequest) => !isV2(request) && samplesOf(request).length > 0;
  expect(sent(harness, isData)).toEqual([["a@1"], ["a@2"]]);
  const [first] = harness.backend.requests.filter(isData);
  expect(first!.headers).toMatchObject({
    "content-type": "application/x-protobuf",
    "x-prometheus-remote-write-version": "0.1.0",
  });
  expect(await harness.metric("quartet_export_sent_items_total")).toBe(2);
  expect(harness.logLines.filter(({ level }) => level === "warn")).toHaveLength(1);

  harness.clock.advance(600_000);
  harness.backend.answer = (request) => (isV2(request) ? takeAll(request) : { status: 415 });
  await append(harness, 3, "a");
  await untilSettled(harness, 3);
  await append(harness, 4, "a");
  await untilSettled(harness, 4);
  expect(sent(harness, isV2).slice(1)).toEqual([["a@3"], ["a@4"]]);
});

test("1.0 says what the families are, once a minute, apart", async () => {
  await using harness = await open();
  harness.backend.answer = (request) => ({ status: isV2(request) ? 415 : 204 });
  harness.exporter.start();
  for (let offset = 1; offset <= 4; offset += 1) {
    await append(harness, offset, "a");
    await untilSettled(harness, offset);
    harness.clock.advance(30_000);
  }
  const metadata = harness.backend.requests
    .filter((request) => !isV2(request))
    .map(({ body }) => readWithOracleV1(body).metadata)
    .filter(({ length }) => length > 0);
  const family = { family: "a", type: "counter", help: "The a.", unit: "" };
  expect(metadata).toEqual([[family], [family]]);
});

test("a receiver that was 1.0 and reads only 2.0 now gets 2.0 at the next attempt", async () => {
  await using harness = await open();
  harness.backend.answer = (request) => ({ status: isV2(request) ? 415 : 204 });
  await append(harness, 1, "a");
  harness.exporter.start();
  await untilSettled(harness, 1);
  harness.backend.answer = (request) => (isV2(request) ? takeAll(request) : { status: 415 });
  await append(harness, 2, "a");
  harness.clock.advance(await untilDelay(harness));
  await untilSettled(harness, 2);
  expect(sent(harness, isV2).at(-1)).toEqual(["a@2"]);
});

test("what 2.0 finds out of order is dropped and counted, and nothing is sent again", async () => {
  await using harness = await open();
  harness.backend.answer = () => ({
    status: 400,
    headers: { "x-prometheus-remote-write-samples-written": "2" },
    body: `out of order sample for series {__name__="a"}\n`,
  });
  await append(harness, 1, "a", "b");
  await append(harness, 2, "b");
  harness.exporter.start();
  await untilSettled(harness, 2);
  expect(harness.backend.requests).toHaveLength(1);
  expect(await harness.metric("quartet_export_sent_items_total")).toBe(2);
  expect(await harness.metric("quartet_export_dropped_items_total", { reason: "out_of_order" })).toBe(1);
  expect(await harness.metric("quartet_export_dead_letter_items_total")).toBe(0);
});

test("a record that is refused for another reason is found by halving and becomes a dead letter", async () => {
  await using harness = await open();
  harness.backend.answer = (request) => {
    const good = samplesOf(request).filter((sample) => !sample.startsWith("bad")).length;
    const written = takeAll(request) as Exclude<Answer, string>;
    if (good === samplesOf(request).length) return written;
    return {
      status: 400,
      headers: { "x-prometheus-remote-write-samples-written": String(good) },
      body: `invalid metric name or labels, got {__name__="bad"}\n`,
    };
  };
  for (const [at, name] of ["a", "b", "bad", "d"].entries()) await append(harness, at, name);
  harness.exporter.start();
  await untilSettled(harness, 4);
  expect(await harness.metric("quartet_export_sent_items_total")).toBe(3);
  expect(await harness.metric("quartet_export_dead_letter_items_total", { reason: "refused" })).toBe(1);
});

test("with 1.0, a sample out of order costs only its own record", async () => {
  await using harness = await open();
  harness.backend.answer = (request) => {
    if (isV2(request)) return { status: 415 };
    return samplesOf(request).includes("late@1")
      ? { status: 400, body: "out of order sample" }
      : { status: 204 };
  };
  for (const [at, name] of ["a", "late", "c", "d"].entries()) await append(harness, at, name);
  harness.exporter.start();
  await untilSettled(harness, 4);
  expect(await harness.metric("quartet_export_sent_items_total")).toBe(3);
  expect(await harness.metric("quartet_export_dropped_items_total", { reason: "out_of_order" })).toBe(1);
});

test("with 1.0, a late series costs only itself, also when the receiver goes away meanwhile", async () => {
  await using harness = await open();
  const names = Array.from({ length: 100 }, (_, index) => (index === 37 ? "late" : `s${index}`));
  let requests = 0;
  harness.backend.answer = (request) => {
    if (isV2(request)) return { status: 415 };
    requests += 1;
    if (requests === 5) return { status: 503 };
    return samplesOf(request).includes("late@1")
      ? { status: 400, body: "out of order sample" }
      : { status: 204 };
  };
  await append(harness, 1, ...names);
  harness.exporter.start();
  harness.clock.advance(await untilDelay(harness));
  await untilSettled(harness, 1);
  expect(await harness.metric("quartet_export_sent_items_total")).toBe(99);
  expect(await harness.metric("quartet_export_dropped_items_total", { reason: "out_of_order" })).toBe(1);
  const [first, ...others] = harness.backend.requests.filter((request) => !isV2(request));
  expect(samplesOf(first!)).toHaveLength(100);
  expect(new Set(others.flatMap(samplesOf)).size).toBe(100);
  expect(others.length).toBeLessThan(20);
});

test("with 1.0, a record that is late as a whole is given up after some requests", async () => {
  await using harness = await open();
  harness.backend.answer = (request) =>
    isV2(request) ? { status: 415 } : { status: 400, body: "out of order sample" };
  await append(harness, 1, ...Array.from({ length: 500 }, (_, index) => `s${index}`));
  harness.exporter.start();
  await untilSettled(harness, 1);
  expect(await harness.metric("quartet_export_dropped_items_total", { reason: "out_of_order" })).toBe(500);
  expect(harness.backend.requests.length).toBeLessThan(80);
});

test("data that both versions refuse makes no receiver of 1.0 of it", async () => {
  await using harness = await open();
  harness.backend.answer = () => ({ status: 400, body: "no" });
  await append(harness, 1, "a");
  harness.exporter.start();
  await untilSettled(harness, 1);
  expect(await harness.metric("quartet_export_dead_letter_items_total")).toBe(1);
  harness.backend.answer = takeAll;
  await append(harness, 2, "a");
  await untilSettled(harness, 2);
  expect(isV2(harness.backend.requests.at(-1)!)).toBe(true);
});

test("a 500 is tried again until it is none, as remote write has it", async () => {
  await using harness = await open();
  harness.backend.answer = () => ({ status: 500 });
  await append(harness, 1, "a");
  harness.exporter.start();
  harness.clock.advance(await untilDelay(harness));
  await until(() => harness.backend.requests.length >= 2, { ...soon, what: "another attempt" });
  harness.backend.answer = takeAll;
  harness.clock.advance(await untilDelay(harness));
  await untilSettled(harness, 1);
  expect(await harness.metric("quartet_export_sent_items_total")).toBe(1);
});

test("a record that is no request at all is a dead letter, and those beside it are sent", async () => {
  await using harness = await open();
  harness.backend.answer = takeAll;
  await append(harness, 1, "a");
  await harness.append("no protobuf", 1);
  await append(harness, 3, "c");
  harness.exporter.start();
  await untilSettled(harness, 3);
  expect(harness.backend.requests.flatMap(samplesOf)).toEqual(["a@1", "c@3"]);
  expect(await harness.metric("quartet_export_dead_letter_items_total", { reason: "undecodable" })).toBe(1);
});
