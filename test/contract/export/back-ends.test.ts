import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  createExporter,
  createOtlpHttpBackEnd,
  signalUrl,
  type Exporter,
} from "../../../packages/collector/src/export/index.ts";
import {
  createJournalShared,
  openDeadLetters,
  openStreamReader,
  openStreamWriter,
} from "../../../packages/collector/src/journal/index.ts";
import { exporterConsumer, systemClock } from "../../../packages/collector/src/model/index.ts";
import { encodeRequest } from "../../../packages/collector/src/otlp/index.ts";
import { createLog, createTelemetry } from "../../../packages/collector/src/telemetry/index.ts";
import { describeWithParts, startJaeger } from "../../parts/index.ts";
import { openTempDir, until } from "../../support/index.ts";
import { startTestBackend } from "./backend.ts";
import { openTransport } from "./harness.ts";

const silent = createLog(() => undefined, Date.now);

interface Started extends AsyncDisposable {
  readonly exporter: Exporter;
}

/** An exporter of traces that reads the segments of a data directory. */
function startExporter(
  name: string,
  endpoint: string,
  journal: { dir: string; shared: ReturnType<typeof createJournalShared> },
): Started {
  const consumer = exporterConsumer(name, "traces");
  const reader = openStreamReader({ ...journal, stream: "spans", consumer });
  const deadLetters = openDeadLetters({ dir: journal.dir, stream: "spans", consumer });
  const transport = openTransport();
  const exporter = createExporter({
    name,
    signals: ["traces"],
    createBackEnd: (signal) =>
      createOtlpHttpBackEnd({
        url: signalUrl(name, endpoint, signal),
        compression: "none",
        transport,
        clock: systemClock,
      }),
    readers: { traces: reader },
    deadLetters: { traces: deadLetters },
    telemetry: createTelemetry(),
    log: silent,
  });
  exporter.start();
  return {
    exporter,
    async [Symbol.asyncDispose]() {
      await exporter.stop({ deadlineMs: 1_000 });
      transport.close();
      await deadLetters.close();
      reader.close();
    },
  };
}

test("a back end that is away holds up no other one, loses nothing, and its segments go once it has caught up", async () => {
  await using folder = await openTempDir("export-two");
  await using healthy = await startTestBackend();
  await using away = await startTestBackend();
  away.answer = () => ({ status: 503 });
  const dir = folder.path;
  const shared = createJournalShared();
  const consumers = ["healthy", "away"].map((name) => ({
    name: exporterConsumer(name, "traces"),
    kind: "exporter" as const,
  }));
  const writer = await openStreamWriter({
    dir,
    stream: "spans",
    shared,
    segmentSizeBytesMax: 20_000,
    consumers,
  });
  await using _one = startExporter("healthy", healthy.endpoint, { dir, shared });
  await using _two = startExporter("away", away.endpoint, { dir, shared });
  const texts = Array.from({ length: 100 }, (_, index) => `${index}:${"x".repeat(1_000)};`);
  for (const text of texts)
    await writer.append({ payload: [Buffer.from(text)], itemCount: 1, receivedAtMs: Date.now() });
  const bodyOf = (backend: typeof healthy) => backend.requests.map(({ body }) => body.toString()).join("");
  await until(() => bodyOf(healthy) === texts.join(""), {
    deadlineMs: 10_000,
    what: "the healthy one to have all",
  });
  const segments = () =>
    readdirSync(join(dir, "journal", "spans")).filter((name) => name.endsWith(".seg")).length;
  await writer.retain();
  expect(segments()).toBeGreaterThan(4);
  const refused = away.requests.length;
  away.answer = () => ({ status: 200 });
  const accepted = () =>
    away.requests
      .slice(refused)
      .map(({ body }) => body.toString())
      .join("");
  await until(() => accepted() === texts.join(""), { deadlineMs: 20_000, what: "the other one to have all" });
  const gone = async () => {
    await writer.retain();
    return segments() === 1;
  };
  await until(gone, { deadlineMs: 10_000, what: "the segments to be deleted" });
  await writer.close();
});

test("an exporter that is started again goes on where it was", async () => {
  await using folder = await openTempDir("export-again");
  await using backend = await startTestBackend();
  const dir = folder.path;
  const shared = createJournalShared();
  const writer = await openStreamWriter({ dir, stream: "spans", shared });
  for (let index = 0; index < 30; index += 1) {
    await writer.append({ payload: [Buffer.from(`${index};`)], itemCount: 1, receivedAtMs: 0 });
    if (index % 10 !== 9) continue;
    const requests = backend.requests.length;
    await using _started = startExporter("jaeger", backend.endpoint, { dir, shared });
    await until(() => backend.requests.length > requests, { deadlineMs: 10_000, what: "a request" });
  }
  expect(backend.requests.map(({ body }) => body.toString())).toEqual([
    "0;1;2;3;4;5;6;7;8;9;",
    "10;11;12;13;14;15;16;17;18;19;",
    "20;21;22;23;24;25;26;27;28;29;",
  ]);
  await writer.close();
});

describeWithParts("Jaeger", ["jaeger"], () => {
  test("Jaeger shows every span of a hundred records that were sent as concatenated requests", async () => {
    await using folder = await openTempDir("export-jaeger");
    await using jaeger = await startJaeger();
    const dir = folder.path;
    const shared = createJournalShared();
    const writer = await openStreamWriter({ dir, stream: "spans", shared });
    const traceId = (index: number) => String(index + 1).padStart(32, "0");
    for (let index = 0; index < 100; index += 1) {
      const startMs = Date.now();
      const request = {
        resourceSpans: [
          {
            resource: { attributes: [{ key: "service.name", value: { stringValue: "export-test" } }] },
            scopeSpans: [
              {
                spans: ["parent", "child"].map((name, place) => ({
                  traceId: traceId(index),
                  spanId: String(place + 1).padStart(16, "0"),
                  parentSpanId: place === 0 ? "" : "1".padStart(16, "0"),
                  name,
                  kind: 2,
                  startTimeUnixNano: `${startMs}000000`,
                  endTimeUnixNano: `${startMs + 5}000000`,
                })),
              },
            ],
          },
        ],
      };
      await writer.append({
        payload: [encodeRequest("spans", request)],
        itemCount: 2,
        receivedAtMs: startMs,
      });
    }
    await using started = startExporter("jaeger", jaeger.otlpHttpUrl, { dir, shared });
    const spanCount = async () => {
      const response = await fetch(
        `${jaeger.queryUrl}/api/traces?service=export-test&limit=1000&lookback=1h`,
      );
      const { data } = (await response.json()) as { data: { traceID: string; spans: unknown[] }[] };
      return data.length === 100 && data.every(({ spans }) => spans.length === 2);
    };
    await until(spanCount, { deadlineMs: 20_000, what: "100 traces of 2 spans" });
    expect(started.exporter.status()).toMatchObject([{ state: { kind: "ready" }, queuedItems: 0 }]);
    await writer.close();
  });
});
