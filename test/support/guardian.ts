import { spawn, type ChildProcess } from "node:child_process";

/**
 * A shell that reads "add PID" and "del PID" from this process and, when its input ends, kills what is still listed.
 * The input also ends when this process is killed with -9, where no exit handler runs.
 */
const script = `
pids=""
while read -r operation pid; do
  case $operation in
    add) pids="$pids $pid" ;;
    del) rest=""; for other in $pids; do [ "$other" = "$pid" ] || rest="$rest $other"; done; pids=$rest ;;
  esac
done
[ -z "$pids" ] || kill -9 $pids 2>/dev/null
`;

const guarded = new Set<ChildProcess>();
let shell: ChildProcess | undefined;

/** Makes sure that `child` does not outlive this process, however this process ends. */
export function guard(child: ChildProcess): void {
  const { pid } = child;
  if (pid === undefined) return;
  if (guarded.size === 0) process.once("exit", killGuarded);
  guarded.add(child);
  tell(`add ${pid}`);
  child.once("exit", () => {
    guarded.delete(child);
    if (guarded.size === 0) process.off("exit", killGuarded);
    tell(`del ${pid}`);
  });
}

function killGuarded(): void {
  for (const child of guarded) child.kill("SIGKILL");
}

function tell(line: string): void {
  // Windows has no such shell; there only the exit handler watches.
  if (process.platform === "win32") return;
  shell ??= startShell();
  shell.stdin?.write(`${line}\n`);
}

function startShell(): ChildProcess {
  // Detached, so that Ctrl-C in the terminal does not end the guardian before its work is done.
  const started = spawn("/bin/sh", ["-c", script], { detached: true, stdio: ["pipe", "ignore", "ignore"] });
  started.unref();
  // A guardian that was killed by somebody leaves the exit handler; a broken pipe must not fail the test.
  started.on("error", () => (shell = undefined));
  started.stdin.on("error", () => (shell = undefined));
  const input = started.stdin as typeof started.stdin & { unref?: () => void };
  input.unref?.();
  return started;
}
