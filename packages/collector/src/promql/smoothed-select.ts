import { labelValue, metricNameLabel, usesCustomBuckets } from "../model/index.ts";
import { addRow, createBlock, setFloat, setHistogram, type Block, type Steps } from "./block.ts";
import { interpolateHistograms } from "./functions/extended-histogram-rate.ts";
import { interpolate } from "./functions/extended-rate.ts";
import { noteMixedSchemas, type NotePlace } from "./histogram/notes.ts";
import { referenceMs, type SelectPlan } from "./plan.ts";
import type { QueryState } from "./query-state.ts";
import { toRangeSeries, type RangeSeries } from "./range-series.ts";
import { firstAfter, selectedRange, selectSeries } from "./select.ts";

interface Around {
  /** The first index at or after the time. */
  readonly next: number;
  /** Samples inside the lookback on both sides: from, up to and without. */
  readonly from: number;
  readonly to: number;
}

function around(timesMs: Float64Array, timeMs: number, lookbackMs: number): Around {
  return {
    next: firstAfter(timesMs, timeMs - 0.5),
    from: firstAfter(timesMs, timeMs - lookbackMs),
    to: firstAfter(timesMs, timeMs + lookbackMs),
  };
}

function floatAt(
  { floatTimesMs, floats }: RangeSeries,
  { next, from, to }: Around,
  timeMs: number,
): number | undefined {
  if (next < to && floatTimesMs[next] === timeMs) return floats[next];
  if (next <= from) return undefined;
  return next < to ? interpolate(floatTimesMs, floats, next - 1, timeMs, false) : floats[next - 1];
}

function placeHistogram(
  block: Block,
  cell: () => number,
  { histogramTimesMs, histograms }: RangeSeries,
  { next, from, to }: Around,
  timeMs: number,
  place: NotePlace,
): void {
  if (next < to && histogramTimesMs[next] === timeMs) {
    setHistogram(block, cell(), histograms[next]!);
    return;
  }
  if (next <= from) return;
  const left = histograms[next - 1]!;
  // The hint tells of neighbours, and the neighbour is another one here.
  if (next >= to) {
    setHistogram(block, cell(), { ...left, counterResetHint: "unknown" });
    return;
  }
  const right = histograms[next]!;
  if (usesCustomBuckets(left) !== usesCustomBuckets(right)) {
    noteMixedSchemas(place);
    return;
  }
  const isCounter = left.counterResetHint !== "gauge" || right.counterResetHint !== "gauge";
  const between = interpolateHistograms(
    { timeMs: histogramTimesMs[next - 1]!, histogram: left },
    { timeMs: histogramTimesMs[next]!, histogram: right },
    timeMs,
    isCounter,
    place,
  );
  if (between !== undefined) setHistogram(block, cell(), between);
}

/** A smoothed instant selector: at every step the value on the line between the samples before and after it. */
export function evaluateSmoothed(state: QueryState, plan: SelectPlan, steps: Steps): Block {
  const { matchers, placement, span } = plan;
  const widen = { beforeMs: state.lookbackMs - 1, afterMs: state.lookbackMs };
  const selected = selectSeries(state, matchers, selectedRange(placement, steps, widen));
  const block = createBlock(steps.count, selected.length);
  for (const samples of selected) {
    state.checkpoint();
    const series = toRangeSeries(samples);
    const metric = labelValue(series.labels, metricNameLabel);
    let base = -1;
    for (let step = 0; step < steps.count; step += 1) {
      const timeMs = referenceMs(placement, steps.startMs + step * steps.stepMs);
      const floats = around(series.floatTimesMs, timeMs, state.lookbackMs);
      const histograms = around(series.histogramTimesMs, timeMs, state.lookbackMs);
      const cell = (): number => {
        if (base < 0) base = addRow(block, series.labels, false) * steps.count;
        return base + step;
      };
      const hasHistograms = histograms.from < histograms.to;
      if (hasHistograms && floats.from < floats.to) {
        state.annotations.warn(
          `encountered a mix of histograms and floats for metric name ${JSON.stringify(metric)}`,
          span,
        );
        continue;
      }
      if (hasHistograms) {
        const place = { annotations: state.annotations, span, metric };
        placeHistogram(block, cell, series, histograms, timeMs, place);
        continue;
      }
      const value = floatAt(series, floats, timeMs);
      if (value !== undefined) setFloat(block, cell(), value);
    }
  }
  return block;
}
