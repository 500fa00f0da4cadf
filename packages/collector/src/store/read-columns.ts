import type { NativeHistogram } from "../model/index.ts";
import type { SampleColumns } from "./chunk/index.ts";
import { blockStartMs, timesStart, valuesStart } from "./columns.ts";
import { readHistogram } from "./histograms.ts";
import { blockFormat, blockInts, formatMixedColumns, type HeadViews } from "./layout.ts";

/** Appends samples of a block of columns, those from place `from` up to `to`. Tolerates memory in reuse: what it gives is then discarded. */
export function readColumns(
  views: HeadViews,
  block: number,
  { from, to }: { readonly from: number; readonly to: number },
  into: SampleColumns,
): void {
  const isMixed = views.ints[block * blockInts + blockFormat] === formatMixedColumns;
  const { length } = into;
  into.append(
    views.floats.subarray(timesStart(block) + from, timesStart(block) + to),
    views.floats.subarray(valuesStart(block) + from, valuesStart(block) + to),
    blockStartMs(views, block),
  );
  if (!isMixed) return;
  into.histograms ??= new Array<NativeHistogram | undefined>(into.length).fill(undefined);
  for (let at = length; at < into.length; at += 1)
    into.histograms[at] = readHistogram(views, into.values, at);
}
