import { isStaleAt, type Labels, type NativeHistogram, type SeriesSamples } from "../model/index.ts";

/** A series as range functions read it: floats and histograms apart, without staleness markers, ascending by time. */
export interface RangeSeries {
  readonly labels: Labels;
  readonly dropsName: boolean;
  readonly floatTimesMs: Float64Array;
  readonly floats: Float64Array;
  /** Start times of the floats; empty when none is known. */
  readonly floatStartsMs: Float64Array;
  readonly histogramTimesMs: Float64Array;
  readonly histograms: readonly NativeHistogram[];
  readonly histogramStartsMs: Float64Array;
}

const none = new Float64Array(0);

function hasMarker(values: Float64Array): boolean {
  for (let index = 0; index < values.length; index += 1) {
    const value = values[index]!;
    if (value !== value && isStaleAt(values, index)) return true;
  }
  return false;
}

/** Splits the samples of a series for range functions; shares its columns where nothing has to be taken out. */
export function toRangeSeries(samples: SeriesSamples): RangeSeries {
  const { labels, timestampsMs, values, histograms, startTimestampsMs } = samples;
  if (histograms === undefined && !hasMarker(values)) {
    return {
      labels,
      dropsName: false,
      floatTimesMs: timestampsMs,
      floats: values,
      floatStartsMs: startTimestampsMs ?? none,
      histogramTimesMs: none,
      histograms: [],
      histogramStartsMs: none,
    };
  }
  const floatIndexes: number[] = [];
  const histogramIndexes: number[] = [];
  for (let index = 0; index < values.length; index += 1) {
    if (histograms?.[index] !== undefined) histogramIndexes.push(index);
    else if (!isStaleAt(values, index)) floatIndexes.push(index);
  }
  const pick = (column: Float64Array, indexes: readonly number[]): Float64Array =>
    Float64Array.from(indexes, (index) => column[index]!);
  return {
    labels,
    dropsName: false,
    floatTimesMs: pick(timestampsMs, floatIndexes),
    floats: pick(values, floatIndexes),
    floatStartsMs: startTimestampsMs === undefined ? none : pick(startTimestampsMs, floatIndexes),
    histogramTimesMs: pick(timestampsMs, histogramIndexes),
    histograms: histogramIndexes.map((index) => histograms![index]!),
    histogramStartsMs: startTimestampsMs === undefined ? none : pick(startTimestampsMs, histogramIndexes),
  };
}
