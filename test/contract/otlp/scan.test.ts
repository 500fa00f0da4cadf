import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  countItems,
  decodeRequest,
  encodeRequest,
  inspectRequest,
  scanLogs,
  scanSpans,
  type LogScan,
  type SpanScan,
} from "../../../packages/collector/src/otlp/index.ts";
import { mutations, requests } from "./arbitrary.ts";
import { isReadDifferently } from "./laxity.ts";
import { oddChoices, writeOddly } from "./odd-writing.ts";
import { oracleDecode, oracleEncode, requestTypes, type Signal } from "./schema.ts";
import { isLong } from "../../support/index.ts";

const signals = ["spans", "logs", "metrics"] as const;

/** The parts of OTLP/JSON that the scanners hand out. */
interface Item {
  readonly traceId?: string;
  readonly spanId?: string;
  readonly parentSpanId?: string;
  readonly traceState?: string;
  readonly name?: string;
  readonly kind?: number;
  readonly startTimeUnixNano?: string;
  readonly endTimeUnixNano?: string;
  readonly status?: { readonly code?: number };
  readonly flags?: number;
  readonly timeUnixNano?: string;
  readonly observedTimeUnixNano?: string;
  readonly severityNumber?: number;
  readonly severityText?: string;
  readonly eventName?: string;
  readonly body?: object;
}
interface Attribute {
  readonly key?: string;
  readonly value?: { readonly stringValue?: string };
}

interface Owned {
  readonly item: Item;
  readonly service: string | undefined;
  readonly instance: string | undefined;
}

/** The items of a decoded request with the identity of their resource. */
function ownedItems(request: unknown): Owned[] {
  const owned: Owned[] = [];
  for (const groups of Object.values(request as Record<string, unknown[]>)) {
    for (const group of groups as Record<string, unknown>[]) {
      const { attributes = [] } = (group["resource"] ?? {}) as { attributes?: Attribute[] };
      const valueOf = (name: string) =>
        attributes.find(({ key, value }) => key === name && value?.stringValue !== undefined)?.value
          ?.stringValue;
      const identity = { service: valueOf("service.name"), instance: valueOf("service.instance.id") };
      for (const scopes of (group["scopeSpans"] ?? group["scopeLogs"] ?? []) as Record<string, Item[]>[]) {
        for (const item of scopes["spans"] ?? scopes["logRecords"] ?? []) owned.push({ item, ...identity });
      }
    }
  }
  return owned;
}

const textAt = (bytes: Uint8Array, start: number, end: number) =>
  start < 0 ? undefined : Buffer.from(bytes.subarray(start, end)).toString();
const idAt = (bytes: Uint8Array, start: number, size: number) =>
  start < 0 ? undefined : Buffer.from(bytes.subarray(start, start + size)).toString("hex");
const nano = (low: number, high: number) => ((BigInt(high) << 32n) | BigInt(low)).toString();
/** Ids of zeros and of other sizes mean "none". */
const idOrNone = (id: string | undefined, size: number) =>
  id?.length === size * 2 && !/^0*$/.test(id) ? id : undefined;

const readSpan = (scan: SpanScan) => ({
  service: textAt(scan.bytes, scan.serviceNameStart, scan.serviceNameEnd),
  instance: textAt(scan.bytes, scan.serviceInstanceIdStart, scan.serviceInstanceIdEnd),
  traceId: idAt(scan.bytes, scan.traceIdStart, 16),
  spanId: idAt(scan.bytes, scan.spanIdStart, 8),
  parentSpanId: idAt(scan.bytes, scan.parentSpanIdStart, 8),
  traceState: textAt(scan.bytes, scan.traceStateStart, scan.traceStateEnd),
  name: textAt(scan.bytes, scan.nameStart, scan.nameEnd),
  kind: scan.kind,
  start: nano(scan.startLow, scan.startHigh),
  end: nano(scan.endLow, scan.endHigh),
  statusCode: scan.statusCode,
  flags: scan.flags,
});
const wantedSpan = ({ item, service, instance }: Owned) => ({
  service,
  instance,
  traceId: idOrNone(item.traceId, 16),
  spanId: idOrNone(item.spanId, 8),
  parentSpanId: idOrNone(item.parentSpanId, 8),
  traceState: item.traceState,
  name: item.name,
  kind: item.kind ?? 0,
  start: item.startTimeUnixNano ?? "0",
  end: item.endTimeUnixNano ?? "0",
  statusCode: item.status?.code ?? 0,
  flags: item.flags ?? 0,
});

