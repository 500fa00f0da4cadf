import { expect, test } from "vitest";
import { ParameterError } from "../api/index.ts";
import { labelsFromRecord, type HeadStatistics } from "../model/index.ts";
import {
  answerConfig,
  answerFeatures,
  answerFlags,
  answerRuntimeInfo,
  answerTsdb,
  type ProcessFacts,
} from "./status.ts";

const facts: ProcessFacts = {
  configYaml: "api:\n  listen: 127.0.0.1:4004\n",
  configFile: "/etc/quartet.yaml",
  dataDir: "/data",
  listen: "127.0.0.1:4004",
  externalUrl: "",
  retentionMs: 5_400_000,
  sizeBytesMax: 2 ** 30,
  features: [],
  startedAtMs: 1_000,
  nowMs: 61_500,
  workingDirectory: "/",
  hostName: "host",
  threadCount: 3,
  processorCount: 2,
  heapBytesMax: 1_024,
};
const dataOf = ({ body }: { readonly body: string }) => (JSON.parse(body) as { data: unknown }).data;

test("the status shows configuration, bounds and process as they are", () => {
  expect(dataOf(answerConfig(facts))).toEqual({ yaml: facts.configYaml });
  expect(dataOf(answerFlags(facts))).toMatchObject({
    "config.file": "/etc/quartet.yaml",
    "query.lookback-delta": "5m",
    "query.max-samples": "50000000",
    "query.timeout": "2m",
    "storage.tsdb.path": "/data",
    "storage.tsdb.retention.size": "1073741824B",
    "storage.tsdb.retention.time": "1h30m",
    "web.listen-address": "127.0.0.1:4004",
  });
  expect(dataOf(answerRuntimeInfo(facts))).toMatchObject({
    startTime: "1970-01-01T00:00:01.000Z",
    serverTime: "1970-01-01T00:01:01.500Z",
    goroutineCount: 3,
    storageRetention: "1h30m or 1073741824B",
  });
});

test("features tell apart what is on from what is experimental", () => {
  expect(dataOf(answerFeatures(facts))).toMatchObject({
    promql: { subqueries: true, anchored: false },
    promql_functions: { rate: true, info: false },
    promql_operators: { "+": true, atan2: true, sum: true, limitk: false },
  });
  const features = ["promql-experimental-functions", "promql-extended-range-selectors"] as const;
  expect(dataOf(answerFeatures({ ...facts, features }))).toMatchObject({
    promql: { subqueries: true, anchored: true, fill: false },
    promql_functions: { rate: true, info: true },
    promql_operators: { sum: true, limitk: true },
  });
  expect(dataOf(answerFlags({ ...facts, features }))).toMatchObject({ "enable-feature": features.join() });
});

const head: HeadStatistics = {
  series: [
    { __name__: "up", job: "a" },
    { __name__: "up", job: "bb" },
    { __name__: "down", job: "a" },
  ].map(labelsFromRecord),
  blockCount: 4,
  minTimeMs: 10,
  maxTimeMs: 20,
};

test("the store's status counts series by name and pair, values and bytes by label, most first", () => {
  expect(dataOf(answerTsdb([], head))).toEqual({
    headStats: { numSeries: 3, numLabelPairs: 4, chunkCount: 4, minTime: 10, maxTime: 20 },
    seriesCountByMetricName: [
      { name: "up", value: 2 },
      { name: "down", value: 1 },
    ],
    labelValueCountByLabelName: [
      { name: "__name__", value: 2 },
      { name: "job", value: 2 },
    ],
    memoryInBytesByLabelName: [
      { name: "__name__", value: 8 },
      { name: "job", value: 4 },
    ],
    seriesCountByLabelValuePair: [
      { name: "__name__=up", value: 2 },
      { name: "job=a", value: 2 },
      { name: "job=bb", value: 1 },
      { name: "__name__=down", value: 1 },
    ],
  });
  expect(dataOf(answerTsdb([["limit", "1"]], head))).toMatchObject({
    headStats: { numSeries: 3 },
    seriesCountByMetricName: [{ name: "up", value: 2 }],
  });
  const empty = { series: [], blockCount: 0, minTimeMs: undefined, maxTimeMs: undefined };
  expect(answerTsdb([], empty).body).toContain(
    `"minTime":9223372036854775807,"maxTime":-9223372036854775808`,
  );
});

test.each([
  ["0", "limit must be a positive number"],
  ["x", "limit must be a positive number"],
  ["10001", "limit must not exceed 10000"],
])("the limit %s of the store's lists is refused: %s", (limit, message) => {
  expect(() => answerTsdb([["limit", limit]], head)).toThrow(new ParameterError(undefined, message));
});
