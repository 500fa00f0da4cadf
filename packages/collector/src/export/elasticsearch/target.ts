import type { WireCursor } from "../../otlp/index.ts";
import { collect, type Item } from "./document-encoder.ts";
import type { Range } from "./value-encoder.ts";

/** Where documents go: a data stream by its parts, or a plain index. */
export type Destination =
  | {
      readonly kind: "data_stream";
      readonly type: "logs" | "traces";
      readonly dataset: string;
      readonly namespace: string;
    }
  | { readonly kind: "index"; readonly name: string };

/** A destination as the encoder needs it. */
export interface Target {
  readonly index: string;
  /** The field `data_stream` of its documents, with a comma in front; empty for a plain index. */
  readonly fields: Uint8Array;
}

/** Elasticsearch's own templates for OpenTelemetry match `logs-*.otel-*`, so every dataset ends so. */
const datasetSuffix = ".otel";
const partSizeMax = 100;
/** Beyond, somebody is making up names. */
const rememberedCountMax = 1_000;

/** The name of the data stream or index. */
export function indexOf(destination: Destination): string {
  if (destination.kind === "index") return destination.name;
  return `${destination.type}-${destination.dataset}${datasetSuffix}-${destination.namespace}`;
}

function targetOf(destination: Destination): Target {
  const index = indexOf(destination);
  if (destination.kind === "index") return { index, fields: Buffer.alloc(0) };
  const { type, dataset, namespace } = destination;
  const fields = JSON.stringify({ type, dataset: dataset + datasetSuffix, namespace });
  return { index, fields: Buffer.from(`,"data_stream":${fields}`) };
}

/**
 * Finds the data stream of each item: the attributes `data_stream.dataset` and `data_stream.namespace` of the item, its scope or
 * its resource, the innermost first, and what is configured where there are none.
 * @see OpenTelemetry Collector, elasticsearchexporter, "Document routing"
 */
export class TargetFinder {
  readonly usual: Target;
  readonly #destination: Destination;
  readonly #known = new Map<string, Target>();

  constructor(destination: Destination) {
    this.#destination = destination;
    this.usual = targetOf(destination);
  }

  /** Whether items of this payload may say where they want to go: nearly none do, and this costs next to nothing. */
  mayRoute(payload: Uint8Array): boolean {
    const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.length);
    return this.#destination.kind === "data_stream" && bytes.includes("data_stream.");
  }

  /** `field` is the number of the item's attributes. */
  find(cursor: WireCursor, item: Item, field: number): Target {
    const destination = this.#destination;
    if (destination.kind === "index") return this.usual;
    const levels = [
      { messages: [item], field },
      { messages: item.scope, field: 3 },
      { messages: item.resource, field: 1 },
    ];
    const lookUp = (name: string): string | undefined => {
      for (const level of levels) {
        for (const message of level.messages) {
          const found = findAttribute(cursor, message, level.field, name);
          if (found !== undefined) return found;
        }
      }
      return undefined;
    };
    const dataset = clean(lookUp("data_stream.dataset"), /[-\\/*?"<>| ,#:]/g) ?? destination.dataset;
    const namespace = clean(lookUp("data_stream.namespace"), /[\\/*?"<>| ,#:]/g) ?? destination.namespace;
    const key = `${dataset} ${namespace}`;
    let target = this.#known.get(key);
    if (target === undefined) {
      if (this.#known.size >= rememberedCountMax) this.#known.clear();
      target = targetOf({ ...destination, dataset, namespace });
      if (target.index === this.usual.index) target = this.usual;
      this.#known.set(key, target);
    }
    return target;
  }
}

/** What a part of a data stream's name may not hold becomes "_"; undefined for nothing. */
function clean(value: string | undefined, forbidden: RegExp): string | undefined {
  if (value === undefined || value === "") return undefined;
  const lower = value.toLowerCase().replace(forbidden, "_");
  const bare = lower.endsWith(datasetSuffix) ? lower.slice(0, -datasetSuffix.length) : lower;
  return bare.slice(0, partSizeMax - datasetSuffix.length);
}

/** The text of a string attribute. */
function findAttribute(cursor: WireCursor, message: Range, field: number, name: string): string | undefined {
  const text = ({ start, end }: Range): string =>
    Buffer.from(cursor.bytes.buffer, cursor.bytes.byteOffset + start, end - start).toString();
  for (const attribute of collect(cursor, message, field)) {
    const key = collect(cursor, attribute, 1).at(-1);
    if (key === undefined || key.end - key.start !== name.length || text(key) !== name) continue;
    const value = collect(cursor, attribute, 2).at(-1);
    const string = value === undefined ? undefined : collect(cursor, value, 1).at(-1);
    return string === undefined ? undefined : text(string);
  }
  return undefined;
}
