import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort, openTempDir, startProcess } from "../support/index.ts";
import { partPath } from "./present.ts";

export interface OtelcolSettings {
  /**
   * The configuration that these ports go into; `dataDir` is an empty folder of its own (for file_storage). Without it, OTLP
   * over HTTP and gRPC is taken and thrown away. Components: receiver otlp; exporters otlp_http, otlp_grpc, prometheus, debug,
   * nop; connector span_metrics; extension file_storage.
   */
  readonly config?: (own: {
    readonly otlpHttp: number;
    readonly otlpGrpc: number;
    readonly dataDir: string;
  }) => Readonly<Record<string, unknown>>;
}

export interface StartedOtelcol extends AsyncDisposable {
  /** OTLP over HTTP, without a path: append `/v1/traces`. */
  readonly otlpHttpUrl: string;
  /** OTLP over gRPC, `host:port`. */
  readonly otlpGrpcAddress: string;
  readonly pid: number;
  log(): string;
  stop(): Promise<void>;
}

/** Starts an OpenTelemetry Collector on free loopback ports; resolves when its pipelines run. Its own metrics are off. */
export async function startOtelcol({ config = discardAll }: OtelcolSettings = {}): Promise<StartedOtelcol> {
  const folder = await openTempDir("otelcol");
  const [otlpHttp, otlpGrpc] = [await freePort(), await freePort()];
  const dataDir = join(folder.path, "data");
  await mkdir(dataDir);
  const configFile = join(folder.path, "otelcol.json");
  await writeFile(configFile, JSON.stringify(config({ otlpHttp, otlpGrpc, dataDir }), undefined, 2));
  try {
    const started = await startProcess({
      name: "otelcol",
      command: partPath("otelcol"),
      args: [`--config=${configFile}`],
      cwd: folder.path,
      ready: { line: "Everything is ready" },
      deadlineMs: 60_000,
    });
    const stop = async (): Promise<void> => {
      await started.stop();
      await folder.remove();
    };
    return {
      otlpHttpUrl: `http://127.0.0.1:${otlpHttp}`,
      otlpGrpcAddress: `127.0.0.1:${otlpGrpc}`,
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

function discardAll({
  otlpHttp,
  otlpGrpc,
}: {
  readonly otlpHttp: number;
  readonly otlpGrpc: number;
}): Record<string, unknown> {
  const pipeline = { receivers: ["otlp"], exporters: ["nop"] };
  return {
    receivers: {
      otlp: {
        protocols: {
          http: { endpoint: `127.0.0.1:${otlpHttp}` },
          grpc: { endpoint: `127.0.0.1:${otlpGrpc}` },
        },
      },
    },
    exporters: { nop: {} },
    service: {
      pipelines: { traces: pipeline, logs: pipeline, metrics: pipeline },
      telemetry: { metrics: { level: "none" } },
    },
  };
}
