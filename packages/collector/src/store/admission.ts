import { labelsKey, type Labels, type SeriesWrite } from "../model/index.ts";
import type { Cardinality, LimitReason } from "./cardinality.ts";
import type { RefusalReason } from "./head-writer.ts";

/** What the head would take of a batch. */
export interface Admission {
  /** The writes without what would be refused; the same list when nothing would be. */
  readonly admitted: readonly SeriesWrite[];
  readonly refused: ReadonlyMap<RefusalReason, number>;
}

/** What the head looks like to somebody who wants in. */
interface AdmissionView {
  /** Timestamp of a series' last sample; undefined when the head does not know it. */
  readonly lastMs: (labels: Labels) => number | undefined;
  readonly areValid: (labels: Labels) => boolean;
  /** A trial: new series of the batch are counted there. */
  readonly cardinality: Cardinality;
  readonly onLimited: (reason: LimitReason, labels: Labels, count: number) => void;
  /** Samples before it are too old. */
  readonly cutoffMs: number;
  readonly outOfOrderWindowMs: number;
}

/** Tells what would be refused, as far as that can be known without looking at samples that are there already. */
export function admit(writes: readonly SeriesWrite[], view: AdmissionView): Admission {
  const refused = new Map<RefusalReason, number>();
  const refuse = (reason: RefusalReason, count: number) =>
    refused.set(reason, (refused.get(reason) ?? 0) + count);
  const isNew = new Set<string>();
  const admitted: SeriesWrite[] = [];
  for (const write of writes) {
    const lastMs = view.lastMs(write.labels);
    if (lastMs === undefined && !isNew.has(labelsKey(write.labels))) {
      const count = write.samples.length + (write.histograms?.length ?? 0);
      if (!view.areValid(write.labels)) {
        refuse("invalid_labels", count);
        continue;
      }
      const limit = view.cardinality.reasonAgainst(write.labels);
      if (limit !== undefined) {
        refuse(limit, count);
        view.onLimited(limit, write.labels, count);
        continue;
      }
      if (count > 0) {
        isNew.add(labelsKey(write.labels));
        view.cardinality.add(write.labels);
      }
    }
    const oldestMs = (lastMs ?? -Infinity) - view.outOfOrderWindowMs;
    const reasonAt = ({ timestampMs }: { readonly timestampMs: number }) => {
      if (timestampMs < view.cutoffMs) return "too_old";
      return timestampMs < oldestMs ? "out_of_order" : undefined;
    };
    const { samples, histograms = [] } = write;
    const late = [...samples, ...histograms].map(reasonAt).filter((reason) => reason !== undefined);
    if (late.length === 0) {
      admitted.push(write);
      continue;
    }
    for (const reason of late) refuse(reason, 1);
    if (late.length === samples.length + histograms.length) continue;
    const isInTime = (sample: { readonly timestampMs: number }) => reasonAt(sample) === undefined;
    const kept = { ...write, samples: samples.filter(isInTime) };
    admitted.push(histograms.length === 0 ? kept : { ...kept, histograms: histograms.filter(isInTime) });
  }
  return { admitted: refused.size === 0 ? writes : admitted, refused };
}
