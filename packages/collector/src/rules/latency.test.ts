import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { labelsFromRecord, systemClock } from "../model/index.ts";
import { createNotifier, postWebhook } from "../notify/index.ts";
import { createHead } from "../store/index.ts";
import { createLog, createTelemetry } from "../telemetry/index.ts";
import { createRuleEngine } from "./engine.ts";
import { parseRuleFile } from "./rule-file.ts";

const roundCount = 20;

test("from the samples of a fault to the webhook it takes the debounce and a few milliseconds, on the real clock", async () => {
  const dir = mkdtempSync(join(tmpdir(), "quartet-latency-"));
  const receivedMs = new Map<string, number>();
  const server = createServer((request, response) => {
    const atMs = performance.now();
    let body = "";
    request.on("data", (chunk) => (body += String(chunk)));
    request.on("end", () => {
      for (const { labels } of (JSON.parse(body) as { alerts: { labels: Record<string, string> }[] })
        .alerts) {
        const host = labels["host"] ?? "";
        if (!receivedMs.has(host)) receivedMs.set(host, atMs);
      }
      response.end();
    });
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const clock = systemClock;
  const telemetry = createTelemetry();
  const log = createLog(
    () => undefined,
    () => clock.nowMs(),
  );
  const head = createHead({
    retentionMs: 3_600_000,
    seriesMax: 1_000,
    arenaBytesMax: 2 ** 24,
    clock,
    telemetry,
  });
  const notifier = createNotifier({
    webhooks: [{ name: "w", url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` }],
    stateDir: join(dir, "notify"),
    externalUrl: "http://collector.example",
    post: postWebhook,
    // One group a host, so that no round waits for the group interval.
    groupBy: ["alertname", "host"],
    clock,
    random: Math.random,
    telemetry,
    log,
  });
  await notifier.start();
  const rules =
    "groups:\n- name: g\n  rules:\n  - { alert: Failing, expr: 'sum by (host) (rate(errors_total[1m])) > 0.1' }";
  const engine = createRuleEngine({
    groups: parseRuleFile(rules, "latency.yaml"),
    // So long that no tick helps.
    evaluationIntervalMs: 3_600_000,
    queryable: head,
    appendSeries: async () => {},
    watermarkMs: () => clock.nowMs(),
    onWatermark: () => () => {},
    notify: (events) => notifier.accept(events),
    stateFile: join(dir, "alerts.json"),
    externalUrl: "http://collector.example",
    externalLabels: {},
    traceUrl: (traceId) => traceId,
    clock,
    telemetry,
    log,
  });
  engine.start();
  const tookMs: number[] = [];
  for (let round = 0; round < roundCount; round += 1) {
    const host = `host-${round}`;
    const labels = labelsFromRecord({ __name__: "errors_total", host });
    const nowMs = clock.nowMs();
    const samples = [0, 0, 50].map((value, index) => ({
      timestampMs: nowMs - 20_000 + index * 10_000,
      value,
    }));
    const startedMs = performance.now();
    const { touched } = head.ingest([
      { labels, type: "counter", help: "", unit: "", startTimestampMs: 0, samples, exemplars: [] },
    ]);
    engine.touched(touched);
    await expect.poll(() => receivedMs.has(host), { timeout: 5_000, interval: 2 }).toBe(true);
    tookMs.push(receivedMs.get(host)! - startedMs);
  }
  await engine.stop();
  await notifier.stop({ deadlineMs: 1_000 });
  server.closeAllConnections();
  server.close();
  rmSync(dir, { recursive: true, force: true });
  tookMs.sort((left, right) => left - right);
  const at = (share: number) =>
    tookMs[Math.min(tookMs.length - 1, Math.floor(share * tookMs.length))]!.toFixed(1);
  console.info(
    `touched → webhook received, ms: min ${at(0)}, median ${at(0.5)}, p90 ${at(0.9)}, max ${at(1)}`,
  );
  // The debounce is 50 ms; half a second leaves room for a busy machine.
  expect(tookMs.at(roundCount / 2)).toBeLessThan(500);
  expect(tookMs[0]).toBeGreaterThanOrEqual(45);
}, 60_000);
