import { labelValue, metricNameLabel } from "../../model/index.ts";
import type { NotePlace } from "../histogram/notes.ts";
import type { Window } from "../window.ts";

const quotedName = (window: Window): string => JSON.stringify(metricName(window));

/** The metric's name of a window's series; "" when it has none. */
function metricName(window: Window): string {
  return labelValue(window.series.labels, metricNameLabel);
}

export function notePlace(window: Window): NotePlace {
  return { annotations: window.annotations, span: window.span, metric: metricName(window) };
}

/** Floats and histograms stand side by side in a range where they cannot. */
export function noteMixed(window: Window): void {
  window.annotations.warn(
    `encountered a mix of histograms and floats for metric name ${quotedName(window)}`,
    window.span,
  );
}

/** A function of floats left the histograms of a mixed range out. */
export function noteIgnoredHistograms(window: Window): void {
  window.annotations.info(
    `ignored histograms in a range containing both floats and histograms for metric name ${quotedName(window)}`,
    window.firstSpan,
  );
}

export function noteNotCounter(window: Window): void {
  window.annotations.warn(
    `this native histogram metric is not a counter: ${quotedName(window)}`,
    window.span,
  );
}

export function noteNotGauge(window: Window): void {
  window.annotations.warn(`this native histogram metric is not a gauge: ${quotedName(window)}`, window.span);
}

export function noteOverlap(window: Window): void {
  window.annotations.warn(
    `sample has start time that overlaps with previous sample timestamp for metric ${quotedName(window)}`,
    window.span,
  );
}
