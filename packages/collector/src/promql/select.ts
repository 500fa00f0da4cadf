import {
  CollectorError,
  isStaleAt,
  type Matcher,
  type SeriesSamples,
  type TimeRange,
} from "../model/index.ts";
import { addRow, createBlock, setFloat, setHistogram, type Block, type Steps } from "./block.ts";
import { statsOnly } from "./histogram/stats-only.ts";
import { referenceMs, type Placement, type SelectPlan } from "./plan.ts";
import { tooManySamples, type QueryState } from "./query-state.ts";

/** Index of the first time after `timeMs`. */
export function firstAfter(timesMs: Float64Array, timeMs: number): number {
  let low = 0;
  let high = timesMs.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (timesMs[middle]! <= timeMs) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The times that a placement refers to over all steps, widened to both sides. */
export function selectedRange(
  placement: Placement,
  steps: Steps,
  widen: { readonly beforeMs: number; readonly afterMs: number },
): TimeRange {
  const first = referenceMs(placement, steps.startMs);
  const last = referenceMs(placement, steps.startMs + (steps.count - 1) * steps.stepMs);
  return { startMs: first - widen.beforeMs, endMs: last + widen.afterMs };
}

/**
 * The series of a selector with their samples inside the range. Of these no more are read at a time than a query may hold:
 * days of many series would not fit into memory, whatever is made of them then. With `isNewestOnly` those before the newest may be missing.
 * @throws CollectorError QUARTET_PROMQL_LIMIT when there are too many.
 */
export function selectSeries(
  state: QueryState,
  matchers: readonly Matcher[],
  range: TimeRange,
  isNewestOnly = false,
): readonly SeriesSamples[] {
  state.checkpoint();
  let read = 0;
  const onSamples = (count: number) => {
    state.checkpoint();
    read += count;
    if (read > state.limits.samplesMax) throw tooManySamples();
  };
  const series = state.queryable.select(matchers, range, {
    onSamples,
    isNewestOnly,
    hasStarts: state.startTimestamps,
  });
  if (series.length > state.limits.seriesMax) {
    throw new CollectorError(
      "QUARTET_PROMQL_LIMIT",
      `query selects ${series.length} series, more than the limit of ${state.limits.seriesMax}`,
    );
  }
  return series;
}

/** Calls back with the newest sample of the series at each step, where it is neither too old nor a staleness marker. */
export function forEachNewest(
  state: QueryState,
  { timestampsMs, values }: SeriesSamples,
  placement: Placement,
  steps: Steps,
  found: (step: number, index: number) => void,
): void {
  let next = firstAfter(timestampsMs, referenceMs(placement, steps.startMs));
  for (let step = 0; step < steps.count; step += 1) {
    const reference = referenceMs(placement, steps.startMs + step * steps.stepMs);
    while (next < timestampsMs.length && timestampsMs[next]! <= reference) next += 1;
    const index = next - 1;
    // The lookback is open to the left, as ranges are.
    if (index < 0 || timestampsMs[index]! <= reference - state.lookbackMs) continue;
    if (!isStaleAt(values, index)) found(step, index);
  }
}

/** Copies the newest sample of a series at each step into a new row of the block. */
function addSeries(
  state: QueryState,
  block: Block,
  { labels, timestampsMs, values, histograms }: SeriesSamples,
  placement: Placement,
  steps: Steps,
): void {
  const { atMs, offsetMs } = placement;
  const { lookbackMs } = state;
  const size = timestampsMs.length;
  let next = firstAfter(timestampsMs, referenceMs(placement, steps.startMs));
  let base = -1;
  for (let step = 0; step < steps.count; step += 1) {
    const reference = (atMs ?? steps.startMs + step * steps.stepMs) - offsetMs;
    while (next < size && timestampsMs[next]! <= reference) next += 1;
    const index = next - 1;
    if (index < 0 || timestampsMs[index]! <= reference - lookbackMs) continue;
    const value = values[index]!;
    const histogram = histograms?.[index];
    if (value !== value && histogram === undefined && isStaleAt(values, index)) continue;
    if (base < 0) base = addRow(block, labels, false) * steps.count;
    if (histogram === undefined) setFloat(block, base + step, value);
    else setHistogram(block, base + step, histogram);
  }
}

/** An instant vector selector at every step. */
export function evaluateSelect(state: QueryState, plan: SelectPlan, steps: Steps): Block {
  const { matchers, placement } = plan;
  const widen = { beforeMs: state.lookbackMs - 1, afterMs: 0 };
  const hasOneTime = steps.count === 1 || placement.atMs !== undefined;
  const series = selectSeries(state, matchers, selectedRange(placement, steps, widen), hasOneTime);
  const block = createBlock(steps.count, series.length);
  for (const stored of series) {
    state.checkpoint();
    addSeries(state, block, plan.isStatsOnly ? statsOnly(stored) : stored, placement, steps);
  }
  return block;
}
