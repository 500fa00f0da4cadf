import { expect, test } from "vitest";
import type { ProcessRules, RedactRule } from "../model/index.ts";
import { decodeRequest, encodeRequest, encodeVarint } from "../otlp/index.ts";
import { createTelemetry } from "../telemetry/index.ts";
import { createProcess } from "./process.ts";

// That the stage does what plain code would is proven in test/contract/process; here stand the facts that it does not show.

const none: ProcessRules = {
  drop: [],
  redact: [],
  rename: {
    attributes: new Map(),
    resourceAttributes: new Map(),
    spanNames: new Map(),
    metricNames: new Map(),
  },
  resource: { insert: new Map(), upsert: new Map() },
};
const redact = (rule: Partial<RedactRule>): ProcessRules => ({
  ...none,
  redact: [
    {
      name: "r",
      signals: ["spans", "logs", "metrics"],
      keys: [],
      values: [],
      also: [],
      mask: "****",
      ...rule,
    },
  ],
});

function processed(rules: ProcessRules, bytes: Uint8Array): Uint8Array {
  return createProcess(rules, createTelemetry())("spans", { bytes, itemCount: 1 }).bytes;
}

const ids = { traceId: "4bf92f3577b34da6a3ce929d0e0e4736", spanId: "00f067aa0ba902b7" };
const requestOf = (...attributes: readonly object[]) =>
  encodeRequest("spans", { resourceSpans: [{ scopeSpans: [{ spans: [{ ...ids, attributes }] }] }] });
const text = (key: string, stringValue: string) => ({ key, value: { stringValue } });
const attributesOf = (bytes: Uint8Array): unknown => {
  const { resourceSpans } = decodeRequest("spans", bytes) as {
    resourceSpans: [{ scopeSpans: [{ spans: [{ attributes: unknown }] }] }];
  };
  return resourceSpans[0].scopeSpans[0].spans[0].attributes;
};

/** A length-delimited field. */
function field(number: number, ...content: readonly Uint8Array[]): Buffer {
  const inner = Buffer.concat(content);
  return Buffer.concat([Buffer.from([number * 8 + 2]), encodeVarint(inner.length), inner]);
}

test("a request in which no rule finds anything comes back as the very same bytes", () => {
  const bytes = requestOf(text("http.route", "/cart"));
  expect(processed(redact({ keys: ["password"], values: ["\\d{13,16}"] }), bytes)).toBe(bytes);
});

test("fields that OTLP may get one day are kept where they are, before and behind what changes", () => {
  const unknown = field(15, Buffer.from("later"));
  const pair = (value: string) =>
    field(9, field(1, Buffer.from("password")), field(2, field(1, Buffer.from(value))));
  const spanWith = (value: string) =>
    Buffer.concat([field(14, unknown), pair(value), unknown, field(5, Buffer.from("name"))]);
  const around = (span: Buffer) =>
    Buffer.concat([field(1, unknown, field(2, field(2, span), unknown)), unknown]);
  const bytes = around(spanWith("secret, and so long that its length takes two bytes".repeat(4)));
  const masked = processed(redact({ keys: ["password"] }), bytes);
  expect(Buffer.from(masked)).toEqual(around(spanWith("****")));
});

test("a value that a broken sender wrote twice is masked twice", () => {
  const values = ["4111111111111111", "4111111111111112"].map((card) =>
    field(2, field(1, Buffer.from(card))),
  );
  const bytes = field(1, field(2, field(2, field(9, field(1, Buffer.from("card")), ...values))));
  const masked = Buffer.from(processed(redact({ values: ["\\d{13,16}"] }), bytes));
  expect(masked.includes("4111")).toBe(false);
  expect(masked.toString().split("****")).toHaveLength(3);
});

test("an attribute whose value stands before its key is masked and renamed", () => {
  const rules = {
    ...redact({ values: ["\\d{13,16}"] }),
    rename: { ...none.rename, attributes: new Map([["card", "payment.card"]]) },
  };
  const value = field(2, field(1, Buffer.from("4111111111111111")));
  const bytes = field(1, field(2, field(2, field(9, value, field(1, Buffer.from("card"))))));
  expect(attributesOf(processed(rules, bytes))).toEqual([text("payment.card", "****")]);
});

test("a key that is taken is given to nobody else: back ends refuse a batch with two of one name", () => {
  const rules = {
    ...none,
    rename: {
      ...none.rename,
      attributes: new Map([
        ["a", "b"],
        ["c", "d"],
        ["e", "d"],
      ]),
    },
  };
  const bytes = requestOf(text("a", "1"), text("b", "2"), text("c", "3"), text("e", "4"));
  expect(attributesOf(processed(rules, bytes))).toEqual([
    text("a", "1"),
    text("b", "2"),
    text("d", "3"),
    text("e", "4"),
  ]);
});

test("unchecked bytes that nest values without end are refused, not followed", () => {
  const nested = (levels: number) => {
    let value = field(1, Buffer.from("x"));
    for (let level = 0; level < levels; level += 1) value = field(5, field(1, value));
    return field(1, field(2, field(2, field(9, field(2, value)))));
  };
  const rules = redact({ values: ["x"] });
  expect(Buffer.from(processed(rules, nested(40))).includes("****")).toBe(true);
  expect(() => processed(rules, nested(3_000))).toThrow("values are nested too deeply");
});

test("looking for a pattern takes time in proportion to the text", () => {
  const rules = redact({ values: ["[\\w.+-]+@[\\w-]+\\.[\\w.]+", "(a+)+b"] });
  const timeOf = (length: number) => {
    const bytes = requestOf(text("long", "a".repeat(length)));
    const startedMs = performance.now();
    processed(rules, bytes);
    return performance.now() - startedMs;
  };
  timeOf(20_000);
  // An engine that tries again from every place would need hours for this.
  expect(timeOf(1_000_000)).toBeLessThan(10_000);
});

test("thousands of attributes of one key cost their number, not its square", () => {
  const rules = { ...none, rename: { ...none.rename, attributes: new Map([["a", "b"]]) } };
  const bytes = requestOf(...Array.from({ length: 50_000 }, () => text("a", "1")));
  const startedMs = performance.now();
  const attributes = attributesOf(processed(rules, bytes)) as { key: string }[];
  expect(performance.now() - startedMs).toBeLessThan(5_000);
  expect(attributes.filter(({ key }) => key === "b")).toHaveLength(1);
});
