import { runProcess } from "../support/index.ts";

export interface SeenProcess {
  readonly pid: number;
  readonly parentPid: number;
  /** When it began, as ps words it: the same pid with another start is another process. */
  readonly started: string;
  readonly commandLine: string;
}

/** Every process below `pid`, at any depth, itself left out. */
export async function descendantsOf(pid: number): Promise<readonly SeenProcess[]> {
  const processes = await allProcesses();
  const found: SeenProcess[] = [];
  let parents = new Set([pid]);
  while (parents.size > 0) {
    const children = processes.filter(({ parentPid }) => parents.has(parentPid));
    found.push(...children);
    parents = new Set(children.map((child) => child.pid));
  }
  // ps itself is a child of ours, not of the process that is asked for.
  return found;
}

/** Those of `seen` that still run. */
export async function stillRunning(seen: readonly SeenProcess[]): Promise<readonly SeenProcess[]> {
  const processes = await allProcesses();
  return seen.filter(({ pid, started }) =>
    processes.some((running) => running.pid === pid && running.started === started),
  );
}

async function allProcesses(): Promise<readonly SeenProcess[]> {
  const { stdout } = await runProcess({
    name: "ps",
    command: "ps",
    args: ["-A", "-ww", "-o", "pid=,ppid=,stat=,lstart=,args="],
    env: { LC_ALL: "C" },
  });
  return stdout.split("\n").flatMap((line) => {
    const [, pid, parentPid, stat, started, commandLine] =
      /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(\w{3}\s+\w{3}\s+\d+\s+[\d:]+\s+\d{4})\s+(.*)$/.exec(line) ?? [];
    // A zombie has ended; its parent has not looked yet.
    if (pid === undefined || stat === undefined || stat.startsWith("Z")) return [];
    return [
      {
        pid: Number(pid),
        parentPid: Number(parentPid),
        started: started ?? "",
        commandLine: commandLine ?? "",
      },
    ];
  });
}
