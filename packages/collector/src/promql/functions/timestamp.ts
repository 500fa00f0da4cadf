import { addRow, cellKinds, createBlock, setFloat, type Block, type Steps } from "../block.ts";
import type { SelectPlan } from "../plan.ts";
import type { QueryState } from "../query-state.ts";
import { forEachNewest, selectedRange, selectSeries } from "../select.ts";

/** timestamp and start_timestamp of a selector: seconds at which the samples themselves were taken, or began. */
export function sampleTimes(
  state: QueryState,
  plan: SelectPlan,
  steps: Steps,
  which: "time" | "start",
): Block {
  const { matchers, placement } = plan;
  const widen = { beforeMs: state.lookbackMs - 1, afterMs: 0 };
  const series = selectSeries(state, matchers, selectedRange(placement, steps, widen));
  const block = createBlock(steps.count, series.length);
  if (which === "start" && !state.startTimestamps) return block;
  for (const samples of series) {
    let base = -1;
    forEachNewest(state, samples, placement, steps, (step, index) => {
      if (base < 0) base = addRow(block, samples.labels, true) * steps.count;
      const timeMs =
        which === "time" ? samples.timestampsMs[index]! : (samples.startTimestampsMs?.[index] ?? 0);
      setFloat(block, base + step, timeMs / 1000);
    });
  }
  return block;
}

/** timestamp of anything else: the time of the step. */
export function stepTimes(block: Block, steps: Steps): Block {
  for (let row = 0; row < block.labels.length; row += 1) {
    for (let step = 0; step < steps.count; step += 1) {
      const cell = row * steps.count + step;
      if (block.kinds[cell] !== cellKinds.none)
        setFloat(block, cell, (steps.startMs + step * steps.stepMs) / 1000);
    }
  }
  block.histograms = undefined;
  block.dropsName.fill(true);
  return block;
}
