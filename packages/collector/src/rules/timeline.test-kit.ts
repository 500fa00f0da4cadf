import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  labelsFromRecord,
  type AlertEvent,
  type Clock,
  type Labels,
  type Queryable,
  type SeriesWrite,
} from "../model/index.ts";
import { createLog, createTelemetry } from "../telemetry/index.ts";
import { createRuleEngine, type RuleEngine } from "./engine.ts";
import { parseRuleFile } from "./rule-file.ts";
import { createSlotSchedule } from "./slot.ts";

/** What the timeline needs of a store; the head of the store has it. */
interface TimelineStore extends Queryable {
  ingest(writes: readonly SeriesWrite[]): { readonly touched: readonly Labels[] };
}

export interface TimelineSettings {
  /** Items of the rule list, as YAML. */
  readonly rules: string;
  readonly openStore: (clock: Clock) => TimelineStore;
  /** Takes what is to be done after the test. */
  readonly onEnd: (cleanup: () => void | Promise<void>) => void;
  readonly intervalMs?: number;
  readonly limit?: number;
}

export interface TestClock extends Clock {
  /** Calls every timer that is due up to the time, each at its own time, and lets the engine come to rest after each. */
  advanceTo(timeMs: number, rest: () => Promise<void>): Promise<void>;
  /** Drops every timer, as the death of a process does. */
  dropTimers(): void;
}

/** A clock that stands still until it is advanced. */
export function createTestClock(startMs: number): TestClock {
  let nowMs = startMs;
  const timers = new Set<{ readonly atMs: number; readonly callback: () => void }>();
  return {
    nowMs: () => nowMs,
    setTimer(callback, delayMs) {
      const timer = { atMs: nowMs + Math.max(0, delayMs), callback };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    async advanceTo(timeMs, rest) {
      for (;;) {
        await rest();
        const [next] = [...timers].sort((left, right) => left.atMs - right.atMs);
        if (next === undefined || next.atMs > timeMs) break;
        timers.delete(next);
        nowMs = Math.max(nowMs, next.atMs);
        next.callback();
      }
      nowMs = timeMs;
    },
    dropTimers: () => timers.clear(),
  };
}

export interface Seen extends AlertEvent {
  /** After the first slot. */
  readonly atMs: number;
}

export interface Timeline {
  readonly engine: RuleEngine;
  readonly seen: readonly Seen[];
  readonly appended: SeriesWrite[];
  /** The first slot in Unix ms; all other times count from it. */
  readonly zeroMs: number;
  /** Until what time the series are complete; undefined: always until now. */
  watermarkMs: number | undefined;
  push(labels: Record<string, string>, value: number, options?: { isQuiet?: boolean }): Labels;
  advanceTo(timeMs: number): Promise<void>;
  /** Stops without any good-bye, as kill -9 would, and starts another engine on the same state and store. */
  crashAndRestart(afterMs: number): Promise<void>;
  metric(name: string): Promise<number>;
}

/** One group "g" with an interval of 1 s over a real store, under a clock that the test turns. */
export async function openTimeline(settings: TimelineSettings): Promise<Timeline> {
  const { rules, onEnd, intervalMs = 1_000 } = settings;
  const schedule = createSlotSchedule({ name: "g", file: "test.yaml", intervalMs });
  const zeroMs = schedule.latestMs(1_750_000_000_000);
  const clock = createTestClock(zeroMs - 1);
  const head = settings.openStore(clock);
  const dir = mkdtempSync(join(tmpdir(), "quartet-rules-"));
  onEnd(() => rmSync(dir, { recursive: true, force: true }));
  let telemetry = createTelemetry();
  const seen: Seen[] = [];
  const appended: SeriesWrite[] = [];
  const stateFile = join(dir, "state", "alerts.json");
  const errors: string[] = [];
  const log = createLog(
    (line) => {
      if (line.includes('"level":"error"')) errors.push(line);
    },
    () => clock.nowMs(),
  );
  onEnd(() => {
    if (errors.length > 0) throw new Error(`the engine reported errors:\n${errors.join("")}`);
  });
  let watermarkCallbacks: (() => void)[] = [];
  const text = `groups:\n- name: g\n  limit: ${settings.limit ?? 0}\n  rules:\n${rules.replaceAll(/^/gm, "  ")}`;

  function begin(): RuleEngine {
    telemetry = createTelemetry();
    const engine = createRuleEngine({
      groups: parseRuleFile(text, "test.yaml"),
      evaluationIntervalMs: intervalMs,
      queryable: head,
      appendSeries: async (writes) => {
        appended.push(...writes);
        head.ingest(writes);
      },
      watermarkMs: () => run.watermarkMs ?? clock.nowMs(),
      onWatermark(callback) {
        watermarkCallbacks.push(callback);
        return () => {
          watermarkCallbacks = watermarkCallbacks.filter((other) => other !== callback);
        };
      },
      notify: (events) => seen.push(...events.map((event) => ({ ...event, atMs: clock.nowMs() - zeroMs }))),
      stateFile,
      externalUrl: "http://collector.example",
      externalLabels: { cluster: "eu" },
      traceUrl: (traceId) => `http://collector.example/trace/${traceId}`,
      clock,
      telemetry,
      log,
    });
    engine.start();
    return engine;
  }

  const state: { watermarkMs: number | undefined; engine: RuleEngine } = {
    watermarkMs: undefined,
    engine: undefined as unknown as RuleEngine,
  };
  const run: Timeline = {
    get engine() {
      return state.engine;
    },
    seen,
    appended,
    zeroMs,
    get watermarkMs() {
      return state.watermarkMs;
    },
    set watermarkMs(value) {
      state.watermarkMs = value;
      for (const callback of watermarkCallbacks) callback();
    },
    push(record, value, { isQuiet = false } = {}) {
      const labels = labelsFromRecord(record);
      const samples = [{ timestampMs: clock.nowMs(), value }];
      const { touched } = head.ingest([
        { labels, type: "gauge", help: "", unit: "", startTimestampMs: 0, samples, exemplars: [] },
      ]);
      if (!isQuiet) state.engine.touched(touched);
      return labels;
    },
    advanceTo: (timeMs) => clock.advanceTo(zeroMs + timeMs, () => state.engine.idle()),
    async crashAndRestart(afterMs) {
      await state.engine.idle();
      watermarkCallbacks = [];
      clock.dropTimers();
      await clock.advanceTo(clock.nowMs() + afterMs, async () => {});
      state.engine = begin();
      await state.engine.idle();
    },
    async metric(name) {
      const snapshot = (await telemetry.snapshot()) as { name: string; values: { value: number }[] }[];
      return (
        snapshot.find((metric) => metric.name === name)?.values.reduce((sum, { value }) => sum + value, 0) ??
        0
      );
    },
  };
  state.engine = begin();
  onEnd(() => state.engine.stop());
  await state.engine.idle();
  return run;
}
