import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import type { CollectorConfig } from "./config/index.ts";
import { createDerive, type Derive } from "./derive/index.ts";
import { openQuarantine, openStreamReader, openStreamWriter, type JournalShared } from "./journal/index.ts";
import { CollectorError, systemClock, type SeriesWrite, type Stream } from "./model/index.ts";
import { createNotifier, postWebhook, type Notifier } from "./notify/index.ts";
import {
  builtInRules,
  createRuleEngine,
  parseRuleFile,
  type RuleEngine,
  type RuleGroup,
} from "./rules/index.ts";
import { languageOf } from "./promql/index.ts";
import type { SeriesStream } from "./series-stream.ts";
import { openStore, type StoreHandles } from "./open-store.ts";
import { consumersOf } from "./stream-consumers.ts";
import { createLog, createTelemetry } from "./telemetry/index.ts";
import { serveCalls } from "./thread.ts";

/** What the main thread hands over. */
export interface EvaluateWorkerData {
  readonly config: CollectorConfig;
  readonly dataDir: string;
  readonly shared: JournalShared;
  readonly externalUrl: string;
}

const { config, dataDir, shared, externalUrl } = workerData as EvaluateWorkerData;
const clock = systemClock;
const language = languageOf(config.promql.features);
const telemetry = createTelemetry();
const log = createLog((line) => process.stderr.write(line), clock.nowMs);
const stateFile = (name: string) => join(dataDir, "state", name);
/** The outbox is on disk: what is not delivered by then goes out after the next start. */
const stopDeadlineMs = 2_000;

const stack = new AsyncDisposableStack();
let stages: { readonly engine: RuleEngine; readonly series: SeriesStream } | undefined;

serveCalls(parentPort!, {
  start,
  stop: () => stack.disposeAsync(),
  groups: () => stages?.engine.groups() ?? [],
  alerts: () => stages?.engine.alerts() ?? [],
  /** Takes samples that others made. */
  append: (writes: readonly SeriesWrite[]) => stages?.series.appendForeign(writes, clock.nowMs()),
  /** The same for a batch that a client sent. */
  appendReceived: (batch: Uint8Array) => {
    if (stages === undefined)
      throw new CollectorError("QUARTET_JOURNAL_UNAVAILABLE", "the stages are starting");
    return stages.series.appendReceived(batch, clock.nowMs());
  },
  metrics: () => telemetry.snapshot(),
});

/** Fills the store, then starts the stages from the last to the first, so that nothing is derived before somebody listens. */
async function start(): Promise<StoreHandles> {
  const groups = readRules();
  const writer = await openStreamWriter({
    dir: dataDir,
    stream: "series",
    shared,
    sizeBytesMax: config.journal.sizeBytesMax.series,
    consumers: consumersOf(config.export, "series"),
    clock,
    telemetry,
    log,
  });
  stack.defer(() => writer.close());
  const openReader = (stream: Stream, consumer: string) => {
    const reader = openStreamReader({ dir: dataDir, stream, consumer, shared, clock, telemetry, log });
    stack.defer(() => reader.close());
    return reader;
  };
  const quarantineOf = (stream: Stream, consumer: string) => {
    const quarantine = openQuarantine({ dir: dataDir, stream, consumer, clock, telemetry, log });
    stack.defer(() => quarantine.close());
    return quarantine;
  };
  const { head, handles, queryable, series, keeper } = await openStore({
    dataDir,
    writer,
    reader: openReader("series", "store"),
    quarantine: quarantineOf("series", "store"),
    onTouched: (labels) => engine.touched(labels),
    retention: config.store,
    ...config.store,
    clock,
    telemetry,
    log,
  });
  keeper.start();
  stack.defer(() => keeper.stop());
  const notifier: Notifier = createNotifier({
    webhooks: config.notify.webhook === undefined ? [] : [{ name: "webhook", url: config.notify.webhook }],
    stateDir: stateFile("notify"),
    externalUrl,
    post: postWebhook,
    random: Math.random,
    clock,
    telemetry,
    log,
  });
  const engine: RuleEngine = createRuleEngine({
    groups,
    language,
    evaluationIntervalMs: config.rules.evaluationIntervalMs,
    queryable,
    appendSeries: series.append,
    // Before derive has started nothing is complete, not even the beginning of time.
    watermarkMs: () => Math.max(0, derive.watermarkMs()),
    onWatermark: (callback) => derive.onWatermark(callback),
    notify: (events) => notifier.accept(events),
    stateFile: stateFile("alerts.json"),
    externalUrl,
    externalLabels: {},
    traceUrl: (traceId) => `${externalUrl}/traces/${traceId}`,
    clock,
    telemetry,
    log,
  });
  const derive: Derive = createDerive({
    readers: {
      spans: openReader("spans", "derive"),
      logs: openReader("logs", "derive"),
      metrics: openReader("metrics", "derive"),
    },
    quarantines: {
      spans: quarantineOf("spans", "derive"),
      logs: quarantineOf("logs", "derive"),
      metrics: quarantineOf("metrics", "derive"),
    },
    appendSeries: series.append,
    lastSeriesTimestampMs: series.lastTimestampMs,
    lastSampleMs: head.lastSampleMs,
    isWatched: engine.isWatched,
    stateFile: stateFile("derive.snapshot"),
    limits: { seriesMax: config.store.seriesMax },
    clock,
    telemetry,
    log,
  });
  await notifier.start();
  stack.defer(() => notifier.stop({ deadlineMs: stopDeadlineMs }));
  engine.start();
  stack.defer(() => engine.stop());
  await derive.start();
  stack.defer(() => derive.stop());
  stages = { engine, series };
  return handles;
}

/** Rule files by name; a star may stand for any name, and then none need match. */
function readRules(): RuleGroup[] {
  const files = config.rules.files.flatMap((pattern) => {
    const found = globSync(pattern).sort();
    if (found.length === 0 && !/[*?[{]/.test(pattern)) {
      throw new CollectorError("QUARTET_RULES_INVALID", `rules.files: there is no file ${pattern}`);
    }
    if (found.length === 0) log.warn("no rule file matches", { pattern });
    return found;
  });
  const own = [...new Set(files)].flatMap((file) => parseRuleFile(readRuleFile(file), file, language));
  return config.rules.hasBuiltIn ? [...own, ...builtInRules()] : own;
}

function readRuleFile(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new CollectorError(
      "QUARTET_RULES_INVALID",
      `rules.files: cannot read ${file}: ${(cause as Error).message}`,
      { cause },
    );
  }
}
