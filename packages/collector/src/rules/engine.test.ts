import { afterEach, expect, test } from "vitest";
import type { Clock, Labels } from "../model/index.ts";
import { createHead } from "../store/index.ts";
import { createTelemetry } from "../telemetry/index.ts";
import { openTimeline, type Seen } from "./timeline.test-kit.ts";

const cleanups: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const openStore = (clock: Clock) =>
  createHead({
    retentionMs: 3_600_000 * 6,
    seriesMax: 1_000,
    arenaBytesMax: 2 ** 24,
    clock,
    telemetry: createTelemetry(),
  });

const timeline = (rules: string, options: { intervalMs?: number; limit?: number } = {}) =>
  openTimeline({ rules, openStore, onEnd: (cleanup) => cleanups.push(cleanup), ...options });

const brief = (seen: readonly Seen[]) =>
  seen.map(({ atMs, status, labels }) => [atMs, labels["alertname"], status]);

test("an alert is pending for its `for`, fires at the tick, resolves at the tick, and is repeated every minute", async () => {
  const run = await timeline(`
- alert: High
  expr: load > 5
  for: 2s
  labels: { severity: "{{ if gt $value 8.0 }}page{{ else }}ticket{{ end }}" }
  annotations: { summary: "{{ $labels.host }} at {{ $value }}" }`);
  run.push({ __name__: "load", host: "a" }, 7, { isQuiet: true });
  await run.advanceTo(0);
  expect(run.engine.alerts()).toMatchObject([{ state: "pending", value: "7e+00" }]);
  await run.advanceTo(1_000);
  expect(run.seen).toEqual([]);
  await run.advanceTo(2_000);
  expect(run.seen).toEqual([
    {
      atMs: 2_000,
      status: "firing",
      labels: { alertname: "High", host: "a", severity: "ticket" },
      annotations: { summary: "a at 7" },
      startsAtMs: run.zeroMs + 2_000,
      endsAtMs: undefined,
      value: 7,
      evidence: [],
      fingerprint: expect.stringMatching(/^[0-9a-f]{16}$/) as string,
      generatorUrl: "http://collector.example/graph?g0.expr=load+%3E+5&g0.tab=1",
    },
  ]);
  await run.advanceTo(63_500);
  expect(brief(run.seen).slice(1)).toEqual([[63_000, "High", "firing"]]);
  run.push({ __name__: "load", host: "a" }, 1, { isQuiet: true });
  await run.advanceTo(64_000);
  expect(run.seen.at(-1)).toMatchObject({
    status: "resolved",
    startsAtMs: run.zeroMs + 2_000,
    endsAtMs: run.zeroMs + 64_000,
    value: 7,
  });
  expect(run.engine.alerts()).toEqual([]);
  await run.advanceTo(64_000 + 16 * 60_000);
  const repeats = run.seen.filter(({ status }) => status === "resolved").map(({ atMs }) => atMs);
  expect(repeats).toHaveLength(15);
  expect(new Set(run.seen.map(({ startsAtMs }) => startsAtMs)).size).toBe(1);
});

test("keep_firing_for holds an alert whose element comes and goes", async () => {
  const run = await timeline("- alert: Flaps\n  expr: load > 5\n  keep_firing_for: 3s");
  run.push({ __name__: "load" }, 7);
  await run.advanceTo(500);
  run.push({ __name__: "load" }, 1);
  await run.advanceTo(2_500);
  expect(run.engine.alerts()).toMatchObject([
    { state: "firing", keepFiringSince: expect.any(String) as string },
  ]);
  run.push({ __name__: "load" }, 8, { isQuiet: true });
  await run.advanceTo(3_500);
  run.push({ __name__: "load" }, 1);
  await run.advanceTo(6_900);
  expect(brief(run.seen)).toHaveLength(1);
  await run.advanceTo(7_000);
  expect(brief(run.seen).at(-1)).toEqual([7_000, "Flaps", "resolved"]);
});

