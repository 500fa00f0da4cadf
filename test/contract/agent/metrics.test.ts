import { expect, test } from "vitest";
import { describeWithParts, promtool, startPrometheus } from "../../parts/index.ts";
import { startReceiver, type ReceivedMetric, type Receiver } from "./receiver.ts";
import { eventually, readSample, startService, type Service } from "./service.ts";

const scraper = { "x-prometheus-scrape-timeout-seconds": "10" };
const often = { OTEL_METRIC_EXPORT_INTERVAL: "100" };

async function exposition(service: Service, headers: Record<string, string> = {}): Promise<string> {
  return (await fetch(`${service.adminUrl}/metrics`, { headers })).text();
}

/** The most recent push of a metric that fits. */
function pushed(receiver: Receiver, name: string, fits: (metric: ReceivedMetric) => boolean = () => true) {
  return eventually(`the metric ${name}`, () =>
    receiver.metrics.findLast((metric) => metric.name === name && fits(metric)),
  );
}

test("/metrics has the process, requests by route, the agent's account and the service's own metrics", async () => {
  await using receiver = await startReceiver();
  await using service = await startService({ script: "counting.mjs", endpoint: receiver.url });
  await (await fetch(`${service.url}/a/b?c=d`)).text();
  const response = await fetch(`${service.adminUrl}/metrics`);
  expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  const text = await response.text();
  expect(readSample(text, "process_resident_memory_bytes")).toBeGreaterThan(10_000_000);
  // On bare node:http there is no template: the path must not become a label.
  expect(text).toContain(
    'http_server_request_duration_seconds_count{http_request_method="GET",http_route="",http_response_status_code="200"} 1',
  );
  expect(text).not.toContain("/a/b");
  expect(text).toContain('orders_total{kind="a \\"b\\" \\\\ c\\nd"} 1');
  expect(text).toContain(
    '# HELP stock_items What is on the shelf; a "quoted" \\\\ word,\\nand a second line.',
  );
  expect(readSample(text, "stock_items")).toBe(-1.5);
  expect(readSample(text, "order_weight_kilograms_bucket", { kind: "box", le: "10" })).toBe(2);
  expect(readSample(text, "queue_wait_seconds", { quantile: "0.5" })).toBe(2);
  for (const signal of ["spans", "logs", "metrics"])
    expect(readSample(text, "quartet_agent_recorded_total", { signal })).toBeTypeOf("number");
  // Both collect the defaults: each name stands there once.
  const names = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
  expect(names).toEqual([...new Set(names)]);
  expect(service.process.stderr()).toBe("");
});

describeWithParts("beside real programs", ["promtool", "prometheus"], () => {
  test("promtool has nothing to say about /metrics", async () => {
    await using receiver = await startReceiver();
    await using shop = await startService({ script: "shop.mjs", endpoint: receiver.url });
    for (const path of ["/items/1", "/fails", "/refused"]) await (await fetch(shop.url + path)).text();
    const text = await exposition(shop);
    expect(text).toContain('http_route="/items/:id"');
    const { code, stdout, stderr } = await promtool(["check", "metrics"], { stdin: text });
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: "", stderr: "" });
  });

  test("Prometheus scrapes it, and its scrapes turn the push off", async () => {
    await using receiver = await startReceiver();
    await using service = await startService({ script: "shop.mjs", endpoint: receiver.url, env: often });
    await (await fetch(`${service.url}/items/1`)).text();
    const target = new URL(service.adminUrl).host;
    await using prometheus = await startPrometheus({
      config: {
        global: { scrape_interval: "1s" },
        scrape_configs: [{ job_name: "service", static_configs: [{ targets: [target] }] }],
      },
    });
    const valueOf = async (query: string): Promise<string | undefined> => {
      const response = await fetch(`${prometheus.url}/api/v1/query?query=${encodeURIComponent(query)}`);
      const { data } = (await response.json()) as { data: { result: { value: [number, string] }[] } };
      return data.result[0]?.value[1];
    };
    await eventually("the scrape", async () => (await valueOf('up{job="service"}')) === "1");
    const count = `http_server_request_duration_seconds_count{http_route="/items/:id"}`;
    await eventually("the sample", async () => (await valueOf(count)) === "1");
    await eventually("the end of the push", async () => {
      const before = await service.metric("quartet_agent_recorded_total", { signal: "metrics" });
      await (await fetch(`${service.url}/items/1`)).text();
      const spans = receiver.spans.length;
      await eventually("time to pass", () => receiver.spans.length > spans);
      return before === (await service.metric("quartet_agent_recorded_total", { signal: "metrics" }));
    });
  });
});

