import type { Block, Steps } from "./block.ts";
import { createBlock } from "./block.ts";
import { evaluateString, evaluateScalar, evaluateVector, type Value } from "./value.ts";
import { absentFrom } from "./functions/absent.ts";
import { dateFunctions, datePart } from "./functions/date.ts";
import {
  floatFunctions,
  mapFloats,
  parameterFunctions,
  toScalar,
  unlabelled,
} from "./functions/float-functions.ts";
import { evaluateHistogramCall, histogramFunctionNames } from "./functions/histogram-call.ts";
import { evaluateInfo } from "./functions/info.ts";
import { joinLabels, replaceLabel } from "./functions/labels.ts";
import { sortByLabels, sortByValue } from "./functions/sort.ts";
import { sampleTimes, stepTimes } from "./functions/timestamp.ts";
import { goMax, goMin } from "./go-float.ts";
import { settleNames } from "./names.ts";
import type { CallPlan } from "./plan.ts";
import { executionError } from "./execution-error.ts";
import type { QueryState } from "./query-state.ts";
import { evaluateRangeCall, rangeArgument } from "./range-call.ts";

interface CallContext {
  readonly state: QueryState;
  readonly plan: CallPlan;
  readonly steps: Steps;
}

const vectorAt = ({ state, plan, steps }: CallContext, index: number): Block =>
  evaluateVector(state, plan.args[index]!, steps);

const scalarAt = ({ state, plan, steps }: CallContext, index: number): Float64Array =>
  evaluateScalar(state, plan.args[index]!, steps);

const stringAt = ({ state, plan, steps }: CallContext, index: number): string =>
  evaluateString(state, plan.args[index]!, steps);

const stringsFrom = (context: CallContext, first: number): string[] =>
  context.plan.args.slice(first).map((_arg, index) => stringAt(context, first + index));

const stepSeconds = ({ steps }: CallContext): Float64Array =>
  Float64Array.from({ length: steps.count }, (_value, step) => (steps.startMs + step * steps.stepMs) / 1000);

function sorted(context: CallContext, sort: (block: Block, isInstant: boolean) => Block): Block {
  const { state, plan, steps } = context;
  if (!steps.isInstant) {
    state.annotations.warn(
      "sort is ineffective for range queries since results are always ordered by labels",
      plan.span,
    );
  }
  const block = vectorAt(context, 0);
  return sort(block, steps.isInstant);
}

function scalarFunction(context: CallContext): Float64Array | undefined {
  const { name } = context.plan;
  switch (name) {
    case "time":
      return stepSeconds(context);
    case "pi":
      return new Float64Array(context.steps.count).fill(Math.PI);
    case "scalar":
      return toScalar(vectorAt(context, 0));
    case "min_of":
    case "max_of": {
      const choose = name === "min_of" ? goMin : goMax;
      const right = scalarAt(context, 1);
      return scalarAt(context, 0).map((value, step) => choose(value, right[step]!));
    }
    default:
      return undefined;
  }
}

function mappedFunction(context: CallContext): Block | undefined {
  const { state, plan } = context;
  const { name, args } = plan;
  const ofFloat = floatFunctions.get(name);
  if (ofFloat !== undefined) return settleNames(state, mapFloats(vectorAt(context, 0), ofFloat));
  const withParameters = parameterFunctions.get(name);
  if (withParameters !== undefined) {
    const columns = args.slice(1).map((_arg, index) => scalarAt(context, index + 1));
    const block = mapFloats(vectorAt(context, 0), (value, step) =>
      withParameters(
        value,
        columns.map((column) => column[step]!),
      ),
    );
    return settleNames(state, block);
  }
  const part = dateFunctions.get(name);
  if (part === undefined) return undefined;
  if (args.length === 0) return unlabelled(stepSeconds(context).map((value) => datePart(name, part, value)));
  return settleNames(
    state,
    mapFloats(vectorAt(context, 0), (value) => datePart(name, part, value)),
  );
}

function timestampFunction(context: CallContext, which: "time" | "start"): Block {
  const { state, plan, steps } = context;
  const arg = plan.args[0]!;
  const selector = arg.kind === "constant" ? arg.inner : arg;
  if (selector.kind === "select") return settleNames(state, sampleTimes(state, selector, steps, which));
  const block = vectorAt(context, 0);
  // Only samples as they were stored have a start.
  if (which === "start") return createBlock(steps.count, 0);
  return settleNames(state, stepTimes(block, steps));
}

function vectorFunction(context: CallContext): Block {
  const { state, plan, steps } = context;
  if (histogramFunctionNames.has(plan.name)) return evaluateHistogramCall(state, plan, steps);
  const mapped = mappedFunction(context);
  if (mapped !== undefined) return mapped;
  switch (plan.name) {
    case "vector":
      return unlabelled(scalarAt(context, 0));
    case "absent":
      return absentFrom(plan.args[0]!, vectorAt(context, 0));
    case "timestamp":
      return timestampFunction(context, "time");
    case "start_timestamp":
      return timestampFunction(context, "start");
    case "sort":
      return sorted(context, (block, isInstant) => sortByValue(block, isInstant, 1));
    case "sort_desc":
      return sorted(context, (block, isInstant) => sortByValue(block, isInstant, -1));
    case "sort_by_label":
      return sorted(context, (block, isInstant) =>
        isInstant ? sortByLabels(block, stringsFrom(context, 1), 1) : block,
      );
    case "sort_by_label_desc":
      return sorted(context, (block, isInstant) =>
        isInstant ? sortByLabels(block, stringsFrom(context, 1), -1) : block,
      );
    case "label_replace": {
      const [target, template, source, expression] = stringsFrom(context, 1) as [
        string,
        string,
        string,
        string,
      ];
      return replaceLabel(vectorAt(context, 0), { target, template, source, expression });
    }
    case "label_join": {
      const [target, separator, ...sources] = stringsFrom(context, 1) as [string, string, ...string[]];
      return joinLabels(vectorAt(context, 0), { target, separator, sources });
    }
    case "info":
      return evaluateInfo(state, plan, steps);
    default:
      throw executionError(`function ${JSON.stringify(plan.name)} is not supported`);
  }
}

/** A call of any function. */
export function evaluateCall(state: QueryState, plan: CallPlan, steps: Steps): Value {
  const range = rangeArgument(plan);
  if (range !== undefined) return { kind: "vector", block: evaluateRangeCall(state, plan, range, steps) };
  const context = { state, plan, steps };
  const values = scalarFunction(context);
  return values === undefined
    ? { kind: "vector", block: vectorFunction(context) }
    : { kind: "scalar", values };
}
