import { expect, test } from "vitest";
import { describeWithParts, runSdkClient, type SdkClientName } from "../parts/index.ts";
import { until } from "../support/index.ts";
import { countJournaled } from "./journal-items.ts";
import { callsKey, countCalls, journaledSpans } from "./journal-spans.ts";
import { startCollector } from "./quartet.ts";

const spanCount = 600;
const logCount = 301;
const counterCount = 17;
const sum = (counterCount * (counterCount - 1)) / 2;

for (const [language, name] of [
  ["Go", "go-client"],
  ["Python", "python-client"],
] as readonly [string, SdkClientName][]) {
  describeWithParts(`OpenTelemetry's SDK for ${language}`, [name], () => {
    test.each(["http", "grpc"] as const)(
      "what it sends over %s, compressed with gzip, is counted exactly, in the journal and in the series",
      async (protocol) => {
        await using collector = await startCollector();
        const { code, stderr } = await runSdkClient(name, {
          protocol,
          endpoint: new URL(collector.otlpUrl).host,
          service: "generated",
          spanCount,
          logCount,
          counterCount,
        });
        expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
        const exactly = (count: number) => ({ decoded: count, counted: count });
        expect(countJournaled(collector.dataDir, "spans")).toEqual(exactly(spanCount));
        expect(countJournaled(collector.dataDir, "logs")).toEqual(exactly(logCount));
        expect(countJournaled(collector.dataDir, "metrics")).toEqual(exactly(counterCount + 1));

        const recount = countCalls(journaledSpans(collector.dataDir));
        expect(recount).toEqual({
          "generated | work | SPAN_KIND_SERVER | STATUS_CODE_ERROR": spanCount / 2,
          "generated | work | SPAN_KIND_CLIENT | STATUS_CODE_UNSET": spanCount / 2,
        });
        await until(
          async () => {
            const calls = await collector.query("traces_span_metrics_calls_total");
            expect(Object.fromEntries(calls.map(({ labels, value }) => [callsKey(labels), value]))).toEqual(
              recount,
            );
            const [warnings] = await collector.query(
              `log_records_total{service_name="generated",severity="WARN"}`,
            );
            expect(warnings?.value).toBe(logCount);
            expect(await collector.query("sum(client_sent_total)")).toEqual([{ labels: {}, value: sum }]);
            return true;
          },
          { deadlineMs: 60_000, what: "the series to equal what was sent" },
        );
      },
    );
  });
}
