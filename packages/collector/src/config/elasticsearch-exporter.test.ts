import { expect, test } from "vitest";
import { parseConfig } from "./config.ts";

const parse = (keys: string, signals = "[logs]") =>
  parseConfig(
    `export: { es: { type: elasticsearch, endpoint: "http://127.0.0.1:9200", signals: ${signals}, ${keys} } }`,
    { file: "quartet.yaml", env: {}, isInsecure: false },
  ).export[0];

test("an exporter to Elasticsearch has its defaults, and a retention in milliseconds", () => {
  expect(parse("retention: 7d")).toMatchObject({
    type: "elasticsearch",
    compression: "gzip",
    index: undefined,
    dataset: "generic",
    namespace: "default",
    routing: true,
    templates: true,
    retentionMs: 604_800_000,
    timeoutMs: 90_000,
  });
  expect(parse("timeout: 5s")).toMatchObject({ retentionMs: undefined, timeoutMs: 5_000 });
});

test.each([
  ["dataset: Shop", "export.es.dataset"],
  ["dataset: my-shop", "export.es.dataset"],
  ["dataset: shop.otel", "leave .otel off"],
  ["namespace: 'a b'", "export.es.namespace"],
  ["index: _all", "export.es.index"],
  ["index: logs, retention: 7d", "export.es.retention"],
  ["templates: false, retention: 7d", "templates: true"],
  ["retention: 5ms", "at least 1s"],
  ["compression: zstd", "export.es.compression"],
])("%s is a problem with its place", (keys, message) => {
  expect(() => parse(keys)).toThrow(message);
});

test("metrics are not for Elasticsearch", () => {
  expect(() => parse("index: logs", "[metrics]")).toThrow("export.es.signals");
});
