import {
  labelsKey,
  type HistogramBuckets,
  type Labels,
  type NativeHistogram,
} from "../../packages/collector/src/model/index.ts";
import type { MatrixSeries, NotedSample, QueryValue } from "../../packages/collector/src/promql/index.ts";
import type { EvalCommand } from "./script.ts";

// The tolerance of Prometheus' own runner, relative to the sum of both.
const tolerance = 0.000001;

function isAlmost(left: number, right: number): boolean {
  if (left === right || (left !== left && right !== right)) return true;
  const sum = Math.abs(left) + Math.abs(right);
  const difference = Math.abs(left - right);
  const smallestNormal = 2.2250738585072014e-308;
  if (left === 0 || right === 0 || sum < smallestNormal) return difference < tolerance * smallestNormal;
  return difference / Math.min(sum, Number.MAX_VALUE) < tolerance;
}

/** Labels as the scripts write them. */
function showLabels(labels: Labels): string {
  const pairs: string[] = [];
  for (let index = 0; index < labels.length; index += 2)
    pairs.push(`${labels[index]}=${JSON.stringify(labels[index + 1])}`);
  return `{${pairs.join(", ")}}`;
}

const showHistogram = (histogram: NativeHistogram): string => JSON.stringify(histogram);

function filled({ indexes, counts }: HistogramBuckets): [number, number][] {
  return indexes.flatMap((index, place): [number, number][] =>
    counts[place] === 0 ? [] : [[index, counts[place]!]],
  );
}

function sameBuckets(left: HistogramBuckets, right: HistogramBuckets): boolean {
  const a = filled(left);
  const b = filled(right);
  return (
    a.length === b.length &&
    a.every(([index, count], place) => index === b[place]![0] && isAlmost(count, b[place]![1]))
  );
}

function sameHistogram(expected: NativeHistogram, actual: NativeHistogram, hasHint: boolean): boolean {
  return (
    expected.schema === actual.schema &&
    isAlmost(expected.count, actual.count) &&
    isAlmost(expected.sum, actual.sum) &&
    expected.customValues.length === actual.customValues.length &&
    expected.customValues.every((bound, place) => bound === actual.customValues[place]) &&
    expected.zeroThreshold === actual.zeroThreshold &&
    isAlmost(expected.zeroCount, actual.zeroCount) &&
    sameBuckets(expected.positive, actual.positive) &&
    sameBuckets(expected.negative, actual.negative) &&
    (!hasHint || expected.counterResetHint === actual.counterResetHint)
  );
}

interface Found {
  readonly timestampMs: number;
  readonly value: number;
  readonly histogram: NativeHistogram | undefined;
}

const show = ({ value, histogram }: Found): string =>
  histogram === undefined ? String(value) : showHistogram(histogram);

/** Undefined when the sample is the one expected. */
function differs(expected: NotedSample, actual: Found): string | undefined {
  if (expected.kind === "histogram") {
    const isSame =
      actual.histogram !== undefined && sameHistogram(expected.histogram, actual.histogram, expected.hasHint);
    return isSame ? undefined : `expected ${showHistogram(expected.histogram)} but got ${show(actual)}`;
  }
  if (expected.kind !== "float") return `expected nothing but got ${show(actual)}`;
  const isSame = actual.histogram === undefined && isAlmost(expected.value, actual.value);
  return isSame ? undefined : `expected ${expected.value} but got ${show(actual)}`;
}

type Grid = { readonly startMs: number; readonly endMs: number; readonly stepMs: number };

function compareMatrix(
  command: EvalCommand,
  series: readonly MatrixSeries[],
  grid: Grid,
): string | undefined {
  const expected = new Map(command.expectedSeries.map((one) => [labelsKey(one.labels), one]));
  for (const { labels, timestampsMs, values, histograms } of series) {
    const wanted = expected.get(labelsKey(labels));
    if (wanted === undefined)
      return `unexpected metric ${showLabels(labels)} in result with values ${values.join(" ")}`;
    expected.delete(labelsKey(labels));
    const points = wanted.samples
      .map((sample, place) => ({ sample, timestampMs: grid.startMs + place * grid.stepMs }))
      .filter(({ sample }) => sample.kind !== "omitted");
    if (points.some(({ timestampMs }) => timestampMs > grid.endMs))
      return `more points are expected for ${showLabels(labels)} than the range has`;
    if (points.length !== timestampsMs.length) {
      return `expected ${points.length} points for ${showLabels(labels)} but got ${timestampsMs.length}: ${values.join(" ")}`;
    }
    for (const [index, { sample, timestampMs }] of points.entries()) {
      const actual = {
        timestampMs: timestampsMs[index]!,
        value: values[index]!,
        histogram: histograms?.[index],
      };
      if (actual.timestampMs !== timestampMs) {
        return `expected a point of ${showLabels(labels)} at ${timestampMs} but it is at ${actual.timestampMs}`;
      }
      const difference = differs(sample, actual);
      if (difference !== undefined) return `${showLabels(labels)} at ${timestampMs}: ${difference}`;
    }
  }
  const [missing] = expected.values();
  return missing === undefined ? undefined : `expected metric ${showLabels(missing.labels)} not found`;
}

interface VectorEntry extends Found {
  readonly labels: Labels;
}

/** Undefined when the vector is the one expected. */
export function compareVector(
  command: EvalCommand,
  samples: readonly VectorEntry[],
  isOrdered: boolean,
): string | undefined {
  if (command.expectedScalar !== undefined) return "expected a scalar but got a vector";
  const expected = new Map(
    command.expectedSeries.map((one, place) => [labelsKey(one.labels), { ...one, place }]),
  );
  for (const [place, actual] of samples.entries()) {
    const key = labelsKey(actual.labels);
    const wanted = expected.get(key);
    if (wanted === undefined)
      return `unexpected metric ${showLabels(actual.labels)} in result, has value ${show(actual)}`;
    expected.delete(key);
    if (isOrdered && wanted.place !== place) {
      return `expected metric ${showLabels(actual.labels)} at position ${wanted.place + 1} but was at ${place + 1}`;
    }
    const difference = differs(wanted.samples[0] ?? { kind: "omitted" }, actual);
    if (difference !== undefined) return `${showLabels(actual.labels)}: ${difference}`;
  }
  const [missing] = expected.values();
  return missing === undefined ? undefined : `expected metric ${showLabels(missing.labels)} not found`;
}

/** Undefined when the result is the one that the command expects; else what differs. */
export function compareResult(command: EvalCommand, value: QueryValue): string | undefined {
  const isOrdered = command.expectations.has("ordered");
  switch (value.kind) {
    case "scalar": {
      const wanted = command.expectedScalar;
      if (wanted === undefined) return `expected a vector or matrix but got the scalar ${value.value}`;
      return isAlmost(wanted, value.value) ? undefined : `expected ${wanted} but got ${value.value}`;
    }
    case "string":
      if (command.expectedString === value.value) return undefined;
      return `expected string ${JSON.stringify(command.expectedString)} but got ${JSON.stringify(value.value)}`;
    case "vector":
      return compareVector(command, value.samples, isOrdered);
    case "matrix":
      if (isOrdered) return "expected ordered result, but query returned a matrix";
      if (command.expectedScalar !== undefined) return "expected a scalar but got a matrix";
      return compareMatrix(command, value.series, command.expectedRange ?? command);
  }
}
