import fc from "fast-check";
import { expect, test } from "vitest";
import { createBulkEncoder } from "../../../../packages/collector/src/export/elasticsearch/bulk.ts";
import { requests } from "../../otlp/arbitrary.ts";
import { oracleEncode, requestTypes } from "../../otlp/schema.ts";
import { plainDocuments, receivedAtMs, stringify } from "./oracle.ts";

const isLong = process.env["QUARTET_TEST_LENGTH"] === "long";
const numRuns = isLong ? 200_000 : 2_000;

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
