import {
  createTraceState,
  propagation,
  ROOT_CONTEXT,
  trace,
  type TextMapGetter,
  type TextMapSetter,
} from "@opentelemetry/api";
import { suppressTracing } from "@opentelemetry/core";
import { expect, test } from "vitest";
import { createPropagator } from "./propagator.ts";

type Headers = Record<string, string | string[]>;
const getter: TextMapGetter<Headers> = { get: (headers, name) => headers[name], keys: Object.keys };
const setter: TextMapSetter<Headers> = { set: (headers, name, value) => void (headers[name] = value) };
const traceId = "0af7651916cd43dd8448eb211c80319c";
const traceparent = `00-${traceId}-b7ad6b7169203331-01`;
const propagator = createPropagator();

const spanContextOf = (headers: Headers) =>
  trace.getSpanContext(propagator.extract(ROOT_CONTEXT, headers, getter));

function injected(context = ROOT_CONTEXT): Headers {
  const headers: Headers = {};
  propagator.inject(context, headers, setter);
  return headers;
}

test("what comes in goes out: span, state and baggage", () => {
  const headers = { traceparent, tracestate: "a=1,b=2", baggage: "tenant=blue" };
  expect(injected(propagator.extract(ROOT_CONTEXT, headers, getter))).toEqual(headers);
});

test("a state in several headers is one state", () => {
  expect(spanContextOf({ traceparent, tracestate: ["a=1", "b=2"] })?.traceState?.serialize()).toBe("a=1,b=2");
});

test("two traceparents are none; a state without one is nothing", () => {
  expect(spanContextOf({ traceparent: [traceparent, traceparent] })).toBeUndefined();
  expect(spanContextOf({ tracestate: "a=1" })).toBeUndefined();
});

test("nothing is injected without a span, or where tracing is suppressed", () => {
  const spanContext = {
    traceId,
    spanId: "b7ad6b7169203331",
    traceFlags: 1,
    traceState: createTraceState("a=1"),
  };
  const context = trace.setSpanContext(ROOT_CONTEXT, spanContext);
  expect(injected()).toEqual({});
  expect(injected(trace.setSpanContext(ROOT_CONTEXT, { ...spanContext, spanId: "0".repeat(16) }))).toEqual(
    {},
  );
  expect(injected(suppressTracing(context))).toEqual({});
  expect(injected(context)).toEqual({ traceparent, tracestate: "a=1" });
});

test("baggage goes out without a span", () => {
  const baggage = propagation.createBaggage({ tenant: { value: "blue" } });
  expect(injected(propagation.setBaggage(ROOT_CONTEXT, baggage))).toEqual({ baggage: "tenant=blue" });
});
