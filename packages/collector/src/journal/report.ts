import { streams, type Stream } from "../model/index.ts";
import { kindOfName, listCursors, readCursor, type ConsumerKind } from "./cursor.ts";
import { nodeFiles, type JournalFiles } from "./files.ts";
import { listSegments, segmentPath } from "./layout.ts";
import { openIfThere } from "./scan.ts";

/** What the files of a journal say, without a writer. */
export interface StreamReport {
  readonly stream: Stream;
  readonly segmentCount: number;
  readonly compressedCount: number;
  readonly sizeBytes: number;
  /** Offset of the oldest record that is kept, and the one that the next record will get. */
  readonly oldestOffset: number;
  readonly nextOffset: number;
  readonly consumers: readonly ConsumerReport[];
}

interface ConsumerReport {
  readonly consumer: string;
  readonly kind: ConsumerKind;
  /** Every record before it is done with. */
  readonly offset: number;
  readonly lagRecords: number;
  readonly lagItems: number;
  readonly lagBytes: number;
}

interface End {
  readonly offset: number;
  readonly items: number;
  readonly bytes: number;
}

/**
 * The streams of a data directory. A collector may be at work: its last records count as soon as they are written.
 * @throws CollectorError QUARTET_JOURNAL_VERSION when a newer version wrote a segment or a cursor.
 */
export function reportJournal(dir: string, files: JournalFiles = nodeFiles): readonly StreamReport[] {
  return streams.map((stream) => {
    const bases = listSegments(files, dir, stream);
    let compressedCount = 0;
    let sizeBytes = 0;
    let end: End = { offset: 0, items: 0, bytes: 0 };
    for (const baseOffset of bases) {
      const path = segmentPath(dir, stream, baseOffset);
      const scan = openIfThere({ files, path, stream, baseOffset });
      if (scan === undefined) continue;
      if (scan.header?.isCompressed === true) compressedCount += 1;
      sizeBytes += files.sizeBytes(path) ?? 0;
      if (baseOffset === bases.at(-1)) {
        const limit = { offsetEnd: Number.POSITIVE_INFINITY, sizeBytesMax: 1024 * 1024 };
        while (scan.readBlock({ ...limit, byteEnd: scan.fileSizeBytes() }).records.length > 0);
        end = { offset: scan.offset, items: scan.itemsBefore, bytes: scan.bytesBefore };
      }
      scan.close();
    }
    return {
      stream,
      segmentCount: bases.length,
      compressedCount,
      sizeBytes,
      oldestOffset: bases[0] ?? 0,
      nextOffset: end.offset,
      consumers: listCursors(files, dir, stream).map((name) =>
        reportConsumer({ files, dir, stream, end, name }),
      ),
    };
  });
}

function reportConsumer(place: {
  readonly files: JournalFiles;
  readonly dir: string;
  readonly stream: Stream;
  readonly end: End;
  readonly name: string;
}): ConsumerReport {
  const { files, dir, stream, end, name } = place;
  const cursor = readCursor(files, dir, { stream, consumer: name }) ?? { offset: 0, items: 0, bytes: 0 };
  return {
    consumer: name,
    kind: kindOfName(name),
    offset: cursor.offset,
    lagRecords: Math.max(0, end.offset - cursor.offset),
    lagItems: Math.max(0, end.items - cursor.items),
    lagBytes: Math.max(0, end.bytes - cursor.bytes),
  };
}
