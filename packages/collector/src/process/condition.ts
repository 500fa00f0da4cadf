import {
  compileMatcher,
  severityOfNumber,
  severityOfText,
  severityTexts,
  type Condition,
  type ProcessSignal,
} from "../model/index.ts";
import type { Message, WireCursor } from "../otlp/index.ts";
import { createBytesCache } from "./bytes-cache.ts";
import { findAttribute, findContent, findNumber, readScalar, type FieldPath } from "./read-field.ts";
import { textOf } from "./text-edit.ts";

/** The message that a condition is asked of: a ResourceSpans, a ScopeSpans (and so on), a Metric, or an item. */
export type ConditionLevel = "resource" | "scope" | "metric" | "item";

export interface CompiledCondition {
  readonly level: ConditionLevel;
  /** Whether the message, which lies between the two offsets, fulfils it. */
  readonly test: (cursor: WireCursor, start: number, end: number, message: Message) => boolean;
}

type TextTest = (bytes: Uint8Array, start: number, end: number) => boolean;

// As in the labels of span metrics.
const kinds = ["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"];
const statuses = ["UNSET", "OK", "ERROR"];
/** Fields of Metric's oneof. */
const metricTypes: Readonly<Record<number, string>> = {
  5: "gauge",
  7: "sum",
  9: "histogram",
  10: "exponential_histogram",
  11: "summary",
};
const none = new Uint8Array(0);

/** @throws CollectorError QUARTET_REGEX_INVALID */
export function compileCondition(signal: ProcessSignal, condition: Condition): CompiledCondition {
  const { field, key } = condition;
  const test = compileTextTest(condition);
  const isText = (text: string) => test(Buffer.from(text), 0, Buffer.byteLength(text));
  const enumTest = (path: FieldPath, prefix: string, names: readonly string[]): CompiledCondition["test"] => {
    const verdicts = names.map((name) => isText(prefix + name));
    return (cursor, start, end) => verdicts[findNumber(cursor, start, end, path)] ?? verdicts[0]!;
  };
  switch (field) {
    case "resource.attributes":
      return { level: "resource", test: attributeTest(always([1, 1]), key, test) };
    case "scope.attributes":
      return { level: "scope", test: attributeTest(always([1, 3]), key, test) };
    case "attributes":
      return { level: "item", test: attributeTest(createPathOf("attributes"), key, test) };
    case "name":
      return {
        level: signal === "metrics" ? "metric" : "item",
        test: contentTest(createPathOf("name"), test),
      };
    case "kind":
      return { level: "item", test: enumTest([6], "SPAN_KIND_", kinds) };
    case "status":
      return { level: "item", test: enumTest([15, 3], "STATUS_CODE_", statuses) };
    case "event_name":
      return { level: "item", test: contentTest(always([12]), test) };
    case "body":
      return {
        level: "item",
        test: (cursor, start, end) => testValue(cursor, findContent(cursor, start, end, [5]), test),
      };
    case "severity": {
      const verdicts = severityTexts.map(isText);
      return { level: "item", test: (cursor, start, end) => verdicts[severityOf(cursor, start, end)]! };
    }
    case "unit":
      return { level: "metric", test: contentTest(always([3]), test) };
    case "type":
      return { level: "metric", test: (cursor, start, end) => isText(metricTypeOf(cursor, start, end)) };
    case "scope.name":
      return { level: "scope", test: contentTest(always([1, 1]), test) };
    case "scope.version":
      return { level: "scope", test: contentTest(always([1, 2]), test) };
  }
}

/** A test of UTF-8 bytes; what is missing is tested as no bytes. */
function compileTextTest({ field, key, operator, value }: Condition): TextTest {
  const wanted = Buffer.from(value);
  const isSame: TextTest = (bytes, start, end) =>
    end - start === wanted.length && wanted.equals(bytes.subarray(start, end));
  switch (operator) {
    case "=":
      return isSame;
    case "!=":
      return (bytes, start, end) => !isSame(bytes, start, end);
    case "=~":
    case "!~": {
      const matches = compileMatcher({ name: field + key, operator, value });
      const verdicts = createBytesCache({
        entriesMax: 4096,
        lengthMax: 256,
        find: (bytes, start, end) => matches(textOf(bytes, start, end)),
      });
      return (bytes, start, end) => verdicts.get(bytes, start, end);
    }
  }
}

type PathOf = (message: Message) => FieldPath;

function contentTest(pathOf: PathOf, test: TextTest): CompiledCondition["test"] {
  return (cursor, start, end, message) =>
    findContent(cursor, start, end, pathOf(message))
      ? test(cursor.bytes, cursor.start, cursor.end)
      : test(none, 0, 0);
}

function attributeTest(pathOf: PathOf, key: string, test: TextTest): CompiledCondition["test"] {
  const keyBytes = Buffer.from(key);
  return (cursor, start, end, message) =>
    testValue(cursor, findAttribute(cursor, start, end, { path: pathOf(message), key: keyBytes }), test);
}

/** Tests the AnyValue between the cursor's `start` and `end`, if there is one. */
function testValue(cursor: WireCursor, isFound: boolean, test: TextTest): boolean {
  const text = isFound ? readScalar(cursor, cursor.start, cursor.end) : "";
  if (typeof text !== "string") return test(cursor.bytes, text.start, text.end);
  const bytes = Buffer.from(text);
  return test(bytes, 0, bytes.length);
}

/** As `log_records_total` has it: by the number, without one by the text. */
function severityOf(cursor: WireCursor, start: number, end: number): number {
  const severity = severityOfNumber(findNumber(cursor, start, end, [2]));
  if (severity !== 0 || !findContent(cursor, start, end, [3])) return severity;
  return severityOfText(textOf(cursor.bytes, cursor.start, cursor.end));
}

function metricTypeOf(cursor: WireCursor, start: number, end: number): string {
  let type = "";
  cursor.position = start;
  while (cursor.position < end) {
    const field = cursor.tag(end);
    cursor.skip(end);
    type = metricTypes[field] ?? type;
  }
  return type;
}

const always =
  (path: FieldPath): PathOf =>
  () =>
    path;

/** The path to a field that has another number in each kind of message. */
function createPathOf(name: string): PathOf {
  const paths = new Map<Message, FieldPath>();
  return (message) => {
    let path = paths.get(message);
    if (path === undefined) {
      path = [message.fields.find((field) => field.name === name)!.number];
      paths.set(message, path);
    }
    return path;
  };
}
