import type { MetricMetadata, MetricType } from "../model/index.ts";
import { ByteSource } from "./bytes.ts";
import { entryAdd, entryMetadata, entryRemove, entrySymbol } from "./catalogue-writer.ts";
import { controlCatalogueLength, controlEpoch, type HeadViews } from "./layout.ts";
import { createSeriesIndex, type SeriesIndex } from "./series-index.ts";

/** A thread's own picture of which series there are. */
export interface Catalogue {
  readonly index: SeriesIndex;
  readonly metadata: ReadonlyMap<string, MetricMetadata>;
}

/** Follows the catalogue's log; `refresh` decodes what was published since the last time. */
export interface CatalogueReader {
  refresh(): Catalogue;
}

export function createCatalogueReader(views: HeadViews): CatalogueReader {
  let epoch = -1;
  let offset = 0;
  let symbols: string[] = [];
  let index = createSeriesIndex();
  let metadata = new Map<string, MetricMetadata>();

  function restart(): void {
    offset = 0;
    symbols = [];
    index = createSeriesIndex();
    metadata = new Map();
  }

  function decode(source: ByteSource): void {
    while (!source.isDone) {
      const kind = source.varint();
      const symbol = () => symbols[source.varint()] ?? "";
      if (kind === entrySymbol) symbols.push(source.text());
      else if (kind === entryAdd) {
        const slot = source.varint();
        const generation = source.varint();
        const labels: string[] = [];
        for (let left = source.varint(); left > 0 && !source.isDone; left -= 1) labels.push(symbol());
        index.add({ slot, generation, labels });
      } else if (kind === entryRemove) index.remove(source.varint(), source.varint());
      else if (kind === entryMetadata) {
        const metric = symbol();
        metadata.set(metric, { type: symbol() as MetricType, help: symbol(), unit: symbol() });
      } else return; // Only a log in reuse looks like this; the epoch has changed then.
    }
  }

  return {
    refresh() {
      for (;;) {
        const current = Atomics.load(views.control, controlEpoch);
        if (current !== epoch) {
          restart();
          epoch = current;
        }
        const which = current % 2;
        const length = Atomics.load(views.control, controlCatalogueLength + which);
        if (length > offset) {
          const buffer = views.handle.catalogues[which]!;
          const bytes = new Uint8Array(buffer, 0, Math.min(length, buffer.byteLength));
          decode(new ByteSource(bytes, offset, length));
          offset = length;
        }
        // The buffer just read is only written anew after the epoch has moved on.
        if (Atomics.add(views.control, controlEpoch, 0) === epoch) return { index, metadata };
        epoch = -1;
      }
    },
  };
}
