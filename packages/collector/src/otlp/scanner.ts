import { CollectorError } from "../model/index.ts";
import {
  fieldNumberEnd,
  fieldTable,
  kindBytes,
  kindFixed32,
  kindFixed64,
  kindFixed64s,
  kindPart,
  kindPath,
  kindReadPart,
  kindSpanId,
  kindString,
  kindTraceId,
  kindUnknown,
  kindVarint,
  kindVarints,
  slotNone,
  slotsEnd,
  tableShift,
} from "./field-table.ts";
import { locate } from "./locate.ts";
import { depthMax, type OtlpSignal } from "./schema.ts";
import { isText } from "./text.ts";
import { wireBytes, wireFixed32, wireFixed64, wireVarint } from "./wire.ts";

/** Why an item cannot be kept although the message around it can be read. */
export type RejectReason = "invalid_id" | "invalid_utf8" | "too_deep" | "ambiguous_data";

/** Depth of spans and log records: under request, resource and scope. */
const itemDepth = 3;

/** What the scanner meets on its way; offsets are into the scanned bytes. */
export interface ScanListener {
  /** A ResourceSpans, ResourceLogs or ResourceMetrics begins. */
  enterResourceGroup?(start: number, end: number): void;
  /** An item; true when that was all there is to do with it, false when its fields should be walked. */
  takeItem?(outerStart: number, start: number, end: number): boolean;
  /** Before the fields of an item are walked and captured. */
  enterItem?(): void;
  /** After the fields of an item were walked; `outerStart` is where its tag begins. */
  leaveItem(outerStart: number, start: number, end: number): void;
  /** After any other message on the way to the items. */
  leaveGroup?(outerStart: number, start: number, end: number): void;
  /** Before any other message on the way to the items. */
  enterGroup?(): void;
  /** What was just read cannot be kept. `place` is the offset of the field's content. */
  reject?(reason: RejectReason, place: number): void;
}

/**
 * Walks the wire format of a request without making an object per field.
 * "shallow" reads items down to their own fields; "deep" also checks every part, id and string of them.
 */
export class Scanner {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Of the item walked last, by slot (its field number): where the content lies, -1 when it is missing; the last one counts. */
  readonly starts: Int32Array = new Int32Array(slotsEnd).fill(-1);
  readonly ends: Int32Array = new Int32Array(slotsEnd).fill(-1);
  /** Low 32 bits of its varint fields, and the status code at `slotStatusCode`. */
  readonly numbers: Int32Array = new Int32Array(slotsEnd);
  readonly #signal: OtlpSignal;
  readonly #isDeep: boolean;
  readonly #listener: ScanListener;
  /** Where a varint of several bytes ended. */
  #next = 0;

  constructor(
    signal: OtlpSignal,
    bytes: Uint8Array,
    { depth, listener }: { depth: "shallow" | "deep"; listener: ScanListener },
  ) {
    // A plain view, whatever subclass came in: the loops below then see one kind of object only.
    this.bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#signal = signal;
    this.#isDeep = depth === "deep";
    this.#listener = listener;
  }

  /** @throws CollectorError QUARTET_OTLP_INVALID naming path and byte where the message breaks. */
  run(): void {
    this.#walk(fieldTable.requestOf[this.#signal], 0, this.bytes.length, 0);
  }

  /** Checks one attribute, event or link of a span by itself. @throws CollectorError QUARTET_OTLP_INVALID */
  walkPart(field: number, start: number, end: number): void {
    this.#part(fieldTable.children[(fieldTable.span << tableShift) | field]!, start, end, itemDepth + 1);
  }

