import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { readDeadLetters } from "../../packages/collector/src/journal/index.ts";
import { describeWithParts, startSearchServer, type SearchPart, type SearchServer } from "../parts/index.ts";
import { until } from "../support/index.ts";
import { readAccount, untilConserved } from "./conservation.ts";
import { sendLogs, startLogLoad } from "./log-load.ts";
import { getJson, startCollector } from "./quartet.ts";

const logs = { exporter: "search", signal: "logs", stream: "logs" } as const;

/** A thread and a place in the queue: a request for more than two shards is refused in part. */
const tinyQueue = { "thread_pool.write.size": "1", "thread_pool.write.queue_size": "1" };

/** Every fourth log record goes to one of five more data streams, so that requests are for many shards. */
const attributesOf = (index: number): Readonly<Record<string, unknown>> => ({
  "http.response.status_code": { intValue: String(200 + (index % 5)) },
  http: { stringValue: "an attribute that others have as a part of their name" },
  ...(index % 4 === 0 ? { "data_stream.dataset": { stringValue: `part${(index / 4) % 5}` } } : {}),
});

/** Values that no mapping of ours takes: an array of two kinds in one field, a word too long for OpenSearch's flat fields. */
const refusedBy: Readonly<Record<SearchPart, unknown>> = {
  elasticsearch: { arrayValue: { values: [{ intValue: "1" }, { stringValue: "x" }] } },
  elasticsearch8: { arrayValue: { values: [{ intValue: "1" }, { stringValue: "x" }] } },
  opensearch: { stringValue: "x".repeat(40_000) },
};

/** The bodies of all documents, sorted. */
async function bodies({ url }: SearchServer): Promise<string[]> {
  await fetch(`${url}/logs-*/_refresh`, { method: "POST", signal: AbortSignal.timeout(60_000) });
  const found = await getJson<{ hits: { hits: { _source: { body: { text: string } } }[] } }>(
    `${url}/logs-*/_search?size=10000&_source=body.text`,
  );
  return found.hits.hits.map(({ _source }) => _source.body.text).toSorted();
}

/** How often the server wanted something sent again. */
async function retriedCount(apiUrl: string): Promise<number> {
  const response = await fetch(`${apiUrl}/metrics`, { signal: AbortSignal.timeout(10_000) });
  const lines = (await response.text())
    .split("\n")
    .filter((line) => line.startsWith("quartet_export_requests_total{"));
  const retried = lines.filter((line) => line.includes('exporter="search"') && line.includes('"retryable"'));
  return retried.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}

describe.each([
  ["elasticsearch", 60_000],
  ["elasticsearch8", 10_000],
  ["opensearch", 60_000],
] as const)("%s down for %i ms under load", (part, outageMs) => {
  describeWithParts("with real data streams", [part], () => {
    test(
      "every log record that was acknowledged is there once, and what the mapping refuses is a dead letter",
      { timeout: outageMs + 1_500_000 },
      async () => {
        await using server = await startSearchServer({ part, settings: tinyQueue });
        await using collector = await startCollector({
          config: {
            export: {
              search: {
                type: "elasticsearch",
                endpoint: server.url,
                signals: ["logs"],
                retention: "7d",
                timeout: "20s",
              },
            },
          },
        });
        const load = (prefix: string) =>
          startLogLoad(collector.otlpUrl, { prefix, pauseMs: 150, attributesOf });
        const untilSent = (): Promise<unknown> =>
          until(async () => (await readAccount(collector.apiUrl, logs)).queued === 0, {
            deadlineMs: 180_000,
            what: "everything to be sent",
            intervalMs: 250,
          });

        const first = load("before");
        await until(() => first.acknowledged.length >= 200, { deadlineMs: 60_000, what: "some logs" });
        await first.stop();
        await untilSent();
        expect(await bodies(server)).toEqual(first.acknowledged.toSorted());
        // A request for six shards is more than one thread and one place in the queue take at once.
        expect(await retriedCount(collector.apiUrl)).toBeGreaterThan(0);
        const template = await getJson(`${server.url}/_index_template/quartet-logs-otel`);
        expect(template).toMatchObject({ index_templates: [{ index_template: { version: 1 } }] });

        const second = load("during");
        await until(() => second.acknowledged.length >= 50, { deadlineMs: 60_000, what: "the load" });
        await server.stop();
        await sleep(outageMs);
        const away = await untilConserved(collector.apiUrl, logs);
        expect(away.queued).toBeGreaterThan(0);
        await server.start();
        const refused = { text: "refused", attributes: { odd: refusedBy[part] } };
        expect(await sendLogs(collector.otlpUrl, [refused])).toBe(200);
        const atReturn = second.acknowledged.length;
        await until(() => second.acknowledged.length >= atReturn + 50, {
          deadlineMs: 60_000,
          what: "logs after the outage",
        });
        await second.stop();
        await untilSent();
        const all = [...first.acknowledged, ...second.acknowledged];
        expect(await bodies(server)).toEqual(all.toSorted());
        expect(await untilConserved(collector.apiUrl, logs)).toMatchObject({
          sent: all.length,
          deadLetter: 1,
          dropped: 0,
          rejected: 0,
        });
        const letters = [...readDeadLetters({ dir: collector.dataDir })];
        expect(letters.map(({ note }) => note)).toMatchObject([
          { reason: "refused", message: expect.stringMatching(/^400 /) as unknown },
        ]);
      },
    );
  });
});
