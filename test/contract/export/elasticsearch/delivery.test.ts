import { expect, test } from "vitest";
import { decodeRequest } from "../../../../packages/collector/src/otlp/index.ts";
import { readDeadLetters } from "../../../../packages/collector/src/journal/index.ts";
import { until } from "../../../support/index.ts";
import type { Answer } from "../backend.ts";
import { deadLettersOf, soon, untilDelay, untilRequests, untilSettled, type Harness } from "../harness.ts";
import {
  appendLogs,
  bulkAnswer,
  busy,
  created,
  documentsOf,
  openBulkHarness,
  refused,
} from "./bulk-server.ts";

const texts = ({ backend }: Harness): string[][] =>
  backend.requests.map((request) => documentsOf(request).map(({ text }) => text));

test("every log record is created in the data stream under an id of journal, shard, offset and place", async () => {
  await using harness = await openBulkHarness({}, { compression: "gzip" });
  harness.backend.answer = (request) => bulkAnswer(request, () => created);
  await appendLogs(harness, ["a", "b"]);
  await appendLogs(harness, ["c"]);
  harness.exporter.start();
  await untilSettled(harness, 2);
  const [request] = harness.backend.requests;
  expect(request!.path).toMatch(/^\/logs-generic\.otel-default\/_bulk\?filter_path=/);
  expect(request!.headers).toMatchObject({
    "content-type": "application/x-ndjson",
    "content-encoding": "gzip",
  });
  const documents = documentsOf(request!);
  const [, journalId] = /^([0-9a-f]{32})\./.exec(documents[0]!.id) ?? [];
  expect(documents.map(({ id }) => id)).toEqual(
    ["0.0.0", "0.0.1", "0.1.0"].map((place) => `${journalId}.${place}`),
  );
  expect(documents[1]!.source).toEqual({
    "@timestamp": "1800000000001.000000",
    data_stream: { type: "logs", dataset: "generic.otel", namespace: "default" },
    resource: { attributes: { "service.name": "shop" } },
    scope: { name: "test" },
    body: { text: "b" },
  });
  expect(await harness.metric("quartet_export_sent_items_total")).toBe(3);
});

test("of a batch only the documents that the server was too busy for are sent again, with the same ids", async () => {
  await using harness = await openBulkHarness();
  harness.backend.answer = (request) => {
    const isBusy = harness.backend.requests.length <= 2;
    return bulkAnswer(request, ({ text }) => (isBusy && text.startsWith("b") ? busy : created));
  };
  await appendLogs(harness, ["a", "b1", "c", "b2", "d"]);
  harness.exporter.start();
  for (const attempt of [1, 2]) {
    await untilRequests(harness, attempt);
    harness.clock.advance(await untilDelay(harness));
  }
  await untilSettled(harness, 1);
  expect(texts(harness)).toEqual([
    ["a", "b1", "c", "b2", "d"],
    ["b1", "b2"],
    ["b1", "b2"],
  ]);
  const ids = harness.backend.requests.map((request) => documentsOf(request).map(({ id }) => id));
  expect(ids[2]).toEqual([ids[0]![1], ids[0]![3]]);
  expect(await harness.metric("quartet_export_sent_items_total")).toBe(5);
});

test("a document that the server refuses becomes a dead letter that can be replayed, and its neighbours arrive", async () => {
  await using harness = await openBulkHarness();
  harness.backend.answer = (request) =>
    bulkAnswer(request, ({ text }) => (text === "bad" ? refused : created));
  await appendLogs(harness, ["a", "bad", "b"], { a: "1" });
  harness.exporter.start();
  await untilSettled(harness, 1);
  expect(deadLettersOf(harness)).toMatchObject([
    {
      note: { reason: "refused", message: expect.stringContaining("400 document_parsing_exception: failed") },
    },
  ]);
  const [letter] = [...readDeadLetters({ dir: harness.dir })];
  expect(decodeRequest("logs", letter!.payload)).toEqual({
    resourceLogs: [
      {
        resource: { attributes: [{ key: "service.name", value: { stringValue: "shop" } }] },
        scopeLogs: [
          {
            scope: { name: "test" },
            logRecords: [
              {
                timeUnixNano: "1800000000001000000",
                body: { stringValue: "bad" },
                attributes: [{ key: "a", value: { stringValue: "1" } }],
              },
            ],
          },
        ],
      },
    ],
  });
  expect(await harness.metric("quartet_export_sent_items_total")).toBe(2);
  expect(await harness.metric("quartet_export_dead_letter_items_total")).toBe(1);
});

test("documents that are there already, and those in the failure store, count as sent and apart", async () => {
  await using harness = await openBulkHarness();
  const exists = { status: 409, error: { type: "version_conflict_engine_exception", reason: "exists" } };
  harness.backend.answer = (request) =>
    bulkAnswer(request, ({ text }) =>
      text === "known" ? exists : text === "stored" ? { status: 201, failure_store: "used" } : created,
    );
  await appendLogs(harness, ["a", "known", "stored"]);
  harness.exporter.start();
  await untilSettled(harness, 1);
  expect(await harness.metric("quartet_export_sent_items_total")).toBe(3);
  expect(await harness.metric("quartet_export_repeated_items_total")).toBe(1);
  expect(await harness.metric("quartet_export_failure_store_items_total")).toBe(1);
});

test("what is too large for a request is split by documents, and a document that is too large alone is a dead letter", async () => {
  await using harness = await openBulkHarness();
  harness.backend.answer = (request) =>
    request.body.length > 3_000 ? { status: 413 } : bulkAnswer(request, () => created);
  const small = Array.from({ length: 20 }, (_, index) => `${index}`);
  await appendLogs(harness, [...small, "x".repeat(5_000), "last"]);
  harness.exporter.start();
  await untilSettled(harness, 1);
  const arrived = harness.backend.requests
    .filter(({ body }) => body.length <= 3_000)
    .flatMap((request) => documentsOf(request).map(({ text }) => text));
  expect(arrived).toEqual([...small, "last"]);
  expect(await harness.metric("quartet_export_dead_letter_items_total")).toBe(1);
});

