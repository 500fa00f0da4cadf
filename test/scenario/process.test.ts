import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { readSegments } from "../../packages/collector/src/journal/index.ts";
import { decodeRequest } from "../../packages/collector/src/otlp/index.ts";
import { root, startCollector } from "./quartet.ts";

/** The example of the README, word for word. */
function exampleOf(readme: string): Readonly<Record<string, unknown>> {
  const block = /```yaml\n(process:\n[\s\S]*?)```/.exec(readme);
  return parse(block![1]!) as Record<string, unknown>;
}

const resource = { attributes: [{ key: "service.name", value: { stringValue: "checkout" } }] };
const text = (key: string, stringValue: string) => ({ key, value: { stringValue } });
const span = (name: string, fields: object = {}) => ({
  traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
  spanId: "00f067aa0ba902b7",
  name,
  kind: 2,
  ...fields,
});

test("the README's example drops, masks, renames and adds in a running collector, and counts it", async () => {
  const config = exampleOf(readFileSync(join(root, "README.md"), "utf8"));
  await using collector = await startCollector({ config });
  const send = async (path: string, body: object) => {
    const response = await fetch(`${collector.otlpUrl}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    expect([response.status, await response.text()]).toEqual([200, "{}"]);
  };
  const spans = [
    span("GET /livez"),
    span("GET /users/17", {
      attributes: [text("http.url", "http://shop/users/17?card=4111111111111111"), text("api_token", "abc")],
      status: { message: "card 4111111111111111 refused", code: 2 },
    }),
    span("GET /readyz"),
  ];
  await send("/v1/traces", { resourceSpans: [{ resource, scopeSpans: [{ spans }] }] });
  await send("/v1/traces", { resourceSpans: [{ resource, scopeSpans: [{ spans: [span("GET /livez")] }] }] });
  const logRecords = [
    { severityNumber: 5, body: { stringValue: "looked it up" } },
    { severityNumber: 9, body: { stringValue: "paid with 4111111111111111" } },
  ];
  await send("/v1/logs", { resourceLogs: [{ resource, scopeLogs: [{ logRecords }] }] });

  const journaled = (stream: "spans" | "logs") =>
    Array.from(readSegments({ dir: collector.dataDir, stream }), ({ payload, itemCount }) => ({
      itemCount,
      request: decodeRequest(stream, payload),
    }));
  const withEnvironment = {
    attributes: [...resource.attributes, text("deployment.environment.name", "production")],
  };
  expect(journaled("spans")).toEqual([
    {
      itemCount: 1,
      request: {
        resourceSpans: [
          {
            resource: withEnvironment,
            scopeSpans: [
              {
                spans: [
                  span("GET /users/{id}", {
                    attributes: [
                      text("url.full", "http://shop/users/17?card=[card]"),
                      text("api_token", "****"),
                    ],
                    status: { message: "card [card] refused", code: 2 },
                  }),
                ],
              },
            ],
          },
        ],
      },
    },
  ]);
  expect(journaled("logs")).toEqual([
    {
      itemCount: 1,
      request: {
        resourceLogs: [
          {
            resource: withEnvironment,
            scopeLogs: [{ logRecords: [{ severityNumber: 9, body: { stringValue: "paid with [card]" } }] }],
          },
        ],
      },
    },
  ]);
  const metrics = await (await fetch(`${collector.apiUrl}/metrics`)).text();
  for (const line of [
    'quartet_process_dropped_items_total{signal="spans",rule="probes"} 3',
    'quartet_process_dropped_items_total{signal="logs",rule="chatter"} 1',
    'quartet_process_redacted_values_total{signal="spans",rule="secrets"} 1',
    'quartet_process_redacted_values_total{signal="spans",rule="cards"} 2',
    'quartet_process_redacted_values_total{signal="logs",rule="cards"} 1',
    'quartet_receive_accepted_items_total{signal="spans"} 1',
  ])
    expect(metrics.split("\n")).toContain(line);
});
