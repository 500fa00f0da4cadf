import type { AccountingReader, Labels, Quarantine, SeriesWrite, StreamWriter } from "./model/index.ts";
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
  /** Up to where the head holds the stream now. */
  place(): SeriesPlace;
  /** Bytes of the records that the head has taken since the process began. */
  takenBytes(): number;
  /** Lets the journal drop records of which every sample is before that time: they are in blocks, or too old. */
  settle(beforeMs: number): void;
}

/** A place in the stream, with what must be known of the records before it. */
export interface SeriesPlace {
  readonly journalId: string;
  /** Of the first record behind it. */
  readonly offset: number;
  readonly lastTimestampMs: number;
  /** Of all samples before it that the journal still had. */
  readonly newestMs: number;
}

/** What of a batch is in the stream and, as far as it can hold that, in the store. */
export interface ReceivedResult {
  readonly samples: number;
  readonly histograms: number;
  readonly exemplars: number;
  /** Samples and histograms that were refused, by the store's reason. */
  readonly refused: ReadonlyMap<string, number>;
}

export interface SeriesStreamSettings {
  readonly writer: StreamWriter;
  /** The store's place in the stream: its cursor says from where on a restart must read to fill the head again. */
  readonly reader: AccountingReader;
  readonly head: HeadWriter;
  /** Up to where the head has been filled already, from a snapshot. */
  readonly filledTo?: SeriesPlace;
  /** Takes the records that do not decode. */
  readonly quarantine: Quarantine;
  readonly onTouched: (labels: readonly Labels[]) => void;
}

const readBytesMax = 4 * 1024 * 1024;
/** How finely is remembered which records are in blocks already: a place is kept once in this time. */
const placeIntervalMs = 60_000;

/** Fills the head from the stream, which takes as long as there is data, and keeps both in step from then on. */
export async function openSeriesStream(settings: SeriesStreamSettings): Promise<SeriesStream> {
  const { writer, reader, head, filledTo, quarantine, onTouched } = settings;
  /** Stretches of the stream by where they begin, ascending, each with the time of its newest sample. */
  const places: { readonly offset: number; readonly receivedAtMs: number; newestMs: number }[] = [];
  let lastTimestampMs = filledTo?.lastTimestampMs ?? 0;
  let nextOffset = 0;
  let takenBytes = 0;

  function remember(
    offset: number,
    receivedAtMs: number,
    { writes, sizeBytes }: { readonly writes: readonly SeriesWrite[]; readonly sizeBytes: number },
  ): void {
    nextOffset = offset + 1;
    takenBytes += sizeBytes;
    let place = places.at(-1);
    if (place === undefined || receivedAtMs - place.receivedAtMs >= placeIntervalMs) {
      place = { offset, receivedAtMs, newestMs: -Infinity };
      places.push(place);
    }
    place.newestMs = Math.max(place.newestMs, newestMs(writes));
  }

  function passTime(writes: readonly SeriesWrite[]): void {
    lastTimestampMs = Math.max(lastTimestampMs, newestMs(writes));
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
    const sizeBytes = payload.reduce((sum, { length }) => sum + length, 0);
    remember(offset, receivedAtMs, { writes, sizeBytes });
    onTouched(result.touched);
    return result;
  }

  let isSought = filledTo === undefined;
  for (;;) {
    const records = reader.read({ sizeBytesMax: readBytesMax });
    if (records.length === 0) break;
    if (!isSought) {
      isSought = true;
      // A snapshot of another journal says nothing of places in this one.
      if (reader.journalId === filledTo!.journalId && records[0]!.position.offset < filledTo!.offset) {
        // Until the blocks have what the snapshot holds, the journal keeps it as well.
        const { position, receivedAtMs } = records[0]!;
        places.push({ offset: position.offset, receivedAtMs, newestMs: filledTo!.newestMs });
        reader.seek(filledTo!.offset);
        continue;
      }
    }
    const taken: Parameters<typeof remember>[] = [];
    for (const record of records) {
      let writes: readonly SeriesWrite[] = [];
      try {
        writes = decodeSeriesBatch(record.payload);
        if (!isForeign(record.payload)) passTime(writes);
        head.ingest(writes);
      } catch (error) {
        quarantine.put(record, error);
      }
      const { position, receivedAtMs, payload } = record;
      taken.push([position.offset, receivedAtMs, { writes, sizeBytes: payload.length }]);
    }
    // A place that is remembered may be committed, so what could not be taken must be kept before.
    await quarantine.settled();
    for (const each of taken) remember(...each);
  }
  nextOffset = reader.nextOffset;

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
    place() {
      // It is told by the first record that is read, and there may have been none at the start.
      if (reader.journalId === "") reader.read({ sizeBytesMax: 1 });
      const newestMs = Math.max(-(2 ** 50), ...places.map((place) => place.newestMs));
      return { journalId: reader.journalId, offset: nextOffset, lastTimestampMs, newestMs };
    },
    takenBytes: () => takenBytes,
    settle(beforeMs) {
      const needed = places.findIndex((place) => place.newestMs >= beforeMs);
      const settled = needed < 0 ? places.length : needed;
      if (settled > 0) {
        reader.commit(reader.seek(places[settled]?.offset ?? nextOffset));
        places.splice(0, settled);
      }
      // The head has all that was appended, so nothing lags.
      reader.seek(nextOffset);
    },
  };
}

/** -Infinity when there is no sample. */
function newestMs(writes: readonly SeriesWrite[]): number {
  let newest = -Infinity;
  for (const { samples, histograms } of writes) {
    const last = Math.max(
      samples.at(-1)?.timestampMs ?? -Infinity,
      histograms?.at(-1)?.timestampMs ?? -Infinity,
    );
    if (last > newest) newest = last;
  }
  return newest;
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
