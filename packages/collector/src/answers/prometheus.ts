import {
  beginningMs,
  durationMs,
  endOfTimeMs,
  inParameter,
  limitOf,
  parameter,
  ParameterError,
  success,
  timeMs,
  type Answer,
  type Parameters,
} from "../api/index.ts";
import { labelsToRecord, type Queryable } from "../model/index.ts";
import {
  evaluateInstant,
  evaluateRange,
  expressionTree,
  formatExpression,
  formatSampleValue,
  parseDurationMs,
  parseExpression,
  vectorSelectors,
  type Annotations,
  type Language,
  type QueryValue,
} from "../promql/index.ts";
import { selectorsOf } from "./matchers.ts";
import { isTruncatedBy, valueJson } from "./value-json.ts";

/** What the data endpoints need; they run in the query worker. */
export interface QueryContext {
  readonly queryable: Queryable;
  readonly nowMs: () => number;
  readonly isCancelled: () => boolean;
  /** Step of a subquery that names none. */
  readonly subqueryStepMs: number;
  readonly language: Language;
}

const stepsMax = 11_000;
const truncated = "results truncated due to limit";

/** `GET|POST /api/v1/query`: one expression at one time. */
export function answerQuery(parameters: Parameters, context: QueryContext): Answer {
  const limit = limitOf(parameters);
  const timestampMs = timeMs(parameters, "time", context.nowMs());
  const expression = expressionOf(parameters, context);
  const { value, annotations } = evaluateInstant({
    ...engineInput(parameters, context),
    expression,
    timestampMs,
  });
  return answerOf(value, { annotations, limit });
}

/** `GET|POST /api/v1/query_range`: one expression over a range. */
export function answerQueryRange(parameters: Parameters, context: QueryContext): Answer {
  const limit = limitOf(parameters);
  const startMs = timeMs(parameters, "start");
  const endMs = timeMs(parameters, "end");
  if (endMs < startMs) throw new ParameterError("end", "end timestamp must not be before start time");
  const stepMs = durationMs(parameters, "step", duration);
  if (stepMs <= 0) {
    throw new ParameterError(
      "step",
      "zero or negative query resolution step widths are not accepted. Try a positive integer",
    );
  }
  if ((endMs - startMs) / stepMs > stepsMax) {
    throw new ParameterError(
      undefined,
      "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
    );
  }
  const expression = expressionOf(parameters, context);
  const { value, annotations } = evaluateRange({
    ...engineInput(parameters, context),
    expression,
    startMs,
    endMs,
    stepMs,
  });
  return answerOf(value, { annotations, limit });
}

function answerOf(
  value: QueryValue,
  { annotations, limit }: { readonly annotations: Annotations; readonly limit: number },
): Answer {
  const { warnings, infos } = annotations;
  const isTruncated = isTruncatedBy(value, limit);
  return success(valueJson(value, limit), {
    warnings: isTruncated ? [...warnings, truncated] : warnings,
    infos,
  });
}

/** `GET|POST /api/v1/format_query`: the expression as Prometheus would lay it out. */
export function answerFormatQuery(parameters: Parameters, context: QueryContext): Answer {
  return success(JSON.stringify(formatExpression(expressionOf(parameters, context))));
}

/** `GET|POST /api/v1/parse_query`: the expression's tree. */
export function answerParseQuery(parameters: Parameters, context: QueryContext): Answer {
  return success(JSON.stringify(expressionTree(expressionOf(parameters, context))));
}

/** `GET|POST /api/v1/labels`: names of labels. */
export function answerLabels(parameters: Parameters, { queryable }: QueryContext): Answer {
  const range = rangeOf(parameters);
  const selectors = selectorsOf(parameters);
  const names = new Set<string>();
  for (const matchers of selectors.length > 0 ? selectors : [[]]) {
    for (const name of queryable.labelNames(matchers, range)) names.add(name);
  }
  return limited([...names].sort(), parameters);
}

/** `GET /api/v1/label/NAME/values`. */
export function answerLabelValues(parameters: Parameters, { queryable }: QueryContext): Answer {
  const name = unescapeName(parameter(parameters, "name") ?? "");
  if (name === "" || name.includes("\uFFFD"))
    throw new ParameterError(undefined, `invalid label name: ${JSON.stringify(name)}`);
  const range = rangeOf(parameters);
  const selectors = selectorsOf(parameters);
  const values = new Set<string>();
  for (const matchers of selectors.length > 0 ? selectors : [[]]) {
    for (const value of queryable.labelValues(name, matchers, range)) values.add(value);
  }
  return limited([...values].sort(), parameters);
}