test("a sample that touches a rule makes it fire after the debounce, not at the next tick, and never resolves it", async () => {
  const run = await timeline("- alert: High\n  expr: load > 5", { intervalMs: 60_000 });
  await run.advanceTo(10_000);
  run.push({ __name__: "other" }, 9);
  run.push({ __name__: "load" }, 7);
  await run.advanceTo(10_049);
  expect(run.seen).toEqual([]);
  await run.advanceTo(10_060);
  expect(brief(run.seen)).toEqual([[10_050, "High", "firing"]]);
  expect(run.seen[0]?.startsAtMs).toBe(run.zeroMs + 10_050);
  run.push({ __name__: "load" }, 1);
  await run.advanceTo(59_999);
  expect(run.seen).toHaveLength(1);
  expect(run.appended).toEqual([]);
  await run.advanceTo(60_000);
  expect(brief(run.seen).at(-1)).toEqual([60_000, "High", "resolved"]);
  expect(await run.metric("quartet_rules_stream_evaluations_total")).toBe(2);
});

test("a pending alert of the stream fires when its `for` is over, once the series have come that far", async () => {
  const run = await timeline("- alert: High\n  expr: load > 5\n  for: 5s", { intervalMs: 60_000 });
  await run.advanceTo(10_000);
  run.push({ __name__: "load" }, 7);
  await run.advanceTo(10_100);
  run.watermarkMs = run.zeroMs + 12_000;
  await run.advanceTo(15_500);
  expect(run.seen).toEqual([]);
  run.watermarkMs = run.zeroMs + 15_400;
  await run.advanceTo(15_510);
  expect(brief(run.seen)).toEqual([[15_500, "High", "firing"]]);
});

test("a tick for a slot before the stream's sight leaves the alert alone; the next tick decides", async () => {
  const run = await timeline("- alert: High\n  expr: load > 5", { intervalMs: 10_000 });
  await run.advanceTo(9_000);
  run.watermarkMs = run.zeroMs + 9_000;
  await run.advanceTo(11_000);
  run.push({ __name__: "load" }, 7);
  await run.advanceTo(11_100);
  expect(brief(run.seen)).toEqual([[11_050, "High", "firing"]]);
  run.watermarkMs = run.zeroMs + 11_100;
  await run.advanceTo(19_999);
  expect(run.seen).toHaveLength(1);
  expect(run.engine.alerts()).toHaveLength(1);
  run.watermarkMs = undefined;
  run.push({ __name__: "load" }, 1);
  await run.advanceTo(20_000);
  expect(brief(run.seen).at(-1)).toEqual([20_000, "High", "resolved"]);
});

test("rules with absent, unless, offset or recorded series wait for their tick", async () => {
  const run = await timeline(
    `
- record: job:load
  expr: load
- { alert: Absent, expr: absent(load) }
- { alert: Unless, expr: load unless on() pause }
- { alert: Offset, expr: load offset 1s > 0 }
- { alert: Recorded, expr: 'job:load > 0' }
- { alert: Meta, expr: 'ALERTS{alertname="x"} > 0 or load > 0' }
- { alert: Direct, expr: load > 0 }`,
    { intervalMs: 60_000 },
  );
  await run.advanceTo(10_000);
  run.push({ __name__: "load" }, 7);
  await run.advanceTo(10_100);
  // Absent was firing before any sample came: the tick at 0 saw none.
  expect(brief(run.seen)).toEqual([
    [0, "Absent", "firing"],
    [10_050, "Direct", "firing"],
  ]);
});

test("a slot waits for the watermark and is missed when it does not come: no state moves", async () => {
  const run = await timeline("- { alert: Gone, expr: absent(load) }\n- { alert: High, expr: load > 5 }", {
    intervalMs: 5_000,
  });
  run.push({ __name__: "load" }, 7);
  await run.advanceTo(100);
  expect(brief(run.seen)).toEqual([[0, "High", "firing"]]);
  run.watermarkMs = run.zeroMs + 1_000;
  await run.advanceTo(400_000);
  expect(run.seen).toHaveLength(1);
  expect(run.engine.alerts()).toMatchObject([{ state: "firing" }]);
  expect(await run.metric("quartet_rule_group_iterations_missed_total")).toBeGreaterThanOrEqual(78);
  // Late, but within one interval: the slot is evaluated at its own time.
  run.push({ __name__: "load" }, 1);
  await run.advanceTo(403_000);
  run.watermarkMs = run.zeroMs + 400_000;
  await run.advanceTo(403_001);
  expect(brief(run.seen).at(-1)).toEqual([403_000, "High", "resolved"]);
  expect(run.seen.at(-1)?.endsAtMs).toBe(run.zeroMs + 400_000);
});

