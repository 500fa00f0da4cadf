// The three that do the same work: Quartet from dist, the OpenTelemetry Collector, and the floor of plain Node.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startOtelcol } from "../../test/parts/index.ts";
import { freePort, startProcess, type StartedProcess } from "../../test/support/index.ts";
import { engineFlags } from "../../packages/installer/bin/launch.js";

export interface Contestant extends AsyncDisposable {
  readonly name: string;
  readonly pid: number;
  /** Where OTLP goes, with the path. */
  readonly url: string;
  /** Calls in its RED metrics; undefined where it derives none. */
  callCount(): Promise<number | undefined>;
  log(): string;
  stop(): Promise<void>;
}

interface StartSettings {
  /** An empty folder, on the disk that shall be synced. */
  readonly folder: string;
  readonly sinkUrl: string;
}

const callsMetric = "traces_span_metrics_calls_total";

/** `profileDir`: every thread writes a CPU profile there when it ends. */
export async function startQuartet(
  main: string,
  { folder, sinkUrl }: StartSettings,
  { profileDir }: { readonly profileDir?: string } = {},
): Promise<Contestant> {
  const config = join(folder, "quartet.json");
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    config,
    JSON.stringify({
      receive: { otlp: { listen: ["127.0.0.1:0"] } },
      api: { listen: "127.0.0.1:0" },
      export: {
        sink: { type: "otlp_http", endpoint: `${sinkUrl}/quartet`, signals: ["traces"], compression: "none" },
      },
    }),
  );
  const started = await startProcess({
    name: "quartet",
    command: process.execPath,
    args: [
      ...engineFlags,
      ...(profileDir === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${profileDir}`]),
      main,
      `--config=${config}`,
      `--data-dir=${join(folder, "data")}`,
    ],
    env: { NODE_OPTIONS: undefined },
    ready: { line: /^collector: OTLP on/ },
    deadlineMs: 120_000,
  });
  const [, otlp, api] = /OTLP on (\S+), API on (\S+)/.exec(started.stdout())!;
  return {
    ...contestantOf("quartet", started),
    url: `http://${otlp}/v1/traces`,
    async callCount() {
      const answer = await fetch(`http://${api}/api/v1/query?query=sum(${callsMetric})`);
      const { data } = (await answer.json()) as { data: { result: { value: [number, string] }[] } };
      return Number(data.result[0]?.value[1] ?? 0);
    },
  };
}

/** The figures of real-parts.md: every request synced into a bbolt file before it is answered, no batching, a full queue makes the sender wait. */
export async function startOpenTelemetryCollector({ sinkUrl }: StartSettings): Promise<Contestant> {
  const prometheusPort = await freePort();
  const started = await startOtelcol({
    config: ({ otlpHttp, dataDir }) => ({
      extensions: { file_storage: { directory: dataDir, fsync: true } },
      receivers: { otlp: { protocols: { http: { endpoint: `127.0.0.1:${otlpHttp}` } } } },
      // As often as Quartet shows a series that no rule selects.
      connectors: { span_metrics: { metrics_flush_interval: "15s" } },
      exporters: {
        otlp_http: {
          endpoint: `${sinkUrl}/otelcol`,
          compression: "none",
          sending_queue: { enabled: true, storage: "file_storage", block_on_overflow: true },
        },
        prometheus: { endpoint: `127.0.0.1:${prometheusPort}` },
      },
      service: {
        extensions: ["file_storage"],
        pipelines: {
          traces: { receivers: ["otlp"], exporters: ["otlp_http", "span_metrics"] },
          metrics: { receivers: ["span_metrics"], exporters: ["prometheus"] },
        },
        telemetry: { metrics: { level: "none" }, logs: { level: "info" } },
      },
    }),
  });
  return {
    name: "otelcol",
    pid: started.pid,
    url: `${started.otlpHttpUrl}/v1/traces`,
    async callCount() {
      const text = await (await fetch(`http://127.0.0.1:${prometheusPort}/metrics`)).text();
      const calls = [...text.matchAll(new RegExp(`^${callsMetric}{.*} (\\S+)`, "gm"))];
      return calls.reduce((sum, [, value]) => sum + Number(value), 0);
    },
    log: () => started.log(),
    stop: () => started.stop(),
    [Symbol.asyncDispose]: () => started.stop(),
  };
}

export async function startFloor({ folder, sinkUrl }: StartSettings): Promise<Contestant> {
  mkdirSync(folder, { recursive: true });
  const started = await startProcess({
    name: "floor",
    command: process.execPath,
    args: [
      fileURLToPath(new URL("floor.ts", import.meta.url)),
      join(folder, "floor.data"),
      `${sinkUrl}/floor/v1/traces`,
    ],
    ready: { line: "floor: listening" },
  });
  const [, address] = /listening on (\S+)/.exec(started.stdout())!;
  return {
    ...contestantOf("floor", started),
    url: `http://${address}/v1/traces`,
    callCount: () => Promise.resolve(undefined),
  };
}

function contestantOf(name: string, started: StartedProcess): Omit<Contestant, "url" | "callCount"> {
  const stop = async (): Promise<void> => void (await started.stop({ graceMs: 30_000 }));
  return {
    name,
    pid: started.pid,
    log: () => started.stderr(),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
