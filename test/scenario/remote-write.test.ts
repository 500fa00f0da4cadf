import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readSegments } from "../../packages/collector/src/journal/index.ts";
import type { SeriesWrite } from "../../packages/collector/src/model/index.ts";
import { decodeSeriesBatch, isForeign } from "../../packages/collector/src/otlp/index.ts";
import { describeWithParts, promtool, startPrometheus, type StartedPrometheus } from "../parts/index.ts";
import { until } from "../support/index.ts";
import { getJson, queryVector, startCollector, type StartedCollector } from "./quartet.ts";
import { ranges, startTarget } from "./scrape-target.ts";

/** What other programs sent, as it lies in the journal. */
function receivedSeries(dataDir: string): readonly SeriesWrite[] {
  return [...readSegments({ dir: dataDir, stream: "series" })]
    .filter(({ payload }) => isForeign(payload))
    .flatMap(({ payload }) => decodeSeriesBatch(payload));
}

describeWithParts("Prometheus' remote write into the collector", ["prometheus"], () => {
  describe.each(["prometheus.WriteRequest", "io.prometheus.write.v2.Request"])("%s", (message) => {
    const stack = new AsyncDisposableStack();
    let collector: StartedCollector;
    let prometheus: StartedPrometheus;
    beforeAll(async () => {
      collector = stack.use(await startCollector());
      const target = stack.use(await startTarget());
      const job = {
        scrape_interval: "250ms",
        scrape_timeout: "250ms",
        static_configs: [{ targets: [target.host] }],
      };
      prometheus = stack.use(
        await startPrometheus({
          config: {
            scrape_configs: [
              { job_name: "plain", ...job },
              { job_name: "native", ...job, convert_classic_histograms_to_nhcb: true },
            ],
            remote_write: [
              {
                url: `${collector.apiUrl}/api/v1/write`,
                protobuf_message: message,
                send_exemplars: true,
                send_native_histograms: true,
                metadata_config: { send_interval: "1s" },
                queue_config: { batch_send_deadline: "100ms" },
              },
            ],
          },
          flags: ["--enable-feature=exemplar-storage"],
        }),
      );
      await until(async () => (await prometheusCount()) >= 20, { deadlineMs: 60_000, what: "some scrapes" });
    });
    afterAll(() => stack.disposeAsync());

    const prometheusCount = async (): Promise<number> =>
      (await queryVector(prometheus.url, `min(count_over_time(up[5m]))`))[0]?.value ?? 0;

    test("PromQL gives what Prometheus itself gives", async () => {
      const endMs = Date.now() - 500;
      const range = { startMs: endMs - 4_000, endMs };
      const wanted = await ranges(prometheus.url, range);
      await until(
        async () => {
          const got = await ranges(collector.apiUrl, range);
          expect(got).toEqual(wanted);
          return true;
        },
        { deadlineMs: 30_000, what: "the samples of the range" },
      );
    });

    test("exemplars come with the series", async () => {
      const parameters = new URLSearchParams({
        query: "shop_orders_total",
        start: String(Date.now() / 1_000 - 600),
        end: String(Date.now() / 1_000),
      });
      const { data } = await getJson<{ data: readonly { exemplars: readonly { labels: object }[] }[] }>(
        `${collector.apiUrl}/api/v1/query_exemplars?${parameters.toString()}`,
      );
      expect(data[0]?.exemplars[0]?.labels).toEqual({ trace_id: "4bf92f3577b34da6a3ce929d0e0e4736" });
    });

    // To 2.0 this Prometheus gives empty metadata, and from 1.0 it leaves out histograms with bounds of their own.
    if (message === "prometheus.WriteRequest") {
      test("metadata that is sent apart comes with the series", async () => {
        await until(
          async () => {
            const url = `${collector.apiUrl}/api/v1/metadata?metric=shop_latency_seconds`;
            const { data } = await getJson<{ data: Record<string, { type: string }[]> }>(url);
            expect(data["shop_latency_seconds"]?.map(({ type }) => type)).toEqual(["histogram"]);
            return true;
          },
          { deadlineMs: 30_000, what: "the type of the histogram" },
        );
      });
    } else {
      test("native histograms are in the stream, each with its bounds and counts", async () => {
        const histograms = await until(
          () => {
            const all = receivedSeries(collector.dataDir).flatMap((series) => series.histograms ?? []);
            const whole = all.filter(({ isStale }) => isStale !== true);
            return whole.length > 5 && whole;
          },
          { deadlineMs: 30_000, what: "histograms of the job that makes them of classic ones" },
        );
        for (const { histogram } of histograms) {
          expect(histogram).toMatchObject({ schema: -53, customValues: [0.1, 1] });
          // The target counts one, one and one more with each scrape.
          const perScrape = histogram.count / 3;
          expect(histogram.positive.counts).toEqual([perScrape, perScrape, perScrape]);
          expect(histogram.sum).toBe(perScrape * 1.25);
        }
      });
    }

    test("nothing was refused", async () => {
      const exposition = await (await fetch(`${collector.apiUrl}/metrics`)).text();
      expect(exposition).toMatch(/^quartet_receive_accepted_items_total\{signal="series"\} [1-9]/m);
      expect(exposition).not.toMatch(/^quartet_receive_refused_\w+_total\{signal="series"/m);
      expect(prometheus.log()).not.toMatch(/non-recoverable error|failed to send batch/i);
    });
  });
});

describeWithParts("promtool push metrics", ["promtool"], () => {
  const exposition = '# HELP jobs_total Jobs.\n# TYPE jobs_total counter\njobs_total{queue="a"} 17\n';
  const push = (collector: StartedCollector, message: string) =>
    promtool(["push", "metrics", `--protobuf_message=${message}`, "--label=site=one", collector.apiUrl], {
      stdin: exposition,
    });

  test("its samples can be queried when it ends", async () => {
    await using collector = await startCollector();
    expect(await push(collector, "prometheus.WriteRequest")).toMatchObject({ code: 0, stderr: "" });
    expect(await collector.query("jobs_total")).toMatchObject([
      { labels: { __name__: "jobs_total", queue: "a", site: "one" }, value: 17 },
    ]);
  });

  test("as it sends 1.0 under the type of 2.0, it is told so instead of losing its samples", async () => {
    await using collector = await startCollector();
    const { code, stdout, stderr } = await push(collector, "io.prometheus.write.v2.Request");
    expect(code).not.toBe(0);
    expect(stdout + stderr).toContain("it is one of 1.0, not of 2.0");
  });
});
