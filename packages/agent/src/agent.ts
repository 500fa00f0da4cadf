import { AsyncLocalStorage } from "node:async_hooks";
import { join } from "node:path";
import { isMainThread } from "node:worker_threads";
import { context, logs, propagation, trace } from "@opentelemetry/api";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { NodeSDK } from "@opentelemetry/sdk-node";
import { parseConfig } from "./config.ts";
import { createAdmin, createReadiness } from "./health/index.ts";
import {
  createLogProcessor,
  createPinoLogs,
  createUncaughtEntry,
  errorSeverityNumber,
  publishOlderPino,
  type LogEntry,
} from "./logs/index.ts";
import {
  createAgentCounters,
  createMetricCollector,
  createMetricPush,
  createProcessMetrics,
  createRequestHistogram,
  createScrapeWatch,
  createServiceRegistry,
  expositionContentType,
  formatExposition,
} from "./metrics/index.ts";
import { createPipelines } from "./pipelines.ts";
import { isPackageManager, isTransportThread, readProcessFacts } from "./process-facts.ts";
import { createGuard, createNotice, systemClock, watchEnd, type Scope } from "./resilience/index.ts";
import {
  createFastifyTraces,
  createHttpClientTraces,
  createHttpServerTraces,
  createPropagator,
  createRequestContext,
  createSampler,
  createSpanProcessor,
  createUndiciTraces,
} from "./traces/index.ts";

