import { expect, test } from "vitest";
import { parseConfig } from "./config.ts";

const parse = (keys: string) =>
  parseConfig(
    `export: { prom: { type: prometheus_remote_write, endpoint: "http://h/api/v1/write", ${keys} } }`,
    { file: "quartet.yaml", env: {}, isInsecure: false },
  );

test("remote write takes metrics and external labels, which are labels", () => {
  expect(parse("signals: [metrics], external_labels: { cluster: a }").export[0]).toMatchObject({
    type: "prometheus_remote_write",
    externalLabels: { cluster: "a" },
    timeoutMs: 10_000,
  });
  expect(() => parse("signals: [traces]")).toThrow("export.prom.signals");
  expect(() => parse("signals: [metrics], external_labels: { 1a: b }")).toThrow("external_labels");
});
