import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeWithParts, promtool, startPrometheus } from "../parts/index.ts";
import { until } from "../support/index.ts";
import { queryVector, root, startCollector, type StartedCollector } from "./quartet.ts";
import { startService, type StartedService } from "./service.ts";

/** The one request that is made below; the questions whether the service is up have other names. */
const selector = `traces_span_metrics_calls_total{service_name="payments",span_name="POST /charges"}`;

describeWithParts("Prometheus and promtool", ["prometheus", "promtool"], () => {
  const stack = new AsyncDisposableStack();
  let collector: StartedCollector;
  let service: StartedService;
  beforeAll(async () => {
    collector = stack.use(await startCollector());
    service = stack.use(
      await startService({ name: "payments", script: "payments.js", otlpUrl: collector.otlpUrl }),
    );
    const charge = await fetch(`${service.url}/charges`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ amountCents: 100 }),
    });
    expect(charge.status).toBe(201);
    await until(async () => (await collector.query(selector)).length > 0, {
      deadlineMs: 30_000,
      what: "the request's span as a series",
    });
  });
  afterAll(async () => {
    await stack.disposeAsync();
  });

  test("a scrape of the agent and of the collector gives up == 1", async () => {
    await using prometheus = await startPrometheus({
      config: {
        global: { scrape_interval: "500ms", scrape_timeout: "500ms" },
        scrape_configs: [
          { job_name: "agent", static_configs: [{ targets: [new URL(service.adminUrl).host] }] },
          { job_name: "collector", static_configs: [{ targets: [new URL(collector.apiUrl).host] }] },
        ],
      },
    });
    await until(
      async () => {
        const up = await queryVector(prometheus.url, "up");
        expect(Object.fromEntries(up.map(({ labels, value }) => [labels["job"], value]))).toEqual({
          agent: 1,
          collector: 1,
        });
        return true;
      },
      { deadlineMs: 30_000, what: "both targets to be up" },
    );
    // The request that was made above, as Prometheus understands it.
    const requests = await queryVector(
      prometheus.url,
      `http_server_request_duration_seconds_count{http_route="/charges"}`,
    );
    expect(requests.map(({ value }) => value)).toEqual([1]);
    expect(await queryVector(prometheus.url, `{job="collector",__name__=~"quartet_.+"}`)).not.toEqual([]);
  });

  test.each(["agent", "collector"] as const)("promtool check metrics is silent on the %s's", async (name) => {
    const url = name === "agent" ? service.adminUrl : collector.apiUrl;
    const exposition = await (await fetch(`${url}/metrics`)).text();
    expect(exposition).toContain("# TYPE quartet_");
    expect(await promtool(["check", "metrics"], { stdin: exposition })).toMatchObject({
      code: 0,
      stdout: "",
      stderr: "",
    });
  });

  test("promtool query works on the collector's API", async () => {
    const query = async (...args: string[]): Promise<string> => {
      const { code, stdout, stderr } = await promtool(["query", ...args]);
      expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: "" });
      return stdout;
    };
    expect(await query("instant", collector.apiUrl, `sum(${selector})`)).toMatch(/^\{\} => 1 @\[[\d.]+\]\n$/);
    expect(await query("range", "--step=1s", collector.apiUrl, `sum(${selector})`)).toMatch(
      /^\{\} =>\n(\d+ @\[[\d.]+\]\n)+/,
    );
    expect(await query("labels", collector.apiUrl, "service_name")).toContain("payments");
    expect(await query("series", collector.apiUrl, `--match=${selector}`)).toMatch(
      /span_name="POST \/charges"/,
    );
  });

  test("promtool check finds the collector healthy and ready", async () => {
    for (const what of ["healthy", "ready"]) {
      const { code, stdout, stderr } = await promtool(["check", what, `--url=${collector.apiUrl}`]);
      expect({ what, code, said: `${stdout}${stderr}` }).toMatchObject({
        code: 0,
        said: expect.stringMatching(new RegExp(`SUCCESS: .* is ${what}`, "i")) as string,
      });
    }
  });

  test("a wrong expression gets Prometheus' kind of answer, which promtool prints", async () => {
    const { code, stderr } = await promtool(["query", "instant", collector.apiUrl, "sum(rate(x[5m])"]);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(/bad_data|parse error/);
  });

  test("the example's rule file passes promtool check rules", async () => {
    const file = join(root, "examples", "shop", "rules.yaml");
    expect(await promtool(["check", "rules", file])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("SUCCESS: 1 rules found") as string,
      stderr: "",
    });
  });
});
