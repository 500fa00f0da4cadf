import { gunzipSync } from "node:zlib";
import {
  createElasticsearchBackEnd,
  createHttpTransport,
} from "../../../../packages/collector/src/export/index.ts";
import { createLog, createTelemetry } from "../../../../packages/collector/src/telemetry/index.ts";
import { startHttpKind } from "../http-kind.ts";
import type { ExporterKind } from "../kind.ts";
import { documentsOf, logsOf } from "./bulk-server.ts";

const silent = createLog(() => undefined, Date.now);

function textsOf(body: Buffer, encoding: string | undefined): string[] {
  const plain = encoding === "gzip" ? gunzipSync(body) : body;
  return documentsOf({ method: "POST", path: "", headers: {}, body: plain }).map(({ text }) => text);
}

/** A record is a request of logs; its items are log records with the id as their text. */
export const elasticsearchKind: ExporterKind = {
  type: "elasticsearch",
  signal: "logs",
  compressions: ["none", "gzip"],
  // A document that is sent again is known by its id, so that doubt costs a repetition and no duplicate.
  isUnreadableSuccessRepeated: true,
  startBackend: ({ tls } = {}) =>
    startHttpKind(
      {
        idsOf: (body, headers) => [...new Set(textsOf(body, headers["content-encoding"]))],
        pageOf: ({ kind }, body, headers) =>
          kind === "accept"
            ? JSON.stringify({
                errors: false,
                items: textsOf(body, headers["content-encoding"]).map(() => ({ create: { status: 201 } })),
              })
            : undefined,
      },
      tls,
    ),
  open({ endpoint, way, compression, clock }) {
    const transport = createHttpTransport(way);
    return {
      createBackEnd: () =>
        createElasticsearchBackEnd({
          exporter: way.exporter,
          signal: "logs",
          endpoint: new URL(endpoint),
          destination: { kind: "data_stream", type: "logs", dataset: "generic", namespace: "default" },
          isRouted: false,
          compression: compression === "gzip" ? "gzip" : "none",
          journalId: () => "0".repeat(32),
          hasTemplates: false,
          retentionMs: undefined,
          transport,
          clock,
          telemetry: createTelemetry(),
          log: silent,
        }),
      close: () => transport.close(),
    };
  },
  encodeRecord: (id, itemCount) => logsOf(Array.from({ length: itemCount }, () => id)),
};