const readLog = (scan: LogScan) => ({
  service: textAt(scan.bytes, scan.serviceNameStart, scan.serviceNameEnd),
  instance: textAt(scan.bytes, scan.serviceInstanceIdStart, scan.serviceInstanceIdEnd),
  traceId: idAt(scan.bytes, scan.traceIdStart, 16),
  spanId: idAt(scan.bytes, scan.spanIdStart, 8),
  severityNumber: scan.severityNumber,
  severityText: textAt(scan.bytes, scan.severityTextStart, scan.severityTextEnd),
  eventName: textAt(scan.bytes, scan.eventNameStart, scan.eventNameEnd),
  hasBody: scan.bodyStart >= 0,
  time: nano(scan.timeLow, scan.timeHigh),
  observed: nano(scan.observedLow, scan.observedHigh),
});
const wantedLog = ({ item, service, instance }: Owned) => ({
  service,
  instance,
  traceId: idOrNone(item.traceId, 16),
  spanId: idOrNone(item.spanId, 8),
  severityNumber: item.severityNumber ?? 0,
  severityText: item.severityText,
  eventName: item.eventName,
  hasBody: item.body !== undefined,
  time: item.timeUnixNano ?? "0",
  observed: item.observedTimeUnixNano ?? "0",
});

/** What the scanner hands out of each item, beside what the oracle says. */
function compareScan(signal: Signal, bytes: Uint8Array, decoded: unknown): void {
  const read: unknown[] = [];
  if (signal === "spans") {
    scanSpans(bytes, (scan) => read.push(readSpan(scan)));
    expectEqual(read, ownedItems(decoded).map(wantedSpan));
  } else if (signal === "logs") {
    scanLogs(bytes, (scan) => read.push(readLog(scan)));
    expectEqual(read, ownedItems(decoded).map(wantedLog));
  }
}

/** Items of a decoded request, data points for metrics. */
function countOf(decoded: unknown): number {
  if (Array.isArray(decoded)) return decoded.reduce<number>((sum, item) => sum + countOf(item), 0);
  if (typeof decoded !== "object" || decoded === null) return 0;
  return Object.entries(decoded).reduce((sum, [name, value]) => {
    const isItems = name === "spans" || name === "logRecords" || name === "dataPoints";
    return sum + (isItems ? (value as unknown[]).length : countOf(value));
  }, 0);
}

/** As `toEqual`, which would take most of the time of 100,000 cases. */
function expectEqual(actual: unknown, wanted: unknown): void {
  if (!isDeepStrictEqual(actual, wanted)) expect(actual).toEqual(wanted);
}

/** What protobufjs reads all the same, and we do not; each has a test in `differences.test.ts`. */
const refusedByUsAlone =
  /wrong wire type|wire type \d, which OTLP does not use|the number 0|impossible number|more than ten bytes|longer than what holds it/;

