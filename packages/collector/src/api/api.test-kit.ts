import { labelsFromRecord, systemClock, type SampleWrite, type SeriesWrite } from "../model/index.ts";
import { languageOf } from "../promql/index.ts";
import { createHead } from "../store/index.ts";
import { createLog, createTelemetry } from "../telemetry/index.ts";
import {
  answerExemplars,
  answerFormatQuery,
  answerLabels,
  answerLabelValues,
  answerMetadata,
  answerParseQuery,
  answerQuery,
  answerQueryRange,
  answerSeries,
  type QueryContext,
} from "../answers/index.ts";
import { failureOf, type Answer } from "./answer.ts";
import { createApi, type Parameters } from "./index.ts";
import type { ApiSettings, Endpoint } from "./server.ts";

/** Time of the newest samples. */
export const nowMs = 1_700_000_000_000;
const nowSeconds = nowMs / 1_000;

export function series(
  labels: Record<string, string>,
  samples: readonly SampleWrite[],
  more: Partial<SeriesWrite> = {},
): SeriesWrite {
  return {
    labels: labelsFromRecord(labels),
    type: "counter",
    help: "",
    unit: "",
    startTimestampMs: 0,
    samples,
    exemplars: [],
    ...more,
  };
}

/** A real head with two series of requests (10 and 20 a second, five minutes of them) and one gauge. */
export function createContext(more: Partial<QueryContext> = {}): QueryContext {
  const clock = { ...systemClock, nowMs: () => nowMs };
  const queryable = createHead({
    retentionMs: 3_600_000,
    seriesMax: 1_000,
    arenaBytesMax: 8 * 1024 ** 2,
    catalogueBytesMax: 1024 ** 2,
    clock,
    telemetry: createTelemetry(),
  });
  const requests = (path: string, perSecond: number) =>
    series(
      { __name__: "requests_total", path },
      Array.from({ length: 21 }, (_, index) => {
        const timestampMs = nowMs - 300_000 + index * 15_000;
        return { timestampMs, value: index * 15 * perSecond };
      }),
      {
        help: "Requests.",
        exemplars: [
          { labels: ["trace_id", "4bf92f3577b34da6a3ce929d0e0e4736"], value: 0.25, timestampMs: nowMs - 500 },
        ],
      },
    );
  queryable.ingest([
    requests("/a", 10),
    requests("/b", 20),
    series(
      { __name__: "temperature", "rack.place": "u_1" },
      [-20_000, 0].map((offsetMs) => ({ timestampMs: nowMs + offsetMs, value: 21.5 })),
      { type: "gauge", help: "How warm it is.", unit: "celsius" },
    ),
  ]);
  return {
    queryable,
    nowMs: () => nowMs,
    isCancelled: () => false,
    subqueryStepMs: 60_000,
    language: languageOf([]),
    ...more,
  };
}

const answers: Partial<Record<Endpoint, (parameters: Parameters, context: QueryContext) => Answer>> = {
  query: answerQuery,
  query_range: answerQueryRange,
  query_exemplars: answerExemplars,
  format_query: answerFormatQuery,
  parse_query: answerParseQuery,
  labels: answerLabels,
  label_values: answerLabelValues,
  series: answerSeries,
  metadata: answerMetadata,
};

/** Answers as the query worker does, from the context's data. */
export function answerFrom(context: QueryContext): ApiSettings["answer"] {
  return async (endpoint, parameters) => {
    try {
      const answer = answers[endpoint];
      if (answer === undefined) throw new Error(`nothing here answers ${endpoint}`);
      return answer(parameters, context);
    } catch (error) {
      return failureOf(error);
    }
  };
}

export interface StartedApi extends AsyncDisposable {
  readonly url: string;
  /** Lines of its log. */
  readonly logged: readonly string[];
}

/** The API on a free port, with the data of `createContext` where nothing else is given. */
export async function startApi(settings: Partial<ApiSettings> = {}): Promise<StartedApi> {
  const logged: string[] = [];
  const api = createApi({
    host: "127.0.0.1",
    port: 0,
    tokens: () => [],
    answer: answerFrom(createContext()),
    notReady: () => [],
    metrics: async () => ({ contentType: "text/plain; version=0.0.4", body: "up 1\n" }),
    pages: [],
    log: createLog((line) => logged.push(line), systemClock.nowMs),
    ...settings,
  });
  const { port } = await api.start();
  return { url: `http://127.0.0.1:${port}`, logged, [Symbol.asyncDispose]: () => api.stop() };
}

/** One call of an endpoint over HTTP; `form` makes it a POST. */
export async function ask(
  url: string,
  path: string,
  form?: Record<string, string>,
): Promise<{ readonly status: number; readonly body: unknown }> {
  const response = await fetch(
    `${url}${path}`,
    form === undefined ? {} : { method: "POST", body: new URLSearchParams(form) },
  );
  return { status: response.status, body: await response.json() };
}

/** What a refusal looks like. */
export const refused = (status: number, errorType: string, error: unknown): object => ({
  status,
  body: { status: "error", errorType, error },
});

/** What a success looks like. */
export const answered = (data: unknown, notes: object = {}): object => ({
  status: 200,
  body: { status: "success", data, ...notes },
});

export const at = (offsetSeconds = 0): number => nowSeconds + offsetSeconds;
