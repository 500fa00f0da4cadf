import {
  countItems,
  decodeRequest,
  encodeRequest,
  inspectRequest,
  scanSpans,
  transcodeJson,
} from "../packages/collector/src/otlp/index.ts";

import type { ProcessRules, RequestProcess } from "../packages/collector/src/model/index.ts";
import { createProcess } from "../packages/collector/src/process/index.ts";
import { createTelemetry } from "../packages/collector/src/telemetry/index.ts";

// CPU microseconds a span of each way to read a request: 512 spans of about 563 bytes with 10 attributes.
// Run: node --conditions=quartet-source bench/scan.ts

const spanCount = 512;
const attributes = [
  ["http.request.method", "POST"],
  ["http.route", "/api/v1/orders/{id}/items"],
  ["url.path", "/api/v1/orders/73914/items"],
  ["url.scheme", "https"],
  ["server.address", "checkout.shop.svc.cluster.local"],
  ["network.protocol.version", "1.1"],
  ["client.address", "10.42.17.203"],
  [
    "user_agent.original",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
  ],
  ["http.response.status_code", 200],
  ["server.port", 8443],
] as const;

const hex = (value: number, digits: number) => value.toString(16).padStart(digits, "0");

function buildRequest(): Uint8Array {
  const spans = Array.from({ length: spanCount }, (_, index) => ({
    traceId: hex(0xabc0 + (index >> 3), 32),
    spanId: hex(0xdef0 + index, 16),
    parentSpanId: hex(0xdef0 + (index & ~7), 16),
    name: `POST /api/v1/orders/{id}/items ${index % 48}`,
    kind: 2 + (index % 2),
    startTimeUnixNano: String(1_781_234_567_000_000_000n + BigInt(index) * 1_000_003n),
    endTimeUnixNano: String(1_781_234_567_012_000_000n + BigInt(index) * 1_000_019n),
    attributes: attributes.map(([key, value]) => ({
      key,
      value: typeof value === "number" ? { intValue: value } : { stringValue: value },
    })),
    status: { code: index % 50 === 0 ? 2 : 0 },
    flags: 257,
  }));
  const resource = {
    attributes: [
      { key: "service.name", value: { stringValue: "checkout" } },
      { key: "service.instance.id", value: { stringValue: "627cc493-f310-47de-96bd-71410b7dec09" } },
    ],
  };
  const scope = { name: "@quartet/agent/http", version: "0.1.0" };
  return encodeRequest("spans", { resourceSpans: [{ resource, scopeSpans: [{ scope, spans }] }] });
}

/** CPU time of one call, the best of several rounds, each after a warm-up. */
function measureMicros(run: () => void): number {
  const roundMs = 400;
  let best = Infinity;
  for (let round = 0; round < 5; round += 1) {
    const cpu = process.cpuUsage();
    const until = performance.now() + roundMs;
    let calls = 0;
    while (performance.now() < until) {
      run();
      calls += 1;
    }
    const { user, system } = process.cpuUsage(cpu);
    best = Math.min(best, (user + system) / calls);
  }
  return best;
}

const noRules: ProcessRules = {
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
const redact = { name: "a", signals: ["spans"], keys: [], values: [], also: [], mask: "****" } as const;

function processWith(rules: Partial<ProcessRules>): RequestProcess {
  return createProcess({ ...noRules, ...rules }, createTelemetry());
}

const processes: Readonly<Record<string, RequestProcess>> = {
  "add a resource attribute": processWith({
    resource: { insert: new Map([["deployment.environment.name", "production"]]), upsert: new Map() },
  }),
  "drop by name (none of them)": processWith({
    drop: [
      {
        name: "a",
        signals: ["spans"],
        conditions: [{ field: "name", key: "", operator: "=~", value: "GET /(livez|readyz)" }],
      },
    ],
  }),
  "mask by key (none of them)": processWith({
    redact: [{ ...redact, keys: ["(?i).*(password|secret|token).*"] }],
  }),
  "mask by key (1 of 10 attributes)": processWith({ redact: [{ ...redact, keys: ["client\\.address"] }] }),
  "mask card numbers in values (none of them)": processWith({
    redact: [{ ...redact, values: ["\\b\\d{13,16}\\b"] }],
  }),
  "rename 1 of 10 attributes": processWith({
    rename: { ...noRules.rename, attributes: new Map([["url.path", "http.target"]]) },
  }),
};

const request = buildRequest();
const json = Buffer.from(JSON.stringify(decodeRequest("spans", request)));
let touched = 0;
const ways: Record<string, () => void> = {
  "scanSpans (ids, name, kind, times, status)": () =>
    scanSpans(request, (span) => {
      touched += span.endLow - span.startLow + span.nameEnd - span.nameStart + span.kind + span.statusCode;
    }),
  countItems: () => void countItems("spans", request),
  "inspectRequest (every part, id and string)": () => void inspectRequest("spans", request),
  "decodeRequest (objects, for people)": () => void decodeRequest("spans", request),
  transcodeJson: () => void transcodeJson("spans", json),
  ...Object.fromEntries(
    Object.entries(processes).map(([name, run]) => [
      `process: ${name}`,
      () => void run("spans", { bytes: request, itemCount: spanCount }),
    ]),
  ),
};
console.log(
  `${spanCount} spans, ${(request.length / spanCount).toFixed(0)} bytes each; JSON ${(json.length / spanCount).toFixed(0)}`,
);
for (const [name, run] of Object.entries(ways)) {
  const micros = measureMicros(run) / spanCount;
  console.log(
    `${name.padEnd(52)} ${micros.toFixed(3).padStart(7)} µs a span ${(1 / micros).toFixed(2).padStart(7)} M spans/CPU-s`,
  );
}
if (touched === 0) throw new Error("nothing was scanned");
