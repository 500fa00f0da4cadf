import type { Lag, Stream } from "../model/index.ts";
import type { CounterHandle, HistogramHandle, Telemetry } from "../telemetry/index.ts";

/** How soon what this exporter has not sent would be dropped. */
interface Eviction {
  readonly consumer: string;
  readonly seconds: number;
}

/** What one thread's writers and readers tell about the journal. */
export interface JournalMetrics {
  readonly appendedRecords: CounterHandle;
  readonly appendedItems: CounterHandle;
  readonly appendedBytes: CounterHandle;
  readonly refusedRecords: CounterHandle;
  readonly syncs: CounterHandle;
  readonly syncSeconds: HistogramHandle;
  readonly failures: CounterHandle;
  readonly tornTails: CounterHandle;
  readonly tornBytes: CounterHandle;
  readonly damagedSegments: CounterHandle;
  readonly compressedSegments: CounterHandle;
  readonly compressionSavedBytes: CounterHandle;
  readonly brokenBytes: CounterHandle;
  readonly lostRecords: CounterHandle;
  readonly evictedRecords: CounterHandle;
  readonly evictedItems: CounterHandle;
  readonly deadLetterRecords: CounterHandle;
  readonly deadLetterItems: CounterHandle;
  readonly deadLettersGivenUp: CounterHandle;
  /** Shown at each scrape until the returned function is called. */
  addSize(stream: Stream, read: () => { sizeBytes: number; sizeBytesMax: number }): () => void;
  addLag(stream: Stream, consumer: string, read: () => Lag): () => void;
  addEviction(stream: Stream, read: () => readonly Eviction[]): () => void;
}

/** A set of metrics registers each name once, but a thread may own several streams: they share one object. */
const known = new WeakMap<Telemetry, JournalMetrics>();

export function journalMetrics(telemetry: Telemetry): JournalMetrics {
  let metrics = known.get(telemetry);
  if (metrics === undefined) known.set(telemetry, (metrics = createMetrics(telemetry)));
  return metrics;
}

function createMetrics(telemetry: Telemetry): JournalMetrics {
  const counter = (name: string, help: string, ...labelNames: string[]): CounterHandle =>
    telemetry.counter({ name: `quartet_journal_${name}`, help, labelNames: ["stream", ...labelNames] });
  const sizes = new Set<[Stream, () => { sizeBytes: number; sizeBytesMax: number }]>();
  const lags = new Set<[Stream, string, () => Lag]>();

  const sizeGauge = (name: string, help: string, pick: "sizeBytes" | "sizeBytesMax"): void =>
    telemetry.observedGauge({ name, help, labelNames: ["stream"] }, (set) => {
      for (const [stream, read] of sizes) set(read()[pick], { stream });
    });
  sizeGauge(
    "quartet_journal_size_bytes",
    "Size on disk of the stream's segments and of the files kept for the next ones.",
    "sizeBytes",
  );
  sizeGauge("quartet_journal_size_max_bytes", "Disk budget of the stream.", "sizeBytesMax");

  const lagGauge = (unit: keyof Lag, help: string): void =>
    telemetry.observedGauge(
      { name: `quartet_journal_lag_${unit}`, help, labelNames: ["stream", "consumer"] },
      (set) => {
        for (const [stream, consumer, read] of lags) set(read()[unit], { stream, consumer });
      },
    );
  lagGauge("records", "Records that the consumer has not yet read.");
  lagGauge("items", "Spans, log records, data points or samples that the consumer has not yet read.");
  lagGauge("bytes", "Payload bytes that the consumer has not yet read.");
  lagGauge("seconds", "Age of the oldest record that the consumer has not yet read.");

  const evictions = new Set<[Stream, () => readonly Eviction[]]>();
  telemetry.observedGauge(
    {
      name: "quartet_journal_seconds_until_eviction",
      help: "Time until the disk budget drops records that the exporter has not sent, if its lag goes on to grow as it does; +Inf when it does not.",
      labelNames: ["stream", "consumer"],
    },
    (set) => {
      for (const [stream, read] of evictions) {
        for (const { consumer, seconds } of read()) set(seconds, { stream, consumer });
      }
    },
  );

  const enroll = <T>(set: Set<T>, entry: T): (() => void) => {
    set.add(entry);
    return () => void set.delete(entry);
  };
  return {
    appendedRecords: counter("appended_records_total", "Records appended and synced."),
    appendedItems: counter("appended_items_total", "Items of the records appended and synced."),
    appendedBytes: counter("appended_bytes_total", "Payload bytes appended and synced."),
    refusedRecords: counter("refused_records_total", "Appends refused, by reason.", "reason"),
    syncs: counter("syncs_total", "Synced group commits."),
    syncSeconds: telemetry.histogram({
      name: "quartet_journal_sync_duration_seconds",
      help: "Time to write and sync one group commit.",
      labelNames: ["stream"],
      buckets: [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
    }),
    failures: counter("failures_total", "Failed operations on the disk, by operation.", "operation"),
    tornTails: counter("torn_tails_total", "Incomplete ends of a segment that were cut off at the start."),
    tornBytes: counter("torn_tail_bytes_total", "Bytes of the incomplete ends that were cut off."),
    damagedSegments: counter(
      "damaged_segments_total",
      "Segments that were found damaged before their end at the start; their whole records were kept.",
    ),
    compressedSegments: counter(
      "compressed_segments_total",
      "Sealed segments that were compressed, as somebody still needed them.",
    ),
    compressionSavedBytes: counter("compression_saved_bytes_total", "Bytes that this has saved on disk."),
    brokenBytes: counter("broken_bytes_total", "Damaged bytes that a consumer passed over.", "consumer"),
    lostRecords: counter(
      "lost_records_total",
      "Records that were gone or damaged when the consumer came to them.",
      "consumer",
    ),
    evictedRecords: counter(
      "evicted_records_total",
      "Records that a lagging exporter had not committed when the disk budget dropped them.",
      "consumer",
    ),
    evictedItems: counter("evicted_items_total", "Items of those records.", "consumer"),
    deadLetterRecords: counter(
      "dead_letter_records_total",
      "Records that a consumer could not take and that were put into its dead letters.",
      "consumer",
      "reason",
    ),
    deadLetterItems: counter("dead_letter_items_total", "Items of those records.", "consumer", "reason"),
    deadLettersGivenUp: counter(
      "dead_letters_given_up_total",
      "Records that a consumer could not take and for which its dead letters had no room.",
      "consumer",
    ),
    addSize: (stream, read) => enroll(sizes, [stream, read]),
    addEviction: (stream, read) => enroll(evictions, [stream, read]),
    addLag: (stream, consumer, read) => enroll(lags, [stream, consumer, read]),
  };
}
