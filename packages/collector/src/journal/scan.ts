import type { JournalRecord, Stream } from "../model/index.ts";
import type { JournalFiles } from "./files.ts";
import {
  decodeRecordHeader,
  isRecordWhole,
  recordHeaderSizeBytes,
  recordMagic,
  recordSeed,
  segmentHeaderSizeBytes,
  type SegmentHeader,
} from "./format.ts";
import { ReadBuffer } from "./read-buffer.ts";
import { readOpenHeader } from "./segment-header.ts";
import { compressedBytes, plainBytes } from "./segment-bytes.ts";

export interface ScanSettings {
  readonly files: JournalFiles;
  readonly path: string;
  readonly stream: Stream;
  /** As the file's name says. */
  readonly baseOffset: number;
  /** Stands in when the segment's own header is torn: its neighbour's. */
  readonly journalId?: string | undefined;
  /** Taken for the segment's own, which is not read then. */
  readonly header?: SegmentHeader;
  /** Where blocks are read into; one of its own when not given. */
  readonly buffer?: ReadBuffer;
}

export interface BlockLimit {
  /** Bytes of the file from here on do not count: they are not synced yet. */
  readonly byteEnd: number;
  /** Records from this offset on belong to the next segment (or were never acknowledged). */
  readonly offsetEnd: number;
  readonly sizeBytesMax: number;
}

/** A record as it lies in the file. */
export interface ScannedRecord extends JournalRecord {
  /** The one consumer that it is for; undefined: everybody. */
  readonly addressee: string | undefined;
  /** Of the payload on disk, which is longer than `payload` when there is an addressee. */
  readonly sizeBytes: number;
}

export interface Block {
  /** Payloads are views into one buffer, which the next block overwrites. */
  readonly records: readonly ScannedRecord[];
  /** The records as they lie on disk, headers included; overwritten likewise. */
  readonly bytes: Buffer;
  /** Bytes passed over because no whole record was in them. */
  readonly brokenSizeBytes: number;
}

/** One pass over one segment, in file order. Positions are those of the segment before it was compressed. */
export interface SegmentScan {
  readonly baseOffset: number;
  /** undefined when it is torn. */
  readonly header: SegmentHeader | undefined;
  /** Where the next record begins, in bytes. */
  readonly position: number;
  /** Offset that the next record should have. */
  readonly offset: number;
  /** Sums over all records of the stream before `position`. */
  readonly itemsBefore: number;
  readonly bytesBefore: number;
  fileSizeBytes(): number;
  /** Moves forward to a place from which the record of this offset is near; never beyond it. */
  skipTowards(offset: number): void;
  /** The next whole records, at least one if there is any before the limit. */
  readBlock(limit: BlockLimit): Block;
  /** The next record's time of receipt without moving; undefined at the end. */
  peekReceivedAtMs(byteEnd: number): number | undefined;
  close(): void;
}

/** Blocks are at most this long unless a single record is longer. */
const blockSizeBytesMax = 4 * 1024 * 1024;

/**
 * Opens a segment at its first record.
 * @throws CollectorError QUARTET_JOURNAL_VERSION when a newer version wrote it; the error of the file system when it cannot be opened.
 */
