import type { Labels, Quarantine, SeriesWrite, StreamReader, StreamWriter } from "./model/index.ts";
import { decodeSeriesBatch, encodeSeriesBatch, foreignMark, isForeign } from "./otlp/index.ts";
import type { HeadWriter, IngestResult } from "./store/index.ts";

/** The `series` stream with the store behind it. */
export interface SeriesStream {
  /** Resolves when the writes are synced and the store gives them. Rejects as `StreamWriter.append` does. */
  append(writes: readonly SeriesWrite[], receivedAtMs: number): Promise<void>;
  /** The same for samples that neither derive nor a rule made. */
  appendForeign(writes: readonly SeriesWrite[], receivedAtMs: number): Promise<void>;
  /**
   * The same for what a client sent: a batch as `encodeSeriesBatch` gives it. What the store would refuse does not get into
   * the stream.
   */
  appendReceived(batch: Uint8Array, receivedAtMs: number): Promise<ReceivedResult>;
  /** Greatest timestamp of all samples of derive and the rules so far; 0 when there is none. */
  lastTimestampMs(): number;
}

/** What of a batch is in the stream and, as far as it can hold that, in the store. */
export interface ReceivedResult {
  readonly samples: number;
  readonly histograms: number;
  readonly exemplars: number;
  /** Samples and histograms that were refused, by the store's reason. */
  readonly refused: ReadonlyMap<string, number>;
}

interface SeriesStreamSettings {
  readonly writer: StreamWriter;
  /** The store's place in the stream: its cursor says from where on a restart must read to fill the head again. */
  readonly reader: StreamReader;
  readonly head: HeadWriter;
  readonly retentionMs: number;
  /** Takes the records that do not decode. */
  readonly quarantine: Quarantine;
  readonly onTouched: (labels: readonly Labels[]) => void;
}

const readBytesMax = 4 * 1024 * 1024;
/** How finely the journal remembers when records are too old to be needed: a place is kept once in this time. */
const placeIntervalMs = 60_000;

/** Fills the head from the stream, which takes as long as there is data, and keeps both in step from then on. */
export async function openSeriesStream(settings: SeriesStreamSettings): Promise<SeriesStream> {
  const { writer, reader, head, retentionMs, quarantine, onTouched } = settings;
  /** Places in the stream by time of receipt, ascending; the store needs nothing before the last one that is too old. */
  const places: { readonly offset: number; readonly receivedAtMs: number }[] = [];
  let lastTimestampMs = 0;

  function remember(offset: number, receivedAtMs: number): void {
    const last = places.at(-1);
    if (last !== undefined && receivedAtMs - last.receivedAtMs < placeIntervalMs) return;
    places.push({ offset, receivedAtMs });
    const needed = places.findIndex(
      (place) => place.receivedAtMs >= receivedAtMs - retentionMs - placeIntervalMs,
    );
    if (needed <= 0) return;
    reader.commit(places[needed]!.offset);
    places.splice(0, needed);
  }

  function passTime(writes: readonly SeriesWrite[]): void {
    for (const { samples, histograms } of writes) {
      for (const last of [samples.at(-1), histograms?.at(-1)]) {
        if (last !== undefined && last.timestampMs > lastTimestampMs) lastTimestampMs = last.timestampMs;
      }
    }
  }

  /** Resolves with the labels that rules may look at, and what the store refused. */
  async function append(
    { payload, writes }: { readonly payload: readonly Uint8Array[]; readonly writes: readonly SeriesWrite[] },
    receivedAtMs: number,
  ): Promise<IngestResult> {
    const { samples, histograms } = count(writes);
    const { offset } = await writer.append({ payload, itemCount: samples + histograms, receivedAtMs });
    // Appends resolve in the order in which they were made, so the head sees them in the order of the stream.
    const result = head.ingest(writes);
    remember(offset, receivedAtMs);
    onTouched(result.touched);
    return result;
  }

  for (;;) {
    const records = reader.read({ sizeBytesMax: readBytesMax });
    if (records.length === 0) break;
    for (const record of records) {
      try {
        const writes = decodeSeriesBatch(record.payload);
        if (!isForeign(record.payload)) passTime(writes);
        head.ingest(writes);
      } catch (error) {
        quarantine.put(record, error);
      }
    }
    // A place that is remembered may be committed, so what could not be taken must be kept before.
    await quarantine.settled();
    for (const { position, receivedAtMs } of records) remember(position.offset, receivedAtMs);
  }

  return {
    async append(writes, receivedAtMs) {
      await append({ payload: [encodeSeriesBatch(writes)], writes }, receivedAtMs);
      passTime(writes);
    },
    async appendForeign(writes, receivedAtMs) {
      await append({ payload: [foreignMark, encodeSeriesBatch(writes)], writes }, receivedAtMs);
    },
    async appendReceived(batch, receivedAtMs) {
      const { admitted, refused } = head.admit(decodeSeriesBatch(batch));
      const counts = count(admitted);
      if (admitted.length === 0) return { ...counts, refused };
      const bytes = refused.size === 0 ? batch : encodeSeriesBatch(admitted);
      const result = await append({ payload: [foreignMark, bytes], writes: admitted }, receivedAtMs);
      const all = new Map<string, number>(refused);
      for (const [reason, refusedCount] of result.refused) {
        all.set(reason, (all.get(reason) ?? 0) + refusedCount);
        counts.samples -= refusedCount;
      }
      counts.samples += result.histogramsRefused;
      counts.histograms -= result.histogramsRefused;
      return { ...counts, refused: all };
    },
    lastTimestampMs: () => lastTimestampMs,
  };
}

function count(writes: readonly SeriesWrite[]): { samples: number; histograms: number; exemplars: number } {
  const counts = { samples: 0, histograms: 0, exemplars: 0 };
  for (const { samples, histograms, exemplars } of writes) {
    counts.samples += samples.length;
    counts.histograms += histograms?.length ?? 0;
    counts.exemplars += exemplars.length;
  }
  return counts;
}
