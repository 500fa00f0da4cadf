import { createBulkEncoder } from "../packages/collector/src/export/elasticsearch/bulk.ts";
import { decodeRequest, encodeRequest } from "../packages/collector/src/otlp/index.ts";

// CPU microseconds a log record of turning OTLP into bulk requests: 512 records of about 340 bytes with 6 attributes.
// Run: npm run bench:elasticsearch

const recordCount = 512;
const attributes = [
  ["http.request.method", "POST"],
  ["url.path", "/api/v1/orders/73914/items"],
  ["client.address", "10.42.17.203"],
  ["logger.name", "checkout.orders"],
  ["http.response.status_code", 200],
  ["thread.id", 17],
] as const;

const hex = (value: number, digits: number) => value.toString(16).padStart(digits, "0");

function buildRequest(): Uint8Array {
  const logRecords = Array.from({ length: recordCount }, (_, index) => ({
    timeUnixNano: String(1_781_234_567_000_000_000n + BigInt(index) * 1_000_003n),
    observedTimeUnixNano: String(1_781_234_567_000_000_500n + BigInt(index) * 1_000_003n),
    severityNumber: 9,
    severityText: "INFO",
    body: {
      stringValue: `order ${index} of customer 73914 was placed with 3 items, "express" delivery to ${index} Main Street`,
    },
    attributes: attributes.map(([key, value]) => ({
      key,
      value: typeof value === "number" ? { intValue: value } : { stringValue: value },
    })),
    traceId: hex(0xabc0 + (index >> 3), 32),
    spanId: hex(0xdef0 + index, 16),
  }));
  const resource = {
    attributes: [
      { key: "service.name", value: { stringValue: "checkout" } },
      { key: "service.instance.id", value: { stringValue: "627cc493-f310-47de-96bd-71410b7dec09" } },
    ],
  };
  const scope = { name: "@quartet/agent/pino", version: "0.1.0" };
  return encodeRequest("logs", { resourceLogs: [{ resource, scopeLogs: [{ scope, logRecords }] }] });
}

/** CPU time of one call, the median of several rounds after a warm-up. */
function measureMicros(run: () => void): number {
  const roundMs = 400;
  const rounds: number[] = [];
  for (let round = 0; round < 7; round += 1) {
    const began = process.cpuUsage();
    const endsMs = performance.now() + roundMs;
    let count = 0;
    while (performance.now() < endsMs) {
      run();
      count += 1;
    }
    const { user, system } = process.cpuUsage(began);
    if (round > 1) rounds.push((user + system) / count);
  }
  return rounds.sort((one, other) => one - other)[rounds.length >> 1]!;
}

const payload = buildRequest();
const encode = createBulkEncoder({
  signal: "logs",
  destination: { kind: "data_stream", type: "logs", dataset: "generic", namespace: "default" },
  isRouted: true,
});
const record = {
  position: { stream: "logs", shard: 0, offset: 73_914 },
  receivedAtMs: 1_781_234_567_890,
  itemCount: recordCount,
  payload,
} as const;
const journalId = hex(0xfeed, 32);
const { bytes } = encode([record], journalId);
const ways: Readonly<Record<string, () => unknown>> = {
  "bulk request": () => encode([record], journalId),
  "objects only": () => decodeRequest("logs", payload),
  "objects and JSON": () => JSON.stringify(decodeRequest("logs", payload)),
};
process.stdout.write(
  `${(payload.length / recordCount).toFixed(0)} bytes a record become ${(bytes.length / recordCount).toFixed(0)}\n`,
);
for (const [name, run] of Object.entries(ways)) {
  const micros = measureMicros(run) / recordCount;
  process.stdout.write(`${name.padEnd(20)} ${micros.toFixed(2)} µs of CPU a record\n`);
}