export interface AgentOptions {
  /** Laid over the environment: `{ OTEL_SERVICE_NAME: "checkout" }`. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** A running agent. */
export interface Agent {
  /** The port of /metrics, /livez and /readyz; undefined in worker threads, and when none could be opened. Never rejects. */
  readonly adminPort: Promise<number | undefined>;
  /** Sends what has been recorded so far; resolves when that was tried, after QUARTET_SHUTDOWN_TIMEOUT_MS at the latest. Never rejects. */
  flush(): Promise<void>;
  /** Flushes and ends the agent; the service goes on without it. Never rejects. */
  shutdown(): Promise<void>;
}

/** One object: the outbox groups records by it. */
const pinoScope: Scope = { name: "pino" };
const running = Symbol.for("quartet.agent");
const idleAgent: Agent = {
  adminPort: Promise.resolve(undefined),
  flush: () => Promise.resolve(),
  shutdown: () => Promise.resolve(),
};

/**
 * Starts the agent in this thread; a second call, also from another copy of the package, gives the one that runs.
 * Never throws on a mistake in the configuration: that takes its default and is said once on stderr.
 */
export function startAgent({ env = {} }: AgentOptions = {}): Agent {
  const global = globalThis as { [running]?: Agent };
  global[running] ??= createAgent({ ...process.env, ...env }, () => Reflect.deleteProperty(global, running));
  return global[running];
}

function createAgent(env: Readonly<Record<string, string | undefined>>, forget: () => void): Agent {
  const facts = readProcessFacts();
  const { config, problems } = parseConfig(env, facts);
  if (config.isDisabled || isTransportThread() || isPackageManager()) return idleAgent;
  const clock = systemClock;
  const notice = createNotice(config.logLevel, (line) => process.stderr.write(line));
  const guard = createGuard(notice);
  for (const problem of problems) notice.warn("QUARTET_AGENT_CONFIG", problem);

  const scope: Scope = { name: "@quartet/agent", version: facts.agentVersion };
  const mainScript = process.argv[1] ?? join(process.cwd(), "[eval]");
  const detach: (callback: () => void) => void = AsyncLocalStorage.snapshot();
  const pipelines = createPipelines({ config, notice, clock, random: Math.random, detach });

  // Metrics: what the service counts itself comes first, and wins over a name of the agent's.
  const histogram = createRequestHistogram();
  const counters = createAgentCounters({ counts: pipelines.counts, errorCount: guard.errorCount });
  const collect = createMetricCollector({
    sources: [
      createServiceRegistry(mainScript),
      histogram,
      counters,
      // About the whole process: one thread tells it.
      ...(isMainThread ? [createProcessMetrics()] : []),
    ],
    notice,
  });
  const scrapes = createScrapeWatch({ pushIntervalMs: config.metricsIntervalMs, nowMs: clock.nowMs });
  const push = createMetricPush({
    collect,
    pipeline: pipelines.metrics,
    scope,
    clock,
    intervalMs: config.metricsIntervalMs,
    startMs: clock.nowMs(),
    scrapes: config.metricsPush === "always" ? undefined : scrapes,
    detach,
  });

  const admin = createAdmin({
    ...config.admin,
    metrics(headers) {
      scrapes.seen(headers);
      return collect().then(formatExposition);
    },
    contentType: expositionContentType,
    readiness: () => readiness.state(),
    warn: (message) => notice.warn("QUARTET_AGENT_PORT", message),
  });
  const readiness = createReadiness({
    isOwn: admin.isOwn,
    assumeReadyAfterMs: config.readyAfterMs,
    setTimer: clock.setTimer,
  });

  const flush = async (): Promise<void> => {
    await push.record();
    await pipelines.flush(config.shutdownTimeoutMs);
  };
  const record = (entry: LogEntry, from: Scope): void => {
    pipelines.logs?.outbox.append(from, entry);
    if (entry.severityNumber >= errorSeverityNumber) pipelines.flushSoon();
  };

  const requestContext = createRequestContext();
  const sdk = new NodeSDK({
    autoDetectResources: false,
    resource: resourceFromAttributes(config.resourceAttributes),
    contextManager: requestContext.manager,
    ...(config.hasDefaultPropagators ? { textMapPropagator: createPropagator() } : {}),
    sampler: createSampler(config.sampler, config.samplerRatio),
    ...(config.spanValueLengthMax === undefined
      ? {}
      : { spanLimits: { attributeValueLengthLimit: config.spanValueLengthMax } }),
    spanProcessors: [
      createSpanProcessor({
        url: config.traces?.endpoint.url.href,
        outbox: pipelines.spans?.outbox,
        onError: pipelines.flushSoon,
        flush,
      }),
    ],
    logRecordProcessors: [createLogProcessor(record, flush)],
    metricReaders: [],
    instrumentations: [],
  });
  sdk.start();

  const tracer = trace.getTracer(scope.name, scope.version);
  const httpServer = createHttpServerTraces({
    tracer,
    guard,
    enter: requestContext.enter,
    isOwn: admin.isOwn,
    onEnd: histogram.observe,
  });
  const parts = [
    requestContext,
    httpServer,
    createHttpClientTraces({ tracer, guard, isOwn: pipelines.isOwn }),
    createUndiciTraces({ tracer, guard }),
    createFastifyTraces({ guard }),
    createPinoLogs({
      guard,
      nowMs: clock.nowMs,
      onEntry: pipelines.logs === undefined ? undefined : (entry) => record(entry, pinoScope),
    }),
    readiness,
    push,
    pipelines,
  ];
  for (const part of parts) part.start();
  guard("looking for an older pino", () => void publishOlderPino(mainScript))();

  const unwatch = watchEnd({
    hasSignals: isMainThread,
    onSignal: readiness.stopping,
    abandonRequests: guard("abandoning requests", httpServer.abandon),
    onUncaught: guard("recording an exception", (error: unknown) =>
      record(createUncaughtEntry(error, { nowMs: clock.nowMs(), context: context.active() }), scope),
    ),
    flush,
    sendLastWords: guard("sending last words", () => pipelines.sendLastWords(config.shutdownTimeoutMs)),
    recordedCount: () => pipelines.counts.spans().recorded + pipelines.counts.logs().recorded,
  });

  return {
    adminPort: isMainThread ? admin.start() : Promise.resolve(undefined),
    flush,
    async shutdown() {
      unwatch();
      await flush();
      for (const part of parts.toReversed()) part.stop();
      admin.stop();
      await sdk.shutdown();
      // So that another start, by hand, finds room.
      for (const api of [trace, context, propagation, logs]) api.disable();
      forget();
    },
  };
}
