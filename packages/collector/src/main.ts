import { existsSync, readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { parseArgs } from "node:util";
import { startCollector } from "./collector.ts";
import { parseConfig, type CollectorConfig } from "./config/index.ts";
import { CollectorError, nearest, systemClock } from "./model/index.ts";
import { createLog } from "./telemetry/index.ts";

export { countJournaledItems, holdJournal } from "./journal/index.ts";
export { parseConfig, configSchema, type CollectorConfig } from "./config/index.ts";

export const collectorUsage = `quartet collector [--config FILE] [--data-dir DIR] [--insecure]

Receives OTLP, keeps it in a journal, derives series, evaluates rules and calls webhooks.

  --config FILE   configuration (YAML); without it the defaults hold
  --data-dir DIR  where journal and state lie (default ./quartet-data)
  --insecure      listen beyond loopback without tokens
`;

/** What the command may touch of the process. */
interface Io {
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborted to end the collector. */
  readonly signal: AbortSignal;
}

const options = {
  config: { type: "string" },
  "data-dir": { type: "string", default: "./quartet-data" },
  insecure: { type: "boolean", default: false },
} as const;

/**
 * Runs a collector until the signal aborts. Mistakes of the user end in a message on stderr.
 * Exit codes: 0 stopped cleanly, 1 failed, 2 wrong usage or a broken configuration.
 * `webhook` is taken when the configuration names none.
 */
export async function runCollector(
  args: readonly string[],
  io: Io,
  defaults: { readonly webhook?: string | undefined } = {},
): Promise<0 | 1 | 2> {
  const log = createLog((line) => io.stderr.write(line), systemClock.nowMs);
  try {
    const flags = parseFlags(args);
    const config = readConfig(flags, io, defaults.webhook);
    const collector = await startCollector({
      config,
      dataDir: resolve(flags["data-dir"]),
      log,
      clock: systemClock,
    });
    io.stdout.write(
      `collector: OTLP on ${collector.otlpAddresses.join(" and ")}, API on ${collector.apiAddress}\n`,
    );
    const end = await Promise.race([aborted(io.signal), collector.failed]);
    await collector.stop();
    if (end === undefined) return 0;
    log.error("the collector failed", { error: end });
    return 1;
  } catch (error) {
    if (!(error instanceof CollectorError)) throw error;
    io.stderr.write(`${error.message}\n`);
    return error.code === "QUARTET_CONFIG_INVALID" || error.code === "QUARTET_RULES_INVALID" ? 2 : 1;
  }
}

type Flags = ReturnType<typeof parseFlags>;

function parseFlags(args: readonly string[]): { config?: string; "data-dir": string; insecure: boolean } {
  try {
    return parseArgs({ args: [...args], options, strict: true }).values;
  } catch (error) {
    const flag = /'(-[^' ]+)/.exec((error as Error).message)?.[1];
    const near =
      flag === undefined
        ? undefined
        : nearest(
            flag,
            Object.keys(options).map((name) => `--${name}`),
          );
    const message =
      flag === undefined
        ? (error as Error).message
        : `unknown flag ${flag}${near === undefined ? "" : `; did you mean ${near}?`}`;
    throw new CollectorError("QUARTET_CONFIG_INVALID", `${message}\n\n${collectorUsage}`, { cause: error });
  }
}

function readConfig(flags: Flags, io: Io, webhook: string | undefined): CollectorConfig {
  const file = flags.config;
  if (file !== undefined && !existsSync(file)) {
    throw new CollectorError("QUARTET_CONFIG_INVALID", `--config: there is no file ${resolve(file)}`);
  }
  const text = file === undefined ? "" : readFileSync(file, "utf8");
  const parsed = parseConfig(text, { file: file ?? "defaults", env: io.env, isInsecure: flags.insecure });
  // As in Prometheus, names of files are relative to the file that holds them.
  const folder = file === undefined ? process.cwd() : dirname(resolve(file));
  const at = (name: string | undefined) => (name === undefined ? undefined : resolve(folder, name));
  return {
    ...parsed,
    receive: { otlp: { ...parsed.receive.otlp, tokensFile: at(parsed.receive.otlp.tokensFile) } },
    rules: { ...parsed.rules, files: parsed.rules.files.map((name) => resolve(folder, name)) },
    notify: { webhook: parsed.notify.webhook ?? webhook },
    api: { ...parsed.api, tokensFile: at(parsed.api.tokensFile) },
  };
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener("abort", () => resolve(undefined), { once: true });
  });
}

if (import.meta.main) {
  const controller = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      if (controller.signal.aborted) process.exit(130);
      controller.abort();
    });
  }
  process.exitCode = await runCollector(process.argv.slice(2), {
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    signal: controller.signal,
  });
}
