import { join } from "node:path";
import { freePort, startProcess, type ProcessSettings, type StartedProcess } from "../support/index.ts";
import { root } from "./quartet.ts";

export interface ServiceSettings {
  readonly name: string;
  /** The script, in `cwd`. */
  readonly script: string;
  /** Base address of the collector's OTLP. */
  readonly otlpUrl: string;
  readonly env?: Readonly<Record<string, string>>;
  /** The shop of the examples when not given. */
  readonly cwd?: string;
  /** Flags before `--import`; those that lead to our sources when not given. */
  readonly flags?: readonly string[];
}

export interface StartedService extends AsyncDisposable {
  readonly url: string;
  /** Where the agent serves /metrics. */
  readonly adminUrl: string;
  readonly process: StartedProcess;
  stop(): Promise<void>;
}

/** Starts a service that listens on $PORT, instrumented by `--import @quartet/agent/register` and nothing else. */
export async function startService(settings: ServiceSettings): Promise<StartedService> {
  const { name, script, otlpUrl, env = {}, flags = ["--conditions=quartet-source"] } = settings;
  const port = await freePort();
  const adminPort = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const running: ProcessSettings = {
    name,
    command: process.execPath,
    args: [...flags, "--import", "@quartet/agent/register", script],
    cwd: settings.cwd ?? join(root, "examples", "shop"),
    env: {
      OTEL_SERVICE_NAME: name,
      OTEL_EXPORTER_OTLP_ENDPOINT: otlpUrl,
      OTEL_EXPORTER_PROMETHEUS_PORT: String(adminPort),
      PORT: String(port),
      ...env,
    },
    ready: {
      // Any answer will do, be it 404.
      poll: async () => (await fetch(url, { signal: AbortSignal.timeout(2_000) })).status > 0,
    },
    deadlineMs: 60_000,
  };
  const started = await startProcess(running);
  const stop = async (): Promise<void> => void (await started.stop());
  return {
    url,
    adminUrl: `http://127.0.0.1:${adminPort}`,
    process: started,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

export interface StartedShop extends AsyncDisposable {
  /** Payments, checkout, gateway. */
  readonly services: readonly StartedService[];
  readonly gatewayUrl: string;
}

/** The three services of examples/shop, wired together. */
export async function startShop(otlpUrl: string): Promise<StartedShop> {
  const stack = new AsyncDisposableStack();
  try {
    const payments = stack.use(await startService({ name: "payments", script: "payments.js", otlpUrl }));
    const checkout = stack.use(
      await startService({
        name: "checkout",
        script: "checkout.js",
        otlpUrl,
        env: { PAYMENTS_URL: payments.url },
      }),
    );
    const gateway = stack.use(
      await startService({
        name: "gateway",
        script: "gateway.js",
        otlpUrl,
        env: { CHECKOUT_URL: checkout.url },
      }),
    );
    return {
      services: [payments, checkout, gateway],
      gatewayUrl: gateway.url,
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}
