import { expect, test } from "vitest";
import type { SeriesWrite } from "../../packages/collector/src/model/index.ts";
import { describeWithParts, startPrometheus } from "../parts/index.ts";
import { getJson, startCollector } from "../scenario/quartet.ts";
import { until } from "../support/index.ts";
import { loadPrometheus } from "./engines.ts";

const rules = `
groups:
  - name: shapes
    interval: 1s
    rules:
      - { alert: Always, expr: vector(1), labels: { severity: page }, annotations: { summary: always } }
      - { record: "one:one", expr: vector(1) }
`;
/** Seconds; now, as both keep only what is new. */
const now = Math.floor(Date.now() / 1_000);

/** Two series of one name and one of another, ten samples each. */
const writes: readonly SeriesWrite[] = [
  ["requests_total", "/a"],
  ["requests_total", "/b"],
  ["temperature", "/a"],
].map(([name, path]) => ({
  labels: ["__name__", name!, "path", path!],
  type: "gauge",
  help: "",
  unit: "",
  startTimestampMs: 0,
  samples: Array.from({ length: 10 }, (_, index) => ({
    timestampMs: (now - 10 + index) * 1_000,
    value: index,
  })),
  exemplars: [
    { labels: ["trace_id", "4bf92f3577b34da6a3ce929d0e0e4736"], value: 1, timestampMs: (now - 1) * 1_000 },
  ],
}));

const range = `start=${now - 10}&end=${now}&step=1`;
const paths = [
  "query?query=1",
  `query?query=requests_total&time=${now}`,
  `query?query=requests_total[5s]&time=${now}`,
  `query_range?query=requests_total&${range}`,
  `query_exemplars?query=requests_total&start=${now - 10}&end=${now}`,
  "format_query?query=up",
  "parse_query?query=sum(up)",
  "labels",
  "labels?limit=1",
  "label/path/values",
  "series?match[]=requests_total",
  "series",
  "metadata",
  "metadata?metric=none",
  "rules",
  "rules?type=alert",
  "rules?type=record&rule_group[]=shapes",
  "rules?type=alert&exclude_alerts=true",
  "rules?group_limit=1",
  "rules?type=none",
  "alerts",
  "targets",
  "targets?state=active",
  "targets/metadata",
  "scrape_pools",
  "alertmanagers",
  "features",
  "status/buildinfo",
  "status/config",
  "status/flags",
  "status/runtimeinfo",
  "status/tsdb?limit=2",
  "status/tsdb?limit=0",
  "query?query=sum(",
  "query_range?query=1&start=1&end=0&step=1",
];

/**
 * What differs, by path and place in the answer: what one has and the other lacks.
 * Ours lacks flags, features and figures of what it is not.
 */
const known: readonly RegExp[] = [
  /^status\/flags \S+: only Prometheus$/,
  /^features (api|otlp_receiver|prometheus|promql|rules|scrape|service_discovery_providers|templating_functions|tsdb|ui)\b.*: only Prometheus$/,
  /^status\/buildinfo (application|quartetVersion): only ours$/,
  /^status\/buildinfo (revision|branch|buildUser|buildDate): only Prometheus$/,
  // Counts damage of its write-ahead log; ours is a metric by stream.
  /^status\/runtimeinfo corruptionCount: only Prometheus$/,
  // Ours has groups of its own beside those of the file, so that there is a second page.
  /^rules groupNextToken: only ours$/,
  // Without dropped targets asked for, an empty list of counts is null there.
  /^targets droppedTargetCounts: null, ours object$/,
  // Ours has metadata of what is pushed, Prometheus of what it scrapes.
  /^metadata \S+: only ours$/,
];

/** Places of a JSON value with their types; of a list only its first entry. */
function shapeOf(value: unknown, place = ""): ReadonlyMap<string, string> {
  if (Array.isArray(value)) {
    return new Map([[place, "list"], ...(value.length > 0 ? shapeOf(value[0], `${place}[]`) : [])]);
  }
  if (typeof value !== "object" || value === null)
    return new Map([[place, value === null ? "null" : typeof value]]);
  const inner = Object.entries(value).flatMap(([key, each]) => [
    ...shapeOf(each, place === "" ? key : `${place}.${key}`),
  ]);
  return new Map([[place, "object"], ...inner]);
}

function differences(path: string, theirs: unknown, ours: unknown): string[] {
  const expected = shapeOf(theirs);
  const found = shapeOf(ours);
  return [...new Set([...expected.keys(), ...found.keys()])].flatMap((place) => {
    const [their, our] = [expected.get(place), found.get(place)];
    if (their === our) return [];
    const what =
      our === undefined ? "only Prometheus" : their === undefined ? "only ours" : `${their}, ours ${our}`;
    return [`${path.split("?")[0]} ${place}: ${what}`];
  });
}

interface Answer {
  readonly status: string;
  readonly data?: unknown;
}

async function ask(url: string, path: string): Promise<{ readonly code: number; readonly answer: Answer }> {
  const response = await fetch(`${url}/api/v1/${path}`, { signal: AbortSignal.timeout(20_000) });
  return { code: response.status, answer: (await response.json()) as Answer };
}

describeWithParts("our API beside Prometheus", ["prometheus"], () => {
  test(
    "every endpoint answers with the same keys and types, but for what is known",
    { timeout: 120_000 },
    async () => {
      await using prometheus = await startPrometheus({
        config: {},
        rules,
        flags: ["--web.enable-remote-write-receiver", "--enable-feature=exemplar-storage"],
      });
      await using collector = await startCollector({ rules });
      for (const { url } of [prometheus, { url: collector.apiUrl }]) {
        await loadPrometheus(url, writes);
        await until(
          async () =>
            (await getJson<{ data: { alerts: unknown[] } }>(`${url}/api/v1/alerts`)).data.alerts.length > 0,
          { deadlineMs: 30_000, what: `an alert at ${url}` },
        );
        await until(
          async () =>
            (await getJson<{ data: unknown[] }>(`${url}/api/v1/series?match[]=temperature`)).data.length > 0,
          { deadlineMs: 30_000, what: `the series at ${url}` },
        );
      }
      const found: string[] = [];
      for (const path of paths) {
        const theirs = await ask(prometheus.url, path);
        const ours = await ask(collector.apiUrl, path);
        expect([path, ours.code, ours.answer.status]).toEqual([path, theirs.code, theirs.answer.status]);
        found.push(...differences(path, theirs.answer.data, ours.answer.data));
      }
      expect(found.filter((difference) => !known.some((pattern) => pattern.test(difference)))).toEqual([]);
    },
  );
});