/** `GET|POST /api/v1/series`: label sets that match one of the selectors. */
export function answerSeries(parameters: Parameters, { queryable }: QueryContext): Answer {
  const selectors = selectorsOf(parameters);
  if (selectors.length === 0) throw new ParameterError(undefined, "no match[] parameter provided");
  const range = rangeOf(parameters);
  const found = new Map<string, Record<string, string>>();
  for (const matchers of selectors) {
    for (const labels of queryable.series(matchers, range))
      found.set(JSON.stringify(labels), labelsToRecord(labels));
  }
  return limited([...found.values()], parameters);
}

/** `GET|POST /api/v1/query_exemplars`: the examples behind the series that an expression selects. */
export function answerExemplars(parameters: Parameters, { queryable, language }: QueryContext): Answer {
  const range = rangeOf(parameters);
  if (range.endMs < range.startMs)
    throw new ParameterError(undefined, "end timestamp must not be before start timestamp");
  const expression = inParameter(undefined, () =>
    parseExpression(parameter(parameters, "query") ?? "", language),
  );
  const found = vectorSelectors(expression).flatMap(({ matchers }) => queryable.exemplars(matchers, range));
  const data = found.map(({ labels, exemplars }) => ({
    seriesLabels: labelsToRecord(labels),
    exemplars: exemplars.map((exemplar) => ({
      labels: labelsToRecord(exemplar.labels),
      value: formatSampleValue(exemplar.value),
      timestamp: exemplar.timestampMs / 1_000,
    })),
  }));
  return success(JSON.stringify(data));
}

/** `GET /api/v1/metadata`: type, help and unit by metric. */
export function answerMetadata(parameters: Parameters, { queryable }: QueryContext): Answer {
  const wanted = parameter(parameters, "metric");
  const limit = limitOf(parameters);
  const entries = [...queryable.metadata()].filter(
    ([name]) => wanted === undefined || wanted === "" || name === wanted,
  );
  const kept = limit > 0 ? entries.slice(0, limit) : entries;
  return success(JSON.stringify(Object.fromEntries(kept.map(([name, metadata]) => [name, [metadata]]))));
}

function engineInput(parameters: Parameters, context: QueryContext) {
  const { queryable, nowMs, isCancelled, subqueryStepMs, language } = context;
  const timeoutMs = durationMs(parameters, "timeout", duration, 120_000);
  const lookbackMs = durationMs(parameters, "lookback_delta", duration, 300_000);
  const signal = {
    get aborted() {
      return isCancelled();
    },
  };
  return {
    queryable,
    nowMs,
    subqueryStepMs,
    ...language,
    lookbackMs,
    signal,
    limits: { timeoutMs: Math.min(timeoutMs, 120_000) },
  };
}

function expressionOf(parameters: Parameters, { language }: QueryContext) {
  return inParameter("query", () => parseExpression(parameter(parameters, "query") ?? "", language));
}

/** A label's name that a client wrote in letters, digits and `_` only: `U__a_2e_b` is `a.b`, `U__a__b` is `a_b`. */
function unescapeName(name: string): string {
  if (!name.startsWith("U__")) return name;
  return name
    .slice(3)
    .replaceAll(/__|_([0-9A-Fa-f]{1,6})_/g, (_whole, digits: string | undefined) =>
      digits === undefined ? "_" : String.fromCodePoint(Math.min(Number.parseInt(digits, 16), 0x10ffff)),
    );
}

function rangeOf(parameters: Parameters): { startMs: number; endMs: number } {
  return { startMs: timeMs(parameters, "start", beginningMs), endMs: timeMs(parameters, "end", endOfTimeMs) };
}

function limited(items: readonly unknown[], parameters: Parameters): Answer {
  const limit = limitOf(parameters);
  if (limit === 0 || items.length <= limit) return success(JSON.stringify(items));
  return success(JSON.stringify(items.slice(0, limit)), { warnings: [truncated] });
}

function duration(text: string): number | undefined {
  const parsed = parseDurationMs(text);
  return typeof parsed === "number" ? parsed : undefined;
}
