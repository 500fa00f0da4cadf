// One measurement of one contestant: send, wait until the sink has everything, count the CPU time of all of it.
import { setTimeout as sleep } from "node:timers/promises";
import { until } from "../../test/support/index.ts";
import type { Contestant } from "./contestants.ts";
import type { BodyKind } from "./messages.ts";
import { cpuSeconds, residentBytes } from "./process-tree.ts";
import type { Load, Sink } from "./processes.ts";

export interface Round {
  readonly spansPerCpuSecond: number;
  readonly spansPerSecond: number;
  readonly spans: number;
  readonly refusedRequests: number;
  readonly answerP99Ms: number;
  readonly residentBytes: number;
}

export interface Bench {
  readonly load: Load;
  readonly sink: Sink;
}

const drainDeadlineMs = 180_000;
const quietWindowMs = 500;
/** Timers and the like; a share of one CPU. */
const quietShare = 0.06;
const quietDeadlineMs = 20_000;

/** @throws Error when not everything that was acknowledged arrives at the sink. */
export async function measureRound(
  { load, sink }: Bench,
  contestant: Contestant,
  { bodies, requestCount }: { readonly bodies: BodyKind; readonly requestCount: number },
): Promise<Round> {
  const { name, pid, url } = contestant;
  const before = await sink.count(name);
  const cpuBefore = cpuSeconds(pid);
  const report = await load.run({ url, bodies, amount: { kind: "requests", count: requestCount } });
  const resident = residentBytes(pid);
  await drain(sink, name, before.spans + report.acknowledgedSpans);
  await becomeQuiet(pid);
  const spent = cpuSeconds(pid) - cpuBefore;
  return {
    spansPerCpuSecond: report.acknowledgedSpans / spent,
    spansPerSecond: (report.acknowledgedSpans * 1_000) / report.elapsedMs,
    spans: report.acknowledgedSpans,
    refusedRequests: report.refusedRequests,
    answerP99Ms: quantile(report.answerMs, 0.99),
    residentBytes: resident,
  };
}

/** Waits until the sink has as many spans as were acknowledged; more of them are repeated ones. */
async function drain(sink: Sink, name: string, spans: number): Promise<void> {
  await until(async () => (await sink.count(name)).spans >= spans, {
    deadlineMs: drainDeadlineMs,
    intervalMs: 20,
    what: `all ${spans} spans of ${name} at the sink`,
  });
}

/** What is derived besides may come a little after what is forwarded, and belongs to the round. */
async function becomeQuiet(pid: number): Promise<void> {
  const deadlineMs = performance.now() + quietDeadlineMs;
  for (let quietWindows = 0; quietWindows < 2 && performance.now() < deadlineMs;) {
    const before = cpuSeconds(pid);
    await sleep(quietWindowMs);
    const isQuiet = cpuSeconds(pid) - before <= (quietShare * quietWindowMs) / 1_000;
    quietWindows = isQuiet ? quietWindows + 1 : 0;
  }
}

export interface Steady {
  readonly residentBytesMax: number;
  /** Medians of the second quarter and of the last one: the first quarter warms up. */
  readonly residentBytesEarly: number;
  readonly residentBytesLate: number;
  readonly spansPerSecond: number;
  readonly cpuShare: number;
  readonly refusedRequests: number;
  readonly answerP50Ms: number;
  readonly answerP99Ms: number;
}

/** A steady pace, with the memory looked at every second. */
export async function measureSteady(
  { load, sink }: Bench,
  contestant: Contestant,
  pace: { readonly spansPerSecond: number; readonly durationMs: number },
): Promise<Steady> {
  const { name, pid, url } = contestant;
  const before = await sink.count(name);
  const cpuBefore = cpuSeconds(pid);
  const residents: number[] = [];
  const sampling = setInterval(() => residents.push(residentBytes(pid)), 1_000);
  const report = await load.run({ url, bodies: "protobuf", amount: { kind: "pace", ...pace } });
  clearInterval(sampling);
  const spent = cpuSeconds(pid) - cpuBefore;
  await drain(sink, name, before.spans + report.acknowledgedSpans);
  const quarter = Math.max(1, Math.floor(residents.length / 4));
  return {
    residentBytesMax: Math.max(...residents),
    residentBytesEarly: median(residents.slice(quarter, 2 * quarter)),
    residentBytesLate: median(residents.slice(-quarter)),
    spansPerSecond: (report.acknowledgedSpans * 1_000) / report.elapsedMs,
    cpuShare: (spent * 1_000) / report.elapsedMs,
    refusedRequests: report.refusedRequests,
    answerP50Ms: quantile(report.answerMs, 0.5),
    answerP99Ms: quantile(report.answerMs, 0.99),
  };
}

/** Resident memory when nothing was sent yet and the start is over. */
export async function measureIdle(contestant: Contestant): Promise<number> {
  await becomeQuiet(contestant.pid);
  return residentBytes(contestant.pid);
}

export function median(values: readonly number[]): number {
  return quantile(
    values.toSorted((a, b) => a - b),
    0.5,
  );
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
