import { combineHistograms, type Labels, metricNameLabel, type NativeHistogram } from "../model/index.ts";
import { parseHistogramLiteral, type HistogramLiteral } from "./histogram/literal.ts";
import { withLabel } from "./label-edit.ts";
import { parseDurationMs, parseNumber } from "./literal.ts";
import { parseError } from "./position.ts";
import { createTokenCursor, readString, type TokenCursor } from "./token-cursor.ts";
import { isMetricName } from "./token.ts";

/** One place in a row of samples. */
export type NotedSample =
  | { readonly kind: "omitted" }
  | { readonly kind: "stale" }
  | { readonly kind: "float"; readonly value: number }
  /** `hasHint` says that the counter reset hint was written down. */
  | { readonly kind: "histogram"; readonly histogram: NativeHistogram; readonly hasHint: boolean };

export interface NotedSeries {
  readonly labels: Labels;
  readonly samples: readonly NotedSample[];
}

// A row with more samples than this is a slip.
const samplesMax = 1_000_000;

const number = String.raw`(?:\d[\d_]*(?:\.[\d_]*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?|[iI][nN][fF]|[nN][aA][nN])`;
const floatItem = new RegExp(`^([+-]?(?:${number}|\\d+(?:ms|[smhdwy])))(?:([+-]${number}))?(?:x(\\d+))?$`);
const histogramItem = /^(\{\{.*?\}\})(?:([+-])(\{\{.*?\}\}))?(?:x(\d+))?$/;

function parseLabels(cursor: TokenCursor): Labels {
  let labels: Labels = [];
  cursor.expect("{", "label set", '"{"');
  while (cursor.takeIf("}") === undefined) {
    const token = cursor.peek();
    if (token.kind !== "identifier" && token.kind !== "string")
      cursor.unexpected("label set", 'identifier or "}"');
    cursor.take();
    const name = token.kind === "string" ? readString(cursor, token) : token.text;
    if (cursor.takeIf("=") !== undefined) {
      labels = withLabel(labels, name, readString(cursor, cursor.expect("string", "label set", "string")));
    } else if (token.kind === "string") labels = withLabel(labels, metricNameLabel, name);
    else cursor.unexpected("label set", '"="');
    if (cursor.peek().kind !== "}") cursor.expect(",", "label set", '"," or "}"');
  }
  return labels;
}

/** The metric that the text begins with, and where it ends. */
function parseMetric(text: string): { readonly labels: Labels; readonly end: number } {
  const cursor = createTokenCursor(text, {});
  if (cursor.peek().kind === "{") {
    const labels = parseLabels(cursor);
    return { labels, end: cursor.end() };
  }
  if (!isMetricName(cursor.peek().kind)) cursor.unexpected();
  const name = cursor.take();
  // What follows the name may be no PromQL, so it is looked at only where labels begin.
  const labels = text[name.end] === "{" ? parseLabels(cursor) : [];
  return { labels: withLabel(labels, metricNameLabel, name.text), end: cursor.end() };
}

function readFloat(text: string): number | undefined {
  const value = parseNumber(text);
  if (value !== undefined) return value;
  const durationMs = parseDurationMs(text);
  return typeof durationMs === "number" ? durationMs / 1000 : undefined;
}

function expandFloats(item: string): NotedSample[] | undefined {
  const parts = floatItem.exec(item);
  if (parts === null) return undefined;
  const [, first, step, times] = parts;
  let value = readFloat(first!);
  const delta = step === undefined ? 0 : parseNumber(step);
  if (value === undefined || delta === undefined || (step !== undefined && times === undefined))
    return undefined;
  const count = Math.min(Number(times ?? 0) + 1, samplesMax);
  const samples: NotedSample[] = [];
  for (let index = 0; index < count; index += 1) {
    samples.push({ kind: "float", value });
    if (step !== undefined) value += delta;
  }
  return samples;
}

function expandHistograms(item: string, fail: (message: string) => never): NotedSample[] | undefined {
  const parts = histogramItem.exec(item);
  if (parts === null) return undefined;
  const [, first, sign, second, times] = parts;
  const read = (text: string): HistogramLiteral => {
    const literal = parseHistogramLiteral(text);
    return literal.kind === "broken" ? fail(literal.message) : literal;
  };
  let { histogram, hasHint } = read(first!);
  const step = second === undefined ? undefined : read(second);
  if (step !== undefined) ({ hasHint } = step);
  const count = Math.min(Number(times ?? 0) + 1, samplesMax);
  const samples: NotedSample[] = [{ kind: "histogram", histogram, hasHint }];
  for (let index = 1; index < count; index += 1) {
    if (step !== undefined) {
      if (histogram.schema > step.histogram.schema) {
        return fail(
          `error combining histograms: cannot merge from schema ${step.histogram.schema} to ${histogram.schema}`,
        );
      }
      const combined = combineHistograms(histogram, step.histogram, sign === "+" ? 1 : -1);
      if (combined.kind === "incompatible") return fail("histograms of different kinds cannot be combined");
      ({ histogram } = combined);
    }
    samples.push({ kind: "histogram", histogram, hasHint });
  }
  return samples;
}

function expandItem(item: string, fail: (message: string) => never): readonly NotedSample[] {
  if (item === "stale") return [{ kind: "stale" }];
  const blank = /^_(?:x(\d+))?$/.exec(item);
  if (blank !== null) {
    const count = Math.min(Number(blank[1] ?? 1), samplesMax);
    return Array.from({ length: count }, (): NotedSample => ({ kind: "omitted" }));
  }
  return (
    expandFloats(item) ??
    expandHistograms(item, fail) ??
    fail(`unexpected ${JSON.stringify(item)} in series values`)
  );
}

/**
 * A series in the notation of Prometheus' tests: a metric and its samples at even steps, such as
 * `up{job="a"} 1 0+2x3 _ stale {{count:1 sum:2}}`.
 * @throws CollectorError QUARTET_PROMQL_INVALID with line and column.
 * @see Prometheus documentation, "Unit testing for rules", series
 */
export function parseSeriesNotation(text: string): NotedSeries {
  const { labels, end } = parseMetric(text);
  const samples: NotedSample[] = [];
  for (const match of text.slice(end).matchAll(/(?:\{\{.*?\}\}|\S)+/g)) {
    const fail = (message: string): never => {
      throw parseError(text, end + match.index, message);
    };
    samples.push(...expandItem(match[0], fail));
    if (samples.length > samplesMax) fail(`a series has more than ${samplesMax} samples`);
  }
  return { labels, samples };
}