test("rules see what the rules before them made in the same slot; what disappears gets a staleness marker", async () => {
  const run = await timeline(`
- record: total
  expr: sum by (job) (load)
  labels: { kind: sum }
- alert: High
  expr: total > 5
  for: 1m`);
  const labels = run.push({ __name__: "load", job: "a", host: "x" }, 7);
  expect(labels).toContain("x");
  await run.advanceTo(0);
  const total = { __name__: "total", job: "a", kind: "sum" };
  const alert = { alertname: "High", job: "a", kind: "sum" };
  const show = () =>
    run.appended.splice(0).map((write) => [Object.fromEntries(pairs(write.labels)), write.samples[0]]);
  run.appended.sort((left, right) => left.labels.join().localeCompare(right.labels.join()));
  expect(show()).toEqual(
    expect.arrayContaining([
      [total, { timestampMs: run.zeroMs, value: 7 }],
      [
        { ...alert, __name__: "ALERTS", alertstate: "pending" },
        { timestampMs: run.zeroMs, value: 1 },
      ],
      [
        { ...alert, __name__: "ALERTS_FOR_STATE" },
        { timestampMs: run.zeroMs, value: Math.floor(run.zeroMs / 1_000) },
      ],
    ]),
  );
  await run.advanceTo(500);
  run.push({ __name__: "load", job: "a", host: "x" }, 3);
  await run.advanceTo(1_000);
  const stale = { timestampMs: run.zeroMs + 1_000, value: 0, isStale: true };
  expect(show()).toEqual([
    [total, { timestampMs: run.zeroMs + 1_000, value: 3 }],
    [{ ...alert, __name__: "ALERTS", alertstate: "pending" }, stale],
    [{ ...alert, __name__: "ALERTS_FOR_STATE" }, stale],
  ]);
});

const pairs = (labels: Labels) =>
  Array.from(
    { length: labels.length / 2 },
    (_, index) => [labels[2 * index]!, labels[2 * index + 1]!] as const,
  );

test("a subquery without a step takes the evaluation interval", async () => {
  const run = await timeline("- record: seen\n  expr: count_over_time(load[10s:])", { intervalMs: 2_000 });
  run.push({ __name__: "load" }, 1, { isQuiet: true });
  await run.advanceTo(20_000);
  const values = run.appended
    .filter(({ labels }) => labels.includes("seen"))
    .flatMap(({ samples }) => samples.map(({ value }) => value));
  expect(values.at(-1)).toBe(5);
});

test("over its limit a rule fails and loses its alerts", async () => {
  const run = await timeline("- { alert: Many, expr: load > 0 }", { limit: 1 });
  run.push({ __name__: "load", host: "a" }, 1);
  await run.advanceTo(500);
  expect(run.engine.alerts()).toHaveLength(1);
  run.push({ __name__: "load", host: "b" }, 1);
  await run.advanceTo(600);
  expect(run.engine.alerts()).toHaveLength(1);
  expect(await run.metric("quartet_rules_stream_evaluation_failures_total")).toBe(1);
  await run.advanceTo(1_000);
  expect(run.engine.alerts()).toEqual([]);
  expect(run.engine.groups()[0]!.rules[0]).toMatchObject({
    health: "err",
    lastError: "exceeded limit of 1 with 2 alerts",
    state: "inactive",
  });
  expect(await run.metric("quartet_rule_evaluation_failures_total")).toBe(1);
});

