import { spawn, type ChildProcess } from "node:child_process";
import { rmSync } from "node:fs";

/**
 * A shell that reads "start PID", "end PID", "open FOLDER" and "close FOLDER" from this process and, when its input ends, kills
 * and removes what is still listed. The input also ends when this process is killed with -9, where no exit handler runs;
 * test runners end their workers so.
 */
const script = `
pids=""
while read -r operation value; do
  case $operation in
    start) pids="$pids $value" ;;
    end) rest=""; for other in $pids; do [ "$other" = "$value" ] || rest="$rest $other"; done; pids=$rest ;;
    open) set -- "$@" "$value" ;;
    close) for other in "$@"; do shift; [ "$other" = "$value" ] || set -- "$@" "$other"; done ;;
  esac
done
[ -z "$pids" ] || kill -9 $pids 2>/dev/null
[ $# -eq 0 ] || rm -rf -- "$@"
`;

const children = new Set<ChildProcess>();
const folders = new Set<string>();
let shell: ChildProcess | undefined;
let isWatching = false;

/** Makes sure that `child` does not outlive this process, however this process ends. */
export function guardProcess(child: ChildProcess): void {
  const { pid } = child;
  if (pid === undefined) return;
  children.add(child);
  tell(`start ${pid}`);
  child.once("exit", () => {
    children.delete(child);
    tell(`end ${pid}`);
  });
}

/** Makes sure that a temporary folder does not outlive this process; the function that comes back ends the watch. */
export function guardFolder(path: string): () => void {
  folders.add(path);
  tell(`open ${path}`);
  return () => {
    folders.delete(path);
    tell(`close ${path}`);
  };
}

function tell(line: string): void {
  if (!isWatching) process.once("exit", clearUp);
  isWatching = true;
  // Windows has no such shell; there only the exit handler watches.
  if (process.platform === "win32") return;
  shell ??= startShell();
  shell.stdin?.write(`${line}\n`);
}

function clearUp(): void {
  for (const child of children) child.kill("SIGKILL");
  for (const path of folders) rmSync(path, { recursive: true, force: true, maxRetries: 3 });
}

function startShell(): ChildProcess {
  // Detached, so that Ctrl-C in the terminal does not end the guardian before its work is done.
  const started = spawn("/bin/sh", ["-c", script], { detached: true, stdio: ["pipe", "ignore", "ignore"] });
  started.unref();
  // A guardian that was killed by somebody leaves the exit handler; a broken pipe must not fail the test.
  started.on("error", () => (shell = undefined));
  started.stdin.on("error", () => (shell = undefined));
  // Node's types say Writable; a child's pipe is a socket, which need not keep this process alive.
  const input: object = started.stdin;
  if ("unref" in input && typeof input.unref === "function") input.unref();
  return started;
}
