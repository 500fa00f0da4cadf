import { expect, test } from "vitest";
import { describeWithParts, startPrometheus, type StartedPrometheus } from "../parts/index.ts";
import { freePort, isLong, openTempDir, until } from "../support/index.ts";
import { startLoad } from "./metric-load.ts";
import { getJson, queryVector, startCollector, type StartedCollector } from "./quartet.ts";

const downMs = isLong ? 60_000 : 15_000;

interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly values?: readonly (readonly [number, string])[];
  readonly histograms?: readonly (readonly [number, unknown])[];
}

/** Every sample of every series in a window, by labels; staleness markers do not show. */
async function rawSamples(url: string, { startMs, endMs }: Window): Promise<Map<string, string[]>> {
  const selector = `{__name__=~".+"}[${endMs - startMs}ms]`;
  const parameters = new URLSearchParams({ query: selector, time: String(endMs / 1_000) });
  const { data } = await getJson<{ data: { result: readonly Series[] } }>(
    `${url}/api/v1/query?${parameters.toString()}`,
  );
  return new Map(
    data.result.map(({ metric, values = [], histograms = [] }) => [
      textOf(metric),
      [...values, ...histograms].map((sample) => JSON.stringify(sample)),
    ]),
  );
}

/** The first samples that one has and the other has not, of some series: a whole comparison would fill the screen. */
function differencesOf(theirs: Map<string, string[]>, ours: Map<string, string[]>): string[] {
  const names = [...new Set([...theirs.keys(), ...ours.keys()])];
  return names
    .flatMap((name) => {
      const [left, right] = [theirs.get(name) ?? [], ours.get(name) ?? []];
      const place = Array.from({ length: Math.max(left.length, right.length) }).findIndex(
        (_, index) => left[index] !== right[index],
      );
      return place < 0
        ? []
        : [`${name} ${place}: ${left[place]} for ${right[place]}, ${left.length} for ${right.length}`];
    })
    .slice(0, 5);
}

/** What an expression gives at every second of a window, by labels; the last digits of powers and logarithms differ. */
async function rangeOf(url: string, expression: string, { startMs, endMs }: Window) {
  const parameters = new URLSearchParams({
    query: expression,
    start: String(startMs / 1_000),
    end: String(endMs / 1_000),
    step: "1",
  });
  const { data } = await getJson<{ data: { result: readonly Series[] } }>(
    `${url}/api/v1/query_range?${parameters.toString()}`,
  );
  return Object.fromEntries(
    data.result.map(({ metric, values = [] }) => [
      textOf(metric),
      values.map(([second, value]) => [second, Number(value).toPrecision(12)]),
    ]),
  );
}

interface ExemplarSeries {
  readonly seriesLabels: Readonly<Record<string, string>>;
  readonly exemplars: readonly {
    readonly labels: Readonly<Record<string, string>>;
    readonly value: string;
    readonly timestamp: number;
  }[];
}

/** Each exemplar as one text. */
async function exemplarsOf(url: string, { startMs, endMs }: Window): Promise<string[]> {
  const parameters = new URLSearchParams({
    query: `{__name__=~"traces_.+|took_.+"}`,
    start: String(startMs / 1_000),
    end: String(endMs / 1_000),
  });
  const { data } = await getJson<{ data: readonly ExemplarSeries[] }>(
    `${url}/api/v1/query_exemplars?${parameters.toString()}`,
  );
  const lines = data.flatMap(({ seriesLabels, exemplars }) =>
    exemplars.map(
      ({ labels, value, timestamp }) =>
        `${textOf(seriesLabels)} ${textOf(labels)} ${Number(value)} @${Math.round(timestamp * 1_000)}`,
    ),
  );
  return lines.sort();
}

interface Window {
  readonly startMs: number;
  readonly endMs: number;
}

const textOf = (labels: Readonly<Record<string, string>>): string =>
  JSON.stringify(Object.fromEntries(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1))));

/** One of the collector's own figures for the exporter. */
async function exportFigure({ apiUrl }: StartedCollector, name: string): Promise<number> {
  const text = await (await fetch(`${apiUrl}/metrics`)).text();
  return text
    .split("\n")
    .filter((line) => line.startsWith(`quartet_export_${name}{`) && line.includes(`exporter="prometheus"`))
    .reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}

