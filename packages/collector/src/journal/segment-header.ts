import { CollectorError } from "../model/index.ts";
import type { JournalFiles } from "./files.ts";
import {
  decodeSegmentHeader,
  encodeSegmentHeader,
  segmentHeaderSizeBytes,
  type SegmentHeader,
} from "./format.ts";

export interface FoundHeader {
  readonly version: number;
  readonly header: SegmentHeader;
}

/** The file of a segment, whose name says the base offset. */
export interface SegmentFile {
  readonly path: string;
  readonly baseOffset: number;
}

/**
 * The header of an open segment; undefined when it is torn or damaged, or that of another segment: then the file is used again, and
 * nothing was written to it yet.
 * @throws CollectorError QUARTET_JOURNAL_VERSION when a newer version wrote it.
 */
export function readOpenHeader(
  files: JournalFiles,
  fd: number,
  { path, baseOffset }: SegmentFile,
): FoundHeader | undefined {
  return ofSegment({ baseOffset }, readAnyHeader(files, fd, path));
}

function ofSegment(
  { baseOffset }: Pick<SegmentFile, "baseOffset">,
  found: FoundHeader | undefined,
): FoundHeader | undefined {
  return found?.header.baseOffset === baseOffset ? found : undefined;
}

function readAnyHeader(files: JournalFiles, fd: number, path: string): FoundHeader | undefined {
  const bytes = Buffer.alloc(segmentHeaderSizeBytes);
  const decoded = decodeSegmentHeader(bytes.subarray(0, files.read(fd, bytes, 0)));
  switch (decoded.kind) {
    case "header":
      return decoded;
    case "torn":
      return undefined;
    case "newer":
      throw new CollectorError(
        "QUARTET_JOURNAL_VERSION",
        `${path} was written by a newer version of Quartet (format ${decoded.version}); start that version, or move the data directory away`,
      );
  }
}

/** As `readOpenHeader`, of a segment that nobody has opened yet. */
export function readSegmentHeader(files: JournalFiles, file: SegmentFile): FoundHeader | undefined {
  return ofSegment(file, readFileHeader(files, file.path));
}

/** Whether the file still begins as another segment did, whose file it was. */
export function isUnwritten(files: JournalFiles, { path, baseOffset }: SegmentFile): boolean {
  const found = readFileHeader(files, path);
  return found !== undefined && found.header.baseOffset !== baseOffset;
}

function readFileHeader(files: JournalFiles, path: string): FoundHeader | undefined {
  const fd = files.openForRead(path);
  try {
    return readAnyHeader(files, fd, path);
  } finally {
    files.close(fd);
  }
}

/**
 * Writes a header in the place of an older or damaged one. It lies within the first sector of the file, which a disk writes whole
 * or not at all.
 */
export function writeSegmentHeader(files: JournalFiles, path: string, header: SegmentHeader): void {
  const fd = files.openForWrite(path);
  try {
    files.writeNow(fd, encodeSegmentHeader(header), 0);
    files.syncNow(fd);
  } finally {
    files.close(fd);
  }
}
