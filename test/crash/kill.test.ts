import { setTimeout as sleep } from "node:timers/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { holdJournal } from "../../packages/collector/src/journal/index.ts";
import { freePort, isLong, openTempDir, until } from "../support/index.ts";
import { callsKey, countCalls, journaledSpans } from "../scenario/journal-spans.ts";
import { startCollector, type StartedCollector } from "../scenario/quartet.ts";
import { newTraceId, sendSpans, type SpanSettings } from "../scenario/spans.ts";
import { startFarEnd, type FarEnd } from "./far-end.ts";
import { createRandom } from "./simulated-disk.ts";

const killCount = isLong ? 200 : 25;
const senderCount = 4;
const spansPerTrace = 5;
/** An exporter commits four times a second; what it sent since then is sent again. The rest is for a machine that is busy. */
const repeatedMsMax = 250 + 1_000;

test(
  `after ${killCount} times kill -9 under load nothing acknowledged is missing in the journal or at the far end, repetitions are those of the last moment, and the RED counters equal a recount`,
  { timeout: isLong ? 120 * 60_000 : 600_000 },
  async () => {
    await using folder = await openTempDir("kill");
    await using farEnd = await startFarEnd();
    const seed = Number(process.env["QUARTET_TEST_SEED"] ?? Date.now() % 2 ** 31);
    const random = createRandom(seed);
    // The recount needs every segment, those that derive is done with as well.
    const dataDir = join(folder.path, "data");
    holdJournal({ dataDir, consumer: "recount" });
    const ports = { otlp: await freePort(), api: await freePort() };
    const start = (): Promise<StartedCollector> =>
      startCollector({
        dataDir,
        // Half of a start is stripping types and compiling; a process that ends in order leaves that for the next ones.
        env: { NODE_COMPILE_CACHE: join(folder.path, "compiled") },
        config: {
          receive: { otlp: { listen: [`127.0.0.1:${ports.otlp}`] } },
          api: { listen: `127.0.0.1:${ports.api}` },
          export: { far: { type: "otlp_http", endpoint: farEnd.url, signals: ["traces"] } },
        },
      });
    await (await start()).stop();
    let collector = await start();
    const killedAtMs: number[] = [];
    const senders = startSenders(`http://127.0.0.1:${ports.otlp}`);
    try {
      for (let kill = 1; kill <= killCount; kill += 1) {
        const acknowledged = senders.acknowledged().length;
        // At a random point: while it catches up with the journal, between two snapshots, in the middle of a sync.
        await sleep(random() * 1_500);
        // A kill before anything was acknowledged would prove nothing.
        await until(() => senders.acknowledged().length > acknowledged, {
          deadlineMs: 30_000,
          what: "a batch to be acknowledged",
          intervalMs: 1,
        });
        collector.process.signal("SIGKILL");
        killedAtMs.push(performance.now());
        expect(await collector.process.exited).toEqual({ code: null, signal: "SIGKILL" });
        await collector.stop();
        collector = await start();
      }
    } finally {
      await senders.stop();
    }
    const story = `seed ${seed}, ${senders.acknowledged().length} traces acknowledged`;
    await expectCountersToEqualRecount(collector, story);

    const spanCounts = new Map<string, number>();
    const spanIds: string[] = [];
    for (const { traceId, spanId } of journaledSpans(dataDir)) {
      spanCounts.set(traceId, (spanCounts.get(traceId) ?? 0) + 1);
      spanIds.push(spanId);
    }
    await expectAllAtFarEnd(farEnd, { spanIds, killedAtMs, story });
    const lost = senders.acknowledged().filter((traceId) => (spanCounts.get(traceId) ?? 0) < spansPerTrace);
    expect({ story, lost }).toEqual({ story, lost: [] });
    expect(senders.acknowledged().length).toBeGreaterThan(killCount);
    // A batch is in the journal whole or not at all.
    const torn = [...spanCounts.values()].filter((count) => count % spansPerTrace !== 0);
    expect({ story, torn }).toEqual({ story, torn: [] });

    const beganMs = performance.now();
    expect(await collector.stop()).toEqual({ code: 0, signal: null });
    expect(performance.now() - beganMs).toBeLessThan(10_000);
    await using again = await start();
    await expectCountersToEqualRecount(again, `${story}, after a clean restart`);
  },
);