describeWithParts("Prometheus behind the collector, by remote write", ["prometheus"], () => {
  test(
    "after an outage under load it has every sample of every series as our own store has it",
    { timeout: downMs + 180_000 },
    async () => {
      const store = await openTempDir("prometheus-store");
      await using stack = new AsyncDisposableStack();
      stack.defer(() => store.remove());
      const port = await freePort();
      const start = (): Promise<StartedPrometheus> =>
        startPrometheus({
          config: { global: {}, storage: { exemplars: { max_exemplars: 100_000 } } },
          flags: ["--web.enable-remote-write-receiver", "--enable-feature=exemplar-storage"],
          port,
          dataDir: store.path,
        });
      const first = stack.use(await start());
      const startMs = Date.now();
      const endpoint = `${first.url}/api/v1/write`;
      const collector = stack.use(
        await startCollector({
          config: {
            export: { prometheus: { type: "prometheus_remote_write", endpoint, signals: ["metrics"] } },
          },
        }),
      );
      const load = stack.use(startLoad(collector.otlpUrl));
      const calls = "sum(traces_span_metrics_calls_total)";
      await until(async () => (await queryVector(first.url, calls)).length > 0, {
        deadlineMs: 30_000,
        what: "the first samples in Prometheus",
      });
      const before = (await queryVector(first.url, calls))[0]!.value;

      await first.stop();
      const downUntilMs = Date.now() + downMs;
      await until(
        async () => Date.now() > downUntilMs && (await exportFigure(collector, "queued_items")) > 0,
        {
          deadlineMs: downMs + 10_000,
          what: "samples to wait for Prometheus",
        },
      );
      const second = stack.use(await start());
      await until(async () => ((await queryVector(second.url, calls))[0]?.value ?? 0) > before, {
        deadlineMs: 60_000,
        what: "what waited to arrive",
      });
      await load.stop();

      // The loader has said that its gauge is gone: a staleness marker.
      await until(async () => (await collector.query("heap_bytes")).length === 0, {
        deadlineMs: 60_000,
        what: "the end of the loader's gauge",
      });
      const window = { startMs, endMs: Date.now() };
      await until(
        async () => {
          expect((await queryVector(second.url, calls)).map(({ value }) => value)).toEqual([load.spanCount]);
          const theirs = await rawSamples(second.url, window);
          expect(theirs.size).toBeGreaterThan(100);
          expect(differencesOf(theirs, await rawSamples(collector.apiUrl, window))).toEqual([]);
          return true;
        },
        { deadlineMs: 60_000, what: "every sample in Prometheus", intervalMs: 1_000 },
      );

      for (const expression of [
        calls,
        "count_over_time(jobs_done_total[10s])",
        "sum(rate(jobs_done_total[10s]))",
        "histogram_quantile(0.9, sum by (le) (rate(traces_span_metrics_duration_milliseconds_bucket[10s])))",

        "histogram_quantile(0.9, sum(rate(took_seconds[10s])))",
        "histogram_count(took_seconds)",
        `target_info{job="loader"}`,
        // Ends before the window does, at the marker.
        "heap_bytes",
        "sum by (severity) (increase(log_records_total[10s]))",
      ]) {
        const theirs = await rangeOf(second.url, expression, window);
        const ours = await rangeOf(collector.apiUrl, expression, window);
        expect({ expression, ...theirs }).toEqual({ expression, ...ours });
        expect({ expression, count: Object.keys(theirs).length }).not.toMatchObject({ count: 0 });
      }
      // Our store keeps the newest of a series only.
      const exemplars = await exemplarsOf(collector.apiUrl, window);
      expect(exemplars.length).toBeGreaterThan(10);
      expect(exemplars.join()).toContain("took_seconds");
      expect(await exemplarsOf(second.url, window)).toEqual(expect.arrayContaining(exemplars));
      expect(await exportFigure(collector, "dropped_items_total")).toBe(0);
      expect(await exportFigure(collector, "rejected_items_total")).toBe(0);
      expect(await exportFigure(collector, "dead_letter_items_total")).toBe(0);
    },
  );

  test(
    "one that takes only 1.0 gets every sample in 1.0, native histograms and all",
    { timeout: 180_000 },
    async () => {
      await using stack = new AsyncDisposableStack();
      const prometheus = stack.use(
        await startPrometheus({
          config: { global: {} },
          flags: [
            "--web.enable-remote-write-receiver",
            "--web.remote-write-receiver.accepted-protobuf-messages=prometheus.WriteRequest",
          ],
        }),
      );
      const startMs = Date.now();
      const endpoint = `${prometheus.url}/api/v1/write`;
      const exporter = { type: "prometheus_remote_write", endpoint, signals: ["metrics"] };
      const collector = stack.use(
        await startCollector({
          config: { export: { prometheus: { ...exporter, external_labels: { cluster: "here" } } } },
        }),
      );
      const load = stack.use(startLoad(collector.otlpUrl));
      await until(() => load.spanCount > 100, { deadlineMs: 60_000, what: "some load" });
      await load.stop();
      const window = { startMs, endMs: Date.now() };
      await until(
        async () => {
          const theirs = await rawSamples(prometheus.url, window);
          const ours = [...(await rawSamples(collector.apiUrl, window))].map(
            ([labels, samples]) => [withCluster(labels), samples] as const,
          );
          expect(theirs.size).toBeGreaterThan(100);
          expect(differencesOf(theirs, new Map(ours))).toEqual([]);
          return true;
        },
        { deadlineMs: 60_000, what: "every sample in Prometheus", intervalMs: 1_000 },
      );
      expect(collector.process.stderr()).toContain("the receiver does not speak remote write 2.0");
      expect(await exportFigure(collector, "dropped_items_total")).toBe(0);
    },
  );
});

const withCluster = (labels: string): string =>
  textOf({ ...(JSON.parse(labels) as Record<string, string>), cluster: "here" });
