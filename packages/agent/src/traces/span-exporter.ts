import { SpanStatusCode, TraceFlags } from "@opentelemetry/api";
import { ExportResultCode, type ExportResult } from "@opentelemetry/core";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import type { ReadableSpan, SpanProcessor } from "@opentelemetry/sdk-trace";
import type { Outbox } from "../resilience/index.ts";

export interface SpanProcessorSettings {
  /** undefined, like the outbox: spans are not exported, they only give their ids to logs and to the next service. */
  readonly url: string | undefined;
  readonly outbox: Outbox<ReadableSpan> | undefined;
  /** A span with status ERROR has been recorded. */
  readonly onError: () => void;
  /** Sends what is queued; resolves when that was tried. */
  readonly flush: () => Promise<void>;
}

/**
 * The SDK's OTLP/HTTP exporter, writing into the agent's outbox in place of its own transport.
 * That one (0.301) sends JSON, may reorder batches over retries, forgets a Retry-After beyond its timeout, and tells nobody how
 * many spans a partial success rejected: errors could then arrive before the successes around them, and the counters would not add up.
 */
class OutboxTraceExporter extends OTLPTraceExporter {
  readonly #settings: SpanProcessorSettings;

  constructor(settings: SpanProcessorSettings) {
    super(settings.url === undefined ? {} : { url: settings.url });
    this.#settings = settings;
  }

  /** Encodes the spans at once; success means that they are queued or counted as dropped. */
  override export(spans: ReadableSpan[], resultCallback: (result: ExportResult) => void): void {
    for (const span of spans) {
      this.#settings.outbox?.append(span.instrumentationScope, span);
      if (span.status.code === SpanStatusCode.ERROR) this.#settings.onError();
    }
    resultCallback({ code: ExportResultCode.SUCCESS });
  }

  override forceFlush(): Promise<void> {
    return this.#settings.flush();
  }

  override shutdown(): Promise<void> {
    return this.#settings.flush();
  }
}

/** Hands every sampled span to the exporter the moment it ends: the outbox does the batching. */
export function createSpanProcessor(settings: SpanProcessorSettings): SpanProcessor {
  const exporter = new OutboxTraceExporter(settings);
  return {
    onStart: () => undefined,
    onEnd(span) {
      if ((span.spanContext().traceFlags & TraceFlags.SAMPLED) !== 0)
        exporter.export([span], () => undefined);
    },
    forceFlush: () => exporter.forceFlush(),
    shutdown: () => exporter.shutdown(),
  };
}
