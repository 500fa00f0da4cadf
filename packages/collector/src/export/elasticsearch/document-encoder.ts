import { wireBytes, WireCursor } from "../../otlp/index.ts";
import { JsonWriter } from "./json-writer.ts";
import { ValueEncoder, type Range } from "./value-encoder.ts";

/** What the document of one item is made with. */
export interface DocumentParts {
  readonly cursor: WireCursor;
  readonly json: JsonWriter;
  readonly values: ValueEncoder;
  /** For items that do not say when they were. */
  readonly receivedAtMs: number;
}

/** An item, and what it shares with others of its request. */
export interface Item extends Range {
  /** The ResourceX and ScopeX that hold it. */
  readonly group: Range;
  readonly scopeGroup: Range;
  readonly resource: readonly Range[];
  readonly scope: readonly Range[];
}

/** The parts of one record's payload, writing into `json`. */
export function openDocument(payload: Uint8Array, json: JsonWriter, receivedAtMs: number): DocumentParts {
  const cursor = new WireCursor(payload);
  const isHidden = (start: number, end: number): boolean => isRoutingKey(payload, start, end);
  return { cursor, json, values: new ValueEncoder(cursor, json, isHidden), receivedAtMs };
}

// One shape for all signals: request → ResourceX { resource, scopes, schema_url } → ScopeX { scope, items, schema_url }.
const fieldGroups = 1;
const fieldOwner = 1;
const fieldMembers = 2;
const fieldSchemaUrl = 3;

// Resource and InstrumentationScope.
const resourceAttributes = 1;
const resourceDropped = 2;
const scopeName = 1;
const scopeVersion = 2;
const scopeAttributes = 3;
const scopeDropped = 4;

const key = (name: string): Uint8Array => Buffer.from(`"${name}":`);
const openResource = Buffer.from(',"resource":{');
const openScope = Buffer.from(',"scope":{');
const keySchemaUrl = key("schema_url");
const keyName = key("name");
const keyVersion = key("version");
const keyAttributes = key("attributes");
const keyDropped = key("dropped_attributes_count");
const comma = 0x2c;
const braceClose = 0x7d;

/**
 * Calls `visit` for each item of a request in its order, with the JSON of what all items of a scope share:
 * `,"resource":{…},"scope":{…}`, which stays as it is until the next call with another.
 * @throws CollectorError QUARTET_OTLP_INVALID when the payload does not decode.
 */
export function visitItems(
  parts: DocumentParts,
  visit: (item: Item, surroundings: Uint8Array) => void,
): void {
  const { cursor } = parts;
  const request = { start: 0, end: cursor.bytes.length };
  const json = new JsonWriter(2048);
  const shared: DocumentParts = {
    ...parts,
    json,
    values: new ValueEncoder(cursor, json, (start, end) => isRoutingKey(cursor.bytes, start, end)),
  };
  for (const group of collect(cursor, request, fieldGroups)) {
    const resource = collect(cursor, group, fieldOwner);
    json.length = 0;
    writeOwner(shared, "resource", resource, collect(cursor, group, fieldSchemaUrl).at(-1));
    const resourceLength = json.length;
    for (const scopeGroup of collect(cursor, group, fieldMembers)) {
      const scope = collect(cursor, scopeGroup, fieldOwner);
      json.length = resourceLength;
      writeOwner(shared, "scope", scope, collect(cursor, scopeGroup, fieldSchemaUrl).at(-1));
      const surroundings = json.bytes.subarray(0, json.length);
      for (const { start, end } of collect(cursor, scopeGroup, fieldMembers))
        visit({ start, end, group, scopeGroup, resource, scope }, surroundings);
    }
  }
}

/** The contents of one length-delimited field of a message. */
export function collect(cursor: WireCursor, { start, end }: Range, wanted: number): Range[] {
  const found: Range[] = [];
  cursor.position = start;
  while (cursor.position < end) {
    const field = cursor.tag(end);
    cursor.skip(end);
    if (field !== wanted) continue;
    cursor.expect(wireBytes);
    found.push({ start: cursor.start, end: cursor.end });
  }
  return found;
}

/** A resource or a scope; a message that comes several times is merged (protobuf, "Last One Wins"). */
function writeOwner(
  { cursor, json, values }: DocumentParts,
  kind: "resource" | "scope",
  messages: readonly Range[],
  schemaUrl: Range | undefined,
): void {
  json.raw(kind === "resource" ? openResource : openScope);
  const lengthBefore = json.length;
  const separate = (): void => {
    if (json.length > lengthBefore) json.byte(comma);
  };
  const text = (name: Uint8Array, range: Range | undefined): void => {
    if (range === undefined || range.start === range.end) return;
    separate();
    json.raw(name);
    json.text(cursor.bytes, range.start, range.end);
  };
  text(keySchemaUrl, schemaUrl);
  if (kind === "scope") {
    text(keyName, lastOf(cursor, messages, scopeName));
    text(keyVersion, lastOf(cursor, messages, scopeVersion));
  }
  const lengthOpen = json.length;
  separate();
  json.raw(keyAttributes);
  const count = values.attributes(messages, kind === "resource" ? resourceAttributes : scopeAttributes);
  if (count === 0) json.length = lengthOpen;
  const dropped = lastNumber(cursor, messages, kind === "resource" ? resourceDropped : scopeDropped);
  if (dropped > 0) {
    separate();
    json.raw(keyDropped);
    json.natural(dropped);
  }
  json.byte(braceClose);
}

function lastOf(cursor: WireCursor, messages: readonly Range[], field: number): Range | undefined {
  return messages.flatMap((message) => collect(cursor, message, field)).at(-1);
}

function lastNumber(cursor: WireCursor, messages: readonly Range[], wanted: number): number {
  let value = 0;
  for (const { start, end } of messages) {
    cursor.position = start;
    while (cursor.position < end) {
      if (cursor.tag(end) === wanted) value = uint32(cursor, end);
      else cursor.skip(end);
    }
  }
  return value;
}

/** The uint32 whose tag was read: of a longer varint the lower 32 bits. */
export function uint32(cursor: WireCursor, end: number): number {
  const { position } = cursor;
  const value = cursor.varint(end);
  if (value <= 0xffff_ffff) return value;
  cursor.position = position;
  return Number(BigInt.asUintN(32, cursor.bigVarint(end)));
}

const routingPrefix = Buffer.from("data_stream.");
const routingKeys: readonly Buffer[] = ["type", "dataset", "namespace"].map((name) =>
  Buffer.from(`data_stream.${name}`),
);

/** `data_stream.*` says where a document goes; in the document it stands at the top. */
function isRoutingKey(bytes: Uint8Array, start: number, end: number): boolean {
  const size = end - start;
  if (size < 16 || size > 21 || bytes[start] !== routingPrefix[0]) return false;
  return routingKeys.some((routingKey) => routingKey.equals(bytes.subarray(start, end)));
}
