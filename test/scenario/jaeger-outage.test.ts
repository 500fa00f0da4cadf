import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { otlpHttpKind } from "../contract/export/otlp-kinds.ts";
import { describeWithParts, freeJaegerPorts, startJaeger, type StartedJaeger } from "../parts/index.ts";
import { until } from "../support/index.ts";
import { readAccount, untilConserved, type ExportedSignal } from "./conservation.ts";
import { getJson, startCollector } from "./quartet.ts";
import { spansPerTrace, startTraceLoad, type AcknowledgedTrace } from "./trace-load.ts";

const outageMs = 60_000;
const types = ["otlp_http", "otlp_grpc"] as const;
const signalOf = (exporter: string): ExportedSignal => ({ exporter, signal: "traces", stream: "spans" });

/** How many spans of each trace a Jaeger has. */
async function spanCounts({ queryUrl }: StartedJaeger): Promise<Map<string, number>> {
  const url = `${queryUrl}/api/traces?service=shop&limit=100000&lookback=1h`;
  const { data } = await getJson<{ data: { traceID: string; spans: unknown[] }[] }>(url);
  return new Map(data.map(({ traceID, spans }) => [traceID, spans.length]));
}

async function expectWhole(jaeger: StartedJaeger, traces: readonly AcknowledgedTrace[]): Promise<void> {
  const counts = await spanCounts(jaeger);
  const broken = traces.filter(({ traceId }) => (counts.get(traceId) ?? 0) < spansPerTrace);
  expect({ of: traces.length, broken }).toEqual({ of: traces.length, broken: [] });
}

describeWithParts("Jaeger that is down for a minute under load", ["jaeger"], () => {
  test(
    "every trace that was acknowledged meanwhile is there afterwards, over HTTP and over gRPC",
    { timeout: outageMs + 240_000 },
    async () => {
      // One for each protocol, as each trace is to be counted once in each.
      const ports = [await freeJaegerPorts(), await freeJaegerPorts()] as const;
      const startBoth = async (): Promise<AsyncDisposable & { readonly both: readonly StartedJaeger[] }> => {
        await using starting = new AsyncDisposableStack();
        const both = await Promise.all(ports.map((own) => startJaeger(own)));
        for (const one of both) starting.use(one);
        const started = starting.move();
        return { both, [Symbol.asyncDispose]: () => started.disposeAsync() };
      };
      await using farEnd = await otlpHttpKind.startBackend();
      await using before = await startBoth();
      const exporter = (type: string, endpoint: string) => ({ type, endpoint, signals: ["traces"] });
      await using collector = await startCollector({
        config: {
          export: {
            otlp_http: exporter("otlp_http", `http://127.0.0.1:${ports[0].otlpHttp}`),
            otlp_grpc: exporter("otlp_grpc", `http://127.0.0.1:${ports[1].otlpGrpc}`),
            far: exporter("otlp_http", farEnd.endpoint),
          },
        },
      });
      const untilSent = (): Promise<unknown> =>
        until(
          async () => {
            const accounts = await Promise.all(
              [...types, "far"].map((name) => readAccount(collector.apiUrl, signalOf(name))),
            );
            return accounts.every(({ queued }) => queued === 0);
          },
          { deadlineMs: 90_000, what: "everything to be sent", intervalMs: 250 },
        );

      const first = startTraceLoad(collector.otlpUrl, { pauseMs: 30 });
      await until(() => first.acknowledged.length >= 100, { deadlineMs: 60_000, what: "some traces" });
      await first.stop();
      await untilSent();
      for (const jaeger of before.both) await expectWhole(jaeger, first.acknowledged);

      await before[Symbol.asyncDispose]();
      const second = startTraceLoad(collector.otlpUrl, { pauseMs: 30 });
      await sleep(outageMs);
      for (const name of types) {
        const account = await untilConserved(collector.apiUrl, signalOf(name));
        expect(account.queued).toBeGreaterThan(100 * spansPerTrace);
      }
      await using after = await startBoth();
      const during = second.acknowledged.length;
      await until(() => second.acknowledged.length >= during + 100, {
        deadlineMs: 60_000,
        what: "some traces after the outage",
      });
      await second.stop();
      await untilSent();
      for (const jaeger of after.both) await expectWhole(jaeger, second.acknowledged);
      // The third back end was never down: it has all, and nothing twice.
      const names = [...first.acknowledged, ...second.acknowledged].flatMap((trace) => trace.names);
      expect(farEnd.received.flat().toSorted()).toEqual(names.toSorted());
      for (const name of [...types, "far"]) {
        const account = await untilConserved(collector.apiUrl, signalOf(name));
        expect(account).toMatchObject({ sent: names.length, deadLetter: 0, dropped: 0, rejected: 0 });
      }
    },
  );
});
