import {
  labelsToRecord,
  labelValue,
  type EvidenceTrace,
  type Labels,
  type Queryable,
} from "../model/index.ts";
import type { SelectorUse } from "../promql/index.ts";

export interface EvidenceSettings {
  readonly queryable: Pick<Queryable, "exemplars">;
  /** Where a person can look at a trace. */
  readonly traceUrl: (traceId: string) => string;
}

/** Gives each alert of one evaluation its traces. */
export type FindEvidence = (alertLabels: Labels) => readonly EvidenceTrace[];

const tracesMax = 5;
const lookbackMs = 300_000;
// A rule over everything must not hold up the evaluation; the newest are found first anyway.
const candidatesMax = 20_000;

interface Candidate {
  readonly labels: Labels;
  readonly isError: boolean;
  readonly traceId: string;
  readonly spanId: string;
  readonly timestampMs: number;
}

/**
 * Exemplar traces of the series that a rule read: those whose labels do not contradict the alert's, of failed
 * spans first, then newest first, each trace once, at most five. The store is asked once, when first needed.
 * @param ownLabels labels that the rule itself sets; they say nothing of the series
 */
export function createFindEvidence(
  settings: EvidenceSettings,
  selectors: readonly SelectorUse[],
  { atMs, ownLabels }: { readonly atMs: number; readonly ownLabels: ReadonlySet<string> },
): FindEvidence {
  let candidates: readonly Candidate[] | undefined;
  return (alertLabels) => {
    candidates ??= readCandidates(settings, selectors, atMs);
    const wanted = new Map<string, string>();
    for (let index = 0; index < alertLabels.length; index += 2) {
      const name = alertLabels[index]!;
      if (!ownLabels.has(name)) wanted.set(name, alertLabels[index + 1]!);
    }
    const traces: EvidenceTrace[] = [];
    const seen = new Set<string>();
    for (const candidate of candidates) {
      if (traces.length >= tracesMax) break;
      if (seen.has(candidate.traceId) || contradicts(candidate.labels, wanted)) continue;
      seen.add(candidate.traceId);
      traces.push({
        traceId: candidate.traceId,
        spanId: candidate.spanId,
        timestampMs: candidate.timestampMs,
        seriesLabels: labelsToRecord(candidate.labels),
        url: settings.traceUrl(candidate.traceId),
      });
    }
    return traces;
  };
}

function readCandidates(
  { queryable }: EvidenceSettings,
  selectors: readonly SelectorUse[],
  atMs: number,
): readonly Candidate[] {
  const found: Candidate[] = [];
  for (const { matchers, rangeMs } of selectors) {
    const range = { startMs: atMs - Math.max(rangeMs ?? 0, lookbackMs), endMs: atMs };
    for (const { labels, exemplars } of queryable.exemplars(matchers, range)) {
      const isError = labelValue(labels, "status_code") === "STATUS_CODE_ERROR";
      for (const exemplar of exemplars) {
        if (found.length >= candidatesMax) break;
        const traceId = labelValue(exemplar.labels, "trace_id");
        if (traceId === "") continue;
        const spanId = labelValue(exemplar.labels, "span_id");
        found.push({ labels, isError, traceId, spanId, timestampMs: exemplar.timestampMs });
      }
    }
  }
  return found.sort(
    (left, right) => Number(right.isError) - Number(left.isError) || right.timestampMs - left.timestampMs,
  );
}

/** Whether a label that both have differs. */
function contradicts(seriesLabels: Labels, wanted: ReadonlyMap<string, string>): boolean {
  for (let index = 0; index < seriesLabels.length; index += 2) {
    const value = wanted.get(seriesLabels[index]!);
    if (value !== undefined && value !== seriesLabels[index + 1]) return true;
  }
  return false;
}
