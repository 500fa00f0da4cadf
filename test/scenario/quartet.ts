import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  openTempDir,
  runProcess,
  startProcess,
  type ProcessExit,
  type ProcessSettings,
  type StartedProcess,
} from "../support/index.ts";

/** The checkout. */
export const root: string = join(import.meta.dirname, "..", "..");

/** The `quartet` command without its launcher, so that a signal reaches the process itself. */
const mainArgs = ["--conditions=quartet-source", join(root, "packages", "installer", "src", "main.ts")];

/** A command line that begins the `quartet` command: the checkout's sources when not given. */
export interface QuartetCommand {
  readonly command: string;
  readonly args: readonly string[];
}

const fromSources: QuartetCommand = { command: process.execPath, args: mainArgs };

type RunSettings = Pick<ProcessSettings, "cwd" | "env" | "deadlineMs">;

/** Runs a `quartet` command to its end. */
export function runQuartet(
  args: readonly string[],
  settings: RunSettings = {},
): Promise<ProcessExit & { readonly stdout: string; readonly stderr: string }> {
  return runProcess({
    name: `quartet ${args[0] ?? ""}`,
    command: fromSources.command,
    args: [...mainArgs, ...args],
    ...settings,
  });
}

export interface CollectorSettings {
  /** Sections of the configuration; ports are free ones unless named here. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Written as `rules.yaml` beside the configuration and named in it. */
  readonly rules?: string;
  /** Kept by the caller; a temporary folder when not given. */
  readonly dataDir?: string;
  readonly quartet?: QuartetCommand;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export interface StartedCollector extends AsyncDisposable {
  readonly pid: number;
  readonly dataDir: string;
  /** Base address of OTLP over HTTP: append /v1/traces. */
  readonly otlpUrl: string;
  /** Base address of the API: append /api/v1/query. */
  readonly apiUrl: string;
  readonly process: StartedProcess;
  /** The vector that an expression gives now. @throws Error with the API's words. */
  query(expression: string): Promise<readonly Sample[]>;
  /** SIGTERM; the folder goes too unless it is the caller's. */
  stop(): Promise<ProcessExit>;
}

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Starts a collector as a process of its own, on loopback; resolves when it says that it is ready. */
export async function startCollector(settings: CollectorSettings = {}): Promise<StartedCollector> {
  const { config = {}, rules, quartet = fromSources, env = {} } = settings;
  const folder = await openTempDir("collector");
  try {
    const dataDir = settings.dataDir ?? join(folder.path, "data");
    const configFile = join(folder.path, "quartet.yaml");
    if (rules !== undefined) await writeFile(join(folder.path, "rules.yaml"), rules);
    const whole = {
      receive: { otlp: { listen: ["127.0.0.1:0"] } },
      api: { listen: "127.0.0.1:0" },
      ...(rules === undefined
        ? {}
        : { rules: { files: [join(folder.path, "rules.yaml")], evaluation_interval: "1s" } }),
      ...config,
    };
    // JSON is YAML.
    await writeFile(configFile, JSON.stringify(whole, undefined, 2));
    const started = await startProcess({
      name: "collector",
      command: quartet.command,
      args: [...quartet.args, "collector", "--config", configFile, "--data-dir", dataDir],
      cwd: folder.path,
      env,
      ready: { line: addressLine },
      deadlineMs: 90_000,
    });
    const { otlpUrl, apiUrl } = addressesOf(started.stdout());
    const stop = async (): Promise<ProcessExit> => {
      const exit = await started.stop({ graceMs: 20_000 });
      await folder.remove();
      return exit;
    };
    return {
      pid: started.pid,
      dataDir,
      otlpUrl,
      apiUrl,
      process: started,
      query: (expression) => queryVector(apiUrl, expression),
      stop,
      [Symbol.asyncDispose]: async () => void (await stop()),
    };
  } catch (error) {
    await folder.remove();
    throw error;
  }
}

/** What `quartet collector` prints once every listener is open. */
const addressLine = /^collector: OTLP on (\S+)(?: and \S+)*, API on (\S+)$/;

function addressesOf(stdout: string): { otlpUrl: string; apiUrl: string } {
  const line = stdout.split("\n").find((text) => addressLine.test(text)) ?? "";
  const [, otlp = "", api = ""] = addressLine.exec(line) ?? [];
  const asUrl = (address: string): string =>
    address.startsWith("http") ? address.replace(/\/+$/, "") : `http://${address}`;
  return { otlpUrl: asUrl(otlp), apiUrl: asUrl(api) };
}

/** The vector that an expression gives now. */
export async function queryVector(apiUrl: string, expression: string): Promise<readonly Sample[]> {
  const answer = await getJson<{
    data: { result: readonly { metric: Record<string, string>; value: [number, string] }[] };
  }>(`${apiUrl}/api/v1/query?query=${encodeURIComponent(expression)}`);
  return answer.data.result.map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }));
}

/** @throws Error with status and body of any answer but 2xx. */
export async function getJson<T>(url: string): Promise<T> {
  const response = await fetch(url, { signal: AbortSignal.timeout(20_000) });
  const text = await response.text();
  if (!response.ok) throw new Error(`${url} was answered ${response.status}: ${text}`);
  return JSON.parse(text) as T;
}
