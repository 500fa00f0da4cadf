import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterEach, expect, test } from "vitest";

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup();
});

interface Received {
  readonly alert: string;
  readonly status: string;
  readonly startsAt: string;
}

const source = (path: string) => JSON.stringify(pathToFileURL(join(import.meta.dirname, path)).href);

/** A collector's rules and notifier in a process of their own, over a store that is fed `load` once a 100 ms. */
function startCollector({
  dir,
  url,
  load,
}: {
  readonly dir: string;
  readonly url: string;
  readonly load: number;
}) {
  const script = `
    const { createRuleEngine, parseRuleFile } = await import(${source("index.ts")});
    const { createNotifier, postWebhook } = await import(${source("../notify/index.ts")});
    const { createHead } = await import(${source("../store/index.ts")});
    const { createLog, createTelemetry } = await import(${source("../telemetry/index.ts")});
    const { labelsFromRecord, systemClock: clock } = await import(${source("../model/index.ts")});
    const shared = { externalUrl: "http://c", clock, telemetry: createTelemetry(), log: createLog(() => {}, Date.now) };
    const head = createHead({ retentionMs: 3_600_000, seriesMax: 100, arenaBytesMax: 2 ** 22, clock, telemetry: createTelemetry() });
    const notifier = createNotifier({ ...shared, webhooks: [{ name: "w", url: ${JSON.stringify(url)} }],
      stateDir: ${JSON.stringify(join(dir, "notify"))}, post: postWebhook, random: Math.random });
    await notifier.start();
    const engine = createRuleEngine({ ...shared, groups: parseRuleFile(
      "groups: [{ name: g, rules: [{ alert: High, expr: load > 5 }] }]", "r.yaml"), evaluationIntervalMs: 300, queryable: head,
      appendSeries: async (writes) => { head.ingest(writes); }, watermarkMs: () => Date.now(), onWatermark: () => () => {},
      notify: (events) => notifier.accept(events), stateFile: ${JSON.stringify(join(dir, "alerts.json"))},
      externalLabels: {}, traceUrl: (id) => id });
    const labels = labelsFromRecord({ __name__: "load" });
    const feed = () => engine.touched(head.ingest([{ labels, type: "gauge", help: "", unit: "", startTimestampMs: 0,
      samples: [{ timestampMs: Date.now(), value: ${load} }], exemplars: [] }]).touched);
    feed();
    engine.start();
    setInterval(feed, 100);`;
  const child = spawn(
    process.execPath,
    ["--conditions=quartet-source", "--input-type=module", "-e", script],
    {
      stdio: ["ignore", "inherit", "inherit"],
    },
  );
  cleanups.push(() => child.kill("SIGKILL"));
  return {
    kill: () =>
      new Promise<void>((resolve) => {
        child.once("exit", () => resolve());
        child.kill("SIGKILL");
      }),
  };
}

async function openReceiver(
  onAlert: (alert: Received) => void,
): Promise<{ url: string; received: Received[] }> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => (body += String(chunk)));
    request.on("end", () => {
      const { alerts } = JSON.parse(body) as {
        alerts: { labels: Record<string, string>; status: string; startsAt: string }[];
      };
      for (const { labels, status, startsAt } of alerts) {
        const alert = { alert: labels["alertname"] ?? "", status, startsAt };
        received.push(alert);
        onAlert(alert);
      }
      response.end();
    });
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  cleanups.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, received };
}

test("an alert that fires when kill -9 strikes, again and again, keeps its beginning and resolves once it has healed", async () => {
  const dir = mkdtempSync(join(tmpdir(), "quartet-rules-crash-"));
  cleanups.push(() => rmSync(dir, { recursive: true, force: true, maxRetries: 10 }));
  let onAlert: (alert: Received) => void = () => undefined;
  const { url, received } = await openReceiver((alert) => onAlert(alert));
  const wait = { timeout: 15_000, interval: 10 };
  // Struck in the very moment when the webhook hears of it, then twice in mid-run.
  const first = startCollector({ dir, url, load: 7 });
  await new Promise<void>((resolve) => {
    onAlert = () => resolve();
  });
  await first.kill();
  for (let round = 0; round < 2; round += 1) {
    const collector = startCollector({ dir, url, load: 8 });
    const before = savedAt(dir);
    await expect.poll(() => savedAt(dir) > before || received.length > 10, wait).toBe(true);
    await collector.kill();
  }
  startCollector({ dir, url, load: 1 });
  await expect.poll(() => received.some(({ status }) => status === "resolved"), wait).toBe(true);
  expect(new Set(received.map(({ startsAt }) => startsAt)).size).toBe(1);
  // One delivery may come twice: the first process died before it could note the receiver's answer.
  expect(received.filter(({ status }) => status === "firing").length).toBeLessThanOrEqual(2);
  expect(received.filter(({ status }) => status === "resolved")).toHaveLength(1);
}, 60_000);

function savedAt(dir: string): number {
  return (JSON.parse(readFileSync(join(dir, "alerts.json"), "utf8")) as { savedAtMs: number }).savedAtMs;
}
