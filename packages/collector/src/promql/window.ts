import type { NativeHistogram } from "../model/index.ts";
import type { AnnotationSink } from "./annotations.ts";
import type { Span } from "./position.ts";
import type { RangeSeries } from "./range-series.ts";

/** What a range function sees of one series at one step. One object serves all steps of a call. */
export interface Window {
  series: RangeSeries;
  /** The floats of the window: from `floatFrom` up to and without `floatTo`. */
  floatFrom: number;
  floatTo: number;
  histogramFrom: number;
  histogramTo: number;
  /** The range itself: open at its start, closed at its end. */
  startMs: number;
  endMs: number;
  /** Length of the range as written. */
  readonly rangeMs: number;
  /** The step that is evaluated. */
  evaluationMs: number;
  /** Values of the other arguments at this step, in their order. */
  readonly parameters: Float64Array;
  readonly extension: "anchored" | "smoothed" | undefined;
  readonly annotations: AnnotationSink;
  /** Where the range stands in the query. */
  readonly span: Span;
  /** Where the call's first argument stands. */
  readonly firstSpan: Span;
}

/** A function of a range at one step; undefined when it has no result there. */
export type RangeFunction = (window: Window) => number | NativeHistogram | undefined;

export const floatCount = (window: Window): number => window.floatTo - window.floatFrom;

export const histogramCount = (window: Window): number => window.histogramTo - window.histogramFrom;