for (const signal of signals) {
  const type = requestTypes[signal];

  test(`${signal}: every field of a generated request is read as protobufjs reads it`, () => {
    fc.assert(
      fc.property(requests[signal], (request) => {
        const bytes = oracleEncode(type, request);
        const wanted = oracleDecode(type, bytes);
        expectEqual(decodeRequest(signal, bytes), wanted);
        compareScan(signal, bytes, wanted);
        expect(countItems(signal, bytes)).toBe(countOf(wanted));
      }),
      { numRuns: isLong ? 300_000 : 400 },
    );
  });

  test(`${signal}: what the encoder writes, protobufjs reads unchanged, and two requests in a row are one`, () => {
    fc.assert(
      fc.property(requests[signal], requests[signal], (one, other) => {
        const wanted = oracleDecode(type, oracleEncode(type, one));
        const encoded = encodeRequest(signal, wanted);
        expectEqual(oracleDecode(type, encoded), wanted);
        const both = Buffer.concat([encoded, oracleEncode(type, other)]);
        expectEqual(decodeRequest(signal, both), oracleDecode(type, both));
      }),
      { numRuns: isLong ? 100_000 : 150 },
    );
  });

  test(`${signal}: requests that are written as nobody writes them are read as protobufjs reads them`, () => {
    const runs = isLong ? 300_000 : 1_000;
    let agreedCount = 0;
    fc.assert(
      fc.property(requests[signal], oddChoices, (request, choose) => {
        const outcome = compareMutated(signal, writeOddly(type, oracleEncode(type, request), choose));
        expect(outcome).not.toBe("refused");
        if (outcome === "agreed") agreedCount += 1;
      }),
      { numRuns: runs },
    );
    // Negative enums take ten bytes, where protobufjs is no judge.
    expect(agreedCount).toBeGreaterThan(runs / 2);
  });

  test(`${signal}: on mutated requests the scanner agrees with protobufjs or refuses them with its own error`, () => {
    const count = { agreed: 0, refused: 0 };
    fc.assert(
      fc.property(
        requests[signal],
        fc.array(mutations, { minLength: 20, maxLength: 20 }),
        (request, changes) => {
          const original = oracleEncode(type, request);
          for (const mutate of changes) {
            const outcome = compareMutated(signal, mutate(original));
            if (outcome !== undefined) count[outcome] += 1;
          }
        },
      ),
      { numRuns: isLong ? 170_000 : 1_700 },
    );
    // Neither branch may have become empty.
    expect(count.agreed).toBeGreaterThan(1_000);
    expect(count.refused).toBeGreaterThan(1_000);
  });
}

/** Undefined where protobufjs is no judge. */
function compareMutated(signal: Signal, bytes: Uint8Array): "agreed" | "refused" | undefined {
  const type = requestTypes[signal];
  const ours = outcomeOf(() => inspectRequest(signal, bytes));
  const counted = outcomeOf(() => countItems(signal, bytes));
  expect([undefined, "QUARTET_OTLP_INVALID"]).toContain(counted.code);
  const theirs = outcomeOf(() => oracleDecode(type, bytes));
  if (ours.value === undefined) {
    expect(ours.code).toBe("QUARTET_OTLP_INVALID");
    if (theirs.value !== undefined && !isReadDifferently(type, bytes))
      expect(ours.message).toMatch(refusedByUsAlone);
    return "refused";
  }
  const { itemCount, rejectedCount, bytes: kept } = ours.value;
  expect(counted.value).toBe(itemCount + rejectedCount);
  if (isReadDifferently(type, bytes)) return undefined;
  expect(theirs.message).toBe("");
  expect(itemCount + rejectedCount).toBe(countOf(theirs.value));
  const wanted = oracleDecode(type, kept);
  expect(countOf(wanted)).toBe(itemCount);
  expectEqual(decodeRequest(signal, kept), wanted);
  compareScan(signal, kept, wanted);
  const again = inspectRequest(signal, kept);
  expectEqual([again.itemCount, again.rejectedCount], [itemCount, 0]);
  return "agreed";
}

interface Outcome<T> {
  readonly value: T | undefined;
  readonly code: unknown;
  readonly message: string;
}

function outcomeOf<T>(run: () => T): Outcome<T> {
  try {
    return { value: run(), code: undefined, message: "" };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return { value: undefined, code: (error as { code?: unknown }).code, message: error.message };
  }
}
