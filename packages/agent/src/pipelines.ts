import type { ClientRequest } from "node:http";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import type { AgentConfig, SignalConfig } from "./config.ts";
import { createLogEncoder, type LogEntry } from "./logs/index.ts";
import { encodeMetric, type Signal, type TimedFamily } from "./metrics/index.ts";
import {
  createOutage,
  createPipeline,
  ProtobufWriter,
  sendLastWords,
  writeAttributes,
  type Clock,
  type Notice,
  type Outage,
  type OutboxCounts,
  type Pipeline,
} from "./resilience/index.ts";
import { encodeSpan } from "./traces/index.ts";

export interface PipelinesSettings {
  readonly config: AgentConfig;
  readonly notice: Notice;
  readonly clock: Clock;
  readonly random: () => number;
  /** Runs a function outside every request's async context. */
  readonly detach: (callback: () => void) => void;
}

/** The three signals' ways to the collector; undefined for a signal that is not exported. */
export interface Pipelines {
  readonly spans: Pipeline<ReadableSpan> | undefined;
  readonly logs: Pipeline<LogEntry> | undefined;
  readonly metrics: Pipeline<TimedFamily> | undefined;
  readonly counts: Readonly<Record<Signal, () => OutboxCounts>>;
  start(): void;
  /** An error has been recorded: sends everything, of all signals, within 100 ms. */
  readonly flushSoon: () => void;
  /** Resolves when everything was tried, or after `deadlineMs`. Never rejects. */
  flush(deadlineMs: number): Promise<void>;
  /** Blocks until what is left was sent, or for `deadlineMs`. */
  sendLastWords(deadlineMs: number): void;
  /** Whether a request is the agent's own. */
  readonly isOwn: (request: ClientRequest) => boolean;
  stop(): void;
}

/** A process that ends while the collector is away should not wait long for what will most likely fail. */
const deadlineMsWhenAway = 500;
const nothing: OutboxCounts = { recorded: 0, sent: 0, dropped: new Map(), queued: 0 };

export function createPipelines(settings: PipelinesSettings): Pipelines {
  const { config, notice, clock } = settings;
  const resource = encodeResource(config.resourceAttributes);
  const outages = new Map<string, Outage>();

  const create = <T>(
    signal: string,
    of: SignalConfig | undefined,
    encode: (writer: ProtobufWriter, item: T) => void,
  ): Pipeline<T> | undefined => {
    if (of === undefined) return undefined;
    const { origin } = of.endpoint.url;
    const outage = outages.get(origin) ?? createOutage(origin, { notice, nowMs: clock.nowMs });
    outages.set(origin, outage);
    return createPipeline({
      ...settings,
      signal,
      target: of.endpoint,
      queue: of.queue,
      resource,
      encode,
      outage,
    });
  };
  const spans = create("spans", config.traces, encodeSpan);
  const logs = create(
    "log records",
    config.logs,
    createLogEncoder({
      attributeCountMax: config.logAttributeCountMax,
      valueLengthMax: config.logValueLengthMax,
    }),
  );
  const metrics = create("data points", config.metrics, encodeMetric);
  const all = [spans, logs, metrics].filter((pipeline) => pipeline !== undefined);

  return {
    spans,
    logs,
    metrics,
    counts: {
      spans: () => spans?.outbox.counts() ?? nothing,
      logs: () => logs?.outbox.counts() ?? nothing,
      metrics: () => metrics?.outbox.counts() ?? nothing,
    },
    start() {
      for (const pipeline of all) pipeline.start();
    },
    flushSoon() {
      for (const pipeline of all) pipeline.flushSoon();
    },
    async flush(deadlineMs) {
      await Promise.all(all.map((pipeline) => pipeline.flush(deadlineMs)));
    },
    sendLastWords(deadlineMs) {
      const lastWords = all.map((pipeline) => pipeline.lastWords()).filter(({ bodies }) => bodies.length > 0);
      if (lastWords.length === 0) return;
      const isAway = [...outages.values()].some((outage) => outage.isAway());
      sendLastWords(lastWords, isAway ? Math.min(deadlineMsWhenAway, deadlineMs) : deadlineMs);
    },
    isOwn: (request) => all.some((pipeline) => pipeline.isOwn(request)),
    stop() {
      for (const pipeline of all) pipeline.stop();
    },
  };
}

/** A serialized Resource message, the same in every request. */
function encodeResource(attributes: AgentConfig["resourceAttributes"]): Buffer {
  const writer = new ProtobufWriter(1_024);
  writeAttributes(writer, 1, attributes);
  return Buffer.from(writer.view(0, writer.position));
}
