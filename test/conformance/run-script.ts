import {
  evaluateInstant,
  evaluateRange,
  parseExpression,
  type Annotations,
  type Expression,
  type QueryResult,
} from "../../packages/collector/src/promql/index.ts";
import { compareResult, compareVector } from "./compare.ts";
import { parseScript, type EvalCommand, type Expected, type NoteKind } from "./script.ts";
import { createScriptStorage, type ScriptStorage } from "./storage.ts";

/** One evaluation of a script: `failure` says what was wrong, undefined when nothing was. */
export interface EvalOutcome {
  readonly line: number;
  readonly expression: string;
  readonly failure: string | undefined;
}

// The options of the engine that Prometheus runs its own scripts with.
const engineOptions = {
  delayedNameRemoval: true,
  startTimestamps: true,
  subqueryStepMs: 60_000,
  lookbackMs: 300_000,
};
const parseOptions = { experimentalFunctions: true, fillModifiers: true, extendedRangeSelectors: true };

/** An annotation as it is, without its place, and without what was counted: Prometheus' runner compared each of these at some time. */
const forms = (actual: string): readonly string[] => {
  const plain = actual.replace(/ \(\d+:\d+\)$/, "");
  return [actual, plain, plain.replace(/, from buckets \S+ to \S+, with a max diff of .*$/, "")];
};

const matches = ({ text, pattern }: Expected, actual: string): boolean =>
  forms(actual).some((form) => (pattern === undefined ? text === form : pattern.test(form)));

const describe = ({ text, pattern }: Expected): string => text ?? String(pattern);

function checkNotes(
  command: EvalCommand,
  kind: "warn" | "info",
  actual: readonly string[],
): string | undefined {
  const forbidden: NoteKind = kind === "warn" ? "no_warn" : "no_info";
  if (command.expectations.has(forbidden) && actual.length > 0)
    return `unexpected ${kind} annotations: ${actual.join("; ")}`;
  const expected = command.expectations.get(kind);
  if (expected === undefined) return undefined;
  if (actual.length === 0) return `expected ${kind} annotations but none were found`;
  const missing = expected.find((one) => !actual.some((text) => matches(one, text)));
  if (missing !== undefined)
    return `expected ${kind} annotation ${describe(missing)}, found: ${actual.join("; ")}`;
  const extra = actual.find((text) => !expected.some((one) => matches(one, text)));
  return extra === undefined ? undefined : `unexpected ${kind} annotation: ${extra}`;
}

const checkAnnotations = (command: EvalCommand, { warnings, infos }: Annotations): string | undefined =>
  checkNotes(command, "warn", warnings) ?? checkNotes(command, "info", infos);

// What these functions give depends on the query's own range.
const contextFunctions = /(?:start|end|range|step)\(\)/;

const evaluateAround = (
  command: EvalCommand,
  expression: Expression,
  { queryable }: ScriptStorage,
): ReturnType<typeof evaluateRange> =>
  evaluateRange({
    queryable,
    expression,
    startMs: command.startMs - 60_000,
    endMs: command.startMs + 60_000,
    stepMs: 60_000,
    nowMs: Date.now,
    ...engineOptions,
  });

/** An instant query must have the same value in the middle of a range query. */
function checkAsRange(
  command: EvalCommand,
  expression: Expression,
  storage: ScriptStorage,
): string | undefined {
  let result: ReturnType<typeof evaluateRange>;
  try {
    result = evaluateAround(command, expression, storage);
  } catch (error) {
    return `in range mode: ${error instanceof Error ? error.message : String(error)}`;
  }
  if (command.expectations.has("ordered")) return undefined;
  const samples = result.value.series.flatMap(({ labels, timestampsMs, values, histograms }) => {
    const index = timestampsMs.indexOf(command.startMs);
    if (index < 0) return [];
    return [{ labels, timestampMs: command.startMs, value: values[index]!, histogram: histograms?.[index] }];
  });
  const difference =
    expression.type === "scalar"
      ? compareResult(command, { kind: "scalar", timestampMs: command.startMs, value: samples[0]!.value })
      : compareVector(command, samples, false);
  return difference === undefined ? undefined : `in range mode: ${difference}`;
}

function evaluate(command: EvalCommand, expression: Expression, storage: ScriptStorage): QueryResult {
  const { queryable } = storage;
  if (command.isRange) {
    const { startMs, endMs, stepMs } = command;
    return evaluateRange({
      queryable,
      expression,
      startMs,
      endMs,
      stepMs,
      nowMs: Date.now,
      ...engineOptions,
    });
  }
  const timestampMs = command.expectedRange?.endMs ?? command.startMs;
  return evaluateInstant({ queryable, expression, timestampMs, nowMs: Date.now, ...engineOptions });
}

function runEval(command: EvalCommand, storage: ScriptStorage): string | undefined {
  const failures = command.expectations.get("fail");
  let expression: Expression;
  let result: QueryResult;
  try {
    expression = parseExpression(command.expression, parseOptions);
    result = evaluate(command, expression, storage);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    if (failures === undefined) return `${message}${isOurs(error) ? "" : `\n${(error as Error).stack}`}`;
    const unmatched = failures.find((expected) => !matches(expected, message));
    return unmatched === undefined ? undefined : `expected error ${describe(unmatched)} but got: ${message}`;
  }
  if (failures !== undefined) return "expected an error but got none";
  const difference = checkAnnotations(command, result.annotations) ?? compareResult(command, result.value);
  if (difference !== undefined || command.isRange) return difference;
  const isPlain = command.expectedRange === undefined && command.expectedString === undefined;
  if (!isPlain || contextFunctions.test(command.expression)) return undefined;
  return expression.type === "scalar" || expression.type === "instant vector"
    ? checkAsRange(command, expression, storage)
    : undefined;
}

const isOurs = (error: unknown): boolean => error instanceof Error && error.name === "CollectorError";

/**
 * Runs a script and gives the outcome of every evaluation in it.
 * @throws ScriptError when the script cannot be read.
 */
export function runScript(text: string): readonly EvalOutcome[] {
  const storage = createScriptStorage();
  const outcomes: EvalOutcome[] = [];
  for (const command of parseScript(text)) {
    if (command.kind === "clear") storage.clear();
    else if (command.kind === "load") storage.load(command);
    else {
      const { line, expression } = command;
      outcomes.push({ line, expression, failure: runEval(command, storage) });
    }
  }
  return outcomes;
}
