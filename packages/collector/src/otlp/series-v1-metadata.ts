import type { MetricMetadata } from "../model/index.ts";
import { ForwardWriter } from "./forward-writer.ts";
import { metricTypes } from "./series-fields.ts";

// Fields of prometheus.WriteRequest and MetricMetadata.
const tagMetadata = 3 * 8 + 2;
const tagMetadataType = 8;
const tagMetadataFamily = 2 * 8 + 2;
const tagMetadataHelp = 4 * 8 + 2;
const tagMetadataUnit = 5 * 8 + 2;

/** A remote write 1.0 request that holds only metadata, by family. */
export function encodeMetadataV1(families: Iterable<readonly [string, MetricMetadata]>): Buffer {
  const writer = new ForwardWriter(1024);
  const text = (tag: number, value: string): void => {
    const bytes = Buffer.from(value);
    if (bytes.length > 0) writer.field(tag, bytes, { start: 0, end: bytes.length });
  };
  for (const [family, { type, help, unit }] of families) {
    const content = writer.beginMessage(tagMetadata);
    writer.varint(tagMetadataType);
    writer.varint(metricTypes.indexOf(type));
    text(tagMetadataFamily, family);
    text(tagMetadataHelp, help);
    text(tagMetadataUnit, unit);
    writer.endMessage(content);
  }
  return writer.take();
}
