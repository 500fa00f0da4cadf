import {
  CollectorError,
  labelsToRecord,
  systemClock,
  type Labels,
  type Queryable,
  type SeriesWrite,
} from "../../packages/collector/src/model/index.ts";
import { encodeSeriesBatch } from "../../packages/collector/src/otlp/index.ts";
import {
  evaluateInstant,
  evaluateRange,
  parseExpression,
  type QueryValue,
} from "../../packages/collector/src/promql/index.ts";
import { createHead } from "../../packages/collector/src/store/index.ts";
import { createTelemetry } from "../../packages/collector/src/telemetry/index.ts";

/** One question to both; without a step it is an instant query at `startMs`. */
export interface Question {
  readonly text: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly stepMs: number | undefined;
}

export interface AnswerPoint {
  readonly timestampMs: number;
  readonly value: number;
}

export type Outcome =
  | { readonly kind: "error"; readonly errorType: string; readonly message: string }
  | {
      readonly kind: "data";
      readonly type: QueryValue["kind"];
      /** By labels, as JSON with sorted names. */
      readonly series: ReadonlyMap<string, readonly AnswerPoint[]>;
      readonly warnings: readonly string[];
      readonly infos: readonly string[];
    };

const keyOf = (record: Readonly<Record<string, string>>): string =>
  JSON.stringify(Object.entries(record).sort(([left], [right]) => (left < right ? -1 : 1)));

/** A head of the store with exactly these series. */
export function ourStore(writes: readonly SeriesWrite[], nowMs: number): Queryable {
  const head = createHead({
    retentionMs: 24 * 3_600_000,
    seriesMax: 1_000,
    arenaBytesMax: 16 * 1024 ** 2,
    catalogueBytesMax: 4 * 1024 ** 2,
    clock: { ...systemClock, nowMs: () => nowMs },
    telemetry: createTelemetry(),
  });
  const { refused } = head.ingest(writes);
  if (refused.size > 0) throw new Error(`the head refused samples: ${[...refused].join(" ")}`);
  return head;
}

/** What our engine says. @throws whatever is no error of ours on purpose. */
export function askOurs(queryable: Queryable, { text, startMs, endMs, stepMs }: Question): Outcome {
  try {
    const expression = parseExpression(text, {
      experimentalFunctions: true,
      fillModifiers: true,
      extendedRangeSelectors: true,
    });
    const input = { queryable, expression, nowMs: systemClock.nowMs };
    const { value, annotations } =
      stepMs === undefined
        ? evaluateInstant({ ...input, timestampMs: startMs })
        : evaluateRange({ ...input, startMs, endMs, stepMs });
    return { kind: "data", type: value.kind, series: seriesOf(value), ...annotations };
  } catch (error) {
    if (!(error instanceof CollectorError)) throw error;
    const errorType = error.code === "QUARTET_PROMQL_EXECUTION" ? "execution" : "bad_data";
    return { kind: "error", errorType, message: error.message };
  }
}

function seriesOf(value: QueryValue): ReadonlyMap<string, readonly AnswerPoint[]> {
  const key = (labels: Labels) => keyOf(labelsToRecord(labels));
  switch (value.kind) {
    case "scalar":
      return new Map([["[]", [value]]]);
    case "string":
      throw new Error("no expression here gives a string");
    case "vector":
      return new Map(value.samples.map((sample) => [key(sample.labels), [sample]]));
    case "matrix":
      return new Map(
        value.series.map(({ labels, timestampsMs, values }) => [
          key(labels),
          Array.from(values, (one, index) => ({ timestampMs: timestampsMs[index]!, value: one })),
        ]),
      );
  }
}

/**
 * Snappy's block format with literals alone: what remote write asks for, without a compressor.
 * @see google/snappy, format_description.txt
 */
function asSnappy(bytes: Uint8Array): Buffer<ArrayBuffer> {
  const head: number[] = [];
  let rest = bytes.length;
  for (; rest >= 0x80; rest >>>= 7) head.push((rest & 0x7f) | 0x80);
  head.push(rest);
  const parts: Uint8Array[] = [Uint8Array.from(head)];
  const literalMax = 0x1_0000;
  for (let from = 0; from < bytes.length; from += literalMax) {
    const literal = bytes.subarray(from, from + literalMax);
    const length = literal.length - 1;
    parts.push(Uint8Array.of(61 << 2, length & 0xff, length >> 8), literal);
  }
  return Buffer.concat(parts);
}

/** Gives Prometheus the series by remote write, in the very bytes of a record of our `series` stream. */
export async function loadPrometheus(url: string, writes: readonly SeriesWrite[]): Promise<void> {
  const response = await fetch(`${url}/api/v1/write`, {
    method: "POST",
    headers: {
      "content-type": "application/x-protobuf;proto=io.prometheus.write.v2.Request",
      "content-encoding": "snappy",
      "x-prometheus-remote-write-version": "2.0.0",
    },
    body: asSnappy(encodeSeriesBatch(writes)),
  });
  const written = Number(response.headers.get("x-prometheus-remote-write-samples-written"));
  const sent = writes.reduce((sum, { samples }) => sum + samples.length, 0);
  if (!response.ok || written !== sent)
    throw new Error(
      `Prometheus took ${written} of ${sent} samples: ${response.status} ${(await response.text()).slice(0, 500)}`,
    );
}

interface PrometheusAnswer {
  readonly status: "success" | "error";
  readonly errorType: string;
  readonly error: string;
  readonly data: {
    readonly resultType: QueryValue["kind"];
    readonly result: readonly unknown[];
  };
  readonly warnings?: readonly string[];
  readonly infos?: readonly string[];
}

type JsonPoint = readonly [seconds: number, value: string];

/** What Prometheus says. */
export async function askPrometheus(
  url: string,
  { text, startMs, endMs, stepMs }: Question,
): Promise<Outcome> {
  const seconds = (ms: number) => String(ms / 1_000);
  const form =
    stepMs === undefined
      ? { query: text, time: seconds(startMs) }
      : { query: text, start: seconds(startMs), end: seconds(endMs), step: seconds(stepMs) };
  const path = stepMs === undefined ? "query" : "query_range";
  const response = await fetch(`${url}/api/v1/${path}`, { method: "POST", body: new URLSearchParams(form) });
  const answer = (await response.json()) as PrometheusAnswer;
  if (answer.status === "error") {
    return { kind: "error", errorType: answer.errorType, message: answer.error };
  }
  const { data, warnings = [], infos = [] } = answer;
  return { kind: "data", type: data.resultType, series: parseSeries(data), warnings, infos };
}

function parseSeries({
  resultType,
  result,
}: PrometheusAnswer["data"]): ReadonlyMap<string, readonly AnswerPoint[]> {
  const parsed = ([seconds, text]: JsonPoint): AnswerPoint => ({
    timestampMs: Math.round(seconds * 1_000),
    value: text.endsWith("Inf") ? (text.startsWith("-") ? -Infinity : Infinity) : Number(text),
  });
  if (resultType === "scalar") return new Map([["[]", [parsed(result as unknown as JsonPoint)]]]);
  return new Map(
    (
      result as readonly {
        readonly metric: Readonly<Record<string, string>>;
        readonly value?: JsonPoint;
        readonly values?: readonly JsonPoint[];
      }[]
    ).map(({ metric, value, values }) => [keyOf(metric), (values ?? [value!]).map(parsed)]),
  );
}
