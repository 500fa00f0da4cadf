// What PromQL costs beside Prometheus: CPU seconds of the same queries over the same data, each answered as JSON.
// Both take turns, as a busy machine changes its pace; medians, their range and the ratio are printed. Ours is measured
// in this process, from the parameters to the JSON; Prometheus' is its process' time from /proc, with its HTTP server and
// its garbage collector. Then 1,000 rules over the 100,000 series, a round of all of them, and what the store takes: memory of a series, and
// bytes of a sample on disk, index included, in blocks of two hours and after they were merged.
// Needs Linux and the part `prometheus` (`npm test` builds it).
// `node --conditions=quartet-source bench/promql.ts [rounds] [CPU seconds a round]`
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { answerQuery, answerQueryRange } from "../packages/collector/src/answers/index.ts";
import type { Answer } from "../packages/collector/src/api/index.ts";
import { languageOf } from "../packages/collector/src/promql/index.ts";
import { systemClock, type SeriesWrite } from "../packages/collector/src/model/index.ts";
import {
  compactBlocks,
  createHead,
  listBlocks,
  writeHeadBlock,
} from "../packages/collector/src/store/index.ts";
import { createTelemetry } from "../packages/collector/src/telemetry/index.ts";
import { encodeSeriesBatch } from "../packages/collector/src/otlp/index.ts";
import { createRuleTrial, parseRuleFile } from "../packages/collector/src/rules/index.ts";
import { loadPrometheus } from "../test/differential/engines.ts";
import { partMissingReason, startPrometheus, type StartedPrometheus } from "../test/parts/index.ts";

const rounds = Number(process.argv[2] ?? 5);
const secondsPerRound = Number(process.argv[3] ?? 0.4);

const startMs = Date.UTC(2024, 0, 31);
const intervalMs = 15_000;
const hourMs = 3_600_000;
const hours = 24;
const endMs = startMs + hours * hourMs - intervalMs;
const wideSeries = 100_000;
const wideSamples = 20;
const ticksPerSecond = 100;

interface Question {
  readonly name: string;
  readonly query: string;
  readonly stepMs?: number;
}

const questions: readonly Question[] = [
  { name: "instant, 1 of 101,000 series", query: `req_total{instance="i7",path="/p3",le="1"}` },
  { name: "instant, rate of 1,000 series", query: "sum by (job) (rate(req_total[5m]))" },
  { name: "range 24 h x 1,000 series, as they are", query: "req_total", stepMs: 60_000 },
  { name: "range 24 h x 1,000 series, rate", query: "rate(req_total[5m])", stepMs: 60_000 },
  {
    name: "range 24 h x 1,000 series, sum by rate",
    query: "sum by (job) (rate(req_total[5m]))",
    stepMs: 60_000,
  },
  {
    name: "range 24 h x 1,000 series, quantile",
    query: "histogram_quantile(0.9, sum by (le, job) (rate(req_total[5m])))",
    stepMs: 60_000,
  },
  { name: "sum by 1,000 hosts of 100,000 series", query: "sum by (host) (wide_total)" },
  { name: "sum by 1,000 hosts of their rates", query: "sum by (host) (rate(wide_total[5m]))" },
  { name: "100,000 series divided by themselves", query: "count(wide_total / wide_total)" },
  { name: "regex of a prefix on 100,000 series", query: `count(wide_total{id=~"x12.*"})` },
  { name: "regex of alternatives on 100,000 series", query: `count(wide_total{host=~"h1|h22|h333"})` },
  { name: "regex inside on 100,000 series", query: `count(wide_total{id=~".*9[0-4]7.*"})` },
];

const series = (labels: readonly string[], samples: SeriesWrite["samples"]): SeriesWrite => ({
  labels,
  type: "counter",
  help: "",
  unit: "",
  startTimestampMs: 0,
  samples,
  exemplars: [],
});

/** One hour of the thousand series; `totals` carries their counts from hour to hour. */
function narrow(hour: number, totals: Float64Array): SeriesWrite[] {
  return Array.from(totals, (_total, index) => {
    const labels = [
      ["__name__", "req_total"],
      ["instance", `i${index % 100}`],
      ["job", `j${index % 10}`],
      ["le", ["0.1", "0.5", "1", "5", "+Inf"][index % 5]!],
      ["path", `/p${Math.floor(index / 100)}`],
    ].flat();
    const samples = Array.from({ length: hourMs / intervalMs }, (_sample, place) => {
      totals[index]! += (index * 7 + place) % 13;
      return { timestampMs: startMs + hour * hourMs + place * intervalMs, value: totals[index]! };
    });
    return series(labels, samples);
  });
}

