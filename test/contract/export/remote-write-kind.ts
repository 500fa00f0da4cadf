import {
  createHttpTransport,
  createRemoteWriteBackEnd,
} from "../../../packages/collector/src/export/index.ts";
import { encodeSeriesBatch, uncompressSnappy } from "../../../packages/collector/src/otlp/index.ts";
import { createLog } from "../../../packages/collector/src/telemetry/index.ts";
import { readWithOracle } from "../otlp/series-schema.ts";
import { startHttpKind } from "./http-kind.ts";
import type { ExporterKind } from "./kind.ts";

const silent = createLog(() => undefined, Date.now);
const bodySizeBytesMax = 64 * 1024 * 1024;

const readRequest = (body: Buffer) => readWithOracle(uncompressSnappy(body, bodySizeBytesMax));

/** A record is a series of its own with the id as a label; its items are samples. */
export const remoteWriteKind: ExporterKind = {
  type: "prometheus_remote_write",
  signal: "metrics",
  // Its protocol knows snappy only.
  compressions: ["none"],
  startBackend: ({ tls } = {}) =>
    startHttpKind(
      {
        idsOf: (body) => readRequest(body).series.map(({ labels }) => labels[labels.indexOf("id") + 1]!),
        // A receiver of 2.0 says what it has written, also when that is nothing.
        headersOf: ({ kind }, body) => {
          const isWritten = kind === "accept" || kind === "accept_garbage";
          const { series } = readRequest(body);
          const count = series.reduce((sum, { samples }) => sum + samples.length, 0);
          return { "x-prometheus-remote-write-samples-written": String(isWritten ? count : 0) };
        },
      },
      tls,
    ),
  open({ endpoint, way, clock }) {
    const transport = createHttpTransport(way);
    const url = new URL(`${endpoint}/api/v1/write`);
    return {
      createBackEnd: () =>
        createRemoteWriteBackEnd({ url, externalLabels: [], transport, clock, log: silent }),
      close: () => transport.close(),
    };
  },
  encodeRecord: (id, itemCount) =>
    encodeSeriesBatch([
      {
        labels: ["__name__", "shop_orders_total", "id", id],
        type: "counter",
        help: "",
        unit: "",
        startTimestampMs: 0,
        samples: Array.from({ length: itemCount }, (_, index) => ({ timestampMs: index + 1, value: index })),
        exemplars: [],
      },
    ]),
};
