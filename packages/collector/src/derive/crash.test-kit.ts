import { expect } from "vitest";
import { labelValue, metricNameLabel } from "../model/index.ts";
import { logsBytes, metricsBytes, spansBytes, type TestSpan } from "./otlp-bytes.test-kit.ts";
import { recount, type TestRecord } from "./recount.test-kit.ts";
import { openTestRun, textOf, type TestRun } from "./run.test-kit.ts";

/** Numbers that a seed fixes; a failure names the seed. */
function createRandom(seed: number): (below: number) => number {
  let state = seed * 2_654_435_761 + 1;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

function randomSpan(random: (below: number) => number, nowMs: number): TestSpan {
  const endNano =
    BigInt(nowMs - (random(20) === 0 ? 400_000 : random(300))) * 1_000_000n + BigInt(random(1e6));
  const durationNano = BigInt([-5_000, random(3e6), random(90e6), 2_000_000, 17e9][random(5)]!);
  return {
    traceId: random(1e9).toString(16).padStart(32, "0"),
    spanId: random(1e9).toString(16).padStart(16, "0"),
    name: ["GET /a", "GET /b", "ä ✓", ""][random(3)]!,
    kind: random(8),
    startNano: endNano - durationNano,
    endNano,
    ...(random(2) === 0 ? { status: random(3) } : {}),
    ...(random(4) === 0 ? { tracestate: ["ot=th:8", "x=y,ot=rv:1;th:c"][random(2)]! } : {}),
  };
}

/** Appends one random record to the journal, and gives what is in it. */
function receive(run: TestRun, random: (below: number) => number): TestRecord {
  const service = ["shop", "pay", "mail"][random(3)]!;
  const resource = { "service.name": service, "service.instance.id": "i" };
  // A record may have been on its way to the disk for a while.
  const receivedAtMs = run.nowMs() - (random(6) === 0 ? random(60) : 0);
  switch (random(4)) {
    case 0: {
      const logs = Array.from({ length: random(5) }, () => ({ severityNumber: random(25) }));
      run.logs.append(logsBytes(resource, logs), receivedAtMs, logs.length);
      return { kind: "logs", service, logs };
    }
    case 1: {
      const delta = random(10);
      const points = [{ value: delta }];
      const work = { name: "work", kind: "sum", temporality: 1, isMonotonic: true, points } as const;
      run.metrics.append(metricsBytes(resource, [work]), receivedAtMs, 1);
      return { kind: "metrics", service, delta };
    }
    default: {
      const spans = Array.from({ length: 1 + random(8) }, () => randomSpan(random, run.nowMs()));
      const isNameless = random(10) === 0;
      run.spans.append(spansBytes(isNameless ? {} : resource, spans), receivedAtMs, spans.length);
      return { kind: "spans", service: isNameless ? undefined : service, receivedAtMs, spans };
    }
  }
}

const counted = /^(traces_span_metrics_|log_records_total|work_total)/;

/** The last values of all counters equal a recount of every record; floats within rounding. */
function expectRecount(run: TestRun, records: readonly TestRecord[], seed: number): void {
  const expected = recount(records);
  const found = new Map(
    [...run.lastValues()].filter(([labels]) =>
      counted.test((JSON.parse(labels) as { __name__: string }).__name__),
    ),
  );
  expect([seed, [...found.keys()].sort((a, b) => (a < b ? -1 : 1))]).toEqual([
    seed,
    [...expected.keys()].sort((a, b) => (a < b ? -1 : 1)),
  ]);
  const wrong = [...expected].filter(
    ([labels, value]) => Math.abs(found.get(labels)! - value) > 1e-9 * Math.max(1, value),
  );
  expect([seed, wrong.slice(0, 5).map(([labels, value]) => [labels, value, found.get(labels)])]).toEqual([
    seed,
    [],
  ]);
}

/** Per series, times only rise and counters only fall to 0 when a marker stood before. */
function expectOrdered(run: TestRun, seed: number): void {
  const last = new Map<string, { timestampMs: number; value: number }>();
  const faults: string[] = [];
  for (const { labels, samples } of run.written) {
    const key = textOf(labels);
    for (const { timestampMs, value, isStale } of samples) {
      const before = last.get(key);
      if (before !== undefined && timestampMs <= before.timestampMs)
        faults.push(`${key} ${timestampMs} after ${before.timestampMs}`);
      const isCounter = counted.test(labelValue(labels, metricNameLabel));
      if (isCounter && before !== undefined && value < before.value) faults.push(`${key} falls to ${value}`);
      if (isCounter && before === undefined && value !== 0) faults.push(`${key} begins with ${value}`);
      last.set(key, { timestampMs, value: isStale === true ? 0 : value });
    }
  }
  expect([seed, faults.slice(0, 5)]).toEqual([seed, []]);
}

const isWatched = (labels: readonly string[]) =>
  labelValue(labels, metricNameLabel) === "traces_span_metrics_calls_total";

/** For random records the counters equal a plain recount. */
export async function checkRecount(seed: number): Promise<void> {
  const run = await openTestRun(1_700_000_000_000);
  const random = createRandom(seed);
  const records: TestRecord[] = [];
  await run.start({ isWatched });
  for (let step = 0; step < 200; step += 1) {
    records.push(receive(run, random));
    await run.advance(random(60), 20);
  }
  await run.advance(2_000, 50);
  expectRecount(run, records, seed);
  expectOrdered(run, seed);
  await run.close();
}

/** Killed at any point and started again, derive writes nothing twice and counts nothing twice or never. */
export async function checkCrashes(seed: number): Promise<void> {
  const run = await openTestRun(1_700_000_000_000);
  const random = createRandom(seed);
  const records: TestRecord[] = [];
  for (let life = 0; life < 6; life += 1) {
    await run.start({ isWatched, snapshotIntervalMs: 300 + random(2_000) });
    for (let step = random(80); step > 0; step -= 1) {
      records.push(receive(run, random));
      await run.advance(random(70), 1 + random(30));
      if (random(40) === 0) await run.derive.snapshot();
    }
    if (random(4) === 0) await run.derive.stop();
    run.kill();
    // Receive goes on while derive is away, now and then for long.
    for (let step = random(5); step > 0; step -= 1) {
      await run.advance(random(random(3) === 0 ? 40_000 : 300), 10_000);
      records.push(receive(run, random));
    }
  }
  await run.start({ isWatched });
  await run.advance(3_000, 50);
  expectRecount(run, records, seed);
  expectOrdered(run, seed);
  await run.close();
}
