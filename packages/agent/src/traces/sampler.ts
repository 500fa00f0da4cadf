import { createTraceState, trace, type Context } from "@opentelemetry/api";
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  ParentBasedSampler,
  SamplingDecision,
  type Sampler,
} from "@opentelemetry/sdk-trace";

/** The values of OTEL_TRACES_SAMPLER. */
export type SamplerName =
  | "always_on"
  | "always_off"
  | "traceidratio"
  | "parentbased_always_on"
  | "parentbased_always_off"
  | "parentbased_traceidratio";

/** `ratio` in [0, 1] counts for the two that have it in their name. */
export function createSampler(name: SamplerName, ratio: number): Sampler {
  switch (name) {
    case "always_on":
      return new AlwaysOnSampler();
    case "always_off":
      return new AlwaysOffSampler();
    case "traceidratio":
      return createRatioSampler(ratio);
    case "parentbased_always_on":
      return new ParentBasedSampler({ root: new AlwaysOnSampler() });
    case "parentbased_always_off":
      return new ParentBasedSampler({ root: new AlwaysOffSampler() });
    case "parentbased_traceidratio":
      return new ParentBasedSampler({ root: createRatioSampler(ratio) });
  }
}

/** Randomness and thresholds are numbers of 56 bits, written as 14 hexadecimal digits. */
const digitCount = 14;

/**
 * Samples the traces whose last 56 bits are at least the threshold, and says so in tracestate (`ot=th:…`): a span that came through stands
 * for 1 / ratio spans, and whoever counts can count exactly that. The SDK's own sampler (3.1) does not say it.
 * @see https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/
 */
function createRatioSampler(ratio: number): Sampler {
  if (ratio >= 1) return new AlwaysOnSampler();
  if (ratio <= 0) return new AlwaysOffSampler();
  const threshold = BigInt(Math.round((1 - ratio) * 2 ** (4 * digitCount)))
    .toString(16)
    .padStart(digitCount, "0");
  const written = threshold.replace(/0+$/, "") || "0";
  return {
    shouldSample(context: Context, traceId: string) {
      // Digits of equal length compare like the numbers they are.
      if (traceId.slice(-digitCount) < threshold) return { decision: SamplingDecision.NOT_RECORD };
      const state = trace.getSpanContext(context)?.traceState ?? createTraceState();
      const others = (state.get("ot") ?? "")
        .split(";")
        .filter((part) => part !== "" && !part.startsWith("th:"));
      return {
        decision: SamplingDecision.RECORD_AND_SAMPLED,
        traceState: state.set("ot", [`th:${written}`, ...others].join(";")),
      };
    },
    toString: () => `QuartetRatio{${ratio}}`,
  };
}