/** Some of the hundred thousand series, five minutes of each. */
function wide(from: number, count: number): SeriesWrite[] {
  return Array.from({ length: count }, (_one, offset) => {
    const index = from + offset;
    const samples = Array.from({ length: wideSamples }, (_sample, place) => ({
      timestampMs: endMs - (wideSamples - 1 - place) * intervalMs,
      value: place * (1 + (index % 5)),
    }));
    return series(["__name__", "wide_total", "host", `h${index % 1_000}`, "id", `x${index}`], samples);
  });
}

const head = createHead({
  retentionMs: 2 * hours * hourMs,
  seriesMax: wideSeries * 2,
  clock: { ...systemClock, nowMs: () => endMs },
  telemetry: createTelemetry(),
});

function askOurs({ query, stepMs }: Question): Answer {
  const context = {
    queryable: head,
    nowMs: systemClock.nowMs,
    isCancelled: () => false,
    subqueryStepMs: 60_000,
    language: languageOf([]),
  };
  return stepMs === undefined
    ? answerQuery(parametersOf({ query }), context)
    : answerQueryRange(parametersOf({ query, stepMs }), context);
}

function parametersOf({
  query,
  stepMs,
}: {
  readonly query: string;
  readonly stepMs?: number;
}): [string, string][] {
  const seconds = (ms: number) => String(ms / 1_000);
  const time: [string, string][] =
    stepMs === undefined
      ? [["time", seconds(endMs)]]
      : [
          ["start", seconds(startMs + intervalMs)],
          ["end", seconds(endMs)],
          ["step", seconds(stepMs)],
        ];
  return [["query", query], ...time];
}

async function askPrometheus({ url }: StartedPrometheus, question: Question): Promise<string> {
  const path = question.stepMs === undefined ? "query" : "query_range";
  const response = await fetch(`${url}/api/v1/${path}`, {
    method: "POST",
    body: new URLSearchParams(parametersOf(question)),
  });
  return await response.text();
}

const ourSeconds = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

/** CPU seconds of a process so far: fields 14 and 15 of its line, behind a name that may hold anything. */
function secondsOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)!.split(" ");
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/** CPU milliseconds of one call, from as many as fill the round. */
async function measure(call: () => unknown, seconds: () => number): Promise<number> {
  const before = seconds();
  for (let calls = 1; ; calls += 1) {
    await call();
    const spent = seconds() - before;
    if (spent >= secondsPerRound) return (spent / calls) * 1_000;
  }
}

/** How many series the answer holds, so that nobody is fast by answering less. */
function sizeOf(text: string): number {
  const { status, data } = JSON.parse(text) as { status: string; data: { result: readonly unknown[] } };
  if (status !== "success") throw new Error(text.slice(0, 1_000));
  return data.result.length;
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;

function spread(values: readonly number[]): string {
  const digits = median(values) < 10 ? 2 : 0;
  const text = (value: number) => value.toFixed(digits);
  return `${text(median(values)).padStart(7)} (${text(Math.min(...values))} to ${text(Math.max(...values))})`;
}

async function load(prometheus: StartedPrometheus): Promise<void> {
  const give = async (writes: readonly SeriesWrite[]): Promise<void> => {
    const { refused } = head.ingest(writes);
    if (refused.size > 0) throw new Error(`the head refused: ${[...refused].join(" ")}`);
    await loadPrometheus(prometheus.url, writes);
  };
  const totals = new Float64Array(1_000);
  for (let hour = 0; hour < hours; hour += 1) await give(narrow(hour, totals));
  const resident = () => [process.pid, prometheus.pid].map(residentBytes);
  collectGarbage();
  const before = resident();
  const batch = 10_000;
  for (let from = 0; from < wideSeries; from += batch) await give(wide(from, batch));
  collectGarbage();
  const [ours, theirs] = resident().map((bytes, at) => (bytes - before[at]!) / wideSeries) as [
    number,
    number,
  ];
  console.log(
    `resident bytes a series of ${wideSamples} samples: ours ${ours.toFixed(0)}, Prometheus ${theirs.toFixed(0)}, ratio ${(ours / theirs).toFixed(2)}`,
  );
}

function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]) * 1_024;
}

/** So that the load's own garbage is not taken for the store's. */
function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
}

const missing = partMissingReason("prometheus");
if (missing !== undefined) {
  console.error(`Prometheus is missing: ${missing}`);
  process.exit(1);
}
const ruleDir = mkdtempSync(join(tmpdir(), "quartet-bench-rules-"));
await using prometheus = await startPrometheus({
  config: { rule_files: [join(ruleDir, "*.yaml")] },
  flags: [
    "--web.enable-remote-write-receiver",
    "--web.enable-lifecycle",
    "--storage.tsdb.retention.time=50y",
  ],
});
console.log("loading 24 h of 1,000 series and 5 minutes of 100,000 into both");
await load(prometheus);
console.log(
  `CPU milliseconds a query, median (range) of ${rounds}        ours              Prometheus      ratio`,
);
for (const question of questions) {
  const sizes = [sizeOf(askOurs(question).body), sizeOf(await askPrometheus(prometheus, question))];
  if (sizes[0] !== sizes[1]) throw new Error(`${question.query}: ${sizes.join(" and ")} series`);
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let round = 0; round <= rounds; round += 1) {
    const mine = await measure(() => askOurs(question), ourSeconds);
    const other = await measure(
      () => askPrometheus(prometheus, question),
      () => secondsOf(prometheus.pid),
    );
    // The first round warms both up.
    if (round === 0) continue;
    ours.push(mine);
    theirs.push(other);
  }
  const ratio = (median(ours) / median(theirs)).toFixed(2);
  console.log(`${question.name.padEnd(42)} ${spread(ours).padEnd(28)} ${spread(theirs).padEnd(28)} ${ratio}`);
}

