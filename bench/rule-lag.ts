// Whether a heavy query holds up rules or ingestion: a collector gets ten requests of 512 spans a second and evaluates 50 rules every
// second and as samples come, first alone, then while queries at their limit of samples run one after another, two at a time.
// Printed: how long slots waited for their evaluation, what samples waited for that of their rules, and how long a request
// waited for its acknowledgement. The bound of 50 ms is for what the queries add. Quartet runs from the sources.
// `node --conditions=quartet-source bench/rule-lag.ts [seconds]`
import { setTimeout as sleep } from "node:timers/promises";
import process from "node:process";
import { startCollector, type StartedCollector } from "../test/scenario/quartet.ts";
import { buildSpans } from "./spans.ts";

const seconds = Number(process.argv[2] ?? 60);
const requestsPerSecond = 10;
const markMs = 50;
/** Holds some 45 million samples at its end, of the 50 million that a query may. */
const heavy = "count(sum_over_time(vector(1)[45000000s:1s]))";
const rules = `
groups:
- name: tick
  interval: 1s
  rules:
${Array.from(
  { length: 50 },
  (_, index) => `  - alert: Slow${index}
    expr: sum by (service_name) (rate(traces_span_metrics_calls_total{span_name="GET /api/orders/${index % 20}"}[30s])) > 1e9
`,
).join("")}`;

interface Quantiles {
  readonly p50: number;
  readonly p99: number;
  readonly count: number;
}

/** Cumulative counts by upper bound in seconds, of all label sets together. */
async function bucketsOf(collector: StartedCollector, name: string): Promise<Map<number, number>> {
  const exposition = await (await fetch(`${collector.apiUrl}/metrics`)).text();
  const buckets = new Map<number, number>();
  for (const [, bound, count] of exposition.matchAll(
    new RegExp(`^${name}_bucket\\{[^}]*le="([^"]+)"[^}]*\\} (\\S+)$`, "gm"),
  )) {
    const upper = bound === "+Inf" ? Infinity : Number(bound);
    buckets.set(upper, (buckets.get(upper) ?? 0) + Number(count));
  }
  return buckets;
}

/** Within a bucket evenly, as histogram_quantile has it; in milliseconds. */
function quantilesBetween(before: Map<number, number>, after: Map<number, number>): Quantiles {
  const bounds = [...after.keys()].sort((left, right) => left - right);
  const counts = bounds.map((bound) => after.get(bound)! - (before.get(bound) ?? 0));
  const total = counts.at(-1)!;
  const at = (share: number) => {
    const rank = share * total;
    const index = counts.findIndex((count) => count >= rank);
    const [lower, upper] = [bounds[index - 1] ?? 0, bounds[index]!];
    const below = counts[index - 1] ?? 0;
    return (lower + ((upper - lower) * (rank - below)) / Math.max(1, counts[index]! - below)) * 1_000;
  };
  return { p50: at(0.5), p99: at(0.99), count: total };
}

function quantilesOf(values: readonly number[]): Quantiles {
  const sorted = values.toSorted((left, right) => left - right);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
  return { p50: at(0.5), p99: at(0.99), count: sorted.length };
}

/** Sends at an even pace until the time is over; gives what each request waited, in milliseconds. */
async function send(collector: StartedCollector, untilMs: number): Promise<number[]> {
  const waits: number[] = [];
  const underWay: Promise<void>[] = [];
  for (let seed = 1; performance.now() < untilMs; seed += 1) {
    const body = JSON.stringify(buildSpans(seed));
    const startedMs = performance.now();
    const request = fetch(`${collector.otlpUrl}/v1/traces`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
    });
    underWay.push(
      request.then(async (response) => {
        await response.arrayBuffer();
        if (!response.ok) throw new Error(`the collector answered ${response.status}`);
        waits.push(performance.now() - startedMs);
      }),
    );
    await sleep(1_000 / requestsPerSecond);
  }
  await Promise.all(underWay);
  return waits;
}

/** Asks one query after another until the time is over; gives how many ended. */
async function query(collector: StartedCollector, untilMs: number): Promise<number> {
  let count = 0;
  while (performance.now() < untilMs) {
    const response = await fetch(`${collector.apiUrl}/api/v1/query?query=${encodeURIComponent(heavy)}`);
    const { status, error } = (await response.json()) as { status: string; error?: string };
    if (status !== "success") throw new Error(`the heavy query failed: ${error}`);
    count += 1;
  }
  return count;
}

const histograms = {
  "slot to evaluation": "quartet_rule_group_slot_delay_seconds",
  "sample to evaluation": "quartet_rules_stream_lag_seconds",
} as const;

async function observe(collector: StartedCollector, queriesAtOnce: number): Promise<Map<string, Quantiles>> {
  const names = Object.entries(histograms);
  const before = await Promise.all(names.map(([, name]) => bucketsOf(collector, name)));
  const untilMs = performance.now() + seconds * 1_000;
  const [waits, ...ended] = await Promise.all([
    send(collector, untilMs),
    ...Array.from({ length: queriesAtOnce }, () => query(collector, untilMs)),
  ]);
  const after = await Promise.all(names.map(([, name]) => bucketsOf(collector, name)));
  if (queriesAtOnce > 0) console.log(`${ended.reduce((sum, count) => sum + count, 0)} heavy queries ended`);
  return new Map([
    ...names.map(([title], at) => [title, quantilesBetween(before[at]!, after[at]!)] as const),
    ["request to acknowledgement", quantilesOf(waits)],
  ]);
}

await using collector = await startCollector({ rules });
await send(collector, performance.now() + 5_000);
console.log(`${seconds} s alone, then ${seconds} s beside two queries at their limit; milliseconds`);
const alone = await observe(collector, 0);
const beside = await observe(collector, 2);
for (const [title, quiet] of alone) {
  const busy = beside.get(title)!;
  const figures = [quiet, busy].map(({ p50, p99 }) => `p50 ${p50.toFixed(1)}, p99 ${p99.toFixed(1)}`);
  const added = busy.p99 - quiet.p99;
  const verdict = added < markMs ? "" : `  over the mark of ${markMs}`;
  console.log(
    `${title.padEnd(28)} alone ${figures[0]!.padEnd(26)} beside ${figures[1]!.padEnd(26)} added to p99 ${added.toFixed(1)}${verdict}`,
  );
}
