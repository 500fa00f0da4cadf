import fc from "fast-check";
import { expect, test } from "vitest";
import { hasCode } from "../../../packages/collector/src/model/index.ts";
import { decodeRequest, encodeRequest } from "../../../packages/collector/src/otlp/index.ts";
import { buildTracesRequest } from "../../../packages/collector/src/receive/index.ts";
import { mutations } from "../otlp/arbitrary.ts";
import { isLong } from "../../support/index.ts";

const numRuns = isLong ? 200_000 : 500;
/** Of 20 mutations each: 100,000 cases, or ten million. */
const mutatedRuns = isLong ? 500_000 : 5_000;
const text = fc.oneof(fc.string({ maxLength: 12 }), fc.string({ unit: "grapheme", maxLength: 4 }));
const hex = (digitCount: number) => fc.stringMatching(new RegExp(`^[0-9a-fA-F]{${digitCount}}$`));
const endpoint = fc.record(
  {
    serviceName: text,
    ipv4: fc.ipV4(),
    ipv6: fc.ipV6(),
    port: fc.nat(65_535),
  },
  { requiredKeys: [] },
);
const micros = fc.integer({ min: 0, max: 4_000_000_000_000_000 });
/** A tag that is more than an attribute has tests of its own. */
const tagName = text.filter(
  (name) => !/^(error|otel\..*|peer\.service|network\..*|zipkin\..*|__proto__)$/.test(name),
);
const span = fc.record(
  {
    traceId: fc.oneof(hex(16), hex(32)),
    id: hex(16),
    parentId: hex(16),
    kind: fc.constantFrom("CLIENT", "SERVER", "PRODUCER", "CONSUMER"),
    name: text,
    timestamp: micros,
    duration: fc.nat(),
    localEndpoint: endpoint,
    remoteEndpoint: endpoint,
    tags: fc.dictionary(tagName, text, { maxKeys: 4 }),
    annotations: fc.array(fc.record({ timestamp: micros, value: text }), { maxLength: 3 }),
    debug: fc.boolean(),
  },
  { requiredKeys: ["traceId", "id"] },
);

interface OtlpSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name?: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes?: readonly {
    readonly key: string;
    readonly value: { readonly stringValue?: string };
  }[];
  readonly events?: readonly { readonly timeUnixNano: string; readonly name: string }[];
}

const nowMs = 1_700_000_000_000;
const read = (body: Uint8Array) => encodeRequest("spans", buildTracesRequest(body, nowMs));

/** Spans by their service's name, in the order of the request. */
function spansOf(bytes: Uint8Array): Map<string, OtlpSpan[]> {
  const { resourceSpans = [] } = decodeRequest("spans", bytes) as {
    resourceSpans?: {
      resource: { attributes: { value: { stringValue: string } }[] };
      scopeSpans: { spans: OtlpSpan[] }[];
    }[];
  };
  return new Map(
    resourceSpans.map(({ resource, scopeSpans }) => [
      resource.attributes[0]!.value.stringValue,
      scopeSpans.flatMap((scope) => scope.spans),
    ]),
  );
}

test("every span comes through with its ids, times, kind, tags and annotations", () => {
  const kinds = ["", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"];
  fc.assert(
    fc.property(fc.array(span, { maxLength: 4 }), (spans) => {
      const read1 = spansOf(read(Buffer.from(JSON.stringify(spans))));
      expect([...read1.values()].flat()).toHaveLength(spans.length);
      for (const one of spans) {
        const service = one.localEndpoint?.serviceName || "unknown_service";
        const got = read1.get(service)!.shift()!;
        expect(got.traceId).toBe(one.traceId.toLowerCase().padStart(32, "0"));
        expect(got.spanId).toBe(one.id.toLowerCase());
        expect(got.parentSpanId ?? "").toBe(one.parentId?.toLowerCase() ?? "");
        expect(got.name ?? "").toBe(one.name ?? "");
        expect(kinds[got.kind]).toBe(one.kind ?? "INTERNAL");
        const first = Math.min(...(one.annotations ?? []).map(({ timestamp }) => timestamp));
        const startMicros = one.timestamp ?? (Number.isFinite(first) ? first : nowMs * 1_000);
        expect(got.startTimeUnixNano).toBe(String(BigInt(startMicros) * 1_000n));
        expect(got.endTimeUnixNano).toBe(String(BigInt(startMicros + (one.duration ?? 0)) * 1_000n));
        const attributes = new Map(got.attributes?.map(({ key, value }) => [key, value.stringValue]));
        for (const [key, value] of Object.entries(one.tags ?? {})) expect(attributes.get(key)).toBe(value);
        expect(attributes.get("peer.service")).toBe(one.remoteEndpoint?.serviceName || undefined);
        expect(got.events ?? []).toMatchObject(
          (one.annotations ?? []).map(({ timestamp, value }) => ({
            timeUnixNano: String(BigInt(timestamp) * 1_000n),
            name: value,
          })),
        );
      }
    }),
    { numRuns },
  );
});

/** Whether the decoder took it; any error but our own fails the test. */
function isTaken(body: Uint8Array): boolean {
  try {
    read(body);
    return true;
  } catch (error) {
    expect(hasCode(error, "QUARTET_OTLP_INVALID")).toBe(true);
    return false;
  }
}

test("mutated lists of spans are read or refused with our own error", () => {
  let refused = 0;
  fc.assert(
    fc.property(
      fc.array(span, { minLength: 1, maxLength: 3 }),
      fc.array(mutations, { minLength: 20, maxLength: 20 }),
      (spans, changes) => {
        const body = Buffer.from(JSON.stringify(spans));
        for (const mutate of changes) if (!isTaken(mutate(body))) refused += 1;
      },
    ),
    { numRuns: mutatedRuns },
  );
  expect(refused).toBeGreaterThan(100);
});

test("any document, and any value in any field of a span, is read or refused with our own error", () => {
  const fields = [
    "traceId",
    "id",
    "parentId",
    "kind",
    "name",
    "timestamp",
    "duration",
    "localEndpoint",
    "tags",
    "annotations",
    "shared",
  ];
  const good = { traceId: "1", id: "2" };
  fc.assert(
    fc.property(fc.json(), fc.constantFrom(...fields), fc.jsonValue(), (json, field, value) => {
      isTaken(Buffer.from(json));
      isTaken(Buffer.from(JSON.stringify([{ ...good, [field]: value }])));
      isTaken(
        Buffer.from(
          JSON.stringify([{ ...good, annotations: [{ timestamp: 1, value: `"a": {"b": ${json}}` }] }]),
        ),
      );
    }),
    { numRuns },
  );
});