export function openSegmentScan(settings: ScanSettings): SegmentScan {
  const { files, path, stream, baseOffset } = settings;
  const fd = files.openForRead(path);
  let header: SegmentHeader | undefined;
  try {
    header = settings.header ?? readOpenHeader(files, fd, settings)?.header;
  } catch (error) {
    files.close(fd);
    throw error;
  }
  const journalId = header?.journalId ?? settings.journalId ?? "";
  const seed = recordSeed(journalId, baseOffset);
  const bytes = header?.isCompressed === true ? compressedBytes(files, fd, seed) : plainBytes(files, fd);
  const { buffer = new ReadBuffer() } = settings;
  let position = segmentHeaderSizeBytes;
  let offset = baseOffset;
  let itemsBefore = header?.itemsBefore ?? 0;
  let bytesBefore = header?.bytesBefore ?? 0;

  const load = (from: number, sizeBytes: number): Buffer => {
    const block = buffer.ofSize(sizeBytes);
    return block.subarray(0, bytes.read(block, from));
  };

  /** Position of the next whole record behind a broken one, or `byteEnd`. */
  const findRecord = (byteEnd: number): number => {
    const chunkSizeBytes = 1024 * 1024;
    for (let from = position + 1; from + recordHeaderSizeBytes <= byteEnd; from += chunkSizeBytes) {
      // Chunks overlap by a header, so that none is cut in two.
      const chunk = Buffer.from(load(from, Math.min(chunkSizeBytes + recordHeaderSizeBytes, byteEnd - from)));
      let found = chunk.indexOf(recordMagic);
      while (found !== -1 && found < chunkSizeBytes && found + recordHeaderSizeBytes <= chunk.length) {
        const record = decodeRecordHeader(chunk, found);
        const start = from + found;
        // Between the broken record and this one there is room for so many records at most.
        const offsetMax = offset + Math.floor((start - position) / recordHeaderSizeBytes);
        if (record !== undefined && record.offset > offset && record.offset <= offsetMax) {
          const sizeBytes = recordHeaderSizeBytes + record.payloadSizeBytes;
          if (start + sizeBytes <= byteEnd) {
            const whole = load(start, sizeBytes);
            if (whole.length === sizeBytes && isRecordWhole(whole, 0, record.payloadSizeBytes, seed))
              return start;
          }
        }
        found = chunk.indexOf(recordMagic, found + 1);
      }
    }
    return byteEnd;
  };

  return {
    baseOffset,
    header,
    get position() {
      return position;
    },
    get offset() {
      return offset;
    },
    get itemsBefore() {
      return itemsBefore;
    },
    get bytesBefore() {
      return bytesBefore;
    },
    fileSizeBytes: () => bytes.sizeBytes(),
    skipTowards(wanted) {
      const place = bytes.placeBefore(wanted);
      if (place === undefined || place.offset <= offset) return;
      ({ plainPosition: position, offset, itemsBefore, bytesBefore } = place);
    },
    readBlock({ byteEnd, offsetEnd, sizeBytesMax }) {
      const records: ScannedRecord[] = [];
      let whole: Buffer = Buffer.alloc(0);
      let brokenSizeBytes = 0;
      let blockSizeBytes = Math.max(recordHeaderSizeBytes, Math.min(sizeBytesMax, blockSizeBytesMax));
      while (records.length === 0 && offset < offsetEnd && position + recordHeaderSizeBytes <= byteEnd) {
        const blockStart = position;
        const block = load(blockStart, Math.min(blockSizeBytes, byteEnd - blockStart));
        let missingSizeBytes = 0;
        let isBroken = false;
        let start = 0;
        while (offset < offsetEnd && start + recordHeaderSizeBytes <= block.length) {
          const fields = decodeRecordHeader(block, start);
          const end = start + recordHeaderSizeBytes + (fields?.payloadSizeBytes ?? 0);
          isBroken = fields === undefined || fields.offset < offset || blockStart + end > byteEnd;
          if (fields === undefined || isBroken) break;
          if (end > block.length) {
            missingSizeBytes = end - start;
            break;
          }
          isBroken = !isRecordWhole(block, start, fields.payloadSizeBytes, seed);
          if (isBroken) break;
          if (fields.offset >= offsetEnd) {
            // A record that was never acknowledged and whose offset the next segment uses.
            offset = offsetEnd;
            break;
          }
          const payload = block.subarray(start + recordHeaderSizeBytes, end);
          records.push({
            position: { stream, shard: 0, offset: fields.offset },
            receivedAtMs: fields.receivedAtMs,
            itemCount: fields.itemCount,
            ...(fields.isAddressed ? splitAddressed(payload) : { payload, addressee: undefined }),
            sizeBytes: payload.length,
          });
          start = end;
          position = blockStart + end;
          offset = fields.offset + 1;
          itemsBefore += fields.itemCount;
          bytesBefore += fields.payloadSizeBytes;
        }
        if (records.length > 0) {
          whole = block.subarray(0, start);
          break;
        }
        if (isBroken) {
          const next = findRecord(byteEnd);
          brokenSizeBytes += next - position;
          position = next;
        } else if (block.length < Math.min(blockSizeBytes, byteEnd - blockStart)) {
          // The file is shorter than the caller thought: nothing is there to come.
          brokenSizeBytes += byteEnd - position;
          position = byteEnd;
        } else if (missingSizeBytes > 0) {
          blockSizeBytes = missingSizeBytes;
        }
      }
      return { records, bytes: whole, brokenSizeBytes };
    },
    peekReceivedAtMs(byteEnd) {
      if (position + recordHeaderSizeBytes > byteEnd) return undefined;
      const head = Buffer.alloc(recordHeaderSizeBytes);
      if (bytes.read(head, position) < recordHeaderSizeBytes) return undefined;
      return decodeRecordHeader(head, 0)?.receivedAtMs;
    },
    close: () => files.close(fd),
  };
}

/** The name of the addressee stands before what was handed in. */
function splitAddressed(bytes: Buffer): { readonly payload: Buffer; readonly addressee: string } {
  const end = 1 + (bytes[0] ?? 0);
  return { payload: bytes.subarray(end), addressee: bytes.toString("latin1", 1, end) };
}

/** As `openSegmentScan`; undefined when the segment was deleted meanwhile. */
export function openIfThere(settings: ScanSettings): SegmentScan | undefined {
  try {
    return openSegmentScan(settings);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
