import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "../support/index.ts";
import {
  clusterParts,
  describeWithParts,
  launchBrowser,
  promtool,
  startCluster,
  startJaeger,
  startOtelcol,
  startPrometheus,
  startSearchServer,
  telemetrygen,
  type StartedCluster,
} from "./index.ts";

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
    throw error;
  }
}

async function getJson(url: string): Promise<unknown> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} was answered ${response.status}: ${await response.text()}`);
  return response.json();
}

describeWithParts("Prometheus", ["prometheus", "promtool"], () => {
  test("scrapes itself, evaluates a given rule, and is gone after stop", async () => {
    await using prometheus = await startPrometheus({
      config: { global: { scrape_interval: "200ms", evaluation_interval: "200ms" } },
      rules: { groups: [{ name: "g", rules: [{ alert: "Always", expr: "vector(1)" }] }] },
    });
    const alerts = await until(
      async () => {
        const answer = (await getJson(`${prometheus.url}/api/v1/alerts`)) as {
          data: { alerts: readonly { labels: Record<string, string>; state: string }[] };
        };
        return answer.data.alerts.length > 0 && answer.data.alerts;
      },
      { deadlineMs: 20_000, what: "the alert" },
    );
    expect(alerts).toMatchObject([{ labels: { alertname: "Always" }, state: "firing" }]);
    expect(await getJson(`${prometheus.url}/api/v1/status/buildinfo`)).toMatchObject({
      data: { version: "3.14.0" },
    });
    await prometheus.stop();
    expect(isAlive(prometheus.pid)).toBe(false);
  });

  test("a broken configuration is an error with Prometheus' own words", async () => {
    await expect(startPrometheus({ config: "scrape_confgis: []" })).rejects.toThrow(
      /ended \(exit code 2\).*[^]*scrape_confgis/,
    );
  });

  test("promtool finds fault with a metric name and is silent on a good one", async () => {
    const bad = await promtool(["check", "metrics"], { stdin: "# TYPE x counter\nx 1\n" });
    expect([bad.code, bad.stderr]).toEqual([
      3,
      expect.stringContaining('counter metrics should have "_total" suffix'),
    ]);
    const good = "# HELP x_total Things.\n# TYPE x_total counter\nx_total 1\n";
    expect(await promtool(["check", "metrics"], { stdin: good })).toMatchObject({
      code: 0,
      stdout: "",
      stderr: "",
    });
  });
});

describeWithParts("Jaeger and telemetrygen", ["jaeger", "telemetrygen"], () => {
  test.each(["http", "grpc"] as const)(
    "traces sent over %s are found by service, two at a time",
    async (protocol) => {
      await using first = await startJaeger();
      await using second = await startJaeger();
      const endpoint = protocol === "http" ? new URL(first.otlpHttpUrl).host : first.otlpGrpcAddress;
      const sent = await telemetrygen([
        "traces",
        ...(protocol === "http" ? ["--otlp-http"] : []),
        "--otlp-insecure",
        `--otlp-endpoint=${endpoint}`,
        "--traces=3",
        "--rate=0",
        "--service=shop",
      ]);
      expect(sent).toMatchObject({ code: 0 });
      const traces = await until(
        async () => {
          const found = (await getJson(`${first.queryUrl}/api/traces?service=shop`)) as {
            data: readonly unknown[];
          };
          return found.data.length === 3 && found.data;
        },
        { deadlineMs: 10_000, what: "three traces" },
      );
      expect(traces).toHaveLength(3);
      expect(await getJson(`${first.queryUrl}/api/v3/services`)).toEqual({ services: ["shop"] });
      expect(await getJson(`${second.queryUrl}/api/v3/services`)).toEqual({});
      await Promise.all([first.stop(), second.stop()]);
      expect([isAlive(first.pid), isAlive(second.pid)]).toEqual([false, false]);
    },
  );
});

describeWithParts("The OpenTelemetry Collector", ["otelcol", "telemetrygen"], () => {
  test("takes traces over HTTP and gRPC, says so in its log, and is gone after stop", async () => {
    await using collector = await startOtelcol();
    for (const [flags, endpoint] of [
      [["--otlp-http"], new URL(collector.otlpHttpUrl).host],
      [[], collector.otlpGrpcAddress],
    ] as const) {
      const sent = await telemetrygen([
        "traces",
        ...flags,
        "--otlp-insecure",
        `--otlp-endpoint=${endpoint}`,
        "--traces=1",
      ]);
      expect(sent).toMatchObject({ code: 0 });
    }
    expect(collector.log()).toContain("Everything is ready");
    await collector.stop();
    expect(isAlive(collector.pid)).toBe(false);
  });
});

describe.each(["elasticsearch", "elasticsearch8", "opensearch"] as const)("%s", (part) => {
  describeWithParts("as a part", [part], () => {
    test("keeps a document, and is gone in the end", { timeout: 600_000 }, async () => {
      await using server = await startSearchServer({ part });
      const response = await fetch(`${server.url}/orders/_create/1`, {
        method: "PUT",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ total: 42 }),
      });
      expect([response.status, await response.json()]).toMatchObject([201, { result: "created" }]);
      expect(await getJson(`${server.url}/orders/_doc/1`)).toMatchObject({ _source: { total: 42 } });
      const { pid } = server;
      await server.stop();
      expect(isAlive(pid)).toBe(false);
    });
  });
});

describeWithParts("Chromium", ["chromium"], () => {
  test("draws a page and runs its script", async () => {
    const browser = await launchBrowser();
    try {
      const page = await browser.newPage({ viewport: { width: 320, height: 200 } });
      await page.goto(
        `data:text/html,<body style="background:teal"><script>document.title = String(6 * 7)</script>`,
      );
      expect(await page.title()).toBe("42");
      const teal = await page.screenshot();
      expect(teal.subarray(1, 4).toString()).toBe("PNG");
      expect([teal.readUInt32BE(16), teal.readUInt32BE(20)]).toEqual([320, 200]);
      await page.goto(`data:text/html,<body style="background:red">`);
      const sum = (png: Buffer): string => createHash("sha256").update(png).digest("hex");
      expect(sum(await page.screenshot())).not.toBe(sum(teal));
    } finally {
      await browser.close();
    }
  });
});

describeWithParts("A cluster", clusterParts, () => {
  let cluster: StartedCluster;
  beforeAll(async () => {
    cluster = await startCluster({ nodes: 3 });
  });
  afterAll(async () => {
    await cluster?.stop();
  });

  test("says its version and has three ready nodes", async () => {
    expect((await cluster.request({ path: "/version" })).json()).toMatchObject({
      gitVersion: "v1.36.3",
      minor: "36",
    });
    const nodes = (await cluster.request({ path: "/api/v1/nodes" })).json() as { items: readonly unknown[] };
    expect(nodes.items).toHaveLength(3);
  });

  test("a Deployment of three pods becomes ready", async () => {
    const labels = { app: "web" };
    const path = "/apis/apps/v1/namespaces/default/deployments";
    const made = await cluster.request({
      method: "POST",
      path,
      body: {
        apiVersion: "apps/v1",
        kind: "Deployment",
        metadata: { name: "web" },
        spec: {
          replicas: 3,
          selector: { matchLabels: labels },
          template: { metadata: { labels }, spec: { containers: [{ name: "web", image: "web:1" }] } },
        },
      },
    });
    expect(made).toMatchObject({ status: 201 });
    await until(
      async () => {
        const { status } = (await cluster.request({ path: `${path}/web` })).json() as {
          status: { readyReplicas?: number };
        };
        return status.readyReplicas === 3;
      },
      { deadlineMs: 60_000, what: "three ready replicas", intervalMs: 200 },
    );
  });

  test("a claim without a class is bound to a volume of the default class", async () => {
    const path = "/api/v1/namespaces/default/persistentvolumeclaims";
    const made = await cluster.request({
      method: "POST",
      path,
      body: {
        apiVersion: "v1",
        kind: "PersistentVolumeClaim",
        metadata: { name: "data" },
        spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
      },
    });
    expect(made).toMatchObject({ status: 201 });
    await until(
      async () => {
        const { status } = (await cluster.request({ path: `${path}/data` })).json() as {
          status: { phase: string };
        };
        return status.phase === "Bound";
      },
      { deadlineMs: 60_000, what: "the claim to be bound", intervalMs: 200 },
    );
  });

  test("a request without the token is refused", async () => {
    const { requestCluster } = await import("./cluster-request.ts");
    const answer = await requestCluster({ path: "/api/v1/nodes" }, { ...cluster, token: "wrong" });
    expect(answer.status).toBe(401);
  });

  test("all five processes end with stop", async () => {
    await using second = await startCluster({ nodes: 0 });
    expect(second.pids.filter(isAlive)).toHaveLength(5);
    await second.stop();
    expect(second.pids.filter(isAlive)).toEqual([]);
    await second.stop();
  });
});
