import { expect, test } from "vitest";
import { describeWithParts, telemetrygen } from "../parts/index.ts";
import { until } from "../support/index.ts";
import { countJournaled } from "./journal-items.ts";
import { callsKey, countCalls, journaledSpans } from "./journal-spans.ts";
import { startCollector } from "./quartet.ts";

const workerCount = 2;
const tracesPerWorker = 400;
/** A parent and, unless told otherwise, one child. */
const spanCount = workerCount * tracesPerWorker * 2;

const protocols: readonly [name: string, flags: readonly string[]][] = [
  ["HTTP", ["--otlp-http"]],
  ["gRPC", []],
];

describeWithParts("telemetrygen", ["telemetrygen"], () => {
  test.each(protocols)(
    `its ${spanCount} spans over %s are counted exactly, in the journal and in the RED counters`,
    async (_name, flags) => {
      await using collector = await startCollector();
      const { code, stderr } = await telemetrygen([
        "traces",
        ...flags,
        "--otlp-insecure",
        `--otlp-endpoint=${new URL(collector.otlpUrl).host}`,
        `--workers=${workerCount}`,
        `--traces=${tracesPerWorker}`,
        "--rate=0",
        // Its batching drops spans when more than 2,048 are waiting.
        "--batch=false",
        "--service=generated",
        "--status-code=Error",
      ]);
      expect({ code, stderr }).toMatchObject({ code: 0 });
      const recount = countCalls(journaledSpans(collector.dataDir));
      expect(Object.values(recount).reduce((sum, count) => sum + count, 0)).toBe(spanCount);
      expect(Object.keys(recount).every((key) => key.startsWith("generated | "))).toBe(true);
      await until(
        async () => {
          const calls = await collector.query("traces_span_metrics_calls_total");
          expect(Object.fromEntries(calls.map(({ labels, value }) => [callsKey(labels), value]))).toEqual(
            recount,
          );
          return true;
        },
        { deadlineMs: 30_000, what: "the counters to equal the journal" },
      );
      expect(
        await collector.query(`sum(traces_span_metrics_calls_total{status_code="STATUS_CODE_ERROR"})`),
      ).toEqual([{ labels: {}, value: spanCount }]);
    },
  );

  test.each(protocols)(
    "its log records and data points over %s are all in the journal",
    async (_name, flags) => {
      await using collector = await startCollector();
      const generate = async (kind: "logs" | "metrics", count: number) => {
        const { code, stderr } = await telemetrygen([
          kind,
          ...flags,
          "--otlp-insecure",
          `--otlp-endpoint=${new URL(collector.otlpUrl).host}`,
          `--workers=${workerCount}`,
          `--${kind}=${count}`,
          "--rate=0",
          "--service=generated",
        ]);
        expect({ code, stderr }).toMatchObject({ code: 0 });
      };
      await generate("logs", 150);
      await generate("metrics", 120);
      const exactly = (count: number) => ({ decoded: count, counted: count });
      expect(countJournaled(collector.dataDir, "logs")).toEqual(exactly(workerCount * 150));
      expect(countJournaled(collector.dataDir, "metrics")).toEqual(exactly(workerCount * 120));
      await until(
        async () => {
          const records = await collector.query(`sum(log_records_total{service_name="generated"})`);
          expect(records).toEqual([{ labels: {}, value: workerCount * 150 }]);
          return true;
        },
        { deadlineMs: 60_000, what: "the log counters to equal the journal" },
      );
    },
  );
});
