import { CollectorError } from "../../model/index.ts";
import { WireCursor } from "../../otlp/index.ts";
import { parseStreamLabels } from "./loki-labels.ts";
import type { LokiEntry, LokiStream } from "./loki-stream.ts";

// Fields of logproto.PushRequest, StreamAdapter, EntryAdapter and LabelPairAdapter, and of google.protobuf.Timestamp.
const fields = {
  streams: 1,
  labels: 1,
  entries: 2,
  timestamp: 1,
  line: 2,
  metadata: 3,
  name: 1,
  value: 2,
  seconds: 1,
  nanos: 2,
} as const;

interface Reader {
  readonly cursor: WireCursor;
  readonly buffer: Buffer;
  /** Streams, entries and metadata that may still come. */
  partsLeft: number;
}

/**
 * Reads a `logproto.PushRequest`. Text that is no UTF-8 has U+FFFD where it is not.
 * Bounds: an entry may take two bytes here and hundreds as an object, so there are no more than `partsMax` of them.
 * @throws CollectorError QUARTET_OTLP_INVALID, QUARTET_OTLP_TOO_LARGE over `partsMax`
 */
export function decodeLokiPush(bytes: Uint8Array, partsMax: number): readonly LokiStream[] {
  const cursor = new WireCursor(bytes);
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const reader: Reader = { cursor, buffer, partsLeft: partsMax };
  const streams: LokiStream[] = [];
  while (cursor.position < bytes.length) {
    if (cursor.tag(bytes.length) === fields.streams)
      streams.push(decodeStream(reader, enter(reader, bytes.length)));
    else cursor.skip(bytes.length);
  }
  return streams;
}

function enter(reader: Reader, end: number): number {
  if (reader.partsLeft === 0) {
    throw new CollectorError(
      "QUARTET_OTLP_TOO_LARGE",
      "the request has more entries than are taken at once; send smaller batches",
    );
  }
  reader.partsLeft -= 1;
  return reader.cursor.enter(end);
}

function text({ cursor, buffer }: Reader, end: number): string {
  cursor.content(end);
  return buffer.toString("utf8", cursor.start, cursor.end);
}

function decodeStream(reader: Reader, end: number): LokiStream {
  const { cursor } = reader;
  let labels: readonly string[] = [];
  const entries: LokiEntry[] = [];
  while (cursor.position < end) {
    const field = cursor.tag(end);
    if (field === fields.labels) labels = parseStreamLabels(text(reader, end));
    else if (field === fields.entries) entries.push(decodeEntry(reader, enter(reader, end)));
    else cursor.skip(end);
  }
  return { labels, entries };
}

function decodeEntry(reader: Reader, end: number): LokiEntry {
  const { cursor } = reader;
  let timeUnixNano = 0n;
  let line = "";
  const metadata: string[] = [];
  while (cursor.position < end) {
    const field = cursor.tag(end);
    if (field === fields.timestamp) timeUnixNano = decodeTime(cursor, cursor.enter(end));
    else if (field === fields.line) line = text(reader, end);
    else if (field === fields.metadata) decodePair(reader, enter(reader, end), metadata);
    else cursor.skip(end);
  }
  return { timeUnixNano, line, metadata };
}

function decodePair(reader: Reader, end: number, into: string[]): void {
  const { cursor } = reader;
  let name = "";
  let value = "";
  while (cursor.position < end) {
    const field = cursor.tag(end);
    if (field === fields.name) name = text(reader, end);
    else if (field === fields.value) value = text(reader, end);
    else cursor.skip(end);
  }
  into.push(name, value);
}

const secondsMax = 2 ** 63 / 1e9;

function decodeTime(cursor: WireCursor, end: number): bigint {
  let seconds = 0;
  let nanos = 0;
  while (cursor.position < end) {
    const field = cursor.tag(end);
    if (field === fields.seconds) seconds = cursor.int64Field(end);
    else if (field === fields.nanos) nanos = cursor.int64Field(end);
    else cursor.skip(end);
  }
  if (seconds < 0 || seconds > secondsMax || nanos < 0 || nanos >= 1e9)
    cursor.fail("an entry has an impossible time");
  return BigInt(seconds) * 1_000_000_000n + BigInt(nanos);
}
