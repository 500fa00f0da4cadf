import {
  compileMatcher,
  labelsKey,
  labelValue,
  metricNameLabel,
  type Labels,
  type Matcher,
  type SeriesSamples,
} from "../../model/index.ts";
import { addRow, cellKinds, copyCell, createBlock, type Block, type Steps } from "../block.ts";
import { evaluateVector } from "../value.ts";
import { formatLabels, onlyLabels, withLabel } from "../label-edit.ts";
import type { CallPlan, Placement, Plan, SelectPlan } from "../plan.ts";
import { executionError } from "../execution-error.ts";
import type { QueryState } from "../query-state.ts";
import { forEachNewest, selectedRange, selectSeries } from "../select.ts";

// Labels by which a series and its info series belong together; fixed in Prometheus for now.
const identifying: ReadonlySet<string> = new Set(["instance", "job"]);

/** The matchers on the name that info series are selected by. */
function nameMatchers(matchers: readonly Matcher[]): readonly Matcher[] {
  if (matchers.some(({ operator }) => operator === "=" || operator === "=~")) return matchers;
  if (matchers.length > 0) return [{ name: metricNameLabel, operator: "=~", value: ".+_info" }, ...matchers];
  return [{ name: metricNameLabel, operator: "=", value: "target_info" }];
}

const quoteForRegex = (text: string): string => text.replaceAll(/[\\.+*?()|[\]{}^$]/g, "\\$&");

/** Where the first selector inside the plan looks; info series are read at the same place. */
function firstPlacement(plan: Plan): Placement | undefined {
  switch (plan.kind) {
    case "select":
      return plan.placement;
    case "range":
      return plan.select.placement;
    case "constant":
    case "unary":
    case "subquery":
    case "aggregation":
      return firstPlacement(plan.inner);
    case "binary":
      return firstPlacement(plan.left) ?? firstPlacement(plan.right);
    case "call":
      return plan.args.map(firstPlacement).find((placement) => placement !== undefined);
    case "number":
    case "string":
      return undefined;
  }
}

interface InfoSeries {
  readonly labels: Labels;
  /** Time of the sample that holds at each step; NaN where there is none. */
  readonly sampledMs: Float64Array;
}

function readInfo(state: QueryState, series: readonly SeriesSamples[], steps: Steps): InfoSeries[] {
  const placement = { atMs: undefined, offsetMs: 0 };
  return series.map((samples) => {
    const sampledMs = new Float64Array(steps.count).fill(Number.NaN);
    forEachNewest(state, samples, placement, steps, (step, index) => {
      if (samples.histograms?.[index] !== undefined) {
        throw executionError(
          `this should be an info metric, with float samples: ${formatLabels(samples.labels)}`,
        );
      }
      sampledMs[step] = samples.timestampsMs[index]!;
    });
    return { labels: samples.labels, sampledMs };
  });
}

function fetchInfo(
  state: QueryState,
  plan: CallPlan,
  { base, ignored, selector }: { base: Block; ignored: ReadonlySet<number>; selector: readonly Matcher[] },
  steps: Steps,
): InfoSeries[] {
  const values = new Map<string, Set<string>>();
  for (const [row, labels] of base.labels.entries()) {
    if (ignored.has(row)) continue;
    for (const name of identifying) {
      const value = labelValue(labels, name);
      if (value === "") continue;
      const known = values.get(name) ?? new Set<string>();
      values.set(name, known.add(value));
    }
  }
  if (values.size === 0 || steps.count === 0) return [];
  const byIdentity = [...values].map(([name, known]): Matcher => ({
    name,
    operator: "=~",
    value: [...known].map(quoteForRegex).join("|"),
  }));
  const isName = ({ name }: Matcher): boolean => name === metricNameLabel;
  const matchers = [
    ...byIdentity,
    ...selector.filter((matcher) => !isName(matcher)),
    ...nameMatchers(selector.filter(isName)),
  ];
  const found = firstPlacement(plan.args[0]!) ?? { atMs: undefined, offsetMs: 0 };
  const widen = { beforeMs: state.lookbackMs - 1, afterMs: 0 };
  return readInfo(state, selectSeries(state, matchers, selectedRange(found, steps, widen)), steps);
}

