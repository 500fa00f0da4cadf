import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort, startProcess, type StartedProcess } from "../../support/index.ts";
import { until } from "../../support/until.ts";

export interface ServiceSettings {
  /** A file of `services/`, or an absolute path. */
  readonly script: string;
  /** Where the agent sends; undefined runs the service without an agent. */
  readonly endpoint: string | undefined;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly args?: readonly string[];
  /** Of Node; those that import the agent when not given and there is an endpoint. */
  readonly flags?: readonly string[];
}

export interface Service extends AsyncDisposable {
  readonly process: StartedProcess;
  readonly url: string;
  readonly adminUrl: string;
  /** A sample's value on the agent's /metrics; undefined when it is not there. */
  metric(name: string, labels?: Readonly<Record<string, string>>): Promise<number | undefined>;
}

export const node: string = process.execPath;
const folder = fileURLToPath(new URL("./services/", import.meta.url));
/** From sources, as in development: the condition leads the import to `src`. */
export const agentFlags: readonly string[] = [
  "--conditions=quartet-source",
  "--import",
  import.meta.resolve("@quartet/agent/register"),
];

export function scriptPath(script: string): string {
  return resolve(folder, script);
}

/** The environment of a service under test: nothing of this machine's telemetry settings leaks in. */
export async function serviceEnv({
  endpoint,
  env = {},
}: Pick<ServiceSettings, "endpoint" | "env">): Promise<Record<string, string | undefined>> {
  return {
    NODE_OPTIONS: undefined,
    KUBERNETES_SERVICE_HOST: undefined,
    OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
    OTEL_EXPORTER_PROMETHEUS_PORT: String(await freePort()),
    OTEL_SERVICE_NAME: "under-test",
    // Ten times the default pace: tests wait for batches.
    OTEL_BSP_SCHEDULE_DELAY: "100",
    OTEL_BLRP_SCHEDULE_DELAY: "100",
    ...env,
  };
}

/** Starts a service, with the agent when there is an endpoint. It prints `listening PORT` when it is ready. */
export async function startService(settings: ServiceSettings): Promise<Service> {
  const env = await serviceEnv(settings);
  const flags = settings.flags ?? (settings.endpoint === undefined ? [] : agentFlags);
  const started = await startProcess({
    command: node,
    args: [...flags, scriptPath(settings.script), ...(settings.args ?? [])],
    env,
    ready: { line: /listening \d+/ },
    name: settings.script,
  });
  const adminUrl = `http://127.0.0.1:${env["OTEL_EXPORTER_PROMETHEUS_PORT"]}`;
  return {
    process: started,
    url: `http://127.0.0.1:${/listening (\d+)/.exec(started.stdout())?.[1] ?? 0}`,
    adminUrl,
    async metric(name, labels = {}) {
      const text = await (await fetch(`${adminUrl}/metrics`)).text();
      return readSample(text, name, labels);
    },
    [Symbol.asyncDispose]: async () => void (await started.stop({ signal: "SIGKILL" })),
  };
}

/** The value of the one sample with this name that has at least these labels. */
export function readSample(
  exposition: string,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number | undefined {
  const line = exposition
    .split("\n")
    .find(
      (candidate) =>
        (candidate.startsWith(`${name}{`) || candidate.startsWith(`${name} `)) &&
        Object.entries(labels).every(([label, value]) => candidate.includes(`${label}="${value}"`)),
    );
  return line === undefined ? undefined : Number(line.slice(line.lastIndexOf(" ") + 1));
}

/** Waits until `condition` gives something; the deadline is generous, as machines are slow at times. */
export function eventually<T>(
  what: string,
  condition: () => T | Promise<T>,
): Promise<Exclude<T, undefined | null | false>> {
  return until(condition, { deadlineMs: 20_000, what, intervalMs: 20 });
}
