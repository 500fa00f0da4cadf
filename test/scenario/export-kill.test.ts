import { createServer } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { readSegments } from "../../packages/collector/src/journal/index.ts";
import type { KindAnswer, KindBackend } from "../contract/export/kind.ts";
import { elasticsearchKind } from "../contract/export/elasticsearch/kind.ts";
import { otlpGrpcKind, otlpHttpKind } from "../contract/export/otlp-kinds.ts";
import { freePort, isLong, openTempDir, until } from "../support/index.ts";
import { untilConserved, type ExportedSignal } from "./conservation.ts";
import { startCollector, type StartedCollector } from "./quartet.ts";
import { badPrefix, startTraceLoad } from "./trace-load.ts";

const killCount = isLong ? 50 : 6;
/** Hardly anything is exported between the kills, and finding what is refused takes many requests to back ends of this mood. */
const drainMs = killCount * 10_000;

const exported: readonly ExportedSignal[] = [
  { exporter: "http", signal: "traces", stream: "spans" },
  { exporter: "grpc", signal: "traces", stream: "spans" },
  { exporter: "elastic", signal: "logs", stream: "logs" },
  { exporter: "write", signal: "metrics", stream: "series" },
];

/** Takes most of what it gets, is busy or hangs up now and then, and never takes what is called bad. */
function moody(backend: KindBackend): { readonly accepted: Map<string, number> } {
  const accepted = new Map<string, number>();
  let count = 0;
  backend.answer = (ids): KindAnswer => {
    count += 1;
    if (count % 7 === 0) return { kind: "busy" };
    if (count % 11 === 0) return { kind: "hang_up" };
    if (ids.some((id) => id.startsWith(badPrefix))) return { kind: "refuse", message: "a bad name" };
    for (const id of ids) accepted.set(id, (accepted.get(id) ?? 0) + 1);
    return { kind: "accept" };
  };
  return { accepted };
}

/** A receiver of remote write that is busy now and then. */
async function startWriteReceiver(): Promise<AsyncDisposable & { readonly url: string }> {
  let count = 0;
  const server = createServer((request, response) => {
    count += 1;
    request.resume();
    request.on("end", () => response.writeHead(count % 5 === 0 ? 503 : 204).end());
  });
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${port}/api/v1/write`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

test(
  `after ${killCount} times kill -9 every acknowledged span and log is at its back ends or a dead letter, and each account is balanced`,
  { timeout: 60_000 + killCount * 20_000 + drainMs },
  async () => {
    await using folder = await openTempDir("export-kill");
    await using http = await otlpHttpKind.startBackend();
    await using grpc = await otlpGrpcKind.startBackend();
    await using elastic = await elasticsearchKind.startBackend();
    await using receiver = await startWriteReceiver();
    const ends = { http: moody(http), grpc: moody(grpc), elastic: moody(elastic) };
    const ports = { otlp: await freePort(), api: await freePort() };
    const start = (): Promise<StartedCollector> =>
      startCollector({
        dataDir: folder.path,
        config: {
          receive: { otlp: { listen: [`127.0.0.1:${ports.otlp}`] } },
          api: { listen: `127.0.0.1:${ports.api}` },
          export: {
            http: { type: "otlp_http", endpoint: http.endpoint, signals: ["traces"], compression: "gzip" },
            grpc: { type: "otlp_grpc", endpoint: grpc.endpoint, signals: ["traces"], compression: "zstd" },
            elastic: {
              type: "elasticsearch",
              endpoint: elastic.endpoint,
              signals: ["logs"],
              templates: false,
            },
            write: { type: "prometheus_remote_write", endpoint: receiver.url, signals: ["metrics"] },
          },
        },
      });
    let collector = await start();
    const load = startTraceLoad(`http://127.0.0.1:${ports.otlp}`, {
      pauseMs: 5,
      badEvery: 25,
      hasLogs: true,
    });
    try {
      for (let kill = 1; kill <= killCount; kill += 1) {
        const acknowledged = load.acknowledged.length;
        await until(() => load.acknowledged.length > acknowledged + 20, {
          deadlineMs: 30_000,
          what: "traces to be acknowledged",
          intervalMs: 5,
        });
        for (const one of exported) await untilConserved(collector.apiUrl, one);
        await sleep(Math.random() * 500);
        collector.process.signal("SIGKILL");
        await collector.process.exited;
        await collector.stop();
        collector = await start();
      }
    } finally {
      await load.stop();
    }
    await until(
      async () => {
        // The collector's own metrics go to `write` for ever.
        const finite = exported.filter(({ stream }) => stream !== "series");
        const accounts = await Promise.all(finite.map((one) => untilConserved(collector.apiUrl, one)));
        return accounts.every(({ queued }) => queued === 0);
      },
      { deadlineMs: drainMs, what: "everything to be sent" },
    );
    for (const { exporter, signal, stream } of exported) {
      if (exporter === "write") continue;
      const { accepted } = ends[exporter as keyof typeof ends];
      const names =
        signal === "traces" ? load.acknowledged.flatMap((trace) => trace.names) : load.acknowledgedLogs;
      const story = { acknowledged: names.length, kills: killCount };
      const missing = names.filter((name) => !name.startsWith(badPrefix) && !accepted.has(name));
      expect({ ...story, exporter, missing }).toEqual({ ...story, exporter, missing: [] });
      const kept = deadNames(join(folder.path, "dead-letter", `export.${exporter}.${signal}`), stream);
      const unkept = names.filter((name) => name.startsWith(badPrefix) && !kept.has(name));
      expect({ ...story, exporter, unkept }).toEqual({ ...story, exporter, unkept: [] });
      const repeated = [...accepted.values()].reduce((total, count) => total + count - 1, 0);
      // At most what was under way, and what the cursor had not yet on disk, comes again after a kill.
      expect(repeated / names.length).toBeLessThan(0.5);
    }
    await collector.stop();
  },
);

/** Names of spans and texts of logs in dead letters, as they stand in the payload. */
function deadNames(dir: string, stream: ExportedSignal["stream"]): Set<string> {
  const bad = new RegExp(`${badPrefix}[0-9a-f]{32}-\\d`, "g");
  const names = [...readSegments({ dir, stream })].flatMap(
    ({ payload }) => Buffer.from(payload).toString("latin1").match(bad) ?? [],
  );
  return new Set(names);
}