test("two elements that come to the same labels are an error, and nothing is sent", async () => {
  const run = await timeline("- { alert: Same, expr: load > 0, labels: { host: one } }");
  run.push({ __name__: "load", host: "a" }, 1);
  run.push({ __name__: "load", host: "b" }, 1);
  await run.advanceTo(0);
  expect(run.seen).toEqual([]);
  expect(run.engine.groups()[0]!.rules[0]).toMatchObject({
    health: "err",
    lastError: "vector contains metrics with the same labelset after applying alert labels",
  });
});

test("after a crash a firing alert keeps its beginning, a pending one its time, and one that healed meanwhile resolves", async () => {
  const run = await timeline(
    "- { alert: High, expr: load > 5 }\n- { alert: Slow, expr: load > 5, for: 30s }",
  );
  run.push({ __name__: "load", host: "a" }, 7);
  run.push({ __name__: "load", host: "b" }, 8);
  await run.advanceTo(10_000);
  expect(brief(run.seen)).toEqual([
    [0, "High", "firing"],
    [0, "High", "firing"],
  ]);
  await run.crashAndRestart(500);
  run.push({ __name__: "load", host: "b" }, 1);
  // What fires is said again at once, unchanged: the notifier tells whether it knows.
  expect(run.seen.slice(2)).toEqual(run.seen.slice(0, 2).map((event) => ({ ...event, atMs: 10_500 })));
  await run.advanceTo(11_000);
  expect(run.seen.at(-1)).toMatchObject({
    status: "resolved",
    startsAtMs: run.zeroMs,
    labels: { host: "b" },
  });
  await run.advanceTo(29_900);
  expect(run.seen.filter(({ labels }) => labels["alertname"] === "Slow")).toEqual([]);
  await run.advanceTo(30_000);
  expect(run.seen.at(-1)).toMatchObject({
    status: "firing",
    startsAtMs: run.zeroMs + 30_000,
    labels: { alertname: "Slow" },
  });
});

test("groups and alerts are shown as Prometheus' API shows them", async () => {
  const run = await timeline(`
- record: total
  expr: sum(load)
  labels: { kind: sum }
- alert: High
  expr: sum by(host)(load)>5
  for: 1m
  keep_firing_for: 90s
  labels: { severity: "{{ $labels.host }}" }
  annotations: { summary: "at {{ $value }}" }
- { alert: Bad, expr: '"text"' }`);
  const [before] = run.engine.groups();
  expect(before).toMatchObject({ lastEvaluation: "0001-01-01T00:00:00Z", evaluationTime: 0 });
  expect(before?.rules).toMatchObject([
    { health: "unknown" },
    { state: "unknown", alerts: [] },
    { state: "unknown" },
  ]);
  run.push({ __name__: "load", host: "a" }, 1_250);
  await run.advanceTo(500);
  const at = new Date(run.zeroMs).toISOString();
  const outcome = { evaluationTime: expect.any(Number) as number, lastEvaluation: at };
  expect(run.engine.groups()).toEqual([
    {
      name: "g",
      file: "test.yaml",
      interval: 1,
      limit: 0,
      ...outcome,
      rules: [
        {
          name: "total",
          query: "sum(load)",
          labels: { kind: "sum" },
          health: "ok",
          type: "recording",
          ...outcome,
        },
        {
          state: "pending",
          name: "High",
          query: "sum by (host) (load) > 5",
          duration: 60,
          keepFiringFor: 90,
          labels: { severity: "{{ $labels.host }}" },
          annotations: { summary: "at {{ $value }}" },
          alerts: [
            {
              labels: { alertname: "High", host: "a", severity: "a" },
              annotations: { summary: "at 1250" },
              state: "pending",
              activeAt: at,
              value: "1.25e+03",
            },
          ],
          health: "ok",
          type: "alerting",
          ...outcome,
        },
        {
          state: "inactive",
          name: "Bad",
          query: '"text"',
          duration: 0,
          keepFiringFor: 0,
          labels: {},
          annotations: {},
          alerts: [],
          health: "err",
          lastError: "rule result is not a vector or scalar",
          type: "alerting",
          ...outcome,
        },
      ],
    },
  ]);
  expect(run.engine.alerts()).toHaveLength(1);
});
