import { WireCursor, wireBytes } from "./wire.ts";

/** Where the parts of a resource lie in the scanned bytes; starts of what it lacks are -1. */
export interface ResourceScan {
  /** Content of the Resource message. */
  resourceStart: number;
  resourceEnd: number;
  /** Values of these attributes; of several with one key the first counts, as in the OpenTelemetry Collector. */
  serviceNameStart: number;
  serviceNameEnd: number;
  serviceInstanceIdStart: number;
  serviceInstanceIdEnd: number;
}

export function emptyResource(): ResourceScan {
  return {
    resourceStart: -1,
    resourceEnd: -1,
    serviceNameStart: -1,
    serviceNameEnd: -1,
    serviceInstanceIdStart: -1,
    serviceInstanceIdEnd: -1,
  };
}

const serviceName = Buffer.from("service.name");
const serviceInstanceId = Buffer.from("service.instance.id");
const fieldResource = 1;
const fieldAttributes = 1;
const fieldKey = 1;
const fieldValue = 2;
const fieldStringValue = 1;
/** Fields 1 to 7 of an AnyValue exclude one another. */
const fieldValueLast = 7;

/**
 * Finds the resource of a ResourceSpans, ResourceLogs or ResourceMetrics between two offsets.
 * It may stand behind the items that it describes, so this is a pass of its own over a few tags.
 */
export function findResource(
  cursor: WireCursor,
  into: ResourceScan,
  group: { start: number; end: number },
): void {
  Object.assign(into, emptyResource());
  cursor.position = group.start;
  while (cursor.position < group.end) {
    const field = cursor.tag(group.end);
    cursor.skip(group.end);
    if (field !== fieldResource || cursor.wireType !== wireBytes) continue;
    into.resourceStart = cursor.start;
    into.resourceEnd = cursor.end;
    // protobuf merges a message field that comes twice, so each is read.
    readResource(cursor, into);
    cursor.position = into.resourceEnd;
  }
}

function readResource(cursor: WireCursor, into: ResourceScan): void {
  cursor.position = into.resourceStart;
  while (cursor.position < into.resourceEnd) {
    const field = cursor.tag(into.resourceEnd);
    cursor.skip(into.resourceEnd);
    if (field !== fieldAttributes || cursor.wireType !== wireBytes) continue;
    const attributeEnd = cursor.end;
    readAttribute(cursor, into, attributeEnd);
    cursor.position = attributeEnd;
  }
}

function readAttribute(cursor: WireCursor, into: ResourceScan, end: number): void {
  let keyStart = 0;
  let keyEnd = 0;
  let valueStart = 0;
  let valueEnd = 0;
  cursor.position = cursor.start;
  while (cursor.position < end) {
    const field = cursor.tag(end);
    cursor.skip(end);
    if (cursor.wireType !== wireBytes) continue;
    if (field === fieldKey) {
      keyStart = cursor.start;
      keyEnd = cursor.end;
    } else if (field === fieldValue) {
      valueStart = cursor.start;
      valueEnd = cursor.end;
    }
  }
  const isName = equals(cursor.bytes, { start: keyStart, end: keyEnd }, serviceName);
  if (!isName && !equals(cursor.bytes, { start: keyStart, end: keyEnd }, serviceInstanceId)) return;
  // Of the kinds of value that an AnyValue may hold, the last one counts.
  let isString = false;
  cursor.position = valueStart;
  let stringStart = 0;
  let stringEnd = 0;
  while (cursor.position < valueEnd) {
    const field = cursor.tag(valueEnd);
    cursor.skip(valueEnd);
    if (field > fieldValueLast) continue;
    isString = field === fieldStringValue && cursor.wireType === wireBytes;
    stringStart = cursor.start;
    stringEnd = cursor.end;
  }
  if (!isString) return;
  if (isName && into.serviceNameStart < 0) {
    into.serviceNameStart = stringStart;
    into.serviceNameEnd = stringEnd;
  } else if (!isName && into.serviceInstanceIdStart < 0) {
    into.serviceInstanceIdStart = stringStart;
    into.serviceInstanceIdEnd = stringEnd;
  }
}

function equals(
  bytes: Uint8Array,
  { start, end }: { start: number; end: number },
  wanted: Uint8Array,
): boolean {
  if (end - start !== wanted.length) return false;
  for (let index = 0; index < wanted.length; index += 1) {
    if (bytes[start + index] !== wanted[index]) return false;
  }
  return true;
}
