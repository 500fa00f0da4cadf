import {
  createElasticsearchBackEnd,
  type ElasticsearchSettings,
} from "../../../../packages/collector/src/export/index.ts";
import { encodeRequest } from "../../../../packages/collector/src/otlp/index.ts";
import type { Answer, ReceivedRequest } from "../backend.ts";
import { openHarness, type Harness, type HarnessOptions } from "../harness.ts";

/** An exporter of logs to Elasticsearch between a journal in memory and a stand-in that answers as the test says. */
export function openBulkHarness(
  options: HarnessOptions = {},
  settings: Partial<ElasticsearchSettings> = {},
): Promise<Harness> {
  return openHarness({
    openBackEnd: ({ endpoint, ...given }) =>
      createElasticsearchBackEnd({
        exporter: "jaeger",
        signal: "logs",
        endpoint: new URL(endpoint),
        destination: { kind: "data_stream", type: "logs", dataset: "generic", namespace: "default" },
        isRouted: true,
        compression: "none",
        hasTemplates: false,
        retentionMs: undefined,
        ...given,
        ...settings,
      }),
    ...options,
  });
}

/** A request with one log record for each text. */
export function logsOf(
  texts: readonly string[],
  attributes: Readonly<Record<string, string>> = {},
): Uint8Array {
  const logRecords = texts.map((text, index) => ({
    timeUnixNano: `${1_800_000_000_000 + index}000000`,
    body: { stringValue: text },
    attributes: Object.entries(attributes).map(([key, value]) => ({ key, value: { stringValue: value } })),
  }));
  const resource = { attributes: [{ key: "service.name", value: { stringValue: "shop" } }] };
  return encodeRequest("logs", {
    resourceLogs: [{ resource, scopeLogs: [{ scope: { name: "test" }, logRecords }] }],
  });
}

/** Appends one record with a log record for each text. */
export async function appendLogs(
  { writer, clock }: Harness,
  texts: readonly string[],
  attributes: Readonly<Record<string, string>> = {},
): Promise<void> {
  const payload = [logsOf(texts, attributes)];
  await writer.append({ payload, itemCount: texts.length, receivedAtMs: clock.nowMs() });
}

export interface ReceivedDocument {
  readonly id: string;
  /** Where the action sends it instead of the path's data stream. */
  readonly index: string | undefined;
  readonly text: string;
  readonly source: Readonly<Record<string, unknown>>;
}

/** The documents of a bulk request. */
export function documentsOf({ body }: ReceivedRequest): ReceivedDocument[] {
  const lines = body.toString().trimEnd().split("\n");
  const documents: ReceivedDocument[] = [];
  for (let line = 0; line < lines.length; line += 2) {
    const action = JSON.parse(lines[line]!) as { create: { _id: string; _index?: string } };
    const source = JSON.parse(lines[line + 1]!) as Record<string, unknown>;
    const text = (source["body"] as { text: string }).text;
    documents.push({ id: action.create._id, index: action.create._index, text, source });
  }
  return documents;
}

type ItemStatus = number | { readonly status: number; readonly [key: string]: unknown };

/** An answer to a bulk request with a status for each document, as Elasticsearch gives it. */
export function bulkAnswer(
  request: ReceivedRequest,
  statusOf: (document: ReceivedDocument) => ItemStatus,
): Answer {
  const items = documentsOf(request).map((document) => {
    const status = statusOf(document);
    return { create: typeof status === "number" ? { status } : status };
  });
  const errors = items.some(({ create }) => create.status >= 300);
  return {
    status: 200,
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ errors, items }),
  };
}

export const created = 201;
export const refused = {
  status: 400,
  error: { type: "document_parsing_exception", reason: "failed to parse field [attributes.a]" },
};
export const busy = {
  status: 429,
  error: { type: "es_rejected_execution_exception", reason: "rejected execution" },
};
