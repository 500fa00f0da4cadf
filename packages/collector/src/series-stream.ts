import type { Labels, Quarantine, SeriesWrite, StreamReader, StreamWriter } from "./model/index.ts";
import { decodeSeriesBatch, encodeSeriesBatch, foreignMark, isForeign } from "./otlp/index.ts";
import type { HeadWriter } from "./store/index.ts";

/** The `series` stream with the store behind it. */
export interface SeriesStream {
  /** Resolves when the writes are synced and the store gives them. Rejects as `StreamWriter.append` does. */
  append(writes: readonly SeriesWrite[], receivedAtMs: number): Promise<void>;
  /** The same for samples that neither derive nor a rule made. */
  appendForeign(writes: readonly SeriesWrite[], receivedAtMs: number): Promise<void>;
  /** Greatest timestamp of all samples of derive and the rules so far; 0 when there is none. */
  lastTimestampMs(): number;
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

  async function append(
    { mark, writes }: { readonly mark: Uint8Array | undefined; readonly writes: readonly SeriesWrite[] },
    receivedAtMs: number,
  ): Promise<void> {
    const bytes = encodeSeriesBatch(writes);
    const { offset } = await writer.append({
      payload: mark === undefined ? [bytes] : [mark, bytes],
      itemCount: writes.reduce(
        (sum, { samples, histograms }) => sum + samples.length + (histograms?.length ?? 0),
        0,
      ),
      receivedAtMs,
    });
    if (mark === undefined) passTime(writes);
    // Appends resolve in the order in which they were made, so the head sees them in the order of the stream.
    const { touched } = head.ingest(writes);
    remember(offset, receivedAtMs);
    onTouched(touched);
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
    append: (writes, receivedAtMs) => append({ mark: undefined, writes }, receivedAtMs),
    appendForeign: (writes, receivedAtMs) => append({ mark: foreignMark, writes }, receivedAtMs),
    lastTimestampMs: () => lastTimestampMs,
  };
}
