import type { AnswerPoint, Outcome } from "./engines.ts";

const toleranceRelative = 1e-9;
/** Below this both are what is left of a difference between equals. */
const toleranceAbsolute = 1e-12;

/** Undefined when both say the same, else what is different. */
export function differenceOf(expected: Outcome, actual: Outcome): string | undefined {
  if (expected.kind === "error" || actual.kind === "error") {
    if (expected.kind === "error" && actual.kind === "error" && expected.errorType === actual.errorType)
      return undefined;
    return `Prometheus: ${shown(expected)}; here: ${shown(actual)}`;
  }
  if (expected.type !== actual.type) return `Prometheus gives a ${expected.type}, we a ${actual.type}`;
  for (const [labels, points] of expected.series) {
    const ours = actual.series.get(labels);
    if (ours === undefined) return `we lack ${labels} (${points[0]?.value})`;
    const difference = pointsDiffer(points, ours);
    if (difference !== undefined) return `${labels}: ${difference}`;
  }
  const extra = [...actual.series.keys()].find((labels) => !expected.series.has(labels));
  if (extra !== undefined) return `Prometheus has no ${extra}`;
  return (
    notesDiffer("warnings", expected.warnings, actual.warnings) ??
    notesDiffer("infos", expected.infos, actual.infos)
  );
}

const shown = (outcome: Outcome): string =>
  outcome.kind === "error" ? `${outcome.errorType}: ${outcome.message}` : `${outcome.series.size} series`;

function pointsDiffer(expected: readonly AnswerPoint[], actual: readonly AnswerPoint[]): string | undefined {
  if (expected.length !== actual.length) return `${expected.length} points expected, not ${actual.length}`;
  const place = expected.findIndex((point, index) => {
    const ours = actual[index]!;
    return point.timestampMs !== ours.timestampMs || !isClose(point.value, ours.value);
  });
  if (place < 0) return undefined;
  const [wanted, found] = [expected[place]!, actual[place]!];
  return `${wanted.value} at ${wanted.timestampMs} expected, not ${found.value} at ${found.timestampMs}`;
}

function isClose(left: number, right: number): boolean {
  if (left === right || (Number.isNaN(left) && Number.isNaN(right))) return true;
  const difference = Math.abs(left - right);
  return (
    difference <= toleranceRelative * Math.max(Math.abs(left), Math.abs(right)) ||
    difference < toleranceAbsolute
  );
}

/** Prometheus' API sends ten annotations of each kind at most. */
const notesMax = 10;

function notesDiffer(
  kind: string,
  expected: readonly string[],
  actual: readonly string[],
): string | undefined {
  if (expected.length >= notesMax) return undefined;
  const [wanted, found] = [comparable(expected), comparable(actual)];
  if (wanted.join("\n") === found.join("\n")) return undefined;
  return `${kind} ${JSON.stringify(wanted)} expected, not ${JSON.stringify(found)}`;
}

/**
 * Annotations without their place and without what was counted, the same one once: of annotations that differ in these
 * alone Prometheus keeps one, and which, and how much it adds up, depends on the order in which it looked at its nodes.
 */
function comparable(notes: readonly string[]): string[] {
  const plain = notes.map((note) =>
    note.replace(/ \(\d+:\d+\)$/, "").replace(/, from buckets \S+ to \S+, with a max diff of .*$/, ""),
  );
  return [...new Set(plain)].sort();
}