test("pushed metrics say the same as scraped ones: names, labels and values, cumulative from the start", async () => {
  await using receiver = await startReceiver();
  await using service = await startService({ script: "counting.mjs", endpoint: receiver.url, env: often });
  for (let count = 0; count < 2; count += 1) await (await fetch(service.url)).text();
  const orders = await pushed(receiver, "orders_total", ({ points }) => points[0]?.value === 2);
  expect(orders).toMatchObject({ kind: "sum", isCumulative: true, isMonotonic: true });
  expect(orders.points[0]?.attributes).toEqual({ kind: 'a "b" \\ c\nd' });
  expect(orders.resource).toMatchObject({ "service.name": "under-test" });
  const [point] = orders.points;
  expect(point!.timeNano).toBeGreaterThan(point!.startNano);
  const next = await pushed(receiver, "orders_total", ({ points }) => points[0]!.timeNano > point!.timeNano);
  expect(next.points[0]?.startNano).toBe(point!.startNano);

  expect(await pushed(receiver, "stock_items")).toMatchObject({ kind: "gauge", points: [{ value: -1.5 }] });
  const weight = await pushed(receiver, "order_weight_kilograms", ({ points }) => points[0]?.count === 6);
  expect(weight).toMatchObject({
    kind: "histogram",
    isCumulative: true,
    points: [{ attributes: { kind: "box" }, sum: 111, bounds: [1, 10], bucketCounts: [2, 2, 2] }],
  });
  expect(await pushed(receiver, "queue_wait_seconds", ({ points }) => points[0]?.count === 2)).toMatchObject({
    kind: "summary",
    points: [{ sum: 4 }],
  });
  const requests = await pushed(
    receiver,
    "http_server_request_duration_seconds",
    ({ points }) => points[0]?.count === 2,
  );
  expect(requests.points[0]?.attributes).toEqual({
    http_request_method: "GET",
    http_response_status_code: "200",
  });
  expect(requests.points[0]?.bucketCounts.reduce((a, b) => a + b)).toBe(2);
});

test("data points balance like everything else", async () => {
  await using receiver = await startReceiver();
  await using service = await startService({ script: "counting.mjs", endpoint: receiver.url, env: often });
  const pointsReceived = (): number => receiver.metrics.reduce((sum, { points }) => sum + points.length, 0);
  await eventually("pushes", () => pointsReceived() > 300);
  await eventually("a quiet moment", async () => {
    const text = await exposition(service);
    const read = (name: string) => readSample(text, `quartet_agent_${name}`, { signal: "metrics" });
    return (
      read("queued") === 0 &&
      read("sent_total") === pointsReceived() &&
      read("sent_total") === read("recorded_total")
    );
  });
});

test("who scrapes turns the push off; who only looks does not", async () => {
  await using receiver = await startReceiver();
  await using service = await startService({ script: "plain.mjs", endpoint: receiver.url, env: often });
  await eventually("a push", () => receiver.metrics.length > 0);
  await exposition(service);
  const looked = receiver.metrics.length;
  await eventually("further pushes", () => receiver.metrics.length > looked);
  await exposition(service, scraper);
  const recorded = async () =>
    readSample(await exposition(service), "quartet_agent_recorded_total", { signal: "metrics" });
  const before = await recorded();
  await eventually(
    "what was on its way",
    async () => (await service.metric("quartet_agent_queued", { signal: "metrics" })) === 0,
  );
  const arrived = receiver.metrics.length;
  // Spans show that more than three intervals have gone by; no metric came with them.
  for (let round = 1; round <= 5; round += 1) {
    await (await fetch(`${service.url}/echo`)).text();
    await eventually("a span", () => receiver.spans.length >= round);
  }
  expect(await recorded()).toBe(before);
  expect(receiver.metrics).toHaveLength(arrived);
});

const choices: { env: Record<string, string>; pushes: boolean }[] = [
  { env: { QUARTET_METRICS_PUSH: "always" }, pushes: true },
  { env: { QUARTET_METRICS_PUSH: "never" }, pushes: false },
  { env: { OTEL_METRICS_EXPORTER: "none" }, pushes: false },
  { env: { OTEL_METRICS_EXPORTER: "prometheus" }, pushes: false },
];
for (const { env, pushes } of choices) {
  test(`${JSON.stringify(env)}: ${pushes ? "pushes although it is scraped" : "does not push"}`, async () => {
    await using receiver = await startReceiver();
    await using service = await startService({
      script: "plain.mjs",
      endpoint: receiver.url,
      env: { ...often, ...env },
    });
    expect(await exposition(service, scraper)).toContain("process_cpu_seconds_total");
    if (pushes) {
      await eventually("a push", () => receiver.metrics.length > 0);
      return;
    }
    for (let round = 1; round <= 5; round += 1) {
      await (await fetch(`${service.url}/echo`)).text();
      await eventually("a span", () => receiver.spans.length >= round);
    }
    expect(receiver.metrics).toHaveLength(0);
    expect(service.process.stderr()).toBe("");
  });
}

test("a metric of the service's that cannot be collected is said once and hides nothing of the agent's", async () => {
  await using receiver = await startReceiver();
  await using service = await startService({
    script: "counting.mjs",
    endpoint: receiver.url,
    args: ["--broken"],
    env: often,
  });
  await eventually(
    "three pushes",
    () => receiver.requests.filter(({ path }) => path === "/v1/metrics").length > 3,
  );
  expect(await exposition(service)).toContain("quartet_agent_recorded_total");
  expect(service.process.stderr().match(/no shelf/g)).toHaveLength(1);
});