test.each([
  [
    "a missing index",
    { status: 404, error: { type: "index_not_found_exception", reason: "no such index" } },
    "not_found",
  ],
  [
    "a user without the right",
    { status: 403, error: { type: "security_exception", reason: "no" } },
    "unauthorized",
  ],
  [
    "a read-only index",
    { status: 403, error: { type: "cluster_block_exception", reason: "blocked" } },
    "unexpected_status",
  ],
  [
    "a full cluster",
    { status: 400, error: { type: "validation_exception", reason: "maximum shards open" } },
    "unexpected_status",
  ],
  [
    "a missing pipeline",
    {
      status: 400,
      error: { type: "illegal_argument_exception", reason: "pipeline with id [p] does not exist" },
    },
    "unexpected_status",
  ],
] as const)("%s pauses the export and makes no dead letter", async (_what, status, reason) => {
  await using harness = await openBulkHarness();
  let isMended = false;
  harness.backend.answer = (request) => bulkAnswer(request, () => (isMended ? created : status));
  await appendLogs(harness, ["a", "b"]);
  harness.exporter.start();
  const delayMs = await untilDelay(harness);
  expect(harness.exporter.status()).toMatchObject([{ state: { kind: "paused", reason }, queuedItems: 2 }]);
  isMended = true;
  harness.clock.advance(delayMs);
  await untilSettled(harness, 1);
  expect(await harness.metric("quartet_export_sent_items_total")).toBe(2);
  expect(await harness.metric("quartet_export_dead_letter_items_total")).toBe(0);
});

test.each<[string, Answer]>([
  ["a page of a proxy", { status: 200, body: "<html>Please log in</html>" }],
  ["an answer for another number of documents", { status: 200, body: '{"errors":true,"items":[]}' }],
  ["no answer", "hang_up"],
  ["a gateway that gave up", { status: 504 }],
])("%s is no success: the batch is sent again", async (_what, answer) => {
  await using harness = await openBulkHarness();
  harness.backend.answer = () => answer;
  await appendLogs(harness, ["a"]);
  harness.exporter.start();
  const delayMs = await untilDelay(harness);
  harness.backend.answer = (request) => bulkAnswer(request, () => created);
  harness.clock.advance(delayMs);
  await untilSettled(harness, 1);
  expect(texts(harness)).toEqual([["a"], ["a"]]);
});

test("a new write index between an attempt without an answer and its repetition is counted as possible duplicates", async () => {
  await using harness = await openBulkHarness();
  let index = ".ds-logs-generic.otel-default-000001";
  harness.backend.answer = (request) => bulkAnswer(request, () => ({ status: 201, _index: index }));
  await appendLogs(harness, ["a"]);
  harness.exporter.start();
  await untilSettled(harness, 1);
  harness.backend.answer = () => "hang_up";
  await appendLogs(harness, ["b", "c"]);
  const delayMs = await untilDelay(harness);
  index = ".ds-logs-generic.otel-default-000002";
  harness.backend.answer = (request) => bulkAnswer(request, () => ({ status: 201, _index: index }));
  harness.clock.advance(delayMs);
  await untilSettled(harness, 2);
  await appendLogs(harness, ["d"]);
  await untilSettled(harness, 3);
  expect(await harness.metric("quartet_export_possible_duplicate_items_total")).toBe(2);
});

test("attributes lead to other data streams, those of the record before those of the resource", async () => {
  await using harness = await openBulkHarness();
  harness.backend.answer = (request) => bulkAnswer(request, () => created);
  await appendLogs(harness, ["a"], { "data_stream.dataset": "Shop-Front", "data_stream.namespace": "prod" });
  await appendLogs(harness, ["b"]);
  harness.exporter.start();
  await untilSettled(harness, 2);
  const [routed, usual] = harness.backend.requests.flatMap(documentsOf);
  expect(routed).toMatchObject({
    index: "logs-shop_front.otel-prod",
    source: { data_stream: { type: "logs", dataset: "shop_front.otel", namespace: "prod" } },
  });
  expect(routed!.source["attributes"]).toBeUndefined();
  expect(usual!.index).toBeUndefined();
});

test("a record that does not decode becomes a dead letter alone", async () => {
  await using harness = await openBulkHarness();
  harness.backend.answer = (request) => bulkAnswer(request, () => created);
  await appendLogs(harness, ["a"]);
  await harness.append("this is no protobuf", 3);
  await appendLogs(harness, ["b"]);
  harness.exporter.start();
  await untilSettled(harness, 3);
  expect(texts(harness)).toEqual([["a", "b"]]);
  expect(await harness.metric("quartet_export_dead_letter_items_total", { reason: "undecodable" })).toBe(3);
  expect(await harness.metric("quartet_export_sent_items_total")).toBe(2);
});

test("a plain index gets documents without the fields of data streams", async () => {
  await using harness = await openBulkHarness({}, { destination: { kind: "index", name: "my-logs" } });
  harness.backend.answer = (request) => bulkAnswer(request, () => created);
  await appendLogs(harness, ["a"], { "data_stream.dataset": "other" });
  harness.exporter.start();
  await until(() => harness.backend.requests.length === 1, { ...soon, what: "a request" });
  const [request] = harness.backend.requests;
  expect(request!.path).toMatch(/^\/my-logs\/_bulk/);
  expect(documentsOf(request!)[0]!.source["data_stream"]).toBeUndefined();
});
