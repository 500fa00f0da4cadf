import { type JournalRecord, type Stream } from "../model/index.ts";
import { kindOfName, readCursor, writeCursor } from "./cursor.ts";
import { nodeFiles, type JournalFiles } from "./files.ts";
import { listSegments, segmentPath } from "./layout.ts";
import { openIfThere } from "./scan.ts";

export interface ReadSegmentsOptions {
  /** The data directory. */
  readonly dir: string;
  readonly stream: Stream;
  readonly files?: JournalFiles;
}

/**
 * Every whole record of a stream, in order, read from the files alone: for recounts and for looking something up. Replays to
 * one consumer, which repeat what is there or was, are left out.
 * A writer may be at work: its last records may be among them before they are synced, and segments that it deletes meanwhile are left out.
 * A record's payload is valid until the next one is asked for.
 * @throws CollectorError QUARTET_JOURNAL_VERSION when a newer version wrote a segment.
 */
export function* readSegments(options: ReadSegmentsOptions): Generator<JournalRecord, void, void> {
  const { dir, stream, files = nodeFiles } = options;
  const bases = listSegments(files, dir, stream);
  let journalId: string | undefined;
  for (const [index, baseOffset] of bases.entries()) {
    const scan = openIfThere({
      files,
      path: segmentPath(dir, stream, baseOffset),
      stream,
      baseOffset,
      journalId,
    });
    if (scan === undefined) continue;
    journalId = scan.header?.journalId ?? journalId;
    try {
      const offsetEnd = bases[index + 1] ?? Number.POSITIVE_INFINITY;
      for (;;) {
        const limit = { byteEnd: scan.fileSizeBytes(), offsetEnd, sizeBytesMax: 1024 * 1024 };
        const { records } = scan.readBlock(limit);
        if (records.length === 0) break;
        yield* records.filter(({ addressee }) => addressee === undefined);
      }
    } finally {
      scan.close();
    }
  }
}

/** The items (spans, log records …) of all whole records of a stream, counted from the files alone. */
export function countJournaledItems(options: { readonly dataDir: string; readonly stream: Stream }): number {
  let itemCount = 0;
  for (const record of readSegments({ dir: options.dataDir, stream: options.stream })) {
    itemCount += record.itemCount;
  }
  return itemCount;
}

/**
 * Keeps every record from now on until somebody deletes the cursor: registers a consumer that never reads, in every stream.
 * To be called before the collector opens the directory. The disk budget still holds: when it is spent, appends are refused.
 */
export function holdJournal(options: { readonly dataDir: string; readonly consumer: string }): void {
  const { dataDir, consumer } = options;
  if (kindOfName(consumer) !== "state") {
    throw new RangeError(
      `${consumer} is an exporter's name; an exporter holds nothing when the budget is spent`,
    );
  }
  for (const stream of ["spans", "logs", "metrics", "series"] as const) {
    if (readCursor(nodeFiles, dataDir, { stream, consumer }) !== undefined) continue;
    writeCursor(nodeFiles, dataDir, { stream, consumer }, { offset: 0, items: 0, bytes: 0 });
  }
}
