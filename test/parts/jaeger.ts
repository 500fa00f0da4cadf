import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort, openTempDir, startProcess } from "../support/index.ts";
import { partPath } from "./present.ts";

export interface StartedJaeger extends AsyncDisposable {
  /** OTLP over HTTP, without a path: append `/v1/traces`. */
  readonly otlpHttpUrl: string;
  /** OTLP over gRPC, `host:port`. */
  readonly otlpGrpcAddress: string;
  /** The query API: append `/api/services`, `/api/v3/services`, `/api/traces?service=…`. */
  readonly queryUrl: string;
  readonly pid: number;
  log(): string;
  stop(): Promise<void>;
}

export interface JaegerPorts {
  readonly otlpHttp: number;
  readonly otlpGrpc: number;
  readonly queryHttp: number;
  readonly queryGrpc: number;
}

/** Ports for one that is to be started again in the same place. */
export async function freeJaegerPorts(): Promise<JaegerPorts> {
  return {
    otlpHttp: await freePort(),
    otlpGrpc: await freePort(),
    queryHttp: await freePort(),
    queryGrpc: await freePort(),
  };
}

/** Starts Jaeger 2 on loopback, keeping traces in memory; resolves when its query API answers. */
export async function startJaeger(ports?: JaegerPorts): Promise<StartedJaeger> {
  const folder = await openTempDir("jaeger");
  const { otlpHttp, otlpGrpc, queryHttp, queryGrpc } = ports ?? (await freeJaegerPorts());
  const queryUrl = `http://127.0.0.1:${queryHttp}`;
  const configFile = join(folder.path, "jaeger.json");
  const config = buildConfig({ otlpHttp, otlpGrpc, queryHttp, queryGrpc });
  await writeFile(configFile, JSON.stringify(config));
  try {
    const started = await startProcess({
      name: "jaeger",
      command: partPath("jaeger"),
      args: [`--config=${configFile}`],
      cwd: folder.path,
      ready: { url: `${queryUrl}/api/services` },
      deadlineMs: 60_000,
    });
    const stop = async (): Promise<void> => {
      await started.stop();
      await folder.remove();
    };
    return {
      otlpHttpUrl: `http://127.0.0.1:${otlpHttp}`,
      otlpGrpcAddress: `127.0.0.1:${otlpGrpc}`,
      queryUrl,
      pid: started.pid,
      log: () => started.stderr(),
      stop,
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await folder.remove();
    throw error;
  }
}

/** Its all-in-one configuration has a dozen fixed ports; this one listens on these four and no more. */
function buildConfig(ports: JaegerPorts): Record<string, unknown> {
  const on = (port: number): { endpoint: string } => ({ endpoint: `127.0.0.1:${port}` });
  return {
    service: {
      extensions: ["jaeger_storage", "jaeger_query"],
      // No batch processor: a trace can be asked for as soon as its export was answered.
      pipelines: { traces: { receivers: ["otlp"], exporters: ["jaeger_storage_exporter"] } },
      telemetry: { metrics: { level: "none" }, logs: { level: "info" } },
    },
    extensions: {
      jaeger_storage: { backends: { memory: { memory: { max_traces: 100_000 } } } },
      jaeger_query: {
        storage: { traces: "memory" },
        // Else it sends traces of itself to port 4317, whoever listens there, and waits 10 s for that at the end.
        enable_tracing: false,
        http: on(ports.queryHttp),
        grpc: on(ports.queryGrpc),
      },
    },
    receivers: { otlp: { protocols: { http: on(ports.otlpHttp), grpc: on(ports.otlpGrpc) } } },
    exporters: { jaeger_storage_exporter: { trace_storage: "memory" } },
  };
}
