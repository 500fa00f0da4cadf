import { afterAll, beforeAll, expect, test } from "vitest";
import {
  answered,
  answerFrom,
  ask,
  at,
  createContext,
  nowMs,
  refused,
  startApi,
  type StartedApi,
} from "../api/api.test-kit.ts";

let api: StartedApi;
beforeAll(async () => {
  api = await startApi();
});
afterAll(async () => {
  await api[Symbol.asyncDispose]();
});

/** A GET with the parameters, in order. */
const get = (path: string, ...parameters: (readonly [string, string | number])[]) =>
  ask(
    api.url,
    `${path}?${parameters.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join("&")}`,
  );
const query = (text: string, time: string | number = at()) =>
  get("/api/v1/query", ["query", text], ["time", time]);

const a = { __name__: "requests_total", path: "/a" };
const b = { __name__: "requests_total", path: "/b" };

test("an instant query answers with a vector, a scalar, a string or a matrix", async () => {
  expect(await query(`requests_total{path="/a"}`)).toEqual(
    answered({ resultType: "vector", result: [{ metric: a, value: [at(), "3000"] }] }),
  );
  expect(await query("1 + 0.5")).toEqual(answered({ resultType: "scalar", result: [at(), "1.5"] }));
  expect(await query(`"a\\"b"`)).toEqual(answered({ resultType: "string", result: [at(), 'a"b'] }));
  expect(await query(`requests_total{path="/a"}[30s]`)).toEqual(
    answered({
      resultType: "matrix",
      result: [
        {
          metric: a,
          values: [
            [at(-15), "2850"],
            [at(), "3000"],
          ],
        },
      ],
    }),
  );
  expect(await query("nothing")).toEqual(answered({ resultType: "vector", result: [] }));
});

test("numbers are written as Prometheus writes them", async () => {
  const written = async (text: string) =>
    ((await query(text)).body as { data: { result: [number, string] } }).data.result[1];
  const texts = ["NaN", "Inf", "-Inf", "1e21", "1e-7", "0.1 + 0.2", "-0", "1e20"];
  expect(await Promise.all(texts.map(written))).toEqual([
    "NaN",
    "+Inf",
    "-Inf",
    "1e+21",
    "1e-07",
    "0.30000000000000004",
    "-0",
    "100000000000000000000",
  ]);
});

test("a range query answers with a matrix ordered by labels, a scalar as one series", async () => {
  const range = [
    ["start", at(-30)],
    ["end", at()],
    ["step", "15s"],
  ] as const;
  expect(
    await get("/api/v1/query_range", ["query", "requests_total - requests_total offset 1m"], ...range),
  ).toEqual(
    answered({
      resultType: "matrix",
      result: ["/a", "/b"].map((path) => ({
        metric: { path },
        values: [-30, -15, 0].map((offset) => [at(offset), path === "/a" ? "600" : "1200"]),
      })),
    }),
  );
  expect(await get("/api/v1/query_range", ["query", "2"], ...range)).toEqual(
    answered({
      resultType: "matrix",
      result: [{ metric: {}, values: [-30, -15, 0].map((offset) => [at(offset), "2"]) }],
    }),
  );
});

test("a time is a float in seconds or an RFC 3339 date; without one it is now", async () => {
  const timeOf = async (time: string) =>
    ((await query("1", time)).body as { data: { result: [number, string] } }).data.result[0];
  expect(await timeOf("1435781430.781")).toBe(1435781430.781);
  expect(await timeOf("-1.5")).toBe(-1.5);
  expect(await timeOf("1e3")).toBe(1000);
  expect(await timeOf("2015-07-01T20:10:30.781Z")).toBe(1435781430.781);
  expect(await timeOf("2015-07-01T22:10:30.781123456+02:00")).toBe(1435781430.781);
  expect(await timeOf("")).toBe(at());
});

test.each(["foo", "2015-07-01T20:10:30", "2015-07-01", "2015-13-01T20:10:30Z", "1e400", "1e300", "NaN"])(
  "the time %s is refused",
  async (time) => {
    expect(await query("1", time)).toEqual(
      refused(
        400,
        "bad_data",
        `invalid parameter "time": invalid time value for 'time': cannot parse ${JSON.stringify(time)} to a valid timestamp`,
      ),
    );
  },
);