const identityOf = (labels: Labels): string => labelsKey(onlyLabels(labels, identifying));

/** The newest info series of each name and identity at a step. */
function newestAt(info: readonly InfoSeries[], step: number): Map<string, Map<string, InfoSeries>> {
  const newest = new Map<string, Map<string, InfoSeries>>();
  for (const series of info) {
    const timeMs = series.sampledMs[step]!;
    if (timeMs !== timeMs) continue;
    const identity = identityOf(series.labels);
    const name = labelValue(series.labels, metricNameLabel);
    const byName = newest.get(identity) ?? new Map<string, InfoSeries>();
    newest.set(identity, byName);
    const known = byName.get(name);
    if (known === undefined || known.sampledMs[step]! < timeMs) byName.set(name, series);
    else if (known.sampledMs[step] === timeMs) {
      throw executionError(
        `found duplicate series for info metric: existing ${formatLabels(known.labels)} @ ${timeMs}, ` +
          `new ${formatLabels(series.labels)} @ ${timeMs}`,
      );
    }
  }
  return newest;
}

/** The labels of a series with the data labels of its info series; undefined when it has to go. */
function enrich(
  labels: Labels,
  info: ReadonlyMap<string, InfoSeries> | undefined,
  wanted: ReadonlyMap<string, readonly Matcher[]>,
): Labels | undefined {
  if (info === undefined || info.size === 0) {
    const mayBeAbsent = [...wanted.values()].flat().every((matcher) => compileMatcher(matcher)(""));
    return mayBeAbsent ? labels : undefined;
  }
  const added = new Map<string, string>();
  for (const series of info.values()) {
    for (let index = 0; index < series.labels.length; index += 2) {
      const name = series.labels[index]!;
      const value = series.labels[index + 1]!;
      if (name === metricNameLabel || (wanted.size > 0 && !wanted.has(name))) continue;
      const known = added.get(name);
      if (known !== undefined && known !== value) throw executionError(`conflicting label: ${name}`);
      if (labelValue(labels, name) === "") added.set(name, value);
    }
  }
  let enriched = labels;
  for (const [name, value] of added) enriched = withLabel(enriched, name, value);
  return enriched;
}

/** info: adds the data labels of matching info series to each series. */
export function evaluateInfo(state: QueryState, plan: CallPlan, steps: Steps): Block {
  const base = evaluateVector(state, plan.args[0]!, steps);
  const second = plan.args[1];
  const selectPlan = (second?.kind === "constant" ? second.inner : second) as SelectPlan | undefined;
  const selector = selectPlan?.matchers ?? [];
  const isInfoName = nameMatchers(selector.filter(({ name }) => name === metricNameLabel)).map(
    compileMatcher,
  );
  const ignored = new Set<number>();
  for (const [row, labels] of base.labels.entries()) {
    if (isInfoName.every((matches) => matches(labelValue(labels, metricNameLabel)))) ignored.add(row);
  }
  const wanted = new Map<string, Matcher[]>();
  for (const matcher of selector) {
    if (matcher.name !== metricNameLabel)
      wanted.set(matcher.name, [...(wanted.get(matcher.name) ?? []), matcher]);
  }
  const info = fetchInfo(state, plan, { base, ignored, selector }, steps);
  const result = createBlock(steps.count, base.labels.length);
  const rows = new Map<string, number>();
  for (let step = 0; step < steps.count; step += 1) {
    state.checkpoint();
    const newest = newestAt(info, step);
    for (const [row, labels] of base.labels.entries()) {
      const cell = row * steps.count + step;
      if (base.kinds[cell] === cellKinds.none) continue;
      const enriched = ignored.has(row) ? labels : enrich(labels, newest.get(identityOf(labels)), wanted);
      if (enriched === undefined) continue;
      const key = labelsKey(enriched);
      let target = rows.get(key);
      if (target === undefined) {
        target = addRow(result, enriched, false);
        rows.set(key, target);
      }
      const targetCell = target * steps.count + step;
      if (result.kinds[targetCell] !== cellKinds.none) {
        throw executionError("vector cannot contain metrics with the same labelset");
      }
      copyCell(base, cell, result, targetCell);
    }
  }
  return result;
}
