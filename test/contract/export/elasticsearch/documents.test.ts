import fc from "fast-check";
import { expect, test } from "vitest";
import { createBulkEncoder } from "../../../../packages/collector/src/export/elasticsearch/bulk.ts";
import { mutations, requests } from "../../otlp/arbitrary.ts";
import { oracleEncode, requestTypes } from "../../otlp/schema.ts";
import { plainDocuments, receivedAtMs, stringify } from "./oracle.ts";
import { isLong } from "../../../support/index.ts";

const numRuns = isLong ? 200_000 : 1_000;

const encode = createBulkEncoder({
  signal: "logs",
  destination: { kind: "data_stream", type: "logs", dataset: "generic", namespace: "default" },
  isRouted: true,
});

function bulkOf(...payloads: readonly Uint8Array[]): ReturnType<typeof encode> {
  return encode(
    payloads.map((payload, offset) => ({
      position: { stream: "logs", shard: 0, offset },
      receivedAtMs,
      itemCount: 1,
      payload,
    })),
    "0123456789abcdef0123456789abcdef",
  );
}

/** The parsed JSON with object keys sorted, as the two ways write the same fields in different orders. */
function canonical(json: string): string {
  return stringify(sort(JSON.parse(json, exactly) as unknown));
}

/** Keeps the digits of numbers (JSON.parse with source text access). */
function exactly(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  return typeof value === "number" ? `number ${context?.source}` : value;
}

function sort(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sort);
  if (typeof value !== "object" || value === null) return value;
  return new Map(
    Object.entries(value)
      .map(([key, inner]) => [key, sort(inner)] as const)
      .sort(([one], [other]) => (one < other ? -1 : 1)),
  );
}

function documentsOf({ bytes, items }: ReturnType<typeof encode>): string[] {
  return items.map(({ documentStart, end }) => bytes.toString("utf8", documentStart, end));
}

test("every log record becomes the document that the plain way over objects gives", () => {
  fc.assert(
    fc.property(requests.logs, (request) => {
      const bytes = oracleEncode(requestTypes.logs, request);
      const bulk = bulkOf(bytes);
      expect(bulk.undecodable).toEqual([]);
      const wanted = plainDocuments(bytes).map((document) => canonical(stringify(document)));
      expect(documentsOf(bulk).map(canonical)).toEqual(wanted);
    }),
    { numRuns },
  );
});

test("of bytes that were damaged come whole documents or one undecodable record, never an exception", () => {
  fc.assert(
    fc.property(requests.logs, mutations, (request, mutate) => {
      const bulk = bulkOf(mutate(oracleEncode(requestTypes.logs, request)));
      expect(bulk.undecodable.length === 0 || bulk.items.length === 0).toBe(true);
      for (const document of documentsOf(bulk)) JSON.parse(document);
    }),
    { numRuns },
  );
});

/** The one document of a record with these fields. */
function documentOf(record: Record<string, unknown>): Record<string, unknown> {
  const bytes = oracleEncode(requestTypes.logs, {
    resourceLogs: [{ scopeLogs: [{ logRecords: [record] }] }],
  });
  return JSON.parse(documentsOf(bulkOf(bytes))[0]!) as Record<string, unknown>;
}

const attribute = (key: string, value: Record<string, unknown>): object => ({ key, value });

test("of hundreds of attributes with few keys the first of each key counts", () => {
  const attributes = Array.from({ length: 500 }, (_, index) =>
    attribute(`key.${index % 60}`, { intValue: String(index) }),
  );
  const expected = Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`key.${index}`, index]));
  expect(documentOf({ attributes })["attributes"]).toEqual(expected);
});

test("values that JSON or Elasticsearch cannot hold get the nearest that it can", () => {
  const attributes = [
    attribute("", { stringValue: "blank" }),
    attribute("nan", { doubleValue: Number.NaN }),
    attribute("infinite", { doubleValue: Number.NEGATIVE_INFINITY }),
    attribute("bytes", { bytesValue: Uint8Array.from([0, 255]) }),
    attribute("nothing", {}),
    attribute("control", { stringValue: '\u0000\u001f"\\\n' }),
  ];
  expect(documentOf({ attributes })["attributes"]).toEqual({
    _: "blank",
    nan: null,
    infinite: null,
    bytes: "00ff",
    nothing: null,
    control: '\u0000\u001f"\\\n',
  });
});

test("a body of a MiB of quotes and one of numbers arrive whole", () => {
  const text = '"'.repeat(1024 * 1024);
  expect(documentOf({ body: { stringValue: text } })["body"]).toEqual({ text });
  expect(documentOf({ body: { intValue: "42" } })["body"]).toEqual({ text: 42 });
});

test("a record without times has the time of its receipt", () => {
  expect(documentOf({})["@timestamp"]).toBe(`${receivedAtMs}.000000`);
  expect(documentOf({ observedTimeUnixNano: "1000001" })["@timestamp"]).toBe("1.000001");
});