test("a step is a float in seconds or a duration", async () => {
  const pointsOf = async (step: string) => {
    const { body } = await get(
      "/api/v1/query_range",
      ["query", "1"],
      ["start", 0],
      ["end", 120],
      ["step", step],
    );
    return (body as { data: { result: [{ values: unknown[] }] } }).data.result[0].values.length;
  };
  expect(await Promise.all(["60", "1m", "1.5e1", "1m30s", "500ms"].map(pointsOf))).toEqual([3, 3, 9, 2, 241]);
});

test.each([
  [{ start: "", end: "1", step: "1" }, `invalid parameter "start": cannot parse "" to a valid timestamp`],
  [{ start: "0", end: "x", step: "1" }, `invalid parameter "end": cannot parse "x" to a valid timestamp`],
  [
    { start: "2", end: "1", step: "1" },
    `invalid parameter "end": end timestamp must not be before start time`,
  ],
  [{ start: "0", end: "1", step: "" }, `invalid parameter "step": cannot parse "" to a valid duration`],
  [
    { start: "0", end: "1", step: "0" },
    `invalid parameter "step": zero or negative query resolution step widths are not accepted. Try a positive integer`,
  ],
  [
    { start: "0", end: "11001", step: "1" },
    "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)",
  ],
  [
    { start: "0", end: "1", step: "1", query: "up[5m]" },
    /invalid expression type "range vector" for range query, must be Scalar or instant Vector/,
  ],
  [
    { start: "0", end: "1", step: "1", timeout: "x" },
    `invalid parameter "timeout": cannot parse "x" to a valid duration`,
  ],
] as const)("a range query with %o is refused in Prometheus' words", async (form, error) => {
  expect(await ask(api.url, "/api/v1/query_range", { query: "1", ...form })).toEqual(
    refused(400, "bad_data", typeof error === "string" ? error : (expect.stringMatching(error) as unknown)),
  );
});

test.each([
  [" ", `invalid parameter "query": 1:1: parse error: no expression found in input`],
  ["sum(", `invalid parameter "query": 1:5: parse error: unclosed left parenthesis`],
  [`x{a=~"("}`, /invalid parameter "query": 1:3: parse error: /],
])("the expression %o is bad data", async (text, error) => {
  expect(await query(text)).toEqual(
    refused(400, "bad_data", typeof error === "string" ? error : (expect.stringMatching(error) as unknown)),
  );
});

test("an expression that fails while it runs is an execution error", async () => {
  expect(await query(`label_replace(vector(1), "b", "", "a", "(")`)).toEqual(
    refused(422, "execution", "invalid regular expression in label_replace(): ("),
  );
  expect(await query("requests_total + on () requests_total")).toEqual(
    refused(422, "execution", expect.stringContaining("many-to-many matching not allowed")),
  );
});

test("a query past its time is a timeout; one whose client left is canceled", async () => {
  let clockMs = nowMs;
  await using slow = await startApi({
    answer: answerFrom(createContext({ nowMs: () => (clockMs += 1_000) })),
  });
  expect(await ask(slow.url, "/api/v1/query", { query: "sum(requests_total)", timeout: "500ms" })).toEqual(
    refused(503, "timeout", expect.stringContaining("timed out")),
  );
  await using left = await startApi({ answer: answerFrom(createContext({ isCancelled: () => true })) });
  expect(await ask(left.url, "/api/v1/query", { query: "sum(requests_total)" })).toEqual(
    refused(499, "canceled", expect.stringContaining("canceled")),
  );
});

