/**
 * What ingesting spans costs: OTLP/HTTP → synced journal → RED metrics → OTLP/HTTP out, against the OpenTelemetry Collector
 * with a synced file_storage queue and span_metrics, and against the floor of plain Node. Quartet runs from dist, built here.
 * CPU seconds are those of the whole process tree; sender and sink are processes of their own and are not counted.
 * Rounds take turns, as a busy machine changes its pace; medians are printed. Linux only.
 *
 *     npm run bench:ingest -- [--rounds 5] [--requests 1000] [--steady 300] [--only quartet,otelcol,floor]
 *       [--bodies protobuf,gzip,json] [--no-profile]
 */
import { mkdirSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { partMissingReason } from "../test/parts/index.ts";
import { openTempDir } from "../test/support/index.ts";
import { buildDist } from "./ingest/build-dist.ts";
import {
  startFloor,
  startOpenTelemetryCollector,
  startQuartet,
  type Contestant,
} from "./ingest/contestants.ts";
import type { BodyKind } from "./ingest/messages.ts";
import { cpuSecondsByThread } from "./ingest/process-tree.ts";
import { startLoad, startSink } from "./ingest/processes.ts";
import { summarizeProfiles } from "./ingest/profile.ts";
import { printMark, printProfile, printRounds, printThreads, type Series } from "./ingest/report.ts";
import { measureIdle, measureRound, measureSteady, median, type Bench } from "./ingest/rounds.ts";

const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    requests: { type: "string", default: "1000" },
    steady: { type: "string", default: "300" },
    only: { type: "string", default: "floor,quartet,otelcol" },
    bodies: { type: "string", default: "protobuf,gzip,json" },
    profile: { type: "boolean", default: true },
  },
  allowNegative: true,
});
const rounds = Number(options.rounds);
const requestCount = Number(options.requests);
const halfLoadMs = 20_000;
const callsDeadlineMs = 60_000;
const steadyMs = Number(options.steady) * 1_000;
const steadySpansPerSecond = 50_000;
const mebibyte = 1024 * 1024;
const missing = partMissingReason("otelcol");
const wanted = options.only.split(",").filter((name) => name !== "otelcol" || missing === undefined);
const bodyKinds = (["protobuf", "gzip", "json"] as const).filter((kind) =>
  options.bodies.split(",").includes(kind),
);

await using folder = await openTempDir("bench-ingest");
process.stdout.write(`${cpus().length} × ${cpus()[0]?.model ?? "CPU"}, Node ${process.version}\n`);
if (missing !== undefined) process.stdout.write(`no OpenTelemetry Collector to compare with: ${missing}\n`);
const main = await buildDist(join(folder.path, "collector"));
using load = startLoad();
using sink = await startSink();
const bench: Bench = { load, sink };
const where = (name: string): { folder: string; sinkUrl: string } => ({
  folder: join(folder.path, name),
  sinkUrl: sink.url,
});

const series = await compare();
printRounds(series);
const perCpuSecond = (name: string, bodies: BodyKind): number =>
  median(
    series
      .filter((entry) => entry.name === name && entry.bodies === bodies)
      .flatMap((entry) => entry.rounds.map((round) => round.spansPerCpuSecond)),
  );
if (wanted.includes("quartet") && wanted.includes("otelcol")) {
  const ratio = (bodies: BodyKind): number =>
    perCpuSecond("quartet", bodies) / perCpuSecond("otelcol", bodies);
  if (bodyKinds.includes("protobuf"))
    printMark("protobuf, times otelcol's spans per CPU second", ratio("protobuf"), { atLeast: 5, goal: 10 });
  if (bodyKinds.includes("gzip"))
    printMark("gzip, times otelcol's spans per CPU second", ratio("gzip"), { atLeast: 3 });
}
if (wanted.includes("quartet")) await measureOne();

