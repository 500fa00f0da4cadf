import { promisify } from "node:util";
import { constants, zstdCompress } from "node:zlib";
import type { Stream } from "../model/index.ts";
import { blockHeaderSizeBytes, encodeBlockHeader } from "./compressed-format.ts";
import type { JournalFiles } from "./files.ts";
import { encodeSegmentHeader, recordSeed, segmentHeaderSizeBytes } from "./format.ts";
import { openSegmentScan, type SegmentScan } from "./scan.ts";

export interface CompressOptions {
  readonly files: JournalFiles;
  readonly path: string;
  /** Where the compressed copy is written. */
  readonly temporaryPath: string;
  readonly stream: Stream;
  readonly baseOffset: number;
  /** Base offset of the next segment. */
  readonly offsetEnd: number;
  /** Awaited after each block, so that the work stays in the background; false ends it. */
  readonly pause: (workedMs: number) => Promise<boolean>;
}

export type CompressOutcome =
  /** The copy is whole and synced. */
  | { readonly kind: "compressed"; readonly sizeBytes: number }
  /** `damaged`: nothing but the original shows what was there. `poor`: little would be won. */
  | { readonly kind: "left"; readonly reason: "damaged" | "poor" | "stopped" };

const compress = promisify(zstdCompress);

/** A reader inflates this much to get at one record; larger blocks would be little smaller. */
const blockSizeBytes = 256 * 1024;
const shareMax = 0.9;
/**
 * OTLP shrinks to a tenth and less, at several hundred MB/s. On zstd's own level, 3, it would be two hundredths smaller still and take
 * 700 KiB more in each of libuv's threads, which the allocator keeps.
 */
const params = { [constants.ZSTD_c_compressionLevel]: 1, [constants.ZSTD_c_checksumFlag]: 1 };

/** Writes a compressed copy of a sealed segment. Reading, compressing and writing are done beside the event loop. */
export async function compressSegment(options: CompressOptions): Promise<CompressOutcome> {
  const { files, path, stream, baseOffset } = options;
  const scan = openSegmentScan({ files, path, stream, baseOffset });
  try {
    const { header } = scan;
    if (header === undefined) return { kind: "left", reason: "damaged" };
    const fd = files.createForWrite(options.temporaryPath);
    try {
      await files.write(fd, [encodeSegmentHeader({ ...header, isCompressed: true, reusedSizeBytes: 0 })], 0);
      const seed = recordSeed(header.journalId, baseOffset);
      const outcome = await writeBlocks(scan, { ...options, fd, seed });
      if (outcome.kind === "compressed") await files.sync(fd);
      return outcome;
    } finally {
      files.close(fd);
    }
  } finally {
    scan.close();
  }
}

async function writeBlocks(
  scan: SegmentScan,
  {
    files,
    path,
    fd,
    seed,
    offsetEnd,
    pause,
  }: CompressOptions & { readonly fd: number; readonly seed: number },
): Promise<CompressOutcome> {
  const byteEnd = scan.fileSizeBytes();
  const warm = files.openForRead(path);
  // What is read ahead only brings the bytes into the page cache: the scan itself reads synchronously.
  const ahead = Buffer.allocUnsafe(blockSizeBytes);
  let end = segmentHeaderSizeBytes;
  try {
    for (;;) {
      const beganMs = performance.now();
      const { position: plainPosition, offset, itemsBefore, bytesBefore } = scan;
      await files.readLater(warm, ahead, plainPosition);
      const block = scan.readBlock({ byteEnd, offsetEnd, sizeBytesMax: blockSizeBytes });
      if (block.brokenSizeBytes > 0 || block.records[0]?.position.offset !== offset) {
        const isAtEnd = block.records.length === 0 && block.brokenSizeBytes === 0 && offset === offsetEnd;
        if (!isAtEnd) return { kind: "left", reason: "damaged" };
        if (end > shareMax * plainPosition) return { kind: "left", reason: "poor" };
        return { kind: "compressed", sizeBytes: end };
      }
      const plainSizeBytes = block.bytes.length;
      // Not knowing the size, zstd would take memory for a window of 2 MiB.
      const frame = await compress(block.bytes, { params, pledgedSrcSize: plainSizeBytes });
      const place = { plainPosition, offset, itemsBefore, bytesBefore };
      const head = encodeBlockHeader({ ...place, sizeBytes: frame.length, plainSizeBytes }, seed);
      await files.write(fd, [head, frame], end);
      end += blockHeaderSizeBytes + frame.length;
      // After a mebibyte it is clear whether there is anything to win.
      if (scan.position > 4 * blockSizeBytes && end > shareMax * scan.position)
        return { kind: "left", reason: "poor" };
      if (!(await pause(performance.now() - beganMs))) return { kind: "left", reason: "stopped" };
    }
  } finally {
    files.close(warm);
  }
}
