import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  hasCode,
  type Condition,
  type ProcessRules,
  type ProcessSignal,
} from "../../../packages/collector/src/model/index.ts";
import { inspectRequest } from "../../../packages/collector/src/otlp/index.ts";
import { createProcess } from "../../../packages/collector/src/process/index.ts";
import { createTelemetry } from "../../../packages/collector/src/telemetry/index.ts";
import { mutations, requests } from "../otlp/arbitrary.ts";
import { isReadDifferently } from "../otlp/laxity.ts";
import { oddChoices, writeOddly } from "../otlp/odd-writing.ts";
import { oracleDecode, oracleEncode, requestTypes, type Signal } from "../otlp/schema.ts";
import { countOf, processPlainly } from "./plain-process.ts";
import { isLong } from "../../support/index.ts";

const signals = ["spans", "logs", "metrics"] as const;
type Plain = Record<string, unknown>;

const keys = ["a", "b", "c.d", "password", "user.id", "service.name", "host.name", ""];
const texts = [
  "",
  "GET /users/17",
  "a card: 4111111111111111!",
  "täglich 12",
  "shop",
  "x".repeat(130) + "99",
];

/** Rules are only of use where requests have keys and texts that they know: many of those are put in. */
function seed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(seed);
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => {
      if (
        typeof item !== "string" ||
        !/^(key|name|stringValue|unit|eventName|message|severityText)$/.test(name)
      )
        return [name, seed(item)];
      const pool = name === "key" ? keys : texts;
      return [
        name,
        item.length % 5 === 4 ? item : pool[(item.length + (item.codePointAt(0) ?? 0)) % pool.length],
      ];
    }),
  );
}

const keyExpression = fc.constantFrom("pass.*", "a|b", ".*\\.id", "x", ".*", "[^s]*");
const valueExpression = fc.constantFrom("\\d{13,16}", "[0-9]+", "users", "ä", "x+", "^shop$", "G|E");
const signalList = fc.subarray<ProcessSignal>(["spans", "logs", "metrics"], { minLength: 1 });
const places = fc.subarray(["body", "name", "status_message"] as const);
const key = fc.constantFrom(...keys.slice(0, -1));
const nonEmpty = fc.oneof(key, fc.constantFrom("new", "new.er"));
const mapOf = <T>(keyOf: fc.Arbitrary<string>, value: fc.Arbitrary<T>) =>
  fc
    .array(fc.tuple(keyOf, value), { maxLength: 3 })
    .map((entries): ReadonlyMap<string, T> => new Map(entries));
const nameExpression = fc.constantFrom("GET /users/(\\d+)", ".*", "(s)hop", "nothing");
const names = mapOf(nameExpression, fc.constantFrom("GET /users/{id}", "renamed", "$1-$1", "GET /users/17"));
const attributeValue = fc.oneof(
  fc.string({ maxLength: 5 }),
  fc.boolean(),
  fc.integer(),
  fc.constantFrom(0.5, -1.25e300),
);

const fieldsOf: Readonly<Record<Signal, readonly Condition["field"][]>> = {
  spans: ["name", "kind", "status"],
  logs: ["event_name", "severity", "body"],
  metrics: ["name", "type", "unit"],
};
const levels = ["attributes", "scope.attributes", "resource.attributes"] as const;
const conditionOf = (signal: Signal): fc.Arbitrary<Condition> =>
  fc.record({
    field: fc.constantFrom(...levels, ...levels, "scope.name", "scope.version", ...fieldsOf[signal]),
    key,
    operator: fc.constantFrom("=", "!=", "=~", "!~"),
    value: fc.constantFrom(
      ...texts,
      "SPAN_KIND_SERVER",
      "STATUS_CODE_ERROR",
      "ERROR",
      "gauge",
      "true",
      "GET .*",
      ".+",
      "INFO|WARN",
      "[a-z]*",
    ),
  });

const rulesOf = (signal: Signal): fc.Arbitrary<ProcessRules> =>
  fc.record({
    drop: fc
      .array(fc.tuple(signalList, fc.array(conditionOf(signal), { minLength: 1, maxLength: 3 })), {
        maxLength: 2,
      })
      .map((drops) =>
        drops.map(([wanted, conditions], index) => ({ name: `drop${index}`, signals: wanted, conditions })),
      ),
    redact: fc
      .array(
        fc.record({
          signals: signalList,
          keys: fc.array(keyExpression, { maxLength: 2 }),
          values: fc.array(valueExpression, { maxLength: 2 }),
          also: places,
          mask: fc.constantFrom("****", "", "$1", "é"),
        }),
        { maxLength: 2 },
      )
      .map((redacts) => redacts.map((rule, index) => ({ ...rule, name: `redact${index}` }))),
    rename: fc.record({
      attributes: mapOf(key, nonEmpty),
      resourceAttributes: mapOf(key, nonEmpty),
      spanNames: names,
      metricNames: names,
    }),
    resource: fc
      .tuple(mapOf(nonEmpty, attributeValue), mapOf(nonEmpty, attributeValue))
      .map(([insert, upsert]) => ({
        upsert,
        insert: new Map([...insert].filter(([name]) => !upsert.has(name))),
      })),
  });

