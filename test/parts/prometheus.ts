import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { freePort, openTempDir, runProcess, startProcess, type ProcessExit } from "../support/index.ts";
import { partPath } from "./present.ts";

export interface PrometheusSettings {
  /** The configuration file: text, or an object that is written as JSON (which is YAML). Relative paths start at its folder. */
  readonly config: string | Readonly<Record<string, unknown>>;
  /** A rule file, written as `rules.yaml` beside the configuration; an object as configuration gets its `rule_files` entry. */
  readonly rules?: string | Readonly<Record<string, unknown>>;
  /** More command line flags, e.g. `--web.enable-remote-write-receiver`. */
  readonly flags?: readonly string[];
  /** A free one when not given. */
  readonly port?: number;
  /** Its store, kept by the caller; an empty one of its own when not given. */
  readonly dataDir?: string;
}

export interface StartedPrometheus extends AsyncDisposable {
  /** Without a slash at the end. */
  readonly url: string;
  readonly pid: number;
  log(): string;
  stop(): Promise<void>;
}

/** Starts Prometheus on loopback; resolves when `/-/ready` answers. */
export async function startPrometheus({
  config,
  rules,
  flags = [],
  ...settings
}: PrometheusSettings): Promise<StartedPrometheus> {
  const folder = await openTempDir("prometheus");
  const { port = await freePort(), dataDir = join(folder.path, "data") } = settings;
  const url = `http://127.0.0.1:${port}`;
  const whole =
    typeof config === "string" || rules === undefined ? config : { ...config, rule_files: ["rules.yaml"] };
  await mkdir(dataDir, { recursive: true });
  await writeFile(join(folder.path, "prometheus.yml"), asText(whole));
  if (rules !== undefined) await writeFile(join(folder.path, "rules.yaml"), asText(rules));
  try {
    const started = await startProcess({
      name: "prometheus",
      command: partPath("prometheus"),
      args: [
        `--config.file=${join(folder.path, "prometheus.yml")}`,
        `--storage.tsdb.path=${dataDir}`,
        `--web.listen-address=127.0.0.1:${port}`,
        ...flags,
      ],
      cwd: folder.path,
      ready: { url: `${url}/-/ready` },
      deadlineMs: 60_000,
    });
    const stop = async (): Promise<void> => {
      await started.stop();
      await folder.remove();
    };
    return { url, pid: started.pid, log: () => started.stderr(), stop, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await folder.remove();
    throw error;
  }
}

/** Runs promtool to its end, e.g. `promtool(["check", "metrics"], { stdin })`. A finding is an exit code, not an error. */
export function promtool(
  args: readonly string[],
  options: { readonly stdin?: string; readonly cwd?: string } = {},
): Promise<ProcessExit & { readonly stdout: string; readonly stderr: string }> {
  return runProcess({
    name: "promtool",
    command: partPath("promtool"),
    args,
    deadlineMs: 60_000,
    ...options,
  });
}

function asText(value: string | Readonly<Record<string, unknown>>): string {
  return typeof value === "string" ? value : JSON.stringify(value, undefined, 2);
}
