import { spawn, type ChildProcess } from "node:child_process";
import { createServer } from "node:net";
import { createInterface } from "node:readline";

const killAfterMs = 12_000;

/** A child of the demo. It dies with us: its IPC channel closes. */
export interface DemoProcess {
  readonly name: string;
  readonly pid: number;
  readonly exited: Promise<void>;
  isRunning(): boolean;
  /** The last lines it wrote to stderr, for the message when it dies. */
  lastWords(): string;
  send(message: object): void;
  /** SIGTERM, then SIGKILL when it does not end in time. */
  stop(): Promise<void>;
}

interface ProcessSettings {
  readonly name: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly onLine?: (line: string) => void;
}

/** Starts Node with the flags that we run with ourselves, so that sources find sources and dist finds dist. */
export function startDemoProcess({ name, args, cwd, env, onLine }: ProcessSettings): DemoProcess {
  const child: ChildProcess = spawn(process.execPath, [...process.execArgv, ...args], {
    cwd,
    env,
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  const words: string[] = [];
  createInterface({ input: child.stdout! }).on("line", (line) => onLine?.(line));
  createInterface({ input: child.stderr! }).on("line", (line) => {
    words.push(line);
    words.splice(0, words.length - 20);
  });
  const exited = new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
    child.once("error", (error) => {
      words.push(error.message);
      resolve();
    });
  });
  const isRunning = () => child.pid !== undefined && child.exitCode === null && child.signalCode === null;
  return {
    name,
    pid: child.pid ?? 0,
    exited,
    isRunning,
    lastWords: () => words.join("\n"),
    send: (message) => void child.send(message),
    async stop() {
      if (!isRunning()) return;
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), killAfterMs);
      await exited;
      clearTimeout(timer);
    },
  };
}

/** `wanted` when nobody listens there, otherwise a free port. */
export async function takePort(wanted: number): Promise<number> {
  const tryPort = (port: number) =>
    new Promise<number | undefined>((resolve) => {
      const server = createServer();
      server.once("error", () => resolve(undefined));
      server.listen({ port, host: "127.0.0.1" }, () => {
        const address = server.address();
        const taken = typeof address === "object" && address !== null ? address.port : port;
        server.close(() => resolve(taken));
      });
    });
  const port = (await tryPort(wanted)) ?? (await tryPort(0));
  if (port === undefined) throw new Error("no free port on 127.0.0.1");
  return port;
}
