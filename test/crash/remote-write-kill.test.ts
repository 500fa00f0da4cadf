import { setTimeout as sleep } from "node:timers/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { describeWithParts, startPrometheus } from "../parts/index.ts";
import { ranges, startTarget } from "../scenario/scrape-target.ts";
import { startCollector, type StartedCollector } from "../scenario/quartet.ts";
import { freePort, isLong, openTempDir, until } from "../support/index.ts";

const killCount = isLong ? 20 : 3;

describeWithParts("Prometheus' remote write across kill -9", ["prometheus"], () => {
  test(
    `after ${killCount} kills the collector answers what Prometheus does, for the whole time`,
    { timeout: 60_000 + killCount * 60_000 },
    async () => {
      await using folder = await openTempDir("remote-write-kill");
      await using target = await startTarget();
      const port = await freePort();
      const start = (): Promise<StartedCollector> =>
        startCollector({
          dataDir: join(folder.path, "data"),
          env: { NODE_COMPILE_CACHE: join(folder.path, "compiled") },
          config: {
            receive: { otlp: { listen: ["127.0.0.1:0"] } },
            api: { listen: `127.0.0.1:${port}` },
          },
        });
      let collector = await start();
      const startMs = Date.now();
      await using prometheus = await startPrometheus({
        config: {
          scrape_configs: [
            {
              job_name: "shop",
              scrape_interval: "250ms",
              scrape_timeout: "250ms",
              static_configs: [{ targets: [target.host] }],
            },
          ],
          remote_write: [
            {
              url: `http://127.0.0.1:${port}/api/v1/write`,
              protobuf_message: "io.prometheus.write.v2.Request",
              // Small batches, so that a kill has something under way to hit.
              queue_config: { batch_send_deadline: "50ms", max_samples_per_send: 5, max_backoff: "500ms" },
            },
          ],
        },
      });
      const sampleCount = async (): Promise<number> =>
        (await collector.query("count_over_time(up[1h])"))[0]?.value ?? 0;
      for (let kill = 1; kill <= killCount; kill += 1) {
        const before = await sampleCount();
        await until(async () => (await sampleCount()) > before + 2, {
          deadlineMs: 60_000,
          what: "samples after the start",
        });
        await sleep(kill * 40);
        collector.process.signal("SIGKILL");
        await collector.stop();
        collector = await start();
      }
      try {
        const range = { startMs, endMs: Date.now() };
        const wanted = await ranges(prometheus.url, range);
        await until(
          async () => {
            expect(await ranges(collector.apiUrl, range)).toEqual(wanted);
            return true;
          },
          { deadlineMs: 60_000, what: "what was sent again" },
        );
        // What was there already when it was sent again is no refusal.
        const exposition = await (await fetch(`${collector.apiUrl}/metrics`)).text();
        expect(exposition).not.toMatch(/^quartet_receive_refused_\w+_total\{signal="series"/m);
      } finally {
        await collector.stop();
      }
    },
  );
});
