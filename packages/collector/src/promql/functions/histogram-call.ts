import {
  labelsKey,
  labelValue,
  metricNameLabel,
  type Labels,
  type NativeHistogram,
} from "../../model/index.ts";
import { addRow, cellKinds, createBlock, setFloat, type Block, type Steps } from "../block.ts";
import { evaluateString, evaluateScalar, evaluateVector } from "../value.ts";
import { formatOpenMetrics } from "../format-value.ts";
import { classicFraction, classicQuantile, type ClassicBuckets } from "../histogram/classic.ts";
import {
  histogramFraction,
  histogramQuantile,
  histogramVariance,
  type Estimate,
} from "../histogram/quantile.ts";
import { withLabel } from "../label-edit.ts";
import { settleNames } from "../names.ts";
import type { CallPlan, Plan } from "../plan.ts";
import type { QueryState } from "../query-state.ts";
import { forEachHistogram } from "./histogram-input.ts";
import { invalidQuantile } from "./over-time.ts";

const ofHistogram: ReadonlyMap<string, (histogram: NativeHistogram) => number> = new Map<
  string,
  (histogram: NativeHistogram) => number
>([
  ["histogram_count", ({ count }) => count],
  ["histogram_sum", ({ sum }) => sum],
  ["histogram_avg", ({ sum, count }) => sum / count],
  ["histogram_stdvar", histogramVariance],
  ["histogram_stddev", (histogram) => Math.sqrt(histogramVariance(histogram))],
]);

export const histogramFunctionNames: ReadonlySet<string> = new Set([
  ...ofHistogram.keys(),
  "histogram_quantile",
  "histogram_quantiles",
  "histogram_fraction",
]);

function mapHistograms(block: Block, read: (histogram: NativeHistogram) => number): Block {
  const histograms = block.histograms ?? new Map<number, NativeHistogram>();
  block.histograms = undefined;
  for (let cell = 0; cell < block.labels.length * block.stepCount; cell += 1) {
    if (block.kinds[cell] !== cellKinds.histogram) block.kinds[cell] = cellKinds.none;
    else setFloat(block, cell, read(histograms.get(cell)!));
  }
  block.dropsName.fill(true);
  return block;
}

const shownName = (labels: Labels): string => {
  const name = labelValue(labels, metricNameLabel);
  return name === "" ? "" : ` for metric name ${JSON.stringify(name)}`;
};

/** A block whose rows are found by labels. */
function createOutput(
  stepCount: number,
  expected: number,
): { block: Block; set: (labels: Labels, step: number, value: number) => void } {
  const block = createBlock(stepCount, expected);
  const rows = new Map<string, number>();
  return {
    block,
    set(labels, step, value) {
      const key = labelsKey(labels);
      let row = rows.get(key);
      if (row === undefined) {
        row = addRow(block, labels, true);
        rows.set(key, row);
      }
      setFloat(block, row * stepCount + step, value);
    },
  };
}

function quantiles(
  state: QueryState,
  {
    input,
    source,
    parameters,
  }: { input: Block; source: Plan; parameters: readonly { plan: Plan; label: string | undefined }[] },
  steps: Steps,
  naturalSpan: Plan,
): Block {
  const output = createOutput(steps.count, input.labels.length);
  const columns = parameters.map(({ plan, label }) => {
    const q = evaluateScalar(state, plan, steps);
    for (const value of new Set(q)) {
      if (!(value >= 0 && value <= 1)) state.annotations.warn(invalidQuantile(value), plan.span);
    }
    return { q, label };
  });
  const labelled = (labels: Labels, label: string | undefined, q: number): Labels =>
    label === undefined ? labels : withLabel(labels, label, formatOpenMetrics(q));
  const noteEffect = ({ effect }: Estimate, labels: Labels): void => {
    if (effect === "none") return;
    const what = effect === "result is NaN" ? "result is NaN" : "result is skewed higher";
    state.annotations.info(
      `input to histogram_quantile has NaN observations, ${what}${shownName(labels)}`,
      naturalSpan.span,
    );
  };
  forEachHistogram(state, input, source.span, {
    native(labels, _row, step, histogram) {
      for (const { q, label } of columns) {
        const estimate = histogramQuantile(q[step]!, histogram);
        noteEffect(estimate, labels);
        output.set(labelled(labels, label, q[step]!), step, estimate.value);
      }
    },
    classic(labels, _group, step, buckets: ClassicBuckets) {
      for (const { q, label } of columns) {
        const copy =
          columns.length === 1 ? buckets : { bounds: buckets.bounds.slice(), counts: buckets.counts.slice() };
        const { value, mend } = classicQuantile(q[step]!, copy);
        if (mend !== undefined) {
          const shown = state.delayedNameRemoval ? shownName(labels) : "";
          state.annotations.fixed(
            "input to histogram_quantile needed to be fixed for monotonicity" +
              ` (see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)${shown}`,
            source.span,
            { timeMs: steps.startMs + step * steps.stepMs, ...mend },
          );
        }
        output.set(labelled(labels, label, q[step]!), step, value);
      }
    },
  });
  return output.block;
}

function fraction(state: QueryState, plan: CallPlan, steps: Steps): Block {
  const [lowerPlan, upperPlan, source] = plan.args as readonly [Plan, Plan, Plan];
  const lower = evaluateScalar(state, lowerPlan, steps);
  const upper = evaluateScalar(state, upperPlan, steps);
  const input = evaluateVector(state, source, steps);
  const output = createOutput(steps.count, input.labels.length);
  forEachHistogram(state, input, source.span, {
    native(labels, _row, step, histogram) {
      const { value, effect } = histogramFraction(lower[step]!, upper[step]!, histogram);
      if (effect !== "none") {
        state.annotations.info(
          "input to histogram_fraction has NaN observations, which are excluded from all fractions" +
            shownName(labels),
          lowerPlan.span,
        );
      }
      output.set(labels, step, value);
    },
    classic: (labels, _group, step, buckets) =>
      output.set(labels, step, classicFraction(lower[step]!, upper[step]!, buckets)),
  });
  return output.block;
}

/** Every function that reads histograms, native or classic. */
export function evaluateHistogramCall(state: QueryState, plan: CallPlan, steps: Steps): Block {
  const read = ofHistogram.get(plan.name);
  if (read !== undefined)
    return settleNames(state, mapHistograms(evaluateVector(state, plan.args[0]!, steps), read));
  if (plan.name === "histogram_fraction") return settleNames(state, fraction(state, plan, steps));
  if (plan.name === "histogram_quantile") {
    const [q, source] = plan.args as readonly [Plan, Plan];
    const input = evaluateVector(state, source, steps);
    const parameters = [{ plan: q, label: undefined }];
    return settleNames(state, quantiles(state, { input, source, parameters }, steps, q));
  }
  const [source, name, ...qs] = plan.args as readonly [Plan, Plan, ...Plan[]];
  const label = evaluateString(state, name, steps);
  const input = evaluateVector(state, source, steps);
  const parameters = qs.map((q) => ({ plan: q, label }));
  return settleNames(state, quantiles(state, { input, source, parameters }, steps, source));
}
