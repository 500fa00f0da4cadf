import { metricNameLabel, type Labels } from "../model/index.ts";
import type { VectorMatching } from "./ast.ts";
import { createNumbering, onlyLabels, withoutLabels } from "./label-edit.ts";

/** For each series of both sides, the number of its match group: those with equal matching labels. */
export interface MatchGroups {
  readonly left: Int32Array;
  readonly right: Int32Array;
  readonly count: number;
}

/** The labels by which a series finds its partner. */
export function matchingLabels({ on, labels }: VectorMatching): (series: Labels) => Labels {
  const names = new Set(on ? labels : [...labels, metricNameLabel]);
  return on ? (series) => onlyLabels(series, names) : (series) => withoutLabels(series, names);
}

export function groupByMatching(
  matching: VectorMatching,
  left: readonly Labels[],
  right: readonly Labels[],
): MatchGroups {
  const labelsOf = matchingLabels(matching);
  const numbering = createNumbering();
  return {
    left: Int32Array.from(left, (labels) => numbering.of(labelsOf(labels))),
    right: Int32Array.from(right, (labels) => numbering.of(labelsOf(labels))),
    count: numbering.size(),
  };
}
