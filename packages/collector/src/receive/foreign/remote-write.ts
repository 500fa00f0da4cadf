import type { IncomingHttpHeaders } from "node:http";
import type { Clock, SeriesWrite } from "../../model/index.ts";
import { decodeRemoteWrite, encodeSeriesBatch, type RemoteWriteVersion } from "../../otlp/index.ts";
import { encodingOf, mediaTypeOf } from "../headers.ts";
import { refusalMeaning, refuse, type Refusal } from "../outcome.ts";
import type { ReceiveMetrics } from "../telemetry.ts";
import { createFamilyMemory } from "./family-memory.ts";
import { retryAfter, type ForeignAnswer, type ForeignProtocol } from "./protocol.ts";
import { normalizeLabels, normalizeSeriesLabels } from "./series-labels.ts";

/** What of a batch got into the `series` stream and the store. */
export interface SeriesAppended {
  readonly samples: number;
  readonly histograms: number;
  readonly exemplars: number;
  /** Samples and histograms that did not, by reason. */
  readonly refused: ReadonlyMap<string, number>;
}

export interface RemoteWriteSettings {
  /** Takes a batch as `encodeSeriesBatch` makes it, which is the taker's then; resolves when it is synced. Rejects as the journal does. */
  readonly appendSeries: (batch: Uint8Array) => Promise<SeriesAppended>;
  readonly metrics: ReceiveMetrics;
  readonly clock: Clock;
}

/** Prometheus sends 2,000 samples in a request unless told otherwise. */
const partsMax = 500_000;
/** One record of the stream, and one turn of the thread that evaluates, has no more series than this. */
const seriesPerBatch = 1_000;
/** As Prometheus' own receiver has it: a sample from further ahead would keep all that follow out. */
const aheadMsMax = 600_000;

/**
 * Prometheus remote write 1.0 and 2.0, into the `series` stream.
 * A sample may be sent again; what is refused for good is told with 400, what was written beside it stays.
 * @see Prometheus remote write 2.0 specification, "Receivers" and "Partial Write"
 */
export function createRemoteWrite({ appendSeries, metrics, clock }: RemoteWriteSettings): ForeignProtocol {
  const families = createFamilyMemory();

  /** The writes that can be taken; the others are counted. */
  function check(writes: readonly SeriesWrite[], refused: Map<string, number>): SeriesWrite[] {
    const latestMs = clock.nowMs() + aheadMsMax;
    const good: SeriesWrite[] = [];
    for (const write of writes) {
      const itemCount = write.samples.length + (write.histograms?.length ?? 0);
      if (itemCount + write.exemplars.length === 0) continue;
      const labels = normalizeSeriesLabels(write.labels);
      if (labels === undefined) {
        add(refused, "invalid_labels", itemCount);
        continue;
      }
      const isAhead =
        write.samples.some(({ timestampMs }) => timestampMs > latestMs) ||
        write.histograms?.some(({ timestampMs }) => timestampMs > latestMs) === true;
      if (isAhead) {
        add(refused, "too_far_in_future", itemCount);
        continue;
      }
      const exemplars = write.exemplars.flatMap((exemplar) => {
        const exemplarLabels = normalizeLabels(exemplar.labels);
        return exemplarLabels === undefined ? [] : [{ ...exemplar, labels: exemplarLabels }];
      });
      good.push(families.describe({ ...write, labels, exemplars }));
    }
    return good;
  }

  async function append(writes: readonly SeriesWrite[], refused: Map<string, number>): Promise<Counts> {
    const batches: Promise<SeriesAppended>[] = [];
    for (let at = 0; at < writes.length; at += seriesPerBatch) {
      batches.push(appendSeries(encodeSeriesBatch(writes.slice(at, at + seriesPerBatch))));
    }
    const counts = { samples: 0, histograms: 0, exemplars: 0 };
    for (const appended of await Promise.all(batches)) {
      counts.samples += appended.samples;
      counts.histograms += appended.histograms;
      counts.exemplars += appended.exemplars;
      for (const [reason, count] of appended.refused) add(refused, reason, count);
    }
    return counts;
  }

  return {
    name: "remote_write",
    signal: "series",
    isSnappy: () => true,
    refuseEarly(headers) {
      if (versionOf(headers) === undefined) {
        const known = [...versions.keys()].map((proto) => `application/x-protobuf;proto=${proto}`).join(", ");
        return refuse(
          "content_type",
          `the content type ${headers["content-type"] ?? ""} is none of ${known}`,
        );
      }
      const encoding = encodingOf(headers);
      // Early senders of 1.0 leave it out.
      if (encoding === "snappy" || encoding === "") return undefined;
      return refuse("encoding", `the content encoding ${encoding} is not snappy`);
    },
    async accept(body, headers) {
      const startMs = clock.nowMs();
      const version = versionOf(headers) ?? 1;
      const { writes, metadata } = decodeRemoteWrite(body, { version, partsMax });
      families.remember(metadata);
      const refused = new Map<string, number>();
      const counts = await append(check(writes, refused), refused);
      metrics.accepted.add({ signal: "series" }, counts.samples + counts.histograms);
      for (const [reason, count] of refused) metrics.refusedItems.add({ signal: "series", reason }, count);
      metrics.durationSeconds.observe((clock.nowMs() - startMs) / 1_000, { signal: "series" });
      return answer(version, counts, refused);
    },
    answerRefusal(refusal) {
      return {
        kind: "answer",
        status: statusOf(refusal),
        headers: { "content-type": "text/plain; charset=utf-8", ...retryAfter(refusal), ...written(none) },
        body: `${refusal.message}\n`,
      };
    },
  };
}