/** Waits until derive has read all; then no counter may differ, neither below nor above. */
async function expectCountersToEqualRecount(collector: StartedCollector, story: string): Promise<void> {
  const recount = countCalls(journaledSpans(collector.dataDir));
  const callsOf = async (metric: string) =>
    Object.fromEntries(
      (await collector.query(metric)).map(({ labels, value }) => [callsKey(labels), value] as const),
    );
  for (const metric of [
    "traces_span_metrics_calls_total",
    "traces_span_metrics_duration_milliseconds_count",
  ]) {
    await until(
      async () => {
        expect(await callsOf(metric)).toEqual(recount);
        return true;
      },
      { deadlineMs: 40_000, what: `${metric} to equal the recount (${story})`, intervalMs: 200 },
    );
  }
}

/** Each span of the journal is there; one that came again did so after a kill, and had come just before it. */
async function expectAllAtFarEnd(
  { arrivals }: FarEnd,
  {
    spanIds,
    killedAtMs,
    story,
  }: { readonly spanIds: readonly string[]; readonly killedAtMs: readonly number[]; readonly story: string },
): Promise<void> {
  await until(() => spanIds.every((spanId) => arrivals.has(spanId)), {
    deadlineMs: 40_000,
    what: `all of ${spanIds.length} spans to be at the far end (${story})`,
    intervalMs: 200,
  });
  // Nothing is there that was not journaled, and the journal holds no span twice: a batch that is sent again has other ids.
  expect({ story, count: arrivals.size }).toEqual({ story, count: spanIds.length });
  let repeatedCount = 0;
  const unexplained: string[] = [];
  for (const [spanId, times] of arrivals) {
    for (const [index, againMs] of times.slice(1).entries()) {
      repeatedCount += 1;
      const beforeMs = times[index]!;
      const isExplained = killedAtMs.some(
        // What was on its way when the process was killed still arrives.
        (killMs) => killMs <= againMs && Math.abs(killMs - beforeMs) <= repeatedMsMax,
      );
      if (!isExplained) unexplained.push(`${spanId} at ${beforeMs} and ${againMs}`);
    }
  }
  expect({ story, repeatedCount, unexplained }).toEqual({ story, repeatedCount, unexplained: [] });
  process.stdout.write(
    `kill: ${killedAtMs.length} kills, ${spanIds.length} spans, ${repeatedCount} arrived again (${story})\n`,
  );
}

interface Senders {
  /** Trace ids whose batch was answered 200. */
  acknowledged(): readonly string[];
  stop(): Promise<void>;
}

/** Each sends one trace after another and, like an agent, sends a batch again until it is acknowledged. */
function startSenders(otlpUrl: string): Senders {
  const acknowledged: string[] = [];
  const leaving = new AbortController();
  const run = async (): Promise<void> => {
    while (!leaving.signal.aborted) {
      const traceId = newTraceId();
      const batch = buildTrace(traceId, acknowledged.length);
      while (!leaving.signal.aborted) {
        const status = await sendSpans(otlpUrl, batch).catch((error: unknown) => {
          // The collector is down; anything else is a mistake of this test.
          if (error instanceof TypeError || (error as Error).name === "TimeoutError") return 0;
          throw error;
        });
        if (status === 200) {
          acknowledged.push(traceId);
          break;
        }
        if (status !== 0 && status !== 503) throw new Error(`the collector answered ${status}`);
        await sleep(20);
      }
      await sleep(5);
    }
  };
  const running = Promise.all(Array.from({ length: senderCount }, run));
  running.catch(() => undefined);
  return {
    acknowledged: () => acknowledged,
    async stop() {
      leaving.abort();
      await running;
    },
  };
}

function buildTrace(traceId: string, index: number): readonly SpanSettings[] {
  const endMs = Date.now();
  const base = { traceId, endMs, durationMs: 1 + (index % 900) };
  const isFailed = index % 7 === 0;
  return [
    { ...base, service: "front", name: "GET /buy", kind: "server", isFailed },
    { ...base, service: "front", name: "POST", kind: "client", isFailed },
    { ...base, service: "back", name: "POST /orders", kind: "server", isFailed },
    { ...base, service: "back", name: `step ${index % 20}`, kind: "internal" },
    { ...base, service: "back", name: "query", kind: "client" },
  ];
}
