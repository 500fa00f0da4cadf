// What a process and its children cost, as the kernel counts it (/proc, so only on Linux).
import { readdirSync, readFileSync } from "node:fs";

/** The kernel's unit of CPU times in /proc, USER_HZ, is 100 a second on every Linux that Node runs on. */
const ticksPerSecond = 100;

/** CPU seconds of a process, its threads and its children, ended ones that were waited for included. */
export function cpuSeconds(pid: number): number {
  const fields = statFields(`/proc/${pid}/stat`);
  const [own, waitedFor] = [ticks(fields, 11) + ticks(fields, 12), ticks(fields, 13) + ticks(fields, 14)];
  return (own + waitedFor) / ticksPerSecond + sum(childrenOf(pid).map(cpuSeconds));
}

/** Resident memory of a process and its children. */
export function residentBytes(pid: number): number {
  const kibibytes = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Number(kibibytes) * 1024 + sum(childrenOf(pid).map(residentBytes));
}

/** CPU seconds of the threads of one process, those of one name together. */
export function cpuSecondsByThread(pid: number): ReadonlyMap<string, number> {
  const seconds = new Map<string, number>();
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    const stat = `/proc/${pid}/task/${task}/stat`;
    const name = task === String(pid) ? "main" : nameOf(stat);
    const fields = statFields(stat);
    const own = (ticks(fields, 11) + ticks(fields, 12)) / ticksPerSecond;
    seconds.set(name, (seconds.get(name) ?? 0) + own);
  }
  return seconds;
}

function childrenOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").split(" ").filter(Boolean).map(Number),
  );
}

/** What stands behind the name, which is in brackets and may itself hold anything. */
function statFields(path: string): readonly string[] {
  const text = readFileSync(path, "utf8");
  return text.slice(text.lastIndexOf(")") + 2).split(" ");
}

function nameOf(path: string): string {
  const text = readFileSync(path, "utf8");
  return text.slice(text.indexOf("(") + 1, text.lastIndexOf(")"));
}

function ticks(fields: readonly string[], index: number): number {
  return Number(fields[index]);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