interface MetricSnapshot {
  readonly name: string;
  readonly values: readonly { readonly labels: Record<string, string>; readonly value: number }[];
}

/** The stage's counters by rule, those that are 0 left out. */
async function countersOf(
  telemetry: ReturnType<typeof createTelemetry>,
  name: string,
): Promise<Record<string, number>> {
  const metrics = (await telemetry.snapshot()) as readonly MetricSnapshot[];
  const { values } = metrics.find((metric) => metric.name === name)!;
  return Object.fromEntries(
    values.filter(({ value }) => value > 0).map(({ labels, value }) => [labels["rule"], value]),
  );
}

function expectEqual(actual: unknown, wanted: unknown): void {
  if (!isDeepStrictEqual(actual, wanted)) expect(actual).toEqual(wanted);
}

for (const signal of signals) {
  const type = requestTypes[signal];

  test(`${signal}: the stage does on bytes what plain code does on objects, and counts the same`, async () => {
    await fc.assert(
      fc.asyncProperty(requests[signal], rulesOf(signal), oddChoices, async (generated, rules, choose) => {
        const plainly = oracleEncode(type, seed(generated) as Plain);
        const bytes = choose(2) === 0 ? plainly : writeOddly(type, plainly, choose);
        const decoded = oracleDecode(type, bytes) as Plain;
        const telemetry = createTelemetry();
        const processed = createProcess(rules, telemetry)(signal, { bytes, itemCount: countOf(decoded) });
        processed.count();
        const wanted = processPlainly(signal, decoded, rules);
        expectEqual(oracleDecode(type, processed.bytes), wanted.request);
        expect(processed.itemCount).toBe(wanted.itemCount);
        expectEqual(await countersOf(telemetry, "quartet_process_dropped_items_total"), wanted.dropped);
        expectEqual(await countersOf(telemetry, "quartet_process_redacted_values_total"), wanted.redacted);
        if (isDeepStrictEqual(wanted.request, decoded)) expect(processed.itemCount).toBe(countOf(decoded));
      }),
      { numRuns: isLong ? 100_000 : 1_000 },
    );
  });

  test(`${signal}: mutated requests are processed as plain code would, or refused with our own error`, () => {
    const count = { agreed: 0, refused: 0 };
    fc.assert(
      fc.property(
        requests[signal],
        rulesOf(signal),
        fc.array(mutations, { minLength: 20, maxLength: 300 }),
        (generated, rules, changes) => {
          const apply = createProcess(rules, createTelemetry());
          const original = oracleEncode(type, seed(generated) as Plain);
          for (const mutate of changes) {
            const bytes = mutate(original);
            const isChecked = checkedOf(signal, bytes);
            try {
              apply(signal, { bytes, itemCount: 0 });
            } catch (error) {
              // Unchecked bytes may be broken; what was checked never is.
              if (isChecked !== undefined || !hasCode(error, "QUARTET_OTLP_INVALID")) throw error;
            }
            if (isChecked === undefined) count.refused += 1;
            else if (!isReadDifferently(type, isChecked.bytes)) {
              const processed = apply(signal, isChecked);
              const wanted = processPlainly(signal, oracleDecode(type, isChecked.bytes) as Plain, rules);
              expectEqual(oracleDecode(type, processed.bytes), wanted.request);
              expect(processed.itemCount).toBe(wanted.itemCount);
              const again = inspectRequest(signal, processed.bytes);
              expectEqual([again.itemCount, again.rejectedCount], [wanted.itemCount, 0]);
              count.agreed += 1;
            }
          }
        },
      ),
      { numRuns: isLong ? 50_000 : 300 },
    );
    expect(count.agreed).toBeGreaterThan(200);
    expect(count.refused).toBeGreaterThan(200);
  });
}

function checkedOf(signal: Signal, bytes: Uint8Array): ReturnType<typeof inspectRequest> | undefined {
  try {
    return inspectRequest(signal, bytes);
  } catch (error) {
    if (!hasCode(error, "QUARTET_OTLP_INVALID")) throw error;
    return undefined;
  }
}
