import { writeAttribute, type ProtobufWriter } from "../resilience/index.ts";
import type { Family, FamilySample } from "./families.ts";

/** A family on its way into the outbox, with the two times that every data point carries. */
export interface TimedFamily {
  readonly family: Family;
  /** When the process began to count. */
  readonly startMs: number;
  readonly timeMs: number;
}

/** AGGREGATION_TEMPORALITY_CUMULATIVE: what Prometheus counts. */
const cumulative = 2;

type Labels = FamilySample["labels"];

/** How many data points a family has: one for each set of labels, whatever many buckets it has. */
export function countPoints({ type, samples }: Family): number {
  return type === "histogram" || type === "summary" ? groupsOf(samples).length : samples.length;
}

/**
 * Writes a family as field 2 of ScopeMetrics, under its Prometheus name and labels, so that it reads the same pushed and scraped.
 * @see https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/metrics/v1/metrics.proto
 */
export function encodeMetric(writer: ProtobufWriter, timed: TimedFamily): void {
  const { name, help, type, samples } = timed.family;
  const start = writer.open(2);
  writer.string(1, name);
  writer.string(2, help);
  switch (type) {
    case "gauge": {
      const data = writer.open(5);
      for (const sample of samples) writeNumber(writer, sample, timed);
      writer.close(data);
      break;
    }
    case "counter": {
      const data = writer.open(7);
      for (const sample of samples) writeNumber(writer, sample, timed);
      writer.integer(2, cumulative);
      writer.integer(3, 1);
      writer.close(data);
      break;
    }
    case "histogram": {
      const data = writer.open(9);
      for (const group of groupsOf(samples)) writeHistogram(writer, group, timed);
      writer.integer(2, cumulative);
      writer.close(data);
      break;
    }
    case "summary": {
      const data = writer.open(11);
      for (const group of groupsOf(samples)) writeSummary(writer, group, timed);
      writer.close(data);
    }
  }
  writer.close(start);
}

function writeNumber(writer: ProtobufWriter, { labels, value }: FamilySample, timed: TimedFamily): void {
  const start = writer.open(1);
  writeTimes(writer, timed);
  writer.double(4, value);
  writeLabels(writer, 7, labels);
  writer.close(start);
}

function writeHistogram(
  writer: ProtobufWriter,
  { labels, parts, sum, count }: Group,
  timed: TimedFamily,
): void {
  const start = writer.open(1);
  writeTimes(writer, timed);
  writer.fixed64(4, count);
  writer.double(5, sum);
  // The text format adds buckets up; OTLP has each by itself, with +Inf as the one beyond the last bound.
  const buckets = parts.filter(({ key }) => key !== "+Inf");
  let before = 0;
  const counts = writer.open(6);
  for (const { value } of buckets) {
    writer.fixed64Item(Math.max(0, value - before));
    before = value;
  }
  writer.fixed64Item(Math.max(0, count - before));
  writer.close(counts);
  const bounds = writer.open(7);
  for (const { key } of buckets) writer.doubleItem(Number(key));
  writer.close(bounds);
  writeLabels(writer, 9, labels);
  writer.close(start);
}

function writeSummary(
  writer: ProtobufWriter,
  { labels, parts, sum, count }: Group,
  timed: TimedFamily,
): void {
  const start = writer.open(1);
  writeTimes(writer, timed);
  writer.fixed64(4, count);
  writer.double(5, sum);
  for (const { key, value } of parts) {
    const part = writer.open(6);
    writer.double(1, Number(key));
    writer.double(2, value);
    writer.close(part);
  }
  writeLabels(writer, 7, labels);
  writer.close(start);
}

function writeTimes(writer: ProtobufWriter, { startMs, timeMs }: TimedFamily): void {
  writeMs(writer, 2, startMs);
  writeMs(writer, 3, timeMs);
}

function writeMs(writer: ProtobufWriter, field: number, ms: number): void {
  writer.time(field, Math.floor(ms / 1_000), Math.round((ms % 1_000) * 1_000_000));
}

function writeLabels(writer: ProtobufWriter, field: number, labels: Labels): void {
  for (const [name, value] of Object.entries(labels)) {
    // To Prometheus a label that is empty is a label that is not there; all labels are text.
    if (value !== undefined && value !== "") writeAttribute(writer, field, name, String(value));
  }
}

/** One histogram or summary: the samples of a family that share their labels apart from `le` and `quantile`. */
interface Group {
  readonly labels: Labels;
  readonly parts: { readonly key: string; readonly value: number }[];
  sum: number;
  count: number;
}

function groupsOf(samples: readonly FamilySample[]): Group[] {
  const groups = new Map<string, Group>();
  for (const { labels, value, metricName } of samples) {
    const { le, quantile, ...rest } = labels;
    const key = JSON.stringify(Object.entries(rest).toSorted(([a], [b]) => (a < b ? -1 : 1)));
    let group = groups.get(key);
    if (group === undefined) {
      group = { labels: rest, parts: [], sum: 0, count: 0 };
      groups.set(key, group);
    }
    const part = le ?? quantile;
    if (part !== undefined) group.parts.push({ key: String(part), value });
    else if (metricName?.endsWith("_sum") === true) group.sum = value;
    else group.count = value;
  }
  return [...groups.values()];
}