test("a limit cuts the result and says so", async () => {
  const warnings = ["results truncated due to limit"];
  const limit = ["limit", 1] as const;
  expect(await get("/api/v1/query", ["query", "sort(requests_total)"], ["time", at()], limit)).toEqual(
    answered({ resultType: "vector", result: [{ metric: a, value: [at(), "3000"] }] }, { warnings }),
  );
  const range = [
    ["start", at()],
    ["end", at()],
    ["step", 1],
  ] as const;
  expect(await get("/api/v1/query_range", ["query", "requests_total"], ...range, limit)).toEqual(
    answered({ resultType: "matrix", result: [{ metric: a, values: [[at(), "3000"]] }] }, { warnings }),
  );
  expect(await get("/api/v1/labels", limit)).toEqual(answered(["__name__"], { warnings }));
  expect(await get("/api/v1/label/path/values", limit)).toEqual(answered(["/a"], { warnings }));
  expect(await get("/api/v1/series", ["match[]", "requests_total"], limit)).toMatchObject({
    body: { data: [{ __name__: "requests_total" }], warnings },
  });
  expect(await get("/api/v1/metadata", limit)).toMatchObject({ body: { status: "success" } });
  // As many as there are is not cut.
  expect(await get("/api/v1/label/path/values", ["limit", 2])).toEqual(answered(["/a", "/b"]));
  expect(await get("/api/v1/labels", ["limit", -1])).toEqual(
    refused(400, "bad_data", `invalid parameter "limit": limit must be non-negative`),
  );
  expect(await get("/api/v1/query", ["query", "1"], ["limit", "x"])).toEqual(
    refused(400, "bad_data", `invalid parameter "limit": "x" is no whole number`),
  );
});

test("a query's warnings and infos stand beside its data", async () => {
  const { body } = await query(`rate(temperature[5m])`);
  expect(body).toMatchObject({
    status: "success",
    infos: [expect.stringContaining("metric might not be a counter")],
  });
  expect(await query(`quantile(2, requests_total)`)).toMatchObject({
    body: { warnings: [expect.stringContaining("quantile value should be between 0 and 1, got 2")] },
  });
});

test("labels, their values and series obey match[] and the range", async () => {
  expect(await get("/api/v1/labels")).toEqual(answered(["__name__", "path", "rack.place"]));
  expect(await get("/api/v1/labels", ["match[]", "temperature"])).toEqual(
    answered(["__name__", "rack.place"]),
  );
  expect(await get("/api/v1/labels", ["end", at(-10_000)])).toEqual(answered([]));
  expect(await get("/api/v1/label/__name__/values")).toEqual(answered(["requests_total", "temperature"]));
  expect(
    await get("/api/v1/label/path/values", ["match[]", `{path="/b"}`], ["match[]", "temperature"]),
  ).toEqual(answered(["/b"]));
  expect(await get("/api/v1/label/none/values")).toEqual(answered([]));
  expect(
    await get("/api/v1/series", ["match[]", `{path=~"/b|/c"}`], ["match[]", "requests_total"]),
  ).toMatchObject({
    body: { data: expect.arrayContaining([a, b]) as unknown },
  });
  expect(
    await get("/api/v1/series", ["match[]", "temperature"], ["start", at(-15)], ["end", at(-1)]),
  ).toEqual(answered([]));
});

test("the beginning and the end of time may be written as Go writes them", async () => {
  expect(
    await get(
      "/api/v1/series",
      ["match[]", "temperature"],
      ["start", "-292273086-05-16T16:47:06Z"],
      ["end", "292277025-08-18T07:12:54.999999999Z"],
    ),
  ).toEqual(answered([{ __name__: "temperature", "rack.place": "u_1" }]));
});

test("a label's name in a path may be escaped, percent-encoded and long", async () => {
  expect(await get("/api/v1/label/rack.place/values")).toEqual(answered(["u_1"]));
  expect(await get("/api/v1/label/rack%2Eplace/values")).toEqual(answered(["u_1"]));
  expect(await get("/api/v1/label/U__rack_2e_place/values")).toEqual(answered(["u_1"]));
  expect(await get(`/api/v1/label/${"x".repeat(2_000)}/values`)).toEqual(answered([]));
  // What stands in the path is not replaced by what stands behind it.
  expect(await get("/api/v1/label/path/values", ["name", "__name__"])).toEqual(answered(["/a", "/b"]));
});

test("match[] must be a selector that leaves something out", async () => {
  expect(await get("/api/v1/series")).toEqual(refused(400, "bad_data", "no match[] parameter provided"));
  for (const text of ["{}", `{a=""}`, `{a=~".*"}`]) {
    expect(await get("/api/v1/series", ["match[]", text])).toEqual(
      refused(400, "bad_data", expect.stringContaining("must contain at least one non-empty matcher")),
    );
  }
  for (const text of ["sum(x)", "x[5m]", "(x)", "x offset 5m", "1"]) {
    expect(await get("/api/v1/labels", ["match[]", text])).toEqual(
      refused(400, "bad_data", expect.stringMatching(/^invalid parameter "match\[\]": /)),
    );
  }
});

