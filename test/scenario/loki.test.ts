import pino from "pino";
import { pinoLoki } from "pino-loki";
import { expect, test } from "vitest";
import { createLogger } from "winston";
import LokiTransport from "winston-loki";
import { readSegments } from "../../packages/collector/src/journal/index.ts";
import { decodeRequest } from "../../packages/collector/src/otlp/index.ts";
import { until } from "../support/index.ts";
import { startCollector } from "./quartet.ts";

const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
const spanId = "00f067aa0ba902b7";

interface LogRecord {
  readonly body: { readonly stringValue: string };
  readonly severityText: string;
  readonly traceId?: string;
  readonly spanId?: string;
}

function* journaledLogs(dataDir: string): Generator<LogRecord> {
  for (const { payload } of readSegments({ dir: dataDir, stream: "logs" })) {
    const { resourceLogs } = decodeRequest("logs", payload) as unknown as {
      readonly resourceLogs: readonly {
        readonly scopeLogs: readonly { readonly logRecords: readonly LogRecord[] }[];
      }[];
    };
    yield* resourceLogs.flatMap(({ scopeLogs }) => scopeLogs.flatMap(({ logRecords }) => logRecords));
  }
}

test("logs that real loggers push to Loki, in protobuf and in JSON, are counted by service and severity", async () => {
  await using collector = await startCollector();
  const host = collector.apiUrl;
  const failures: unknown[] = [];
  for (const json of [false, true]) {
    const transport = new LokiTransport({
      host,
      json,
      labels: { service_name: json ? "winston-json" : "winston-protobuf" },
      interval: 0.1,
      gracefulShutdown: false,
      onConnectionError: (error) => failures.push(error),
    });
    const logger = createLogger({ level: "debug", transports: [transport] });
    for (let index = 0; index < 30; index += 1) logger.info(`order ${index} "taken"`);
    for (let index = 0; index < 5; index += 1) logger.error("no stock");
    await until(() => [...journaledLogs(collector.dataDir)].length === (json ? 70 : 35), {
      deadlineMs: 30_000,
      what: "winston's lines in the journal",
    });
    await transport.close();
  }
  const stream = pinoLoki({
    host,
    labels: { service_name: "pino" },
    structuredMetaKey: "meta",
    batching: { interval: 0.1 },
  });
  const logger = pino({ level: "trace" }, stream);
  logger.warn({ meta: { trace_id: traceId, span_id: spanId } }, "low stock");
  logger.fatal("out of stock");
  const logs = () => [...journaledLogs(collector.dataDir)];
  await until(() => logs().length === 72, { deadlineMs: 30_000, what: "pino's lines in the journal" });
  expect(failures).toEqual([]);
  const [low] = logs().filter(({ body }) => body.stringValue.includes("low stock"));
  expect(low).toMatchObject({ severityText: "warning", traceId, spanId });
  await until(
    async () => {
      const counted = await collector.query(`sum by (service_name, severity) (log_records_total)`);
      const byKey = counted.map(({ labels, value }) => [
        `${labels["service_name"]} ${labels["severity"]}`,
        value,
      ]);
      expect(Object.fromEntries(byKey)).toEqual({
        "winston-protobuf INFO": 30,
        "winston-protobuf ERROR": 5,
        "winston-json INFO": 30,
        "winston-json ERROR": 5,
        "pino WARN": 1,
        "pino FATAL": 1,
      });
      return true;
    },
    { deadlineMs: 30_000, what: "the log counters" },
  );
});
