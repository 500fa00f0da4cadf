import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "../support/index.ts";
import { getJson, startCollector, type StartedCollector } from "./quartet.ts";
import { newTraceId, sendSpans } from "./spans.ts";

interface Notification {
  readonly alerts: readonly {
    readonly status: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
  }[];
}

/** A back end that wants a token, and the webhook: one server, two paths. */
async function openServer(): Promise<{
  readonly url: string;
  readonly notifications: readonly Notification[];
  letIn(): void;
  close(): void;
}> {
  const notifications: Notification[] = [];
  let isOpen = false;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      if (request.url === "/webhook")
        notifications.push(JSON.parse(Buffer.concat(chunks).toString()) as Notification);
      else if (!isOpen) response.statusCode = 401;
      response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    notifications,
    letIn: () => {
      isOpen = true;
    },
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

describe("the collector watches itself", () => {
  let server: Awaited<ReturnType<typeof openServer>>;
  let collector: StartedCollector;
  beforeAll(async () => {
    server = await openServer();
    collector = await startCollector({
      config: {
        export: { backend: { type: "otlp_http", endpoint: server.url, signals: ["traces"] } },
        notify: { webhook: `${server.url}/webhook` },
      },
    });
  });
  afterAll(async () => {
    await collector.stop();
    server.close();
  });

  test("its own metrics can be queried as series of the job quartet", async () => {
    await until(async () => (await collector.query('quartet_store_series{job="quartet"}')).length === 1, {
      deadlineMs: 30_000,
      what: "the first round of the collector's own metrics",
    });
    const { data } = await getJson<{ data: { groups: readonly { name: string; file: string }[] } }>(
      `${collector.apiUrl}/api/v1/rules`,
    );
    expect(data.groups.map(({ name, file }) => [name, file])).toEqual([["quartet", "built-in"]]);
  });

  test("an exporter that is refused for want of a token alerts on the webhook, and resolves once it is let in", async () => {
    await sendSpans(collector.otlpUrl, [
      {
        service: "shop",
        name: "GET /",
        kind: "server",
        traceId: newTraceId(),
        endMs: Date.now(),
        durationMs: 5,
      },
    ]);
    const alerts = () => server.notifications.flatMap((notification) => notification.alerts);
    await until(() => alerts().length > 0, { deadlineMs: 90_000, what: "the alert" });
    expect(alerts()[0]).toMatchObject({
      status: "firing",
      labels: {
        alertname: "QuartetExportPaused",
        exporter: "backend",
        signal: "traces",
        reason: "unauthorized",
        severity: "critical",
      },
      annotations: { summary: "exporter backend (traces) waits for you: unauthorized" },
    });
    server.letIn();
    await until(() => alerts().some(({ status }) => status === "resolved"), {
      deadlineMs: 150_000,
      what: "the alert to resolve",
    });
  }, 300_000);
});