  #walk(message: number, start: number, end: number, depth: number): void {
    const { bytes, starts, ends, numbers } = this;
    const { kinds, children, slots } = fieldTable;
    let position = start;
    while (position < end) {
      const outerStart = position;
      let tag = bytes[position]!;
      position += 1;
      if (tag >= 0x80) {
        tag = this.#varint(outerStart, end);
        position = this.#next;
        if (tag > 0xffff_ffff) this.#fail("a field has an impossible number", outerStart);
      }
      const wireType = tag & 7;
      const field = tag >>> 3;
      if (field === 0) this.#fail("a field has the number 0", outerStart);
      // No field has the number 0, so the entry of field 0 of any message says "unknown".
      const at = (message << tableShift) | (field < fieldNumberEnd ? field : 0);
      const kind = kinds[at]!;
      const slot = slots[at]!;
      if (wireType === wireBytes) {
        if (position >= end) this.#fail("a length is cut short", outerStart);
        let length = bytes[position]!;
        position += 1;
        if (length >= 0x80) {
          length = this.#varint(position - 1, end);
          position = this.#next;
        }
        if (length > end - position) this.#fail("a field is longer than what holds it", outerStart);
        const contentEnd = position + length;
        if (slot !== slotNone) {
          starts[slot] = position;
          ends[slot] = contentEnd;
        }
        switch (kind) {
          case kindPart:
            if (this.#isDeep) this.#part(children[at]!, position, contentEnd, depth + 1);
            break;
          case kindReadPart:
            this.#part(children[at]!, position, contentEnd, depth + 1);
            break;
          case kindString:
            if (this.#isDeep && !isText(bytes, this.view, position, contentEnd))
              this.#listener.reject?.("invalid_utf8", position);
            break;
          case kindPath:
            this.#enter(children[at]!, outerStart, position, contentEnd, depth + 1);
            break;
          case kindTraceId:
            if (this.#isDeep && length !== 0 && length !== 16)
              this.#listener.reject?.("invalid_id", position);
            break;
          case kindSpanId:
            if (this.#isDeep && length !== 0 && length !== 8) this.#listener.reject?.("invalid_id", position);
            break;
          case kindFixed64s:
            if (length % 8 !== 0) this.#fail("a packed list ends inside a number", outerStart);
            break;
          case kindVarints:
            this.#checkVarints(position, contentEnd);
            break;
          case kindUnknown:
          case kindBytes:
            break;
          default:
            this.#failWireType(message, field, wireType, outerStart);
        }
        position = contentEnd;
      } else if (wireType === wireVarint) {
        if (kind !== kindVarint && kind !== kindUnknown && kind !== kindVarints) {
          this.#failWireType(message, field, wireType, outerStart);
        }
        let low = 0;
        let shift = 0;
        let byte: number;
        do {
          if (position >= end) this.#fail("a number is cut short", outerStart);
          byte = bytes[position]!;
          position += 1;
          if (shift < 32) low |= (byte & 0x7f) << shift;
          shift += 7;
        } while (byte >= 0x80 && shift < 70);
        if (byte >= 0x80) this.#fail("a number has more than ten bytes", outerStart);
        if (slot !== slotNone) numbers[slot] = low;
      } else if (wireType === wireFixed64 || wireType === wireFixed32) {
        const isLong = wireType === wireFixed64;
        const fits = isLong ? kind === kindFixed64 || kind === kindFixed64s : kind === kindFixed32;
        if (!fits && kind !== kindUnknown) this.#failWireType(message, field, wireType, outerStart);
        const size = isLong ? 8 : 4;
        if (size > end - position) this.#fail("a number is cut short", outerStart);
        if (slot !== slotNone) starts[slot] = position;
        position += size;
      } else {
        // Groups (3 and 4) were never part of proto3; 6 and 7 do not exist.
        this.#fail(`a field has wire type ${wireType}, which OTLP does not use`, outerStart);
      }
    }
  }

  #part(message: number, start: number, end: number, depth: number): void {
    if (depth > depthMax) this.#listener.reject?.("too_deep", start);
    else this.#walk(message, start, end, depth);
  }

  #enter(message: number, outerStart: number, start: number, end: number, depth: number): void {
    const listener = this.#listener;
    if (fieldTable.isItem[message] === 1) {
      if (listener.takeItem?.(outerStart, start, end) === true) return;
      this.starts.fill(-1);
      this.numbers.fill(0);
      listener.enterItem?.();
      this.#walk(message, start, end, depth);
      listener.leaveItem(outerStart, start, end);
      return;
    }
    if (depth === 1) listener.enterResourceGroup?.(start, end);
    listener.enterGroup?.();
    this.#walk(message, start, end, depth);
    listener.leaveGroup?.(outerStart, start, end);
  }

  /** A varint of any length, exact up to 2^53; sets `#next`. */
  #varint(start: number, end: number): number {
    let value = 0;
    let factor = 1;
    for (let position = start; position < start + 10; position += 1) {
      if (position >= end) this.#fail("a number is cut short", start);
      const byte = this.bytes[position]!;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) {
        this.#next = position + 1;
        return value;
      }
      factor *= 128;
    }
    return this.#fail("a number has more than ten bytes", start);
  }

  #checkVarints(start: number, end: number): void {
    for (let position = start; position < end; position = this.#next) this.#varint(position, end);
  }

  #failWireType(message: number, field: number, wireType: number, place: number): never {
    const name = fieldTable.messages[message]!.byNumber.get(field)!.name;
    return this.#fail(`${name} has the wrong wire type ${wireType}`, place);
  }

  #fail(what: string, place: number): never {
    const path = locate(this.#signal, this.bytes, place);
    throw new CollectorError("QUARTET_OTLP_INVALID", `${path}: ${what} (byte ${place})`);
  }
}
