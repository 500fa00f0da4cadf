import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { expect, test } from "vitest";
import { hasCode } from "../../../packages/collector/src/model/index.ts";
import { decodeRequest, inspectRequest, transcodeJson } from "../../../packages/collector/src/otlp/index.ts";
import { mutations, requests } from "./arbitrary.ts";
import { oracleDecode, oracleEncode, requestTypes } from "./schema.ts";
import { isLong } from "../../support/index.ts";

const signals = ["spans", "logs", "metrics"] as const;

/** OTLP/JSON of what protobufjs read; doubles that JSON has no numbers for are strings. */
function jsonOf(decoded: unknown): Buffer {
  const text = JSON.stringify(decoded, (_, value: unknown) => {
    if (typeof value !== "number" || Number.isFinite(value)) return Object.is(value, -0) ? "-0" : value;
    return String(value);
  });
  return Buffer.from(text);
}

/** What no field, or only some, may hold. */
const oddValue = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom(
    "",
    "0",
    "-1",
    "NaN",
    "12345678901234567890",
    "AbC0",
    "ab",
    "5B8EFFF798038103D269B633813FC60C",
    -1,
    0,
    2,
    1e20,
    2 ** 63,
  ),
);

/** A document with its `nth` value, counted from the outside in, replaced. */
function replaceValue(document: unknown, nth: number, replacement: unknown): unknown {
  let seen = 0;
  const walk = (value: unknown): unknown => {
    if (seen++ === nth) return replacement;
    if (Array.isArray(value)) return value.map(walk);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, walk(item)]));
  };
  return walk(document);
}

for (const signal of signals) {
  const type = requestTypes[signal];

  test(`${signal}: any request survives JSON with every field`, () => {
    fc.assert(
      fc.property(requests[signal], (request) => {
        const wanted = oracleDecode(type, oracleEncode(type, request));
        const transcoded = oracleDecode(type, transcodeJson(signal, jsonOf(wanted)));
        if (!isDeepStrictEqual(transcoded, wanted)) expect(transcoded).toEqual(wanted);
      }),
      { numRuns: isLong ? 200_000 : 300 },
    );
  });

  test(`${signal}: mutated JSON becomes protobuf that can be read, or is refused with our own error`, () => {
    const count = { accepted: 0, refused: 0 };
    const take = (json: Uint8Array) => {
      let bytes: Uint8Array;
      try {
        bytes = transcodeJson(signal, json);
      } catch (error) {
        if (!hasCode(error, "QUARTET_OTLP_INVALID")) throw error;
        count.refused += 1;
        return;
      }
      count.accepted += 1;
      // Only ids may still be wrong, as in protobuf.
      for (const reason of inspectRequest(signal, bytes).rejected.keys()) expect(reason).toBe("invalid_id");
      const decoded = decodeRequest(signal, bytes);
      const wanted = oracleDecode(type, bytes);
      if (!isDeepStrictEqual(decoded, wanted)) expect(decoded).toEqual(wanted);
    };
    const textChanges = fc.array(mutations, { minLength: 10, maxLength: 10 });
    const valueChanges = fc.array(fc.tuple(fc.nat(60), oddValue), { minLength: 24, maxLength: 24 });
    fc.assert(
      fc.property(requests[signal], textChanges, valueChanges, (request, mutateText, mutateValue) => {
        const json = jsonOf(oracleDecode(type, oracleEncode(type, request)));
        for (const mutate of mutateText) take(mutate(json));
        const document: unknown = JSON.parse(json.toString());
        for (const [nth, value] of mutateValue)
          take(Buffer.from(JSON.stringify(replaceValue(document, nth, value))));
      }),
      { numRuns: isLong ? 100_000 : 1_000 },
    );
    // Three signals make 100,000 cases, and neither branch may have become empty.
    expect(count.accepted).toBeGreaterThan(1_000);
    expect(count.refused).toBeGreaterThan(1_000);
  });
}
