import {
  createTraceState,
  isSpanContextValid,
  trace,
  type Context,
  type TextMapGetter,
  type TextMapPropagator,
  type TextMapSetter,
} from "@opentelemetry/api";
import { CompositePropagator, isTracingSuppressed, W3CBaggagePropagator } from "@opentelemetry/core";
import { formatTraceparent, parseTraceparent } from "./traceparent.ts";

/** W3C trace context, read by offsets, and W3C baggage: the default of OTEL_PROPAGATORS. */
export function createPropagator(): TextMapPropagator {
  return new CompositePropagator({ propagators: [traceContext, new W3CBaggagePropagator()] });
}

const traceContext: TextMapPropagator = {
  inject(context: Context, carrier: unknown, setter: TextMapSetter): void {
    const spanContext = trace.getSpanContext(context);
    if (spanContext === undefined || !isSpanContextValid(spanContext) || isTracingSuppressed(context)) return;
    setter.set(carrier, "traceparent", formatTraceparent(spanContext));
    const state = spanContext.traceState?.serialize();
    if (state !== undefined && state !== "") setter.set(carrier, "tracestate", state);
  },
  extract(context: Context, carrier: unknown, getter: TextMapGetter): Context {
    const header = getter.get(carrier, "traceparent");
    // Two traceparents contradict each other; Node joins them with a comma, which does not parse.
    if (typeof header !== "string") return context;
    const spanContext = parseTraceparent(header);
    if (spanContext === undefined) return context;
    const state = getter.get(carrier, "tracestate");
    const text = Array.isArray(state) ? state.join(",") : state;
    return trace.setSpanContext(
      context,
      text === undefined || text === ""
        ? spanContext
        : { ...spanContext, traceState: createTraceState(text) },
    );
  },
  fields: () => ["traceparent", "tracestate"],
};