interface Counts {
  readonly samples: number;
  readonly histograms: number;
  readonly exemplars: number;
}
const none: Counts = { samples: 0, histograms: 0, exemplars: 0 };

function add(counts: Map<string, number>, reason: string, count: number): void {
  counts.set(reason, (counts.get(reason) ?? 0) + count);
}

const versions = new Map<string, RemoteWriteVersion>([
  ["prometheus.WriteRequest", 1],
  ["io.prometheus.write.v2.Request", 2],
]);

/** Without a type, or without a message in it, it is 1.0, whose senders did not say. */
function versionOf(headers: IncomingHttpHeaders): RemoteWriteVersion | undefined {
  const mediaType = mediaTypeOf(headers);
  if (mediaType === "") return 1;
  if (mediaType !== "application/x-protobuf") return undefined;
  const proto = /;\s*proto\s*=\s*"?([^";\s]+)"?/i.exec(headers["content-type"] ?? "")?.[1];
  return proto === undefined ? 1 : versions.get(proto);
}

function statusOf({ reason }: Refusal): number {
  return refusalMeaning[reason].httpStatus;
}

function answer(
  version: RemoteWriteVersion,
  counts: Counts,
  refused: ReadonlyMap<string, number>,
): ForeignAnswer {
  const headers = version === 2 ? written(counts) : {};
  if (refused.size === 0) return { kind: "answer", status: 204, headers, body: "" };
  const reasons = [...refused].map(([reason, count]) => `${count} ${reason}`).join(", ");
  return {
    kind: "answer",
    // Final by the specification: the sender goes on with what comes next.
    status: 400,
    headers: { "content-type": "text/plain; charset=utf-8", ...headers },
    body: `samples were refused: ${reasons}\n`,
  };
}

/** Without these a sender of 2.0 takes the receiver for one of 1.0. */
function written({ samples, histograms, exemplars }: Counts): Record<string, string> {
  return {
    "x-prometheus-remote-write-samples-written": String(samples),
    "x-prometheus-remote-write-histograms-written": String(histograms),
    "x-prometheus-remote-write-exemplars-written": String(exemplars),
  };
}
