import type { Random } from "../../differential/random.ts";

/** A file of rule tests as YAML would give it. */
export interface TestDocument {
  readonly [key: string]: unknown;
  readonly tests: readonly TestGroup[];
}

export interface TestGroup {
  readonly [key: string]: unknown;
  readonly alert_rule_test: readonly {
    readonly eval_time: string;
    readonly alertname: string;
    readonly exp_alerts: readonly unknown[];
  }[];
  readonly promql_expr_test: readonly {
    readonly expr: string;
    readonly eval_time: string;
    readonly exp_samples: readonly unknown[];
  }[];
}

const expressions = [
  "m",
  "m > 3",
  "m == bool 2",
  "-m",
  "sum by (job) (m)",
  "avg without (i) (m)",
  "sum by (job) (rate(m[3m]))",
  "increase(m[5m])",
  "max_over_time(m[4m])",
  "count_over_time(m[10m:1m])",
  "sum_over_time(m[5m:])",
  "absent(m{i='9'})",
  "absent(n)",
  "m / on (job) group_left n",
  "m unless on (job) n",
  "quantile(0.3, m)",
  "m offset 1m",
  "m @ 120",
  "timestamp(m)",
  "time()",
  "vector(time())",
  "changes(m[5m])",
  "deriv(m[5m])",
  "label_replace(m, 'x', '$1', 'job', '(.).*')",
  "scalar(n)",
  // Powers and logarithms differ in their last bit from one mathematical library to another.
  "round(histogram_quantile(0.9, h), 0.001)",
  "histogram_count(h)",
  "rate(h[3m])",
  "sum(h)",
  "ALERTS",
  "ALERTS_FOR_STATE",
  "rec",
  "sum without (i) (rec)",
  "rec{job='a'} - m",
  "count(ALERTS{alertstate='firing'})",
];
/** Two rules of one name may make the same histogram, whose spans need not be laid out alike; then it is another one to Prometheus. */
const ruleExpressions = expressions.filter(
  (text) => !text.includes("ALERTS") && !/^(scalar|time\(|rate\(h|sum\(h)/.test(text),
);
const alertExpressions = [
  "m > 3",
  "m == 0",
  "absent(n)",
  "rate(m[2m]) > 0",
  "rec > 2",
  "m unless on (job) n",
  "count(m) > 1",
];
const rows = [
  "0+1x20",
  "5 4 3 2 1 0 1 2 3",
  "1 _ 2 _x3 3 stale 4x3",
  "10-1x12",
  "0 0 0 7x5 0x9",
  "NaN 1 Inf -Inf 3x4",
  "1e3 2.5 0.1+0.1x10",
  "_x4 3x10",
];
const histogramRows = [
  "{{schema:0 count:5 sum:3 buckets:[1 2 2]}}x5",
  "{{schema:1 count:3 sum:2 buckets:[1 1 1]}}+{{schema:1 count:3 sum:2 buckets:[1 1 1]}}x9",
  "_ {{schema:0 count:1 sum:2 buckets:[1]}} stale {{schema:0 count:2 sum:4 buckets:[2]}}x6",
];
const texts = [
  "{{ $value | humanize }} of {{ $labels.job }}",
  'v{{ with query "sum(m)" }}{{ . | first | value }}{{ end }}',
  "plain",
  "{{ $externalLabels.cluster }} {{ $externalURL }}",
  '{{ printf "%.2f" $value }}',
];

/** Rules over the series m, n and h, which may have more than one job. */
export function generateRules(random: Random): object {
  const maybe = (entry: object, probability = 0.4) => (random.chance(probability) ? entry : {});
  const recording = () => ({
    record: random.pick(["rec", "rec", "job:rec:sum"]),
    expr: random.pick(ruleExpressions),
    ...maybe({ labels: { made: random.pick(["yes", ""]) } }),
  });
  const alerting = () => ({
    alert: random.pick(["A", "B"]),
    expr: random.pick(alertExpressions),
    ...maybe({ for: random.pick(["0s", "1m", "90s", "3m"]) }, 0.7),
    ...maybe({ keep_firing_for: random.pick(["1m", "4m"]) }, 0.3),
    ...maybe({ labels: { severity: "page", said: random.pick(texts) } }),
    ...maybe({ annotations: { summary: random.pick(texts), more: random.pick([...texts, ""]) } }, 0.7),
  });
  const groups = Array.from({ length: 1 + random.whole(2) }, (_, at) => ({
    name: `g${at}`,
    ...maybe({ interval: "5m" }, 0.2),
    ...maybe({ query_offset: "1m" }, 0.2),
    rules: Array.from({ length: 1 + random.whole(3) }, () => (random.chance(0.5) ? recording() : alerting())),
  }));
  return { groups };
}

/** Checks at many times that expect nothing. */
export function generateTests(random: Random): TestDocument {
  const time = () => `${random.whole(24) * 30 + (random.chance(0.2) ? random.whole(30) : 0)}s`;
  const group = (): TestGroup => ({
    name: "generated",
    interval: random.pick(["15s", "30s", "1m"]),
    ...(random.chance(0.3)
      ? { external_labels: { cluster: "eu" }, external_url: "http://here.example" }
      : {}),
    input_series: [
      ...["a", "b"].flatMap((job) =>
        Array.from({ length: 1 + random.whole(2) }, (_, i) => ({
          series: `m{job="${job}",i="${i}"}`,
          values: random.pick(rows),
        })),
      ),
      ...(random.chance(0.7) ? [{ series: `n{job="a"}`, values: random.pick(rows) }] : []),
      { series: "h", values: random.pick(histogramRows) },
    ],
    alert_rule_test: Array.from({ length: 4 }, () => ({
      eval_time: time(),
      alertname: random.pick(["A", "B"]),
      exp_alerts: [],
    })),
    promql_expr_test: Array.from({ length: 8 }, () => ({
      expr: random.pick(expressions),
      eval_time: time(),
      exp_samples: [],
    })),
  });
  return {
    rule_files: ["rules.yaml"],
    evaluation_interval: random.pick(["15s", "30s", "1m", "2m"]),
    group_eval_order: ["g0", "g1"],
    ...(random.chance(0.3) ? { fuzzy_compare: true } : {}),
    tests: Array.from({ length: 3 }, group),
  };
}
