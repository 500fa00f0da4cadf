import { expect, test } from "vitest";
import { CollectorError, type SeriesWrite } from "../../model/index.ts";
import { compressSnappy, encodeSeriesBatch } from "../../otlp/index.ts";
import { createTestClock } from "../open.test-kit.ts";
import { openPush } from "./push.test-kit.ts";

const v1 = "application/x-protobuf;proto=prometheus.WriteRequest";
const v2 = "application/x-protobuf;proto=io.prometheus.write.v2.Request";

const send = (url: string, body: Uint8Array, headers: Record<string, string> = {}) =>
  fetch(`${url}/api/v1/write`, {
    method: "POST",
    body: new Uint8Array(body),
    headers: { "content-type": v2, "content-encoding": "snappy", ...headers },
  });

function write(labels: readonly string[], more: Partial<SeriesWrite> = {}): SeriesWrite {
  return {
    labels,
    type: "unknown",
    help: "",
    unit: "",
    startTimestampMs: 0,
    samples: [{ timestampMs: Date.now(), value: 1 }],
    exemplars: [],
    ...more,
  };
}

const bodyOf = (...writes: SeriesWrite[]) => compressSnappy(encodeSeriesBatch(writes));
const writtenOf = ({ headers }: Response) =>
  ["samples", "histograms", "exemplars"].map((kind) =>
    headers.get(`x-prometheus-remote-write-${kind}-written`),
  );

/** One message inside another: tag and length before it. */
const field = (number: number, content: Uint8Array | string) => {
  const bytes = Buffer.from(content);
  return Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), bytes]);
};
const label = (name: string, value: string) => field(1, Buffer.concat([field(1, name), field(2, value)]));
/** A Sample with value 1 at a timestamp of a few hundred milliseconds. */
const sample1 = field(2, Buffer.from([0x09, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0x10, 0xc8, 0x01]));

test("a 2.0 request is answered 204 with what was written, after it was handed on", async () => {
  const { url, series, metrics } = await openPush();
  const exemplar = { labels: ["trace_id", "ab"], value: 1, timestampMs: 5 };
  const sent = write(["__name__", "a", "x", "y"], {
    type: "counter",
    help: "Help.",
    unit: "bytes",
    startTimestampMs: 1_000,
    exemplars: [exemplar],
  });
  const answer = await send(url, bodyOf(sent));
  expect([answer.status, writtenOf(answer)]).toEqual([204, ["1", "0", "1"]]);
  expect(series).toEqual([[sent]]);
  expect(await metrics()).toEqual(
    expect.arrayContaining([
      'quartet_receive_accepted_items_total{signal="series"} 1',
      'quartet_receive_requests_total{signal="series",protocol="remote_write",code="204"} 1',
    ]),
  );
});

test("a 1.0 request is answered 204, and metadata told apart is put to its series", async () => {
  const { url, series } = await openPush();
  const metadata = field(
    3,
    Buffer.concat([Buffer.from([0x08, 3]), field(2, "latency"), field(4, "How long."), field(5, "seconds")]),
  );
  expect((await send(url, compressSnappy(metadata), { "content-type": v1 })).status).toBe(204);
  expect(series).toEqual([]);
  const bucket = field(1, Buffer.concat([label("le", "1"), label("__name__", "latency_bucket"), sample1]));
  const answer = await send(url, compressSnappy(bucket), { "content-type": "application/x-protobuf" });
  expect([answer.status, writtenOf(answer)]).toEqual([204, [null, null, null]]);
  expect(series).toMatchObject([
    [
      {
        labels: ["__name__", "latency_bucket", "le", "1"],
        type: "histogram",
        help: "How long.",
        unit: "seconds",
        samples: [{ timestampMs: 200, value: 1 }],
      },
    ],
  ]);
});

test("series with labels that are none are refused with 400 and the three counts, their neighbours are written", async () => {
  const { url, series, metrics } = await openPush();
  const answer = await send(
    url,
    bodyOf(
      write(["__name__", "good"]),
      write(["x", "nameless"]),
      write(["__name__", "twice", "a", "1", "a", "2"]),
      write(["", "empty", "__name__", "name"]),
    ),
  );
  expect([answer.status, writtenOf(answer)]).toEqual([400, ["1", "0", "0"]]);
  expect(await answer.text()).toBe("samples were refused: 3 invalid_labels\n");
  expect(series.flat().map(({ labels }) => labels)).toEqual([["__name__", "good"]]);
  expect(await metrics()).toContain(
    'quartet_receive_refused_items_total{signal="series",reason="invalid_labels"} 3',
  );
});