test("metadata tells type, help and unit of each metric, or of one", async () => {
  const temperature = [{ type: "gauge", help: "How warm it is.", unit: "celsius" }];
  expect(await get("/api/v1/metadata")).toEqual(
    answered({ requests_total: [{ type: "counter", help: "Requests.", unit: "" }], temperature }),
  );
  expect(await get("/api/v1/metadata", ["metric", "temperature"])).toEqual(answered({ temperature }));
  expect(await get("/api/v1/metadata", ["metric", "nothing"])).toEqual(answered({}));
});

test("exemplars of the series that an expression selects name their traces", async () => {
  const found = await get("/api/v1/query_exemplars", ["query", `rate(requests_total{path="/a"}[5m])`]);
  expect(found).toEqual(
    answered([
      {
        seriesLabels: a,
        exemplars: [
          { labels: { trace_id: "4bf92f3577b34da6a3ce929d0e0e4736" }, value: "0.25", timestamp: at(-0.5) },
        ],
      },
    ]),
  );
  expect(await get("/api/v1/query_exemplars", ["query", "x"], ["start", 10], ["end", 1])).toEqual(
    refused(400, "bad_data", "end timestamp must not be before start timestamp"),
  );
  expect(await get("/api/v1/query_exemplars", ["query", "sum("])).toEqual(
    refused(400, "bad_data", "1:5: parse error: unclosed left parenthesis"),
  );
});

test("format_query lays an expression out anew", async () => {
  expect(await get("/api/v1/format_query", ["query", "sum(x)by(y)"])).toEqual(answered("sum by (y) (x)"));
  expect(await ask(api.url, "/api/v1/format_query", { query: "sum(" })).toEqual(
    refused(400, "bad_data", `invalid parameter "query": 1:5: parse error: unclosed left parenthesis`),
  );
});

test("parse_query gives an expression's tree, by GET and by POST", async () => {
  const tree = {
    type: "aggregation",
    op: "sum",
    expr: {
      type: "vectorSelector",
      name: "x",
      matchers: [{ name: "__name__", type: "=", value: "x" }],
      offset: 300_000,
      offsetExpr: null,
      timestamp: null,
      startOrEnd: null,
      anchored: false,
      smoothed: false,
    },
    param: null,
    grouping: ["y"],
    without: false,
  };
  expect(await get("/api/v1/parse_query", ["query", "sum by (y) (x offset 5m)"])).toEqual(answered(tree));
  expect(await ask(api.url, "/api/v1/parse_query", { query: "sum by (y) (x offset 5m)" })).toEqual(
    answered(tree),
  );
  expect(await get("/api/v1/parse_query", ["query", "sum("])).toEqual(
    refused(400, "bad_data", `invalid parameter "query": 1:5: parse error: unclosed left parenthesis`),
  );
});

test("what Grafana sends when a data source is saved and explored is answered", async () => {
  expect(await ask(api.url, "/api/v1/query", { query: "1+1", time: "4" })).toEqual(
    answered({ resultType: "scalar", result: [4, "2"] }),
  );
  expect(await get("/api/v1/metadata", ["limit", 40_000])).toMatchObject({ status: 200 });
  expect(await ask(api.url, "/api/v1/labels", { "match[]": `{__name__=~".+"}`, limit: "40000" })).toEqual(
    answered(["__name__", "path", "rack.place"]),
  );
  expect(await get("/api/v1/label/__name__/values", ["start", at(-600)], ["end", at()])).toEqual(
    answered(["requests_total", "temperature"]),
  );
  const range = { start: String(at(-30)), end: String(at()), step: "15" };
  expect(
    await ask(api.url, "/api/v1/query_range", {
      query: "sum(count_over_time(requests_total[1m0s]))",
      ...range,
    }),
  ).toMatchObject({
    status: 200,
    body: {
      data: {
        result: [
          {
            values: [
              [at(-30), "8"],
              [at(-15), "8"],
              [at(), "8"],
            ],
          },
        ],
      },
    },
  });
});
