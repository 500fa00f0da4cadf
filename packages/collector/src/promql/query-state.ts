import { CollectorError, type Queryable } from "../model/index.ts";
import { createAnnotationSink, type AnnotationSink } from "./annotations.ts";
import type { Steps } from "./block.ts";
import type { Plan } from "./plan.ts";
import type { Value } from "./value.ts";

/** Bounds of one query. */
export interface QueryLimits {
  /** Samples held at one time. */
  readonly samplesMax: number;
  /** Points of one series in a range query. */
  readonly stepsMax: number;
  /** Series that one selector may give. */
  readonly seriesMax: number;
  readonly timeoutMs: number;
}

/** Prometheus' defaults; it has no bound of series. */
export const queryLimitsDefault: QueryLimits = {
  samplesMax: 50_000_000,
  stepsMax: 11_000,
  seriesMax: 1_000_000,
  timeoutMs: 120_000,
};

/** How the engine behaves beside the language; each is a feature flag of Prometheus. */
export interface EngineOptions {
  /** Keep metric names through the evaluation and drop them at its end (promql-delayed-name-removal). */
  readonly delayedNameRemoval: boolean;
  /** Let rate() and the like see when a counter began (use-start-timestamps). */
  readonly startTimestamps: boolean;
  /** Step of a subquery that names none: Prometheus takes the global evaluation interval. */
  readonly subqueryStepMs: number;
}

/** What all nodes of one evaluation share. */
export interface QueryState extends EngineOptions {
  readonly queryable: Queryable;
  readonly lookbackMs: number;
  readonly limits: QueryLimits;
  readonly annotations: AnnotationSink;
  /** Samples held now. */
  readonly heldSamples: () => number;
  /** Takes `count` samples more into account, or gives them back when it is negative. */
  readonly hold: (count: number) => void;
  /** The value of a node at every step; nodes evaluate their parts through it. */
  readonly evaluate: (plan: Plan, steps: Steps) => Value;
  /**
   * To be called in every long loop: ends the query when its client left or its time is over. `passedSamples`: how many were looked
   * at since the last call, where that is known; one series counts for a thousand.
   */
  readonly checkpoint: (passedSamples?: number) => void;
}

export interface QueryControl {
  /** Set from outside when the client left; a worker may back it by shared memory. */
  readonly signal: { readonly aborted: boolean } | undefined;
  readonly nowMs: () => number;
  readonly evaluate: (state: QueryState, plan: Plan, steps: Steps) => Value;
}

/** Some tenths of a millisecond of most functions. */
const samplesPerLook = 65_536;

export function createQueryState(
  queryable: Queryable,
  settings: EngineOptions & { readonly lookbackMs: number; readonly limits: QueryLimits },
  { signal, nowMs, evaluate }: QueryControl,
): QueryState {
  const deadlineMs = nowMs() + settings.limits.timeoutMs;
  let held = 0;
  let passedSamples = samplesPerLook;
  const state: QueryState = {
    ...settings,
    queryable,
    evaluate: (plan, steps) => evaluate(state, plan, steps),
    annotations: createAnnotationSink(),
    heldSamples: () => held,
    hold(count) {
      held += count;
      if (held <= settings.limits.samplesMax) return;
      throw tooManySamples();
    },
    checkpoint(passed = samplesPerLook / 64) {
      // Looking at the clock costs more than the loops that ask for it.
      passedSamples += passed;
      if (passedSamples < samplesPerLook) return;
      passedSamples = 0;
      if (signal?.aborted === true) {
        throw new CollectorError("QUARTET_PROMQL_CANCELLED", "query was canceled in expression evaluation");
      }
      if (nowMs() > deadlineMs) {
        throw new CollectorError("QUARTET_PROMQL_TIMEOUT", "query timed out in expression evaluation");
      }
    },
  };
  return state;
}

export function tooManySamples(): CollectorError {
  return new CollectorError(
    "QUARTET_PROMQL_LIMIT",
    "query processing would load too many samples into memory in query execution",
  );
}
