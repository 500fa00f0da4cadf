import { deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { encodeRequest } from "../../../packages/collector/src/otlp/index.ts";
import type { Signal } from "./schema.ts";

export const goodSpan = {
  traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
  spanId: "00f067aa0ba902b7",
  name: "GET /",
  kind: 2,
  startTimeUnixNano: "1700000000000000000",
  endTimeUnixNano: "1700000000005000000",
};
/** No span can have the id 0. */
export const badSpan = { ...goodSpan, spanId: "0000000000000000" };

const resource = { attributes: [{ key: "service.name", value: { stringValue: "otlp-contract" } }] };

export function tracesJson(...spans: readonly object[]): object {
  return { resourceSpans: [{ resource, scopeSpans: [{ spans }] }] };
}

const logsJson: object = {
  resourceLogs: [
    {
      resource,
      scopeLogs: [{ logRecords: [{ timeUnixNano: "1700000000000000000", body: { stringValue: "a" } }] }],
    },
  ],
};

const dataPoints = [{ timeUnixNano: "1700000000000000000", asInt: "5" }];
const metricsJson: object = {
  resourceMetrics: [{ resource, scopeMetrics: [{ metrics: [{ name: "contract", gauge: { dataPoints } }] }] }],
};

export function protobufOf(signal: Signal, request: object): Uint8Array {
  return encodeRequest(signal, request);
}

export const signals = ["spans", "logs", "metrics"] as const;
/** A good request of each signal. */
export const bodies = { spans: tracesJson(goodSpan), logs: logsJson, metrics: metricsJson } as const;
export const mebibyte = 1024 * 1024;

export const encodings = [
  ["gzip", gzipSync],
  ["zstd", zstdCompressSync],
  ["deflate", deflateSync],
  ["identity", (body: Uint8Array) => Buffer.from(body)],
] as const;
