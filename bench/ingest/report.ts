// The bench's words.
import type { BodyKind } from "./messages.ts";
import type { ProfileSummary } from "./profile.ts";
import { median, type Round } from "./rounds.ts";

/** All counted rounds of one contestant with one kind of body. */
export interface Series {
  readonly name: string;
  readonly bodies: BodyKind;
  readonly rounds: Round[];
}

const print = (line: string): void => void process.stdout.write(`${line}\n`);
const whole = (value: number): string => Math.round(value).toLocaleString("en");

export function printRounds(series: readonly Series[]): void {
  print("");
  print(
    "                    spans per CPU second (range)            µs a span   spans/s   p99 ack ms   RSS MiB",
  );
  for (const { name, bodies, rounds } of series) {
    const of = (key: keyof Round): number => median(rounds.map((round) => round[key]));
    const rates = rounds.map(({ spansPerCpuSecond }) => spansPerCpuSecond);
    const rate = `${whole(of("spansPerCpuSecond"))} (${whole(Math.min(...rates))} to ${whole(Math.max(...rates))})`;
    const refused = rounds.reduce((sum, { refusedRequests }) => sum + refusedRequests, 0);
    print(
      [
        `${name} ${bodies}`.padEnd(20),
        rate.padEnd(40),
        (1e6 / of("spansPerCpuSecond")).toFixed(2).padStart(9),
        whole(of("spansPerSecond")).padStart(10),
        of("answerP99Ms").toFixed(0).padStart(13),
        whole(of("residentBytes") / 2 ** 20).padStart(10),
        refused > 0 ? `  ${refused} refused` : "",
      ].join(""),
    );
  }
  print("");
}

/** One figure beside what it shall be; a missed one is said, and is no failure of the run. */
export function printMark(
  what: string,
  value: number,
  mark: { readonly atLeast?: number; readonly atMost?: number; readonly goal?: number },
): void {
  const { atLeast, atMost, goal } = mark;
  const isMet = (atLeast === undefined || value >= atLeast) && (atMost === undefined || value <= atMost);
  const wanted = [
    ...(atLeast === undefined ? [] : [`mark ≥ ${atLeast}`]),
    ...(atMost === undefined ? [] : [`mark ≤ ${atMost}`]),
    ...(goal === undefined ? [] : [`goal ≥ ${goal}${value >= goal ? ", met" : ""}`]),
  ].join(", ");
  print(`${isMet ? "ok    " : "MISSED"} ${what}: ${value.toFixed(2)} (${wanted})`);
}

/** CPU seconds of a process by thread; what the threads of the pools did (disk, zlib, garbage) is in no JavaScript profile. */
export function printThreads(seconds: ReadonlyMap<string, number>): void {
  const total = [...seconds.values()].reduce((sum, value) => sum + value, 0);
  const parts = [...seconds]
    .toSorted((a, b) => b[1] - a[1])
    .filter(([, value]) => value > 0)
    .map(([name, value]) => `${name} ${((value / total) * 100).toFixed(1)} %`);
  print(`quartet's CPU time by thread: ${parts.join(", ")}`);
}

export function printProfile({ byPlace, byFunction }: ProfileSummary): void {
  const percent = (share: number): string => `${(share * 100).toFixed(1).padStart(5)} %`;
  print("\nwhere JavaScript threads spend their time (self time, all threads together)");
  for (const [place, share] of byPlace.slice(0, 20)) print(`  ${percent(share)}  ${place}`);
  print("by function");
  for (const [name, share] of byFunction) print(`  ${percent(share)}  ${name}`);
}