/** Writes the 24 hours of 1,000 series as blocks and prints what a sample takes. */
function printBytesOnDisk(): void {
  const dir = mkdtempSync(join(tmpdir(), "quartet-bench-"));
  const blockMs = 2 * hourMs;
  try {
    let samples = 0;
    let cpuSeconds = ourSeconds();
    for (let from = startMs; from < startMs + hours * hourMs; from += blockMs)
      samples += writeHeadBlock(head, dir, { startMs: from, endMs: from + blockMs })?.sampleCount ?? 0;
    cpuSeconds = ourSeconds() - cpuSeconds;
    const bytes = () => listBlocks(dir).reduce((sum, { path }) => sum + statSync(path).size, 0);
    const perSample = () => (bytes() / samples).toFixed(2);
    const apart = perSample();
    compactBlocks(dir, hours * hourMs);
    console.log(
      `bytes a sample on disk (mark 2, goal 1.4): ${apart} in blocks of two hours, ${perSample()} merged, of ${samples} samples`,
    );
    console.log(`CPU nanoseconds to write a sample: ${((cpuSeconds / samples) * 1e9).toFixed(0)}`);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

const ruleCount = 1_000;
const ruleRounds = 5;
const ruleIntervalMs = 4_000;
/** Each reads the hundred series of its host, at the end of the data. */
const ruleText = JSON.stringify({
  groups: [
    {
      name: "wide",
      interval: `${ruleIntervalMs}ms`,
      rules: Array.from({ length: ruleCount }, (_one, index) => ({
        record: "host:wide:rate5m",
        labels: { host: `h${index}` },
        expr: `sum(rate(wide_total{host="h${index}"}[5m] @ ${endMs / 1_000}))`,
      })),
    },
  ],
});

/** CPU milliseconds of a round of all rules in Prometheus, which evaluates them on its own schedule. */
async function prometheusRounds(): Promise<number> {
  writeFileSync(join(ruleDir, "rules.yaml"), ruleText);
  const reload = await fetch(`${prometheus.url}/-/reload`, { method: "POST" });
  if (!reload.ok) throw new Error(`Prometheus does not take the rules: ${await reload.text()}`);
  const iterations = async (): Promise<number> => {
    const exposition = await (await fetch(`${prometheus.url}/metrics`)).text();
    return Number(/^prometheus_rule_group_iterations_total\{.*\} (\S+)$/m.exec(exposition)?.[1] ?? 0);
  };
  const after = async (wanted: number) => {
    while ((await iterations()) < wanted) await sleep(100);
  };
  // The first one warms up.
  await after(1);
  const begin = await iterations();
  const before = secondsOf(prometheus.pid);
  await after(begin + ruleRounds);
  return ((secondsOf(prometheus.pid) - before) / ruleRounds) * 1_000;
}

/** The same with our rules: evaluation, what is written to the journal, and the store's part. */
function ourRounds(): number {
  const trial = createRuleTrial({
    groups: parseRuleFile(ruleText, "rules.yaml"),
    evaluationIntervalMs: ruleIntervalMs,
    queryable: head,
    append(writes) {
      encodeSeriesBatch(writes);
      head.ingest(writes);
      return undefined;
    },
    externalLabels: {},
    externalUrl: "",
    language: languageOf([]),
    nowMs: systemClock.nowMs,
  });
  const round = (index: number): void => {
    const failed = trial.evaluate(endMs + index * ruleIntervalMs);
    if (failed.length > 0) throw new Error(failed[0]!.message);
  };
  round(0);
  const before = ourSeconds();
  for (let index = 1; index <= ruleRounds; index += 1) round(index);
  return ((ourSeconds() - before) / ruleRounds) * 1_000;
}

try {
  const [ours, theirs] = [ourRounds(), await prometheusRounds()];
  const name = "1,000 rules over 100,000 series, a round";
  console.log(
    `${name.padEnd(42)} ${ours.toFixed(0).padStart(7).padEnd(28)} ${theirs.toFixed(0).padStart(7).padEnd(28)} ${(ours / theirs).toFixed(2)}`,
  );
} finally {
  rmSync(ruleDir, { recursive: true });
}

printBytesOnDisk();
