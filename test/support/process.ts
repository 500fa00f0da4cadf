import { spawn } from "node:child_process";
import { guardProcess } from "./guardian.ts";
import { openTail } from "./tail.ts";
import { until } from "./until.ts";

/**
 * How a program shows that it is ready: it answers `url` with a 2xx status, prints a line containing or matching `line` on
 * stdout or stderr, or `poll` gives true. `"started"` asks for nothing but the start itself.
 */
export type Ready =
  | "started"
  | { readonly url: string }
  | { readonly line: string | RegExp }
  | { readonly poll: () => Promise<boolean> };

export interface ProcessSettings {
  readonly command: string;
  readonly args?: readonly string[];
  /** Laid over this process' environment; `undefined` takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Whom it runs as, for programs that refuse root; only root can say so. */
  readonly user?: { readonly uid: number; readonly gid: number } | undefined;
  /** Written to the program's standard input, which is then closed. Without it there is no standard input. */
  readonly stdin?: string;
  /** `"started"` when not given. */
  readonly ready?: Ready;
  /** The time until ready; 30,000 when not given. A program that misses it is killed. */
  readonly deadlineMs?: number;
  /** What errors call it; the command's file name when not given. */
  readonly name?: string;
}

export interface ProcessExit {
  /** null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface StopSettings {
  /** SIGTERM when not given. */
  readonly signal?: NodeJS.Signals;
  /** After this time it is killed; 10,000 when not given. */
  readonly graceMs?: number;
}

export interface StartedProcess extends AsyncDisposable {
  readonly pid: number;
  /** What it printed so far; of more than a MiB only the last. */
  stdout(): string;
  stderr(): string;
  /** Resolves when it has ended and all its output is here. Never rejects. */
  readonly exited: Promise<ProcessExit>;
  /** undefined while it runs. */
  exit(): ProcessExit | undefined;
  /** Sends a signal without waiting. */
  signal(signal: NodeJS.Signals): void;
  /** Ends it and waits for the end; safe to call again, and when it has ended by itself. */
  stop(settings?: StopSettings): Promise<ProcessExit>;
}

/**
 * Starts a program and resolves when it is ready. It dies with this process.
 * @throws Error with its last lines of output when it cannot be started, ends before it is ready, or misses the deadline.
 */
export async function startProcess(settings: ProcessSettings): Promise<StartedProcess> {
  const {
    command,
    ready = "started",
    deadlineMs = 30_000,
    name = command.split(/[/\\]/).at(-1) ?? command,
  } = settings;
  const started = await spawnProcess(settings, name);
  if (ready === "started") return started;
  const early = new AbortController();
  void started.exited.then(({ code, signal }) => {
    early.abort(
      new Error(
        `${name} ended (${signal ?? `exit code ${code}`}) before it was ready\n${lastLines(started)}`,
      ),
    );
  });
  try {
    await until(() => isReady(ready, started), {
      deadlineMs,
      what: `${name} to be ready`,
      signal: early.signal,
    });
  } catch (error) {
    await started.stop({ signal: "SIGKILL" });
    if (early.signal.aborted && error === early.signal.reason) throw error;
    throw new Error(`${name} was not ready within ${deadlineMs} ms\n${lastLines(started)}`, { cause: error });
  }
  return started;
}

/** Runs a program to its end. @throws Error when it cannot be started, or is killed because it did not end within `deadlineMs`. */
export async function runProcess(
  settings: Omit<ProcessSettings, "ready">,
): Promise<ProcessExit & { readonly stdout: string; readonly stderr: string }> {
  const { command, deadlineMs = 30_000, name = command } = settings;
  const started = await spawnProcess(settings, name);
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    started.signal("SIGKILL");
  }, deadlineMs);
  const exit = await started.exited;
  clearTimeout(timer);
  if (isLate) throw new Error(`${name} did not end within ${deadlineMs} ms\n${lastLines(started)}`);
  return { ...exit, stdout: started.stdout(), stderr: started.stderr() };
}

async function spawnProcess(
  { command, args = [], env = {}, cwd, user, stdin }: ProcessSettings,
  name: string,
): Promise<StartedProcess> {
  const child = spawn(command, args, {
    env: { ...process.env, ...env },
    ...(cwd === undefined ? {} : { cwd }),
    ...user,
    stdio: ["pipe", "pipe", "pipe"],
  });
  const stdout = openTail(child.stdout);
  const stderr = openTail(child.stderr);
  let exit: ProcessExit | undefined;
  const exited = new Promise<ProcessExit>((resolve) => {
    child.once("close", (code, signal) => {
      exit = { code, signal };
      resolve(exit);
    });
  });
  // A program that ends without reading its input closes the pipe under the write.
  child.stdin.on("error", () => undefined);
  child.stdin.end(stdin);
  await new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", (cause) =>
      reject(new Error(`${name} could not be started: ${cause.message}`, { cause })),
    );
  });
  guardProcess(child);
  const { pid } = child;
  if (pid === undefined) throw new Error(`${name} was started without a process id`);
  const stop = async ({ signal = "SIGTERM", graceMs = 10_000 }: StopSettings = {}): Promise<ProcessExit> => {
    if (exit !== undefined) return exit;
    child.kill(signal);
    const timer = setTimeout(() => child.kill("SIGKILL"), graceMs);
    const result = await exited;
    clearTimeout(timer);
    return result;
  };
  return {
    pid,
    stdout: () => stdout.text(),
    stderr: () => stderr.text(),
    exited,
    exit: () => exit,
    signal: (signal) => void child.kill(signal),
    stop,
    [Symbol.asyncDispose]: async () => void (await stop()),
  };
}

async function isReady(ready: Exclude<Ready, "started">, started: StartedProcess): Promise<boolean> {
  if ("poll" in ready) return ready.poll();
  if ("line" in ready) return hasLine(started.stdout(), ready.line) || hasLine(started.stderr(), ready.line);
  const response = await fetch(ready.url, { signal: AbortSignal.timeout(2_000) });
  await response.arrayBuffer();
  return response.ok;
}

function hasLine(text: string, line: string | RegExp): boolean {
  return text
    .split("\n")
    .some((candidate) => (typeof line === "string" ? candidate.includes(line) : candidate.search(line) >= 0));
}

function lastLines({ stdout, stderr }: Pick<StartedProcess, "stdout" | "stderr">): string {
  const last = (label: string, text: string): string[] => {
    const lines = text.trimEnd().split("\n").slice(-20);
    return lines.join("") === "" ? [] : [`--- its last lines on ${label}:`, ...lines];
  };
  return [...last("stdout", stdout()), ...last("stderr", stderr())].join("\n");
}
