import { createServer } from "node:http";
import { labelsFromRecord, labelsKey } from "../../packages/collector/src/model/index.ts";
import { getJson } from "./quartet.ts";

/** A target whose figures move with each scrape. */
export function startTarget(): Promise<AsyncDisposable & { readonly host: string }> {
  let scrapes = 0;
  const server = createServer((_request, response) => {
    scrapes += 1;
    const lines = [
      "# HELP shop_orders Orders.",
      "# TYPE shop_orders counter",
      `shop_orders_total{path="/a"} ${scrapes * 3} # {trace_id="4bf92f3577b34da6a3ce929d0e0e4736"} 1.5`,
      `shop_orders_total{path="/b \\"ü\\""} ${scrapes * 7}`,
      `shop_orders_created{path="/a"} 1700000000.5`,
      "# TYPE shop_temperature_celsius gauge",
      "# UNIT shop_temperature_celsius celsius",
      `shop_temperature_celsius ${20 + (scrapes % 5) / 3}`,
      "# TYPE shop_latency_seconds histogram",
      `shop_latency_seconds_bucket{le="0.1"} ${scrapes}`,
      `shop_latency_seconds_bucket{le="1.0"} ${scrapes * 2}`,
      `shop_latency_seconds_bucket{le="+Inf"} ${scrapes * 3}`,
      `shop_latency_seconds_sum ${scrapes * 1.25}`,
      `shop_latency_seconds_count ${scrapes * 3}`,
      "# TYPE shop_odd gauge",
      'shop_odd{kind="nan"} NaN',
      'shop_odd{kind="inf"} -Inf',
      // Gone at every other scrape: a staleness marker each time.
      ...(scrapes % 2 === 0 ? ['shop_odd{kind="flickering"} 1'] : []),
      "# EOF",
    ];
    response.setHeader("content-type", "application/openmetrics-text; version=1.0.0; charset=utf-8");
    response.end(`${lines.join("\n")}\n`);
  });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      resolve({
        host: `127.0.0.1:${port}`,
        [Symbol.asyncDispose]: () =>
          new Promise((closed) => {
            server.close(() => closed());
            server.closeAllConnections();
          }),
      });
    });
  });
}

interface Matrix {
  readonly data: {
    readonly result: readonly {
      readonly metric: Readonly<Record<string, string>>;
      readonly values: readonly (readonly [number, string])[];
    }[];
  };
}

const expressions = [
  `{__name__=~"shop_.+"}`,
  "sum by (path) (rate(shop_orders_total[2s]))",
  "histogram_quantile(0.9, rate(shop_latency_seconds_bucket[2s]))",
  "changes(shop_temperature_celsius[3s])",
  // Ends and begins with every scrape.
  `shop_odd{kind="flickering"}`,
  `count_over_time(shop_odd{kind="flickering"}[3s])`,
  "timestamp(up)",
];

/** Both must give the same, each series with each value in the same digits. */
export async function ranges(url: string, { startMs, endMs }: { startMs: number; endMs: number }) {
  const answers: Record<string, unknown> = {};
  for (const expression of expressions) {
    const parameters = new URLSearchParams({
      query: expression,
      start: String(startMs / 1_000),
      end: String(endMs / 1_000),
      step: "0.2",
    });
    const { data } = await getJson<Matrix>(`${url}/api/v1/query_range?${parameters.toString()}`);
    const keyOf = ({ metric }: Matrix["data"]["result"][number]) => labelsKey(labelsFromRecord(metric));
    answers[expression] = Object.fromEntries(data.result.map((one) => [keyOf(one), one.values]));
  }
  return answers;
}
