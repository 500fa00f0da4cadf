import { createTraceState, ROOT_CONTEXT, SpanKind, trace } from "@opentelemetry/api";
import { SamplingDecision } from "@opentelemetry/sdk-trace";
import { expect, test } from "vitest";
import { createSampler, type SamplerName } from "./sampler.ts";

const traceIdOf = (randomness: string): string => `0af7651916cd43dd84${randomness}`;
const parentOf = (traceState: string) =>
  trace.setSpanContext(ROOT_CONTEXT, {
    traceId: traceIdOf("00000000000000"),
    spanId: "b7ad6b7169203331",
    traceFlags: 1,
    isRemote: true,
    traceState: createTraceState(traceState),
  });

function sample(name: SamplerName, ratio: number, randomness: string, context = ROOT_CONTEXT) {
  const { decision, traceState } = createSampler(name, ratio).shouldSample(
    context,
    traceIdOf(randomness),
    "GET",
    SpanKind.SERVER,
    {},
    [],
  );
  return { isSampled: decision === SamplingDecision.RECORD_AND_SAMPLED, state: traceState?.serialize() };
}

test("a ratio keeps the traces at or above its threshold, and writes it", () => {
  expect(sample("traceidratio", 0.25, "c0000000000000")).toEqual({ isSampled: true, state: "ot=th:c" });
  expect(sample("traceidratio", 0.25, "bfffffffffffff").isSampled).toBe(false);
  expect(sample("traceidratio", 0.5, "80000000000000")).toEqual({ isSampled: true, state: "ot=th:8" });
  expect(sample("traceidratio", 0.1, "ffffffffffffff").state).toMatch(/^ot=th:e66666666666/);
});

test("a higher ratio keeps whatever a lower one keeps", () => {
  for (const randomness of ["ff000000000000", "c1234567890abc", "80000000000001", "10000000000000"]) {
    const kept = [0.01, 0.1, 0.25, 0.5, 0.9].map(
      (ratio) => sample("traceidratio", ratio, randomness).isSampled,
    );
    expect(kept).toEqual(kept.toSorted((a, b) => Number(a) - Number(b)));
  }
});

test("0 and 1 are never and always, without a threshold", () => {
  expect(sample("traceidratio", 0, "ffffffffffffff")).toEqual({ isSampled: false, state: undefined });
  expect(sample("traceidratio", 1, "00000000000000")).toEqual({ isSampled: true, state: undefined });
});

test("what else stands in tracestate stays", () => {
  const { state } = sample("traceidratio", 0.5, "ffffffffffffff", parentOf("a=1,ot=th:0;rv:123,b=2"));
  expect(state).toBe("ot=th:8;rv:123,a=1,b=2");
});

test("with a parent the parent decides, and its threshold is handed on untouched", () => {
  expect(sample("parentbased_traceidratio", 0.5, "00000000000000", parentOf("ot=th:c"))).toEqual({
    isSampled: true,
    state: undefined,
  });
  expect(sample("parentbased_traceidratio", 0.5, "00000000000000").isSampled).toBe(false);
  expect(sample("parentbased_always_off", 0.5, "ffffffffffffff").isSampled).toBe(false);
  expect(sample("always_off", 1, "ffffffffffffff", parentOf("a=1")).isSampled).toBe(false);
  expect(sample("always_on", 0, "00000000000000").isSampled).toBe(true);
});
