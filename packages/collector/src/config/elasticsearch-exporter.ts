import { parseDurationMs } from "./units.ts";

/** What an exporter of type `elasticsearch` has besides what all have. */
export interface ElasticsearchKeys {
  readonly compression: "none" | "gzip";
  /** A plain index instead of data streams. */
  readonly index: string | undefined;
  readonly dataset: string;
  readonly namespace: string;
  readonly routing: boolean;
  readonly templates: boolean;
  readonly retentionMs: number | undefined;
}

/** The same as it stands in the file, defaults filled in. */
export type RawElasticsearchKeys = Omit<ElasticsearchKeys, "index" | "retentionMs"> & {
  readonly index: string | null;
  readonly retention: string | null;
};

export const elasticsearchSchema: Readonly<Record<string, object>> = {
  endpoint: {
    type: "string",
    format: "http-url",
    description: "Base address of Elasticsearch 8 or 9 or of OpenSearch, as in http://127.0.0.1:9200.",
  },
  compression: { enum: ["none", "gzip"], default: "gzip" },
  dataset: {
    type: "string",
    default: "generic",
    description: "Logs go to the data stream logs-DATASET.otel-NAMESPACE.",
  },
  namespace: { type: "string", default: "default" },
  index: {
    type: ["string", "null"],
    default: null,
    description: "A plain index to write to instead of a data stream; its mapping is yours.",
  },
  routing: {
    type: "boolean",
    default: true,
    description:
      "Attributes data_stream.dataset and data_stream.namespace lead to other data streams, as in the OpenTelemetry Collector.",
  },
  templates: {
    type: "boolean",
    default: true,
    description: "Installs templates where the server has none for OpenTelemetry; what you change stays.",
  },
  retention: {
    anyOf: [{ type: "string", format: "duration" }, { type: "null" }],
    default: null,
    description: "How long data stays, as in 7d; the server deletes what is older. null leaves that to you.",
  },
};

/** As long as a bulk request may take on a busy server. */
export const elasticsearchTimeout = "90s";

type Problem = { readonly path: readonly string[]; readonly message: string };

const nameLengthMax = 100;

/** Elasticsearch's rules for names, which it would only tell of once data comes. */
export function findElasticsearchProblems(keys: RawElasticsearchKeys): Problem[] {
  const problems: Problem[] = [];
  const refuse = (key: string, message: string): void => void problems.push({ path: [key], message });
  for (const key of ["dataset", "namespace"] as const) {
    const name = keys[key];
    if (!/^[a-z0-9][^\\/*?"<>| ,#:A-Z]*$/.test(name) || (key === "dataset" && name.includes("-")))
      refuse(
        key,
        `must begin with a letter or digit and have no capitals, spaces or any of \\/*?"<>|,#:${key === "dataset" ? "-" : ""}`,
      );
    if (name.length > nameLengthMax) refuse(key, `is longer than ${nameLengthMax} characters`);
  }
  if (keys.dataset.endsWith(".otel")) refuse("dataset", "leave .otel off; it is appended");
  const { index, retention } = keys;
  if (index !== null && (!/^[a-z0-9][^\\/*?"<>| ,#:A-Z]*$/.test(index) || index.length > 255))
    refuse(
      "index",
      'must begin with a letter or digit, have no capitals, spaces or any of \\/*?"<>|,#: and at most 255 characters',
    );
  if (retention !== null && index !== null)
    refuse("retention", "is for data streams; who deletes from an index of your own is up to you");
  if (retention !== null && !keys.templates) refuse("retention", "needs templates: true");
  if (retention !== null && (parseDurationMs(retention) ?? 0) < 1_000)
    refuse("retention", "must be at least 1s");
  return problems;
}

export function convertElasticsearchKeys({
  index,
  retention,
  ...keys
}: RawElasticsearchKeys): ElasticsearchKeys {
  return {
    ...keys,
    index: index ?? undefined,
    retentionMs: retention === null ? undefined : parseDurationMs(retention),
  };
}
