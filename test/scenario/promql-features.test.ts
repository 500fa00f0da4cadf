import { expect, test } from "vitest";
import { languageFeatureNames } from "../../packages/collector/src/model/index.ts";
import { until } from "../support/index.ts";
import { startCollector } from "./quartet.ts";

interface Reply {
  readonly status: string;
  readonly error?: string;
  readonly data?: { readonly result: readonly { readonly value: readonly [number, string] }[] };
}

async function ask(apiUrl: string, query: string): Promise<Reply> {
  const response = await fetch(`${apiUrl}/api/v1/query?query=${encodeURIComponent(query)}`);
  return (await response.json()) as Reply;
}

test("experimental parts of PromQL are refused as Prometheus refuses them until they are turned on, in queries and rules", async () => {
  await using plain = await startCollector();
  expect(await ask(plain.apiUrl, "limitk(1, up)")).toMatchObject({
    status: "error",
    errorType: "bad_data",
    error: expect.stringMatching(/limitk.*experimental/) as string,
  });
  await using collector = await startCollector({
    config: { promql: { enable_features: languageFeatureNames } },
    rules: `
groups:
- name: few
  rules:
  - record: some
    expr: limitk(1, quartet_store_samples_total)
`,
  });
  await until(async () => (await ask(collector.apiUrl, "some")).data!.result.length > 0, {
    deadlineMs: 60_000,
    what: "a result of the rule",
  });
  // Our own counters say when they began: at the start of the collector.
  const { data } = await ask(collector.apiUrl, "start_timestamp(quartet_store_samples_total) > bool 1.7e9");
  expect(data?.result.map(({ value }) => value[1])).toEqual(["1"]);
  expect(await ask(collector.apiUrl, "up * fill_left(2) up")).toMatchObject({ status: "success" });
  expect(await ask(collector.apiUrl, "rate(quartet_store_samples_total[30s] smoothed)")).toMatchObject({
    status: "success",
  });
});
