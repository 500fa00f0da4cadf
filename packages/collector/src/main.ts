import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { parseArgs } from "node:util";
import { startCollector } from "./collector.ts";
import { parseConfig, resolveFiles, type CollectorConfig } from "./config/index.ts";
import { CollectorError, nearest, systemClock } from "./model/index.ts";
import { createLog } from "./telemetry/index.ts";

export { countJournaledItems, holdJournal } from "./journal/index.ts";
export {
  dropDeadLetters,
  listJournal,
  replayDeadLetters,
  showDeadLetter,
  type DeadLetterEntry,
  type JournalOverview,
} from "./journal-admin.ts";
export { CollectorError } from "./model/index.ts";
export { languageFeatureNames, type LanguageFeature } from "./model/index.ts";
export type { RuleTestFailure, RuleTestReport } from "./rule-tests.ts";
export { parseConfig, configSchema, type CollectorConfig } from "./config/index.ts";

/** What runs files of rule tests, `testRuleFile`. A collector at work needs neither it nor the language in its main thread. */
export const loadRuleTests = (): Promise<typeof import("./rule-tests.ts")> => import("./rule-tests.ts");

export const collectorUsage = `quartet collector [--config FILE] [--data-dir DIR] [--insecure]

Receives OTLP, keeps it in a journal, derives series, evaluates rules and calls webhooks.

  --config FILE   configuration (YAML); without it the defaults hold
  --data-dir DIR  where journal and state lie (default ./quartet-data)
  --insecure      listen beyond loopback without tokens or client certificates
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
 * `openWebhook` is asked for the address of one when the configuration names none.
 */
export async function runCollector(
  args: readonly string[],
  io: Io,
  defaults: { readonly openWebhook?: () => Promise<string> } = {},
): Promise<0 | 1 | 2> {
  const log = createLog((line) => io.stderr.write(line), systemClock.nowMs);
  try {
    const flags = parseFlags(args);
    const read = readConfig(flags, io);
    const webhook = read.notify.webhook ?? (await defaults.openWebhook?.());
    const config: CollectorConfig = { ...read, notify: { webhook } };
    const collector = await startCollector({
      config,
      dataDir: resolve(flags["data-dir"]),
      ...(flags.config === undefined ? {} : { configFile: resolve(flags.config) }),
      log,
      clock: systemClock,
      signal: io.signal,
    });
    if (collector.zipkinAddresses.length > 0)
      io.stdout.write(`collector: Zipkin on ${collector.zipkinAddresses.join(" and ")}\n`);
    io.stdout.write(
      `collector: OTLP on ${collector.otlpAddresses.join(" and ")}, API on ${collector.apiAddress}\n`,
    );
    const end = await Promise.race([aborted(io.signal), collector.failed]);
    await collector.stop();
    if (end === undefined) return 0;
    log.error("the collector failed", { error: end });
    return 1;
  } catch (error) {
    if (io.signal.aborted && error === io.signal.reason) return 0;
    if (isSystemError(error)) {
      io.stderr.write(`the collector cannot go on: ${error.message}\n`);
      return 1;
    }
    if (!(error instanceof CollectorError)) throw error;
    io.stderr.write(`${error.message}\n`);
    return error.code === "QUARTET_CONFIG_INVALID" || error.code === "QUARTET_RULES_INVALID" ? 2 : 1;
  }
}

type Flags = ReturnType<typeof parseFlags>;

/** Whether the operating system refused something: a fact about the machine, which no stack trace of ours explains. */
function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && "syscall" in error;
}

function parseFlags(args: readonly string[]): { config?: string; "data-dir": string; insecure: boolean } {
  const refuse = (message: string, cause?: unknown): never => {
    throw new CollectorError("QUARTET_CONFIG_INVALID", `${message}\n\n${collectorUsage}`, { cause });
  };
  try {
    const { values } = parseArgs({ args: [...args], options, strict: true });
    if (values["data-dir"] === "") refuse("--data-dir: the name of a folder is missing");
    return values;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    const flag = /'(-[^' ]+)/.exec(error.message)?.[1];
    const isUnknown = (error as NodeJS.ErrnoException).code === "ERR_PARSE_ARGS_UNKNOWN_OPTION";
    if (!isUnknown || flag === undefined) return refuse(error.message, error);
    const near = nearest(
      flag,
      Object.keys(options).map((name) => `--${name}`),
    );
    return refuse(`unknown flag ${flag}${near === undefined ? "" : `; did you mean ${near}?`}`, error);
  }
}

function readConfig(flags: Flags, io: Io): CollectorConfig {
  const file = flags.config;
  const text = file === undefined ? "" : readText(file);
  const config = parseConfig(text, { file: file ?? "defaults", env: io.env, isInsecure: flags.insecure });
  return resolveFiles(config, file === undefined ? process.cwd() : dirname(resolve(file)));
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    const isMissing = (cause as NodeJS.ErrnoException).code === "ENOENT";
    const problem = isMissing
      ? `there is no file ${resolve(file)}`
      : `cannot read ${resolve(file)}: ${(cause as Error).message}`;
    throw new CollectorError("QUARTET_CONFIG_INVALID", `--config: ${problem}`, { cause });
  }
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
