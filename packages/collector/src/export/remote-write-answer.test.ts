import { expect, test } from "vitest";
import { answerToV1, answerToV2 } from "./remote-write-answer.ts";

const nowMs = 1_800_000_000_000;
const sent = { samples: 8, histograms: 2, exemplars: 3 };
const written = (samples: number, histograms: number, exemplars: number) => ({
  "x-prometheus-remote-write-samples-written": String(samples),
  "x-prometheus-remote-write-histograms-written": String(histograms),
  "x-prometheus-remote-write-exemplars-written": String(exemplars),
});
const answer = (statusCode: number, body = "", headers: Record<string, string> = {}) => ({
  statusCode,
  headers,
  body: Buffer.from(body),
  isCut: false,
});
const v2 = (...response: Parameters<typeof answer>) => answerToV2(answer(...response), sent, nowMs);
const v1 = (recordCount: number, ...response: Parameters<typeof answer>) =>
  answerToV1(answer(...response), { sampleCount: 10, recordCount }, nowMs);

test("a 2xx with what was written is believed, and what is missing is rejected", () => {
  expect(v2(204, "", written(8, 2, 3))).toEqual({ kind: "accepted", rejectedCount: 0, message: "" });
  expect(v2(200, "", written(7, 2, 3))).toMatchObject({ kind: "accepted", rejectedCount: 1 });
  // "If a header is missing, its count is 0."
  const { "x-prometheus-remote-write-samples-written": samples } = written(8, 0, 0);
  expect(v2(200, "", { "x-prometheus-remote-write-samples-written": samples })).toMatchObject({
    kind: "accepted",
    rejectedCount: 2,
  });
});

test("415 and a 2xx that says nothing of what was written show a receiver of 1.0; a bare 400 may", () => {
  expect(v2(415, "no")).toMatchObject({ kind: "not_spoken", isCertain: true });
  expect(v2(204)).toMatchObject({ kind: "not_spoken", isCertain: true });
  expect(v2(400, "snappy: corrupt input")).toMatchObject({ kind: "not_spoken", isCertain: false });
});

test("samples that come too late are dropped, by the reasons that Prometheus gives line by line", () => {
  const lines = [
    `out of order sample for series {__name__="a"}`,
    `duplicate sample for timestamp 3; overrides not allowed: existing 1, new value 2 for series {__name__="b"}`,
    `out of order sample for series {__name__="c"}`,
    `out of order exemplar for series {__name__="too old"}`,
  ];
  expect(v2(400, lines.join("\n"), written(5, 2, 2))).toMatchObject({
    kind: "accepted",
    dropped: [
      { reason: "out_of_order", itemCount: 2 },
      { reason: "duplicate", itemCount: 1 },
    ],
  });
  expect(v2(400, "out of bounds for series {}", written(0, 0, 0))).toMatchObject({
    dropped: [{ reason: "too_old", itemCount: 10 }],
  });
});

test("exemplars that come too late cost no sample", () => {
  expect(v2(400, "out of order exemplar for series {}", written(8, 2, 0))).toMatchObject({
    kind: "accepted",
    rejectedCount: 0,
  });
});

test("any other reason makes the batch one to be halved", () => {
  const lines = `out of order sample for series {}\ninvalid labels for series, labels {}, duplicated label a`;
  expect(v2(400, lines, written(5, 2, 3))).toMatchObject({ kind: "refused" });
  expect(v2(400, "", written(0, 0, 0))).toMatchObject({ kind: "refused" });
});

test("a 1.0 receiver that finds one sample out of order has written nothing, so only a record alone is dropped", () => {
  expect(v1(1, 204)).toEqual({ kind: "accepted", rejectedCount: 0, message: "" });
  expect(v1(3, 400, "out of order sample")).toMatchObject({ kind: "refused" });
  expect(v1(1, 400, "out of order sample")).toMatchObject({
    kind: "accepted",
    dropped: [{ reason: "out_of_order", itemCount: 10 }],
  });
  expect(v1(1, 400, "bad label")).toMatchObject({ kind: "refused" });
});

test.each([500, 501, 503, 429])(
  "a %d is tried again, by either version, when the receiver says",
  (statusCode) => {
    const retry = { kind: "retryable", retryAfterMs: 7_000 };
    expect(v2(statusCode, "", { "retry-after": "7" })).toMatchObject(retry);
    expect(v1(1, statusCode, "", { "retry-after": "7" })).toMatchObject(retry);
  },
);

test.each([
  [401, "unauthorized"],
  [403, "unauthorized"],
  [404, "not_found"],
])("a %d pauses: %s", (statusCode, reason) => {
  expect(v2(statusCode)).toMatchObject({ kind: "paused", reason });
  expect(v1(1, statusCode)).toMatchObject({ kind: "paused", reason });
});
