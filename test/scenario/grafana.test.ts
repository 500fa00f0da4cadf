import { expect, test } from "vitest";
import { until } from "../support/index.ts";
import { startCollector } from "./quartet.ts";

const rules = `
groups:
  - name: shop
    rules:
      - { alert: Always, expr: vector(1) }
      - { record: "one:one", expr: vector(1) }
`;

test("what Grafana asks when a Prometheus data source is saved and explored is answered", async () => {
  await using collector = await startCollector({ rules });
  await until(async () => (await collector.query(`count({__name__=~"quartet_.+"})`)).length > 0, {
    deadlineMs: 60_000,
    what: "the collector's own series",
  });
  /** With a form it is a POST. */
  const ask = async (path: string, form?: Record<string, string>): Promise<unknown> => {
    const response = await fetch(`${collector.apiUrl}/api/v1/${path}`, {
      headers: { "accept-encoding": "gzip" },
      ...(form === undefined ? {} : { method: "POST", body: new URLSearchParams(form) }),
    });
    const body = (await response.json()) as { readonly status: string; readonly data: unknown };
    expect([path, response.status, body.status]).toEqual([path, 200, "success"]);
    return body.data;
  };
  const end = Math.ceil(Date.now() / 1_000);
  const range = { start: String(end - 3_600), end: String(end) };
  const rangeText = new URLSearchParams(range).toString();
  const anyName = `match%5B%5D=${encodeURIComponent(`{__name__=~".+"}`)}`;

  // Save and test.
  expect(await ask("query", { query: "1+1", time: "4" })).toEqual({
    resultType: "scalar",
    result: [4, "2"],
  });
  expect(await ask("status/buildinfo")).toMatchObject({ version: expect.stringMatching(/^3\./) as string });
  // The query builder and Drilldown.
  expect(await ask("labels", { ...range, limit: "40000" })).toContain("__name__");
  expect(await ask(`labels?${anyName}&${rangeText}&limit=40000`)).toContain("__name__");
  const names = (await ask(`label/__name__/values?${anyName}&${rangeText}&limit=40000`)) as string[];
  const name = "quartet_store_series";
  expect(names).toContain(name);
  expect(await ask("series", { "match[]": name, ...range, limit: "40000" })).toEqual([
    expect.objectContaining({ __name__: name }),
  ]);
  expect(await ask("metadata?limit=40000&limit_per_metric=1")).toHaveProperty(name);
  expect(await ask("format_query", { query: `sum by(a)(${name})` })).toBe(`sum by (a) (${name})`);
  expect(await ask("parse_query", { query: name })).toMatchObject({ type: "vectorSelector", name });
  // Explore: the range, the instant and the exemplars of one panel.
  expect(await ask("query_range", { query: name, ...range, step: "15" })).toMatchObject({
    resultType: "matrix",
    result: [{ metric: { __name__: name } }],
  });
  expect(await ask("query", { query: name, time: String(end) })).toMatchObject({ resultType: "vector" });
  expect(await ask("query_exemplars", { query: name, ...range })).toEqual([]);
  // Alerting.
  expect(await ask("rules?type=alert&rule_group%5B%5D=shop")).toMatchObject({
    groups: [{ name: "shop", rules: [{ name: "Always", type: "alerting" }] }],
  });
  expect(await ask("alerts")).toHaveProperty("alerts");
}, 120_000);
