import { combineHistograms, type NativeHistogram } from "../../model/index.ts";
import type { AnnotationSink } from "../annotations.ts";
import type { Span } from "../position.ts";

/** Where to note what happened to a histogram of a series. */
export interface NotePlace {
  readonly annotations: AnnotationSink;
  readonly span: Span;
  /** Of the series; "" when it has none. */
  readonly metric: string;
}

export function noteMixedSchemas({ annotations, span, metric }: NotePlace): void {
  annotations.warn(
    "vector contains a mix of histograms with exponential and custom buckets schemas for metric name " +
      JSON.stringify(metric),
    span,
  );
}

export function noteReconciled({ annotations, span }: NotePlace, operation: string): void {
  annotations.info(`mismatched custom buckets were reconciled during ${operation}`, span);
}

/** A sum or difference where resets are dealt with apart; undefined, with a note, when the two do not go together. */
export function combineNoted(
  left: NativeHistogram,
  right: NativeHistogram,
  sign: 1 | -1,
  place: NotePlace,
): NativeHistogram | undefined {
  const combined = combineHistograms(left, right, sign);
  if (combined.kind === "incompatible") {
    noteMixedSchemas(place);
    return undefined;
  }
  if (combined.isReconciled) noteReconciled(place, sign === 1 ? "addition" : "subtraction");
  return combined.histogram;
}
