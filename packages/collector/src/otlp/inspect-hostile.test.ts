import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { decodeRequest } from "./decode.ts";
import { encodeRequest } from "./encode.ts";
import { inspectRequest } from "./inspect.ts";
import { logsOf, metricsOf, plainSpan, tracesOf } from "./samples.test-kit.ts";

/** A field of any length. */
function field(number: number, content: Uint8Array): Buffer {
  const length: number[] = [];
  let rest = content.length;
  for (; rest >= 0x80; rest >>>= 7) length.push((rest & 0x7f) | 0x80);
  return Buffer.concat([Buffer.from([number * 8 + 2, ...length, rest]), content]);
}

test("a body of nothing but empty spans costs no object for each of them", async () => {
  const spanCount = 1_000_000;
  const bytes = field(1, field(2, Buffer.alloc(2 * spanCount, Buffer.from([0x12, 0x00]))));
  // Objects for a million spans would not fit; what is thrown away at once would.
  const resourceLimits = { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 8 };
  const worker = new Worker(
    `const { parentPort, workerData } = require("node:worker_threads");
     import(workerData.module).then(({ inspectRequest, countItems }) => {
       const { itemCount, rejectedCount, rejected, bytes } = inspectRequest("spans", workerData.bytes);
       parentPort.postMessage({ itemCount, rejectedCount, rejected: [...rejected], left: countItems("spans", bytes) });
     });`,
    {
      eval: true,
      resourceLimits,
      workerData: { module: new URL("./inspect.ts", import.meta.url).href, bytes },
    },
  );
  const [inspection] = (await once(worker, "message")) as [unknown];
  await worker.terminate();
  expect(inspection).toEqual({
    itemCount: 0,
    rejectedCount: spanCount,
    rejected: [["invalid_id", spanCount]],
    left: 0,
  });
}, 30_000);

test("runs of bad spans between good ones are cut out, whatever their reasons", () => {
  const bad = { ...plainSpan, spanId: "0000000000000000" };
  const long = { ...plainSpan, traceId: "abcd" };
  const spans = [bad, bad, plainSpan, long, bad, long, plainSpan, plainSpan, bad];
  const inspection = inspectRequest("spans", encodeRequest("spans", tracesOf(...spans)));
  expect(inspection).toMatchObject({ itemCount: 3, rejectedCount: 6 });
  expect(decodeRequest("spans", inspection.bytes)).toEqual(tracesOf(plainSpan, plainSpan, plainSpan));
});

test("runs of bad groups are cut out as well", () => {
  const bad = field(1, field(1, field(1, field(1, Buffer.from([0xff])))));
  const good = encodeRequest("spans", tracesOf(plainSpan));
  const inspection = inspectRequest("spans", Buffer.concat([bad, bad, good, bad, bad, bad]));
  expect(inspection).toMatchObject({ itemCount: 1, rejectedCount: 0 });
  expect(Buffer.from(inspection.bytes).equals(good)).toBe(true);
});

test("a request that is bad in ten thousand places is cut, in more it is refused as a whole", () => {
  const good = Buffer.from([0x12, 0]);
  const bad = Buffer.from([0x12, 3, 0x4a, 1, 1]);
  const of = (places: number) =>
    field(1, field(2, Buffer.concat(Array.from({ length: places }, () => Buffer.concat([bad, good])))));
  expect(inspectRequest("logs", of(10_000))).toMatchObject({ itemCount: 10_000, rejectedCount: 10_000 });
  expect(() => inspectRequest("logs", of(10_001))).toThrow("bad items in more than 10000 places");
});

test.each([
  ["spans", field(1, field(2, Buffer.alloc(2_200_000, Buffer.from([0x12, 0x00]))))],
  ["logs", field(1, field(2, Buffer.alloc(2_200_000, Buffer.from([0x12, 0x00]))))],
  ["metrics", Buffer.alloc(2_200_000, Buffer.from([0x0a, 0x00]))],
] as const)(
  "%s: more than a million items or groups are too much for one request",
  (signal, bytes) => {
    expect(() => inspectRequest(signal, bytes)).toThrow("more than 1048576 items; send smaller batches");
  },
  30_000,
);

const receivedAtMs = 1_800_000_000_000;
const at = (offsetMs: number) => `${receivedAtMs + offsetMs}000000`;
const minuteMs = 60_000;
const dayMs = 86_400_000;

test("spans with times that cannot be right are kept and counted", () => {
  const span = (startTimeUnixNano: string, endTimeUnixNano: string, more: object = {}) => ({
    ...plainSpan,
    startTimeUnixNano,
    endTimeUnixNano,
    ...more,
  });
  const spans = [
    span(at(-5), at(0)),
    span(at(0), at(4 * minuteMs)),
    span(at(-30 * dayMs), at(-dayMs + minuteMs)),
    span(at(0), at(6 * minuteMs)),
    span(at(-2 * dayMs), at(-dayMs - minuteMs)),
    span(at(1), at(0)),
    span("0", at(0)),
    span(at(0), "0"),
    // Not written as SDKs do it, so that it takes the general way.
    span(at(0), at(6 * minuteMs), { name: "x".repeat(200) }),
  ];
  const request = tracesOf(...spans);
  const inspection = inspectRequest("spans", encodeRequest("spans", request), { receivedAtMs });
  expect(inspection).toMatchObject({ itemCount: spans.length, rejectedCount: 0 });
  expect(inspection.oddTimes).toEqual({ missing: 2, reversed: 1, future: 2, past: 1 });
});

test("a log record may have no time; data points must", () => {
  const logs = logsOf({}, { timeUnixNano: at(6 * minuteMs) }, { timeUnixNano: at(-2 * dayMs) });
  const none = { missing: 0, reversed: 0, future: 0, past: 0 };
  expect(inspectRequest("logs", encodeRequest("logs", logs), { receivedAtMs }).oddTimes).toEqual({
    ...none,
    future: 1,
    past: 1,
  });
  const dataPoints = [
    { asInt: "1" },
    { asInt: "1", timeUnixNano: at(0) },
    { asInt: "1", timeUnixNano: "5000000000000" },
  ];
  const metrics = encodeRequest("metrics", metricsOf({ gauge: { dataPoints } }));
  expect(inspectRequest("metrics", metrics, { receivedAtMs }).oddTimes).toEqual({
    ...none,
    missing: 1,
    past: 1,
  });
  expect(inspectRequest("metrics", metrics).oddTimes).toEqual({ ...none, missing: 1 });
});
