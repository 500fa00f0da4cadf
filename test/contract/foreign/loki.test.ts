import fc from "fast-check";
import protobuf from "protobufjs";
import { expect, test } from "vitest";
import { hasCode } from "../../../packages/collector/src/model/index.ts";
import { decodeRequest, encodeRequest } from "../../../packages/collector/src/otlp/index.ts";
import {
  buildLogsRequest,
  decodeLokiPush,
  parseLokiPush,
  parseStreamLabels,
} from "../../../packages/collector/src/receive/index.ts";
import { mutations } from "../otlp/arbitrary.ts";
import { isLong } from "../../support/index.ts";

// logproto.PushRequest of Grafana Loki.
const source = `
syntax = "proto3";
message PushRequest { repeated Stream streams = 1; }
message Stream { string labels = 1; repeated Entry entries = 2; uint64 hash = 3; }
message Entry { Timestamp timestamp = 1; string line = 2; repeated LabelPair structuredMetadata = 3; }
message LabelPair { string name = 1; string value = 2; }
message Timestamp { int64 seconds = 1; int32 nanos = 2; }
`;
const message = protobuf.parse(source, { keepCase: true }).root.lookupType("PushRequest");
const encode = (request: object) => message.encode(message.fromObject(request)).finish();

const numRuns = isLong ? 200_000 : 500;
/** Of 20 mutations each, in either form: 100,000 cases, or ten million. */
const mutatedRuns = isLong ? 250_000 : 2_500;
const partsMax = 100_000;
const text = fc.oneof(fc.string({ maxLength: 12 }), fc.string({ unit: "grapheme", maxLength: 4 }));
const labelName = fc.stringMatching(/^[a-zA-Z_][a-zA-Z0-9_]{0,6}$/);
const labels = fc.dictionary(labelName, text, { maxKeys: 4 });
const entry = fc.record({
  seconds: fc.nat(),
  nanos: fc.integer({ min: 0, max: 999_999_999 }),
  line: text,
  metadata: fc.dictionary(text, text, { maxKeys: 3 }),
});
const streams = fc.array(fc.record({ labels, entries: fc.array(entry, { maxLength: 3 }) }), { maxLength: 3 });
type Streams = typeof streams extends fc.Arbitrary<infer T> ? T : never;

const wantedOf = (request: Streams) =>
  request.map((stream) => ({
    labels: Object.entries(stream.labels).flat(),
    entries: stream.entries.map(({ seconds, nanos, line, metadata }) => ({
      timeUnixNano: BigInt(seconds) * 1_000_000_000n + BigInt(nanos),
      line,
      metadata: Object.entries(metadata).flat(),
    })),
  }));
/** Go's strings know every escape of JSON but `\/`, which JSON.stringify does not write. */
const goLabels = (record: Readonly<Record<string, string>>) =>
  `{${Object.entries(record)
    .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
    .join(", ")}}`;
const protobufOf = (request: Streams) =>
  encode({
    streams: request.map((stream) => ({
      labels: goLabels(stream.labels),
      entries: stream.entries.map(({ seconds, nanos, line, metadata }) => ({
        timestamp: { seconds, nanos },
        line,
        structuredMetadata: Object.entries(metadata).map(([name, value]) => ({ name, value })),
      })),
    })),
  });
const jsonOf = (request: Streams) =>
  JSON.stringify({
    streams: request.map((stream) => ({
      stream: stream.labels,
      values: stream.entries.map(({ seconds, nanos, line, metadata }) => [
        String(BigInt(seconds) * 1_000_000_000n + BigInt(nanos)),
        line,
        metadata,
      ]),
    })),
  });

test("protobuf and JSON are read as they were written", () => {
  fc.assert(
    fc.property(streams, (request) => {
      expect(decodeLokiPush(protobufOf(request), partsMax)).toEqual(wantedOf(request));
      expect(parseLokiPush(Buffer.from(jsonOf(request)))).toEqual(wantedOf(request));
    }),
    { numRuns },
  );
});

test("whatever was read becomes OTLP with every line and time", () => {
  fc.assert(
    fc.property(streams, (request) => {
      const plain = buildLogsRequest(decodeLokiPush(protobufOf(request), partsMax), 1n);
      const { resourceLogs = [] } = decodeRequest("logs", encodeRequest("logs", plain)) as {
        resourceLogs?: {
          scopeLogs: { logRecords: { timeUnixNano: string; body: { stringValue: string } }[] }[];
        }[];
      };
      const records = resourceLogs.flatMap(({ scopeLogs }) =>
        scopeLogs.flatMap(({ logRecords }) => logRecords),
      );
      expect(records.map(({ timeUnixNano, body }) => [timeUnixNano, body.stringValue])).toEqual(
        wantedOf(request).flatMap(({ entries }) =>
          entries.map((one) => [String(one.timeUnixNano), one.line]),
        ),
      );
    }),
    { numRuns },
  );
});

/** Whether the decoder took it; any error but our own fails the test. */
function isTaken(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch (error) {
    expect(hasCode(error, "QUARTET_OTLP_INVALID")).toBe(true);
    return false;
  }
}

test("mutated requests are read or refused with our own error", () => {
  let refused = 0;
  fc.assert(
    fc.property(streams, fc.array(mutations, { minLength: 20, maxLength: 20 }), (request, changes) => {
      for (const mutate of changes) {
        if (!isTaken(() => decodeLokiPush(mutate(protobufOf(request)), partsMax))) refused += 1;
        if (!isTaken(() => parseLokiPush(mutate(Buffer.from(jsonOf(request)))))) refused += 1;
      }
    }),
    { numRuns: mutatedRuns },
  );
  expect(refused).toBeGreaterThan(100);
});

test("any bytes, any document and any labels are read or refused with our own error", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.json(), fc.string(), (bytes, json, label) => {
      isTaken(() => decodeLokiPush(bytes, partsMax));
      isTaken(() => parseLokiPush(Buffer.from(json)));
      isTaken(() => parseStreamLabels(`{${label}}`));
    }),
    { numRuns },
  );
});

test("labels of any length are read in linear time", () => {
  const before = process.cpuUsage();
  for (const hostile of [
    'a="'.padEnd(200_000, "\\"),
    " ".repeat(200_000),
    "a".repeat(200_000),
    'a="",'.repeat(40_000),
  ])
    isTaken(() => parseStreamLabels(`{${hostile}}`));
  expect(process.cpuUsage(before).user / 1_000).toBeLessThan(3_000);
});
