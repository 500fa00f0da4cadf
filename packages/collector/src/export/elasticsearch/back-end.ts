import type { Clock, JournalRecord, Signal } from "../../model/index.ts";
import type { Log, Telemetry } from "../../telemetry/index.ts";
import type { BackEnd, Shipment } from "../back-end.ts";
import type { Compression } from "../compress.ts";
import type { Transport } from "../transport.ts";
import { createBulkEncoder } from "./bulk.ts";
import { BulkShipment, type BulkServer } from "./bulk-shipment.ts";
import { bulkMetrics } from "./metrics.ts";
import { prepareServer } from "./prepare.ts";
import { indexOf, type Destination } from "./target.ts";

export interface ElasticsearchSettings {
  readonly exporter: string;
  readonly signal: Exclude<Signal, "metrics">;
  /** Base address, without a slash at the end. */
  readonly endpoint: URL;
  readonly destination: Destination;
  /** Whether the attributes `data_stream.dataset` and `data_stream.namespace` lead to other data streams. */
  readonly isRouted: boolean;
  readonly compression: Exclude<Compression, "zstd">;
  /** Id of the journal that the records come from. */
  readonly journalId: () => string;
  readonly transport: Transport;
  readonly clock: Clock;
  /** Whether templates and retention are installed where they are missing; only for data streams. */
  readonly hasTemplates: boolean;
  readonly retentionMs: number | undefined;
  readonly requestCountMax?: number;
  readonly telemetry: Telemetry;
  readonly log: Log;
}

/** AWS' smallest servers take 10 MiB. */
const requestSizeBytesMax = 9 * 1024 * 1024;

/**
 * Elasticsearch 8 and 9 and OpenSearch: every log record is a document of a data stream, created under an id that it has for
 * ever, so that no repetition makes a second one.
 * @see Elasticsearch reference, "Bulk index or delete documents"
 */
export function createElasticsearchBackEnd(settings: ElasticsearchSettings): BackEnd {
  const { exporter, signal, endpoint, destination, compression, transport, clock, telemetry } = settings;
  const url = new URL(
    `${endpoint.href.replace(/\/+$/, "")}/${encodeURIComponent(indexOf(destination))}/_bulk`,
  );
  const encodeBulk = createBulkEncoder(settings);
  const server: BulkServer = {
    url,
    compression,
    transport,
    clock,
    metrics: bulkMetrics(telemetry),
    labels: { exporter, signal },
    requestSizeBytesMax,
    writeIndexes: new Map(),
  };
  const isPrepared = settings.hasTemplates && destination.kind === "data_stream";
  return {
    url,
    requestCountMax: settings.requestCountMax ?? 1,
    ...(isPrepared ? { prepare: (aborted: AbortSignal) => prepareServer(settings, aborted) } : {}),
    async encode(records: readonly JournalRecord[]): Promise<Shipment> {
      return new BulkShipment(server, encodeBulk(records, settings.journalId()));
    },
    close: () => undefined,
  };
}
