import fc from "fast-check";
import { expect, test } from "vitest";
import { ProtobufWriter, writeAttributes } from "../../../packages/agent/src/resilience/index.ts";
import { oracleDecode, root } from "../otlp/schema.ts";

/** The attributes as another decoder reads them. */
function throughProtobufjs(attributes: Record<string, unknown>): unknown {
  const writer = new ProtobufWriter(1);
  writeAttributes(writer, 1, attributes);
  return oracleDecode(root.lookupType("Resource"), writer.view(0, writer.position));
}

/** What OTLP has for a value, in protobufjs' plain objects. */
function expected(value: unknown): Record<string, unknown> {
  // UTF-8 has no lone surrogates.
  if (typeof value === "string") return { stringValue: value.toWellFormed() };
  if (typeof value === "boolean") return { boolValue: value };
  if (typeof value === "bigint") return { intValue: String(value) };
  if (typeof value === "number")
    return Number.isSafeInteger(value) ? { intValue: String(value + 0) } : { doubleValue: value };
  if (Array.isArray(value)) return { arrayValue: value.length === 0 ? {} : { values: value.map(expected) } };
  if (value instanceof Uint8Array) return { bytesValue: Buffer.from(value).toString("base64") };
  if (value === null) return {};
  const pairs = Object.entries(value as object);
  return { kvlistValue: pairs.length === 0 ? {} : { values: pairs.map(expectedPair) } };
}

function expectedPair([key, value]: [string, unknown]): unknown {
  return { key: key.toWellFormed(), value: expected(value) };
}

const leaf = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({ unit: "grapheme", minLength: 100, maxLength: 400 }),
  fc.boolean(),
  fc.maxSafeInteger(),
  fc.double(),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.constant(null),
  fc.uint8Array({ maxLength: 300 }),
);
const value = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small", maxDepth: 4 },
    leaf,
    fc.array(tie("value"), { maxLength: 5 }),
    fc.dictionary(fc.string(), tie("value"), { maxKeys: 5 }),
  ),
})).value;

test("whatever attributes hold, another decoder reads what was written", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), value, { maxKeys: 8 }), (attributes) => {
      const pairs = Object.entries(attributes);
      expect(throughProtobufjs(attributes)).toEqual(
        pairs.length === 0 ? {} : { attributes: pairs.map(expectedPair) },
      );
    }),
    { numRuns: 500 },
  );
});

test("what has no place in OTLP is left out or becomes text, and depth has an end", () => {
  const endless: Record<string, unknown> = {};
  endless["self"] = endless;
  const written = throughProtobufjs({ u: undefined, f: () => 1, big: 2n ** 80n, endless, date: new Date(0) });
  expect(written).toMatchObject({
    attributes: [
      { key: "big", value: { stringValue: String(2n ** 80n) } },
      { key: "endless" },
      { key: "date", value: { stringValue: String(new Date(0)) } },
    ],
  });
  expect(JSON.stringify(written)).toContain("[object Object]");
});
