import { requests, type Field, type Message, type OtlpSignal } from "./schema.ts";
import { wireBytes, wireFixed32, wireFixed64, wireVarint } from "./wire.ts";

// What the scanner does with a field. Numbers, so that a field is looked up in flat memory.
export const kindUnknown = 0;
export const kindVarint = 1;
export const kindFixed64 = 2;
export const kindFixed32 = 3;
export const kindBytes = 4;
export const kindString = 5;
export const kindTraceId = 6;
export const kindSpanId = 7;
/** A message that belongs to the one around it: attributes, a resource, a link. */
export const kindPart = 8;
/** A message on the way to the items, or an item. */
export const kindPath = 9;
/** A message inside an item that is read even where its neighbours are passed over: a span's status. */
export const kindReadPart = 12;
/** Repeated numbers, which may come packed into one field or one by one. */
export const kindVarints = 10;
export const kindFixed64s = 11;

/** Fields of a message stand at `message << tableShift | field number`; OTLP's numbers end at 16. */
export const tableShift = 5;
export const fieldNumberEnd: number = 1 << tableShift;

/** Where the scanner keeps what it found: an item's own fields at their numbers. */
export const slotNone = 0;
export const slotStatusCode = 17;
export const slotsEnd = 18;

export interface FieldTable {
  readonly kinds: Uint8Array;
  readonly slots: Uint8Array;
  /** Number of the message that a field holds. */
  readonly children: Uint8Array;
  /** 1 where the message is a span, a log record or a data point. */
  readonly isItem: Uint8Array;
  /** Number of each signal's request message. */
  readonly requestOf: Readonly<Record<OtlpSignal, number>>;
  /** Number of Span. */
  readonly span: number;
  /** By number. */
  readonly messages: readonly Message[];
}

function kindOf({ type, name, isRepeated, isOnPath }: Field): number {
  if (typeof type === "function") {
    if (name === "status") return kindReadPart;
    return isOnPath ? kindPath : kindPart;
  }
  switch (type) {
    case "string":
      return kindString;
    case "bytes":
      return kindBytes;
    case "trace_id":
      return kindTraceId;
    case "span_id":
      return kindSpanId;
    case "double":
    case "fixed64":
    case "sfixed64":
      return isRepeated ? kindFixed64s : kindFixed64;
    case "fixed32":
      return kindFixed32;
    case "bool":
    case "uint32":
    case "int32":
    case "sint32":
    case "uint64":
    case "int64":
      return isRepeated ? kindVarints : kindVarint;
  }
}

/** The wire type of one value of the field; packed lists are `wireBytes` instead. */
export function wireTypeOf({ type }: Field): number {
  if (typeof type === "function") return wireBytes;
  switch (type) {
    case "string":
    case "bytes":
    case "trace_id":
    case "span_id":
      return wireBytes;
    case "double":
    case "fixed64":
    case "sfixed64":
      return wireFixed64;
    case "fixed32":
      return wireFixed32;
    case "bool":
    case "uint32":
    case "int32":
    case "sint32":
    case "uint64":
    case "int64":
      return wireVarint;
  }
}

function buildTable(): FieldTable {
  const messages: Message[] = [];
  const numberOf = (message: Message): number => {
    const known = messages.indexOf(message);
    if (known >= 0) return known;
    messages.push(message);
    for (const { type } of message.fields) if (typeof type === "function") numberOf(type());
    return messages.indexOf(message);
  };
  const requestOf = {
    spans: numberOf(requests.spans),
    logs: numberOf(requests.logs),
    metrics: numberOf(requests.metrics),
  };
  const kinds = new Uint8Array(messages.length << tableShift);
  const slots = new Uint8Array(messages.length << tableShift);
  const children = new Uint8Array(messages.length << tableShift);
  for (const [number, message] of messages.entries()) {
    for (const field of message.fields) {
      const at = (number << tableShift) | field.number;
      kinds[at] = kindOf(field);
      if (message.isItem) slots[at] = field.number;
      else if (message.name === "Status" && field.name === "code") slots[at] = slotStatusCode;
      if (typeof field.type === "function") children[at] = numberOf(field.type());
    }
  }
  const span = messages.findIndex(({ name }) => name === "Span");
  const isItem = Uint8Array.from(messages, (message) => (message.isItem ? 1 : 0));
  return { kinds, slots, children, isItem, requestOf, span, messages };
}

/** The schema in flat memory. */
export const fieldTable: FieldTable = buildTable();