/** Every contestant with every kind of body, in turns. */
async function compare(): Promise<readonly Series[]> {
  await using stack = new AsyncDisposableStack();
  const contestants: Contestant[] = [];
  for (const name of wanted) contestants.push(stack.use(await start(name)));
  const measured = contestants.flatMap((contestant) =>
    (contestant.name === "floor" ? bodyKinds.slice(0, 1) : bodyKinds).map((bodies) => ({
      contestant,
      series: { name: contestant.name, bodies, rounds: [] } as Series,
    })),
  );
  const sent = new Map<Contestant, number>();
  // The first round warms up, which takes the compiler a while, and is not counted.
  for (let round = 0; round <= rounds; round += 1) {
    for (const { contestant, series: into } of measured) {
      const count = round === 0 && contestant.name !== "otelcol" ? 3 * requestCount : requestCount;
      const result = await measureRound(bench, contestant, { bodies: into.bodies, requestCount: count });
      sent.set(contestant, (sent.get(contestant) ?? 0) + result.spans);
      if (round > 0) into.rounds.push(result);
    }
    process.stderr.write(`round ${round} of ${rounds}\n`);
  }
  for (const contestant of contestants) {
    if (contestant.name === "quartet") printThreads(cpuSecondsByThread(contestant.pid));
    await checkCounts(contestant, sent.get(contestant)!);
  }
  return measured.map((entry) => entry.series);
}

function start(name: string): Promise<Contestant> {
  switch (name) {
    case "floor":
      return startFloor(where(name));
    case "quartet":
      return startQuartet(main, where(name));
    case "otelcol":
      return startOpenTelemetryCollector(where(name));
    default:
      throw new Error(`--only: ${name} is none of floor, quartet, otelcol`);
  }
}

/** Whoever counts or forwards less than was acknowledged is fast because it does nothing. */
async function checkCounts(contestant: Contestant, acknowledged: number): Promise<void> {
  const { name } = contestant;
  const { spans, requests } = await sink.count(name);
  let calls = await contestant.callCount();
  // What was counted shows at the next sample only.
  const endMs = performance.now() + callsDeadlineMs;
  while (calls !== undefined && calls < acknowledged && performance.now() < endMs) {
    await sleep(500);
    calls = await contestant.callCount();
  }
  const format = (count: number): string => count.toLocaleString("en");
  const counted = calls === undefined ? "" : `, ${format(calls)} in its RED metrics`;
  process.stdout.write(
    `${name}: ${format(acknowledged)} spans acknowledged, ${format(spans)} at the sink (${format(requests)} requests)${counted}\n`,
  );
  if (spans < acknowledged) throw new Error(`${name} lost ${acknowledged - spans} spans`);
  if (calls !== undefined && calls < acknowledged) throw new Error(`${name} counted ${calls} calls`);
}

/** Memory, the time to the acknowledgement, and where the time goes: each on a fresh collector. */
async function measureOne(): Promise<void> {
  {
    await using quartet = await startQuartet(main, where("steady"));
    printMark("idle RSS, MiB", (await measureIdle(quartet)) / mebibyte, { atMost: 150 });
    await measureRound(bench, quartet, { bodies: "protobuf", requestCount: 3 * requestCount });
    // Half of what it takes here: sender and sink share the machine's CPUs.
    const { spansPerSecond } = await measureRound(bench, quartet, { bodies: "protobuf", requestCount });
    const half = await measureSteady(bench, quartet, {
      spansPerSecond: spansPerSecond / 2,
      durationMs: halfLoadMs,
    });
    const pace = `${Math.round(half.spansPerSecond).toLocaleString("en")} spans/s, half load`;
    printMark(`p99 of the acknowledgement, ms, at ${pace}`, half.answerP99Ms, { atMost: 25 });
    process.stdout.write(`  (p50 ${half.answerP50Ms.toFixed(1)} ms)\n`);
  }
  if (steadyMs > 0) {
    await using quartet = await startQuartet(main, where("memory"));
    const steady = await measureSteady(bench, quartet, {
      spansPerSecond: steadySpansPerSecond,
      durationMs: steadyMs,
    });
    const pace = `${Math.round(steady.spansPerSecond).toLocaleString("en")} spans/s for ${steadyMs / 1_000} s`;
    printMark(`largest RSS, MiB, at ${pace}`, steady.residentBytesMax / mebibyte, { atMost: 250 });
    const growth = steady.residentBytesLate / steady.residentBytesEarly;
    printMark("RSS of the last quarter over the second quarter", growth, { atMost: 1.1 });
    process.stdout.write(
      `  (${(steady.cpuShare * 100).toFixed(0)} % of one CPU, ${steady.refusedRequests} refused, p99 ${steady.answerP99Ms.toFixed(1)} ms)\n`,
    );
  }
  if (options.profile) {
    const profileDir = join(folder.path, "profiles");
    mkdirSync(profileDir);
    const quartet = await startQuartet(main, where("profile"), { profileDir });
    await measureRound(bench, quartet, { bodies: "protobuf", requestCount: 4 * requestCount });
    await quartet.stop();
    printProfile(summarizeProfiles(profileDir));
  }
}
