import type { Clock, Stream, StreamWriter } from "../model/index.ts";
import type { Log, Telemetry } from "../telemetry/index.ts";
import type { CompressionSettings } from "./compactor.ts";
import type { Consumer } from "./cursor.ts";
import type { JournalFiles } from "./files.ts";
import type { JournalShared } from "./shared.ts";

export interface StreamWriterOptions {
  /** The data directory. */
  readonly dir: string;
  readonly stream: Stream;
  readonly shared: JournalShared;
  /** Disk budget of the stream. */
  readonly sizeBytesMax?: number;
  /** A segment is sealed before it grows beyond this; also the longest payload of one record. */
  readonly segmentSizeBytesMax?: number;
  /** Who reads this stream; they hold segments back even before their first commit. */
  readonly consumers?: readonly Consumer[];
  /** When sealed segments that somebody still needs are compressed, in the background, and how hard; default after a minute, a quarter of a core. */
  readonly compression?: CompressionSettings;
  readonly clock?: Clock;
  readonly telemetry?: Telemetry;
  readonly log?: Log;
  readonly files?: JournalFiles;
}

export interface SegmentStreamWriter extends StreamWriter {
  /** Deletes sealed segments that every consumer has passed; also happens by itself, every few seconds and on each new segment. */
  retain(): Promise<void>;
  /** Compresses the sealed segments that are due; also happens by itself. Resolves when none is left. */
  compact(): Promise<void>;
}
