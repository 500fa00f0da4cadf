import { wireBytes, wireFixed64, wireVarint } from "../../otlp/index.ts";
import { uint32, type DocumentParts } from "./document-encoder.ts";
import type { JsonWriter } from "./json-writer.ts";
import type { Range } from "./value-encoder.ts";

// Fields of LogRecord.
const fieldTime = 1;
const fieldSeverityNumber = 2;
const fieldSeverityText = 3;
const fieldBody = 5;
const fieldAttributes = 6;
/** Field number of a log record's attributes. */
export const logAttributes: number = fieldAttributes;
const fieldDropped = 7;
const fieldTraceId = 9;
const fieldSpanId = 10;
const fieldObserved = 11;
const fieldEventName = 12;
const fieldEnd = 13;

const arrayValue = 5;
const kvlistValue = 6;

const piece = (text: string): Uint8Array => Buffer.from(text);
const openTimestamp = piece('{"@timestamp":"');
const keyObserved = piece(',"observed_timestamp":"');
const keySeverityText = piece(',"severity_text":');
const keySeverityNumber = piece(',"severity_number":');
const keyTraceId = piece(',"trace_id":');
const keySpanId = piece(',"span_id":');
const keyAttributes = piece(',"attributes":');
const keyDropped = piece(',"dropped_attributes_count":');
const keyEventName = piece(',"event_name":');
const openBodyText = piece(',"body":{"text":');
const openBodyStructured = piece(',"body":{"structured":');
const openBodyValue = piece(',"body":{"structured":{"value":');
const quote = 0x22;
const minus = 0x2d;
const braceClose = 0x7d;

/**
 * One log record as Elasticsearch's OpenTelemetry mapping has it, without a line end.
 * `middle` comes after the times: what names the data stream, and the resource and scope that many records share.
 * @see OpenTelemetry Collector, elasticsearchexporter, mapping mode "otel"
 */
export class LogDocument {
  readonly #starts: Int32Array = new Int32Array(fieldEnd);
  readonly #ends: Int32Array = new Int32Array(fieldEnd);

  write(parts: DocumentParts, { start, end }: Range, middle: readonly Uint8Array[]): void {
    this.#read(parts, start, end);
    const { cursor, json, values } = parts;
    const { bytes } = cursor;
    const starts = this.#starts;
    const ends = this.#ends;
    json.raw(openTimestamp);
    if (!writeTime(parts, starts[fieldTime]!) && !writeTime(parts, starts[fieldObserved]!)) {
      json.natural(parts.receivedAtMs);
      json.raw(noFraction);
    }
    json.byte(quote);
    const lengthBefore = json.length;
    json.raw(keyObserved);
    if (writeTime(parts, starts[fieldObserved]!)) json.byte(quote);
    else json.length = lengthBefore;
    for (const bytesOfMiddle of middle) json.raw(bytesOfMiddle);
    if (ends[fieldSeverityText]! > starts[fieldSeverityText]!) {
      json.raw(keySeverityText);
      json.text(bytes, starts[fieldSeverityText]!, ends[fieldSeverityText]!);
    }
    if (starts[fieldSeverityNumber]! >= 0) {
      cursor.position = starts[fieldSeverityNumber]!;
      writeInt32(json, keySeverityNumber, uint32(cursor, end) | 0);
    }
    writeId(parts, keyTraceId, { start: starts[fieldTraceId]!, end: ends[fieldTraceId]! });
    writeId(parts, keySpanId, { start: starts[fieldSpanId]!, end: ends[fieldSpanId]! });
    if (starts[fieldAttributes]! >= 0) {
      const lengthOpen = json.length;
      json.raw(keyAttributes);
      if (values.attributes([{ start, end }], fieldAttributes) === 0) json.length = lengthOpen;
    }
    if (starts[fieldDropped]! >= 0) {
      cursor.position = starts[fieldDropped]!;
      writeInt32(json, keyDropped, uint32(cursor, end));
    }
    if (ends[fieldEventName]! > starts[fieldEventName]!) {
      json.raw(keyEventName);
      json.text(bytes, starts[fieldEventName]!, ends[fieldEventName]!);
    }
    if (starts[fieldBody]! >= 0) writeBody(parts, starts[fieldBody]!, ends[fieldBody]!);
    json.byte(braceClose);
  }

  /** Finds the fields; of one that comes twice the last counts. */
  #read({ cursor }: DocumentParts, start: number, end: number): void {
    const starts = this.#starts.fill(-1);
    const ends = this.#ends.fill(-1);
    cursor.position = start;
    while (cursor.position < end) {
      const field = cursor.tag(end);
      const from = cursor.position;
      cursor.skip(end);
      if (field >= fieldEnd) continue;
      const wanted = wireTypes[field]!;
      if (wanted < 0) continue;
      cursor.expect(wanted);
      const isContent = wanted === wireBytes;
      starts[field] = isContent ? cursor.start : from;
      ends[field] = isContent ? cursor.end : cursor.position;
    }
  }
}

const wireTypes: Int8Array = new Int8Array(fieldEnd).fill(-1);
for (const [wireType, fields] of [
  [wireFixed64, [fieldTime, fieldObserved]],
  [wireVarint, [fieldSeverityNumber, fieldDropped]],
  [wireBytes, [fieldSeverityText, fieldBody, fieldAttributes, fieldTraceId, fieldSpanId, fieldEventName]],
] as const)
  for (const field of fields) wireTypes[field] = wireType;

/** No nanoseconds; six digits, as milliseconds are the unit. */
const noFraction = piece(".000000");
const point = 0x2e;

/**
 * Unix nanoseconds as milliseconds with a fraction, which both `date` and `date_nanos` take; false, and nothing, when there are none.
 * The product of a 32-bit half stays below 2^53.
 */
export function writeTime({ cursor, json }: DocumentParts, at: number): boolean {
  if (at < 0) return false;
  const low = cursor.view.getUint32(at, true);
  const high = cursor.view.getUint32(at + 4, true);
  if (low === 0 && high === 0) return false;
  // 2^32 ns are 4,294 ms and 967,296 ns.
  const rest = high * 967_296 + low;
  json.natural(high * 4_294 + Math.floor(rest / 1_000_000));
  json.byte(point);
  json.natural(rest % 1_000_000, 6);
  return true;
}

/** Nothing for 0, which means that it was not given. */
function writeInt32(json: JsonWriter, key: Uint8Array, value: number): void {
  if (value === 0) return;
  json.raw(key);
  if (value < 0) json.byte(minus);
  json.natural(Math.abs(value));
}

/** Nothing for an id that is empty or zero. */
export function writeId({ cursor, json }: DocumentParts, key: Uint8Array, { start, end }: Range): void {
  let position = Math.max(0, start);
  while (position < end && cursor.bytes[position] === 0) position += 1;
  if (position >= end) return;
  json.raw(key);
  json.hex(cursor.bytes, start, end);
}

/** Lists of key-value lists are structured; no field takes other arrays but inside an object; the rest is text. */
function writeBody({ json, values }: DocumentParts, start: number, end: number): void {
  const kind = values.readKind(start, end);
  if (kind === 0) return;
  const isWrapped = kind === arrayValue && !values.isArrayOfObjects(start, end);
  if (isWrapped) json.raw(openBodyValue);
  else json.raw(kind === arrayValue || kind === kvlistValue ? openBodyStructured : openBodyText);
  values.value(start, end);
  json.byte(braceClose);
  if (isWrapped) json.byte(braceClose);
}