test("labels are sorted, and those without a value left out", async () => {
  const { url, series } = await openPush();
  await send(url, bodyOf(write(["b", "2", "__name__", "m", "c", "", "a", "1"])));
  expect(series.flat()[0]!.labels).toEqual(["__name__", "m", "a", "1", "b", "2"]);
});

test("a sample of a time far ahead is refused", async () => {
  const { url } = await openPush();
  const late = write(["__name__", "a"], { samples: [{ timestampMs: Date.now() + 700_000, value: 1 }] });
  const answer = await send(url, bodyOf(late));
  expect([answer.status, await answer.text()]).toEqual([400, "samples were refused: 1 too_far_in_future\n"]);
});

test("what the stream refuses is told with 400 and what it took", async () => {
  const { url } = await openPush({
    appendSeries: async () => ({ samples: 3, refused: new Map([["series_limit", 2]]) }),
  });
  const answer = await send(url, bodyOf(write(["__name__", "a"])));
  expect([answer.status, writtenOf(answer)[0]]).toEqual([400, "3"]);
  expect(await answer.text()).toContain("2 series_limit");
});

test("a full journal is answered with 503 and Retry-After", async () => {
  const { url } = await openPush({
    appendSeries: () =>
      Promise.reject(new CollectorError("QUARTET_JOURNAL_FULL", "full", { retryAfterMs: 2_500 })),
  });
  const answer = await send(url, bodyOf(write(["__name__", "a"])));
  expect([answer.status, answer.headers.get("retry-after"), writtenOf(answer)]).toEqual([
    503,
    "3",
    ["0", "0", "0"],
  ]);
});

test("other content types and encodings are refused with 415", async () => {
  const { url } = await openPush();
  const body = bodyOf(write(["__name__", "a"]));
  expect((await send(url, body, { "content-type": "application/json" })).status).toBe(415);
  expect((await send(url, body, { "content-type": "application/x-protobuf;proto=other.V3" })).status).toBe(
    415,
  );
  expect((await send(url, body, { "content-encoding": "zstd" })).status).toBe(415);
});

test("a web page may not send, though it need not ask before a request without a content type", async () => {
  const { url, series } = await openPush();
  const headers = { origin: "https://evil.example" };
  const body = new Uint8Array(bodyOf(write(["__name__", "a"])));
  expect((await fetch(`${url}/api/v1/write`, { method: "POST", body, headers })).status).toBe(403);
  expect(series).toEqual([]);
});

test("a broken body is refused with 400, one that is too large with 413", async () => {
  const { url, series } = await openPush({ requestSizeBytesMax: 10_000 });
  expect((await send(url, Buffer.from("no snappy"))).status).toBe(400);
  expect((await send(url, compressSnappy(Buffer.from([0x2a, 0x7f])))).status).toBe(400);
  expect((await send(url, compressSnappy(Buffer.alloc(10_001)))).status).toBe(413);
  expect((await send(url, Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f, 0]))).status).toBe(413);
  expect(series).toEqual([]);
});

test("a request with more series than memory is taken for is refused with 413 before anything is made of it", async () => {
  const { url } = await openPush({ requestSizeBytesMax: 2_000_000 });
  // A million empty series of two bytes each.
  const answer = await send(url, compressSnappy(Buffer.alloc(1_100_000, Buffer.from([0x2a, 0]))));
  expect([answer.status, await answer.text()]).toEqual([413, expect.stringContaining("smaller batches")]);
});

test("many series are handed on in batches, so that no other work waits for all of them", async () => {
  const { url, series } = await openPush();
  const writes = Array.from({ length: 2_500 }, (_, index) => write(["__name__", "a", "n", String(index)]));
  const answer = await send(url, bodyOf(...writes));
  expect([answer.status, writtenOf(answer)[0]]).toEqual([204, "2500"]);
  expect(series.map((batch) => batch.length)).toEqual([1_000, 1_000, 500]);
});

test("a request gives its memory back, whatever became of it", async () => {
  const { url, metrics } = await openPush();
  await send(url, bodyOf(write(["__name__", "a"])));
  await send(url, Buffer.from("no snappy"));
  expect((await metrics()).join()).not.toContain("in_flight_bytes");
});

test("a client is known by the token that the API's port has asked for: each has a rate of its own", async () => {
  const tokens = ["one", "two"];
  const { url } = await openPush({
    apiTokens: () => tokens,
    rateLimit: { requestsPerSecond: 1 },
    clock: createTestClock(Date.now()),
  });
  const statusWith = async (token: string) => {
    const answer = await send(url, bodyOf(write(["__name__", "a"])), { authorization: `Bearer ${token}` });
    return answer.status;
  };
  expect([await statusWith("one"), await statusWith("one"), await statusWith("two")]).toEqual([
    204, 429, 204,
  ]);
});
